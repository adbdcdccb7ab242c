"""The pytest frontend, as a user's test file meets it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import conformance

pytest_plugins = ["pytester"]

TEST_FILE = """
from conformance.judging.verdict import Verdict

def test_is_keras(lstm_result):
    assert lstm_result.verdict is Verdict.PASS

def test_is_no_business_of_the_plugin():
    pass
"""


@pytest.fixture
def run_pytest(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with a user's test file, from which pytest finds the suite, installed or not."""
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(conformance.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    pytester.makepyfile(test_user=TEST_FILE)
    # Installed, pytest has loaded the plugin by its entry point already.
    if not entry_points(group="pytest11", name="lstm_conformance"):
        pytester.plugins.append("conformance.pytest_plugin")
    return pytester


def test_one_test_per_case_on_the_installed_keras(run_pytest: pytest.Pytester) -> None:
    """Ids are the cases', other tests are left alone, and all pass on real Keras."""
    result = run_pytest.runpytest_subprocess(
        "-v", "--lstm-case", "u1-d1-t6-b3-*", "--lstm-case", "u2-d1-t1-b3-s3", "--lstm-seed", "3"
    )
    result.assert_outcomes(passed=6)
    ids = [f"u1-d1-t6-b3{flags}-s3" for flags in ("", "-seq", "-stateful", "-seq-stateful")]
    result.stdout.fnmatch_lines_random([f"*::test_is_keras[[]{case_id}] PASSED*" for case_id in [*ids, "u2-d1-t1-b3-s3"]])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--lstm-case", "u1-d1-t7-b3-s", "no case matches 'u1-d1-t7-b3-s'; ids look like: u1-d1-t6-b3-s0"),
        ("--lstm-seed", "-1", "seed must be at least 0; got -1"),
    ],
)
def test_option_that_selects_nothing_is_a_usage_error(option: str, value: str, message: str, run_pytest: pytest.Pytester) -> None:
    """One line that says what would do; nothing is collected."""
    result = run_pytest.runpytest_subprocess(option, value)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = result.stderr.str().splitlines()
    assert line.startswith(f"ERROR: {message}")
    assert "collected" not in result.stdout.str()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (("--lstm-seed", "1", "--lstm-seed", "2"), "--lstm-seed"),
        (("--lstm-seed=1", "--lstm-seed", "1"), "--lstm-seed"),
        (("--lstm-backend", "jax", "--lstm-backend=numpy"), "--lstm-backend"),
    ],
)
def test_option_of_one_value_is_refused_twice(given: tuple[str, ...], name: str, run_pytest: pytest.Pytester) -> None:
    """As the command line does; pytest would silently take the last."""
    result = run_pytest.runpytest_subprocess(*given)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().splitlines() == [f"ERROR: {name} is given 2 times, and is one choice: leave all but one out"]


def test_settings_of_a_project_are_defaults_for_the_command_line(run_pytest: pytest.Pytester) -> None:
    """What `addopts` says once, the command line may say otherwise; several cases are several."""
    run_pytest.makeini("[pytest]\naddopts = --lstm-seed 1 --lstm-case u1-d1-t1-b3-s3")
    result = run_pytest.runpytest_subprocess("--collect-only", "-q", "--lstm-seed", "3", "--lstm-case", "u2-d1-t1-b3-s3")
    result.stdout.fnmatch_lines_random(["*test_is_keras[[]u1-d1-t1-b3-s3]", "*test_is_keras[[]u2-d1-t1-b3-s3]"])


def test_backend_that_cannot_run_fails_every_case_with_its_hint(run_pytest: pytest.Pytester) -> None:
    """Nothing ran is a failure; the command that installs the backend is named, without a traceback."""
    run_pytest.makepyfile(jax="raise ImportError('no jax here')")
    run_pytest.syspathinsert()
    result = run_pytest.runpytest_subprocess("--lstm-backend", "jax", "--lstm-case", "u1-d1-t1-b3-s0")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the jax backend cannot be imported (no jax here); install it anew with: pip install *jax*"])


def test_plugin_imports_nothing_heavy() -> None:
    """It is loaded into every session of an environment that has the suite."""
    script = "import json, sys; import conformance.pytest_plugin; print(json.dumps(sorted(sys.modules)))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)  # noqa: S603  # our own interpreter and script
    loaded = set(json.loads(finished.stdout))
    assert not {"numpy", "keras", "tensorflow", "rich", "click", "lstm_ref", "conformance.cases.case"} & loaded
