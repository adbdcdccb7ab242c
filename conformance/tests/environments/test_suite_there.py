"""What only the suite's own code can ask is asked in the environment: probes, dropout in training, stateless calls."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from conformance.adapters.base import UnresolvedError, UnsupportedError
from conformance.adapters.protocol import Answer
from conformance.adapters.worker import suite
from conformance.adapters.worker.common import Unsupported
from conformance.adapters.worker.suite import ask_suite
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.cli import main
from conformance.environments.adapter import EnvironmentAdapter
from conformance.judging.verdict import Verdict
from conformance.running.journal import from_dict
from conformance.running.runner import run

pytestmark = pytest.mark.xdist_group("installed")

KERAS: Any = SimpleNamespace(package="keras", version="3.15.1", generation=3, backend="numpy")


@pytest.fixture(scope="module")
def installed() -> Iterator[EnvironmentAdapter]:
    """The Keras of this interpreter, in a process of its own."""
    adapter = EnvironmentAdapter("installed")
    adapter.start()
    yield adapter
    adapter.stop()


@pytest.mark.parametrize(
    "case_id",
    [
        "u3-d2-t5-b4-seq-drop_both-eager-s0",
        "u3-d2-t5-b4-seq-bidi-drop_input-eager-s0",
        "u3-d2-t5-b4-seq-stateful-staticbatch-via_stateless_call-s0",
    ],
)
def test_cases_that_the_protocol_has_no_question_for(installed: EnvironmentAdapter, case_id: str) -> None:
    """They are observed there, masks of dropout with them, and judged here."""
    case = Case.from_id(case_id)
    (result,) = run([case], installed)
    assert result.verdict is Verdict.PASS or result.case_id.endswith("stateless_call-s0"), result.reason
    assert result.checks


def test_a_probe_has_its_checks(installed: EnvironmentAdapter) -> None:
    """As in this process."""
    result = from_dict(installed.probe("probe-unit-forget-bias-on-default-s0"))
    assert result.verdict is Verdict.PASS
    assert result.checks


def test_a_case_is_asked_with_its_own_numbers_only(installed: EnvironmentAdapter) -> None:
    """Others would be ignored there, and judged as if they had not been."""
    case = Case.from_id("u3-d2-t5-b4-seq-drop_both-eager-s0")
    others = draw([replace(case, seed=1)])
    with pytest.raises(UnsupportedError, match="only the numbers that belong to it"):
        installed.observe(case, others)


@dataclass
class Answering:
    """Answers every question by the same fields."""

    fields: dict[str, Any]

    def hello(self) -> dict[str, str]:
        """Of no version."""
        return {"implementation": "a program"}

    def request(self, kind: str, arrays: Any = None, **question: Any) -> Answer:
        """The answer."""
        del kind, arrays, question
        return Answer(fields=self.fields, arrays={})

    def stop(self) -> None:
        """Nothing runs."""


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "the answer does not follow the protocol: KeyError: 'calls'"),
        ({"calls": [3]}, "the answer does not follow the protocol: TypeError"),
        ({"verdict": "PASS"}, ""),
    ],
)
def test_an_answer_that_does_not_follow_the_protocol_is_unresolved(fields: dict[str, Any], message: str) -> None:
    """It says nothing of the implementation; nor is it a pass because it says so."""
    adapter = EnvironmentAdapter("installed")
    adapter._handler = Answering(fields)
    case = Case.from_id("u3-d2-t5-b4-seq-drop_both-eager-s0")
    with pytest.raises(UnresolvedError, match=f"^{message}"):
        adapter.observe(case, draw([case]))
    with pytest.raises(UnresolvedError):
        adapter.probe("probe-unit-forget-bias-on-default-s0")


def test_an_earlier_recording_lacks_what_it_was_not_asked() -> None:
    """That is no fault of the suite or the machine: a recording answers what it has."""
    adapter = EnvironmentAdapter("keras==3.15.1 --backend numpy", recorded=True)
    adapter.start()
    case = Case.from_id("u3-d2-t5-b4-seq-drop_both-eager-s0")
    with pytest.raises(UnsupportedError, match="not among what was recorded"):
        adapter.observe(case, draw([case]))


@pytest.mark.parametrize(
    "keras",
    [
        SimpleNamespace(**{**vars(KERAS), "version": "2.3.1", "generation": 2}),
        SimpleNamespace(**{**vars(KERAS), "package": "tf-keras"}),
    ],
)
def test_another_keras_is_not_asked(keras: Any) -> None:
    """The suite's own code is for Keras 3; the reason says what is there."""
    with pytest.raises(Unsupported, match=rf"need Keras 3 on Python 3\.11 or later; this is {keras.package} {keras.version}"):
        ask_suite(keras, {"ask": "probe", "probe": "probe-unit-forget-bias-on-default-s0"}, {})


def test_an_older_python_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite's own code does not compile there."""
    monkeypatch.setattr(suite, "PYTHON", (sys.version_info[0], sys.version_info[1] + 1))
    with pytest.raises(Unsupported, match=r"this is keras 3\.15\.1 on Python"):
        ask_suite(KERAS, {"ask": "probe", "probe": "probe-unit-forget-bias-on-default-s0"}, {})


def test_a_worker_away_from_the_suite_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The worker's folder may lie anywhere."""
    monkeypatch.setattr(suite, "SUITE", str(tmp_path / "a_package_of_nobody"))
    with pytest.raises(Unsupported, match="the suite's own code is not beside the worker"):
        ask_suite(KERAS, {"ask": "probe", "probe": "probe-unit-forget-bias-on-default-s0"}, {})


def test_verify_asks_probes_of_an_environment(tmp_path: Path) -> None:
    """From the command line: the same verdict as in this process, and nothing left out."""
    file = tmp_path / "r.json"
    asked = ["verify", "--environment", "installed", "--level", "standard", "--case", "probe-unit-forget-bias-*"]
    result = CliRunner().invoke(main, [*asked, "--workers", "1", "--json", str(file)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    report = json.loads(file.read_text())
    assert {each["verdict"] for each in report["results"]} == {"PASS"}
    assert not report["plan"]["not_asked"]
