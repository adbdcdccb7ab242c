"""The GitHub action for upgrades: its steps run as a runner runs them, on stand-ins for two versions of Keras."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from conformance.cli import main
from conformance.report.documents import read
from conformance.tests.support.readme import workflow

ROOT = Path(__file__).parents[2]
ACTION: Mapping[str, Any] = yaml.safe_load((ROOT / ".github/actions/upgrade/action.yml").read_text(encoding="utf-8"))
STEPS: Mapping[str, Mapping[str, Any]] = {step.get("name", step.get("uses")): step for step in ACTION["runs"]["steps"]}
DEFAULTS = {name: said.get("default", "") for name, said in ACTION["inputs"].items()}

MASKED = "u3-d2-t5-b4-seq-mask_left-s0\nu3-d2-t5-b4-seq-s0\n"
SAME, CHANGED = {"from": "reference", "to": "reference"}, {"from": "reference", "to": "reference:mask_ignored"}

BASH = shutil.which("bash") or ""
pytestmark = pytest.mark.skipif(not BASH, reason="its steps are written for bash")


@dataclass(frozen=True)
class Job:
    """What a runner gives to steps, and what it gets from them.

    Args:
        folder: that all of it is in.
    """

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "bin").mkdir()
        here = f"PYTHONPATH='{ROOT}' exec '{sys.executable}'"
        programs = {"lstm-conformance": f'{here} -m conformance "$@"', "python": f"exec '{sys.executable}' \"$@\""}
        for name, line in programs.items():
            (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
            (self.folder / "bin" / name).chmod(0o755)

    def run(self, name: str, inputs: Mapping[str, str], outputs: Mapping[str, str] | None = None) -> int:
        """A step by its name; its exit code."""
        step = STEPS[name]
        said = {f"inputs.{key}": value for key, value in {**DEFAULTS, **inputs}.items()}
        said |= {f"steps.upgrade.outputs.{key}": value for key, value in (outputs or {}).items()}
        given = {key: re.sub(r"\$\{\{ (.+?) }}", lambda found: said.get(found[1], ""), value) for key, value in step["env"].items()}
        script = self.folder / "step.sh"
        script.write_text(step["run"], encoding="utf-8")
        written = {"GITHUB_OUTPUT": str(self.folder / "output"), "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md")}
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        ran = subprocess.run(  # noqa: S603  # our own steps
            [BASH, "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.folder,
            env={"PATH": path, "HOME": str(self.folder), **given, **written},
            check=False,
            capture_output=True,
        )
        (self.folder / "log").write_bytes(ran.stdout)
        return ran.returncode

    @property
    def outputs(self) -> dict[str, str]:
        """What the steps said for others."""
        lines = (self.folder / "output").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    @property
    def log(self) -> list[str]:
        """What the last step printed, which a runner reads for commands."""
        return (self.folder / "log").read_text(encoding="utf-8").splitlines()

    def stands_in(self, script: str) -> None:
        """Instead of the suite's command."""
        (self.folder / "bin" / "lstm-conformance").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")

    @property
    def summary(self) -> str:
        """Of the job."""
        return (self.folder / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("inputs", "outputs", "summary"),
    [
        pytest.param(SAME, {"code": "0", "changes": "0", "complete": "true"}, "nothing changed that is not expected", id="same"),
        pytest.param(CHANGED, {"code": "1", "changes": "1", "complete": "true"}, "changed: now wrong", id="changed"),
        pytest.param({**SAME, "to": "kears==3"}, {"code": "2", "complete": "false"}, "could not run", id="misspelt"),
        pytest.param({**SAME, "from": "--help"}, {"code": "2", "complete": "false"}, "could not run", id="no option"),
        pytest.param(
            {**SAME, "to": "$(touch stolen)`touch stolen`"}, {"code": "2", "complete": "false"}, "could not run", id="hostile"
        ),
    ],
)
def test_two_versions_are_compared(inputs: Mapping[str, str], outputs: Mapping[str, str], summary: str, tmp_path: Path) -> None:
    """Outputs and the job's summary say what came of it, also where it cannot run; an input is never read as code."""
    job, folder = Job(tmp_path), tmp_path / "my reports"
    inputs = {**inputs, "cases": MASKED, "reports": str(folder)}
    assert job.run("Compare", inputs) == 0
    assert job.outputs == outputs
    assert job.run("Summarise", inputs) == 0
    assert summary in job.summary
    written = sorted(file.name for file in folder.glob("*"))
    assert written == (["upgrade.html", "upgrade.json", "upgrade.md"] if outputs["complete"] == "true" else [])
    assert not (tmp_path / "stolen").exists()


def test_expected_changes_are_no_news(tmp_path: Path) -> None:
    """Those of the baseline; the report says which they are."""
    job = Job(tmp_path)
    patterns = [part for pattern in MASKED.split() for part in ("--case", pattern)]
    recorded = ["--baseline", str(tmp_path / "baseline.toml"), "--write-baseline"]
    assert CliRunner().invoke(main, ["upgrade", "reference", "reference:mask_ignored", *patterns, *recorded]).exit_code == 0
    job.run("Compare", {**CHANGED, "cases": MASKED, "baseline": "baseline.toml"})
    assert job.outputs == {"code": "0", "changes": "0", "complete": "true"}
    assert read(tmp_path / "lstm-upgrade/upgrade.json", "upgrade")["baseline"]["has_baseline"]


@pytest.mark.parametrize("fail_on", ["changes", "errors", "never"])
@pytest.mark.parametrize(
    ("outputs", "codes"),
    [
        pytest.param({"code": "0", "changes": "0", "complete": "true"}, {"changes": 0, "errors": 0}, id="same"),
        pytest.param({"code": "1", "changes": "2", "complete": "true"}, {"changes": 1, "errors": 0}, id="changed"),
        pytest.param({"code": "1", "changes": "0", "complete": "false"}, {"changes": 1, "errors": 1}, id="interrupted"),
        pytest.param({"code": "2", "complete": "false"}, {"changes": 2, "errors": 2}, id="cannot run"),
    ],
)
def test_step_fails_on_what_was_asked(fail_on: str, outputs: Mapping[str, str], codes: Mapping[str, int], tmp_path: Path) -> None:
    """Changes, a run that is not whole, or nothing."""
    assert Job(tmp_path).run("Judge", {"fail-on": fail_on}, outputs) == codes.get(fail_on, 0)


@pytest.mark.parametrize(("fail_on", "code"), [("changes", 0), ("errors", 0), ("never", 0), ("", 2), ("$(touch stolen)", 2)])
def test_what_fails_the_step_is_one_of_three(fail_on: str, code: int, tmp_path: Path) -> None:
    """Another word is refused before anything is installed."""
    assert Job(tmp_path).run("Check the inputs", {"fail-on": fail_on}) == code
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize(("said", "spec"), [("3.15.1", "keras==3.15.1 --backend jax"), ("tf-keras==2.21.0", "tf-keras==2.21.0")])
def test_version_alone_is_one_of_keras(said: str, spec: str, tmp_path: Path) -> None:
    """On the backend that was asked for."""
    job = Job(tmp_path)
    job.stands_in('printf "%s\\n" "$@" >asked')
    job.run("Compare", {"from": said, "to": said, "backend": "jax", "level": "deep"})
    reports = [
        "--json",
        "lstm-upgrade/upgrade.json",
        "--markdown",
        "lstm-upgrade/upgrade.md",
        "--html",
        "lstm-upgrade/upgrade.html",
    ]
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked == ["upgrade", "--level", "deep", *reports, "--", spec, spec]


def test_no_line_of_the_report_is_a_command(tmp_path: Path) -> None:
    """The runner obeys none until it is told a word that nobody else knows, another one in each run."""
    job, words = Job(tmp_path), set()
    job.stands_in('echo "::error::obeyed"; echo "::stop-commands::guessed"; exit 1')
    for _ in range(2):
        job.run("Compare", SAME)
        silence, *report, end = job.log
        words.add(silence.removeprefix("::stop-commands::"))
        assert (report, end) == (
            ["::error::obeyed", "::stop-commands::guessed"],
            f"::{silence.removeprefix('::stop-commands::')}::",
        )
    assert [len(word) for word in words] == [32, 32]


@pytest.mark.parametrize(("reports", "code"), [("my reports", 0), (".", 0), ("", 2), ("-x", 2)])
def test_reports_need_a_folder(reports: str, code: int, tmp_path: Path) -> None:
    """Without a name they would go to the root; one that begins with a dash is an option of what is called with it."""
    assert Job(tmp_path).run("Check the inputs", {"reports": reports}) == code


def test_artefact_holds_the_reports_alone() -> None:
    """Whatever else is in their folder, which may be the whole checkout; of a job that is cancelled too."""
    (step,) = (step for name, step in STEPS.items() if name.startswith("actions/upload-artifact@"))
    assert step["with"]["path"].splitlines() == [ACTION["outputs"][form]["value"] for form in ("json", "markdown", "html")]
    assert [STEPS["Summarise"]["if"].startswith("always()"), step["if"].startswith("always()")] == [True, True]


def test_no_input_is_written_into_a_script() -> None:
    """Whatever it holds, it stays a value."""
    assert [name for name, step in STEPS.items() if "${{" in step.get("run", "")] == []


def test_every_action_that_it_uses_is_pinned() -> None:
    """By the hash of a commit."""
    used = [step["uses"] for step in STEPS.values() if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", each)] == []


def test_example_gives_what_the_action_asks_for() -> None:
    """The workflow of the README names inputs that there are, and all that have no default."""
    steps = yaml.safe_load(workflow())["jobs"]["upgrade"]["steps"]
    (given,) = (step["with"] for step in steps if step["uses"].startswith("owner/"))
    assert given.keys() <= ACTION["inputs"].keys()
    assert {name for name, said in ACTION["inputs"].items() if said.get("required")} <= given.keys()
    (used,) = (step["uses"] for step in steps if step["uses"].startswith("owner/"))
    assert (ROOT / used.partition("@")[0].removeprefix("owner/keras-lstm-conformance/") / "action.yml").is_file()
