"""The commands `upgrade` and `history`: what they print, write, and exit with."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from conformance.cli import main
from conformance.environments.folders import VARIABLE
from conformance.matrix import surface
from conformance.probes import PROBES
from conformance.running.progress import Progress
from conformance.tests.support.upgrade_doubles import InThisProcess, interrupting

MASKED = ("--case", "u3-d2-t5-b4-seq-mask_left-s0", "--case", "u3-d2-t5-b4-seq-s0")
WRONG = "reference:mask_ignored"
UNITS_PROBES = sum("units" in probe.id for probe in PROBES)
QUICK_PROBES = sum(item.id.startswith("probe-") for item in surface("quick"))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes."""
    monkeypatch.setattr("conformance.upgrade.side.Pool", InThisProcess)


def invoke(*arguments: str | Path) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False, prog_name="lstm-conformance")


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with the present interpreter alone, and with no environment that was built."""
    for name in ("PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", VARIABLE):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def written(folder: Path, *arguments: str) -> tuple[Result, dict[str, Any], str, str]:
    """The result of a command, and its report as JSON, as Markdown and as a page."""
    files = [folder / name for name in ("r.json", "r.md", "r.html")]
    result = invoke(*arguments, "--json", files[0], "--markdown", files[1], "--html", files[2])
    text, markdown, page = (file.read_text(encoding="utf-8") for file in files)
    return result, json.loads(text), markdown, html.unescape(page)


def test_what_was_not_asked_comes_first_in_every_format(tmp_path: Path) -> None:
    """Probes that a pattern chooses beside cases, before anything is said of the cases."""
    message = f"not asked: {UNITS_PROBES} of what was chosen: probes look into a Keras, and the reference is none"
    arguments = ("upgrade", "reference", "reference", "--level", "standard", "--case", "*units*")
    result, report, markdown, page = written(tmp_path, *arguments)
    assert (result.exit_code, len(report["plan"]["cases"])) == (0, 6)
    assert [len(each["case_ids"]) for each in report["plan"]["not_asked"]] == [UNITS_PROBES]
    assert result.stdout.splitlines()[2].startswith(message)
    assert report["summary"]["caveats"][0].startswith(message)
    assert message in markdown.partition("|")[0]
    assert page.index("probes look into a Keras") < page.index("unchanged bit for bit")


def test_recording_that_answers_is_named_first_in_every_format(tmp_path: Path) -> None:
    """With its date and place, and in the last line; the known differences that it shows are named."""
    sides = ("upgrade", "tensorflow==2.0.4", "reference", "--recorded", "--no-reduce")
    result, report, markdown, page = written(tmp_path, *sides, "--case", "u3-d2-t5-b4-seq-stateful-staticbatch-s0")
    message = "tensorflow==2.0.4: recorded, not run: answers of 2026-11-21 on Linux"
    assert result.exit_code == 1
    assert result.stdout.splitlines()[2].startswith(message)
    assert report["summary"]["caveats"][0].startswith(message)
    assert report["changes"][0]["before"]["known"] == "sigmoid-absolute-in-tensorflow-1-and-2"
    assert message in markdown.partition("|")[0].replace("\\", "")
    assert "wrong, as known: sigmoid-absolute-in-tensorflow-1-and-2" in markdown.replace("\\", "")
    assert "Recorded, not run, in part. 1 changes" in page


@pytest.mark.usefixtures("bare")
def test_history_says_which_columns_are_recorded(tmp_path: Path) -> None:
    """First, and only where that was asked for; else such a version did not run."""
    arguments = ("history", "--versions", "tensorflow==2.0.4,reference", "--case", "u3-d2-t5-b4-seq-stateful-staticbatch-s0")
    refused = invoke(*arguments)
    assert refused.exit_code == 1
    assert "tensorflow==2.0.4 did not run: " in refused.stdout.splitlines()[2]
    result, report, markdown, page = written(tmp_path, *arguments, "--recorded")
    message = "tensorflow==2.0.4: recorded, not run: answers of 2026-11-21 on Linux"
    assert (result.exit_code, result.stdout.splitlines()[2].startswith(message)) == (0, True)
    assert report["backends"]["tensorflow"]["caveats"][0].startswith(message)
    assert message in markdown.partition("|")[0].replace("\\", "")
    assert "every version answered; recorded, not run: tensorflow==2.0.4" in page
    assert "wrong (sigmoid-absolute-in-tensorflow-1-and-2)" in page


def test_run_that_is_not_whole_records_no_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so: what is reviewed stays as it was."""
    file = tmp_path / "baseline.toml"
    monkeypatch.setattr(Progress, "finished", interrupting(after=1))
    result = invoke("upgrade", "reference", WRONG, *MASKED, "--baseline", file, "--write-baseline")
    assert (result.exit_code, file.exists()) == (1, False)
    assert f"{file} is as it was: a run that is not whole is not recorded" in result.stderr


def test_change_is_reported_and_fails() -> None:
    """What it is, the smallest case, what explains it, how far apart, and what can be done."""
    result = invoke("upgrade", "reference", WRONG, *MASKED)
    assert result.exit_code == 1
    for message in (
        "From reference to reference:mask_ignored",
        "changed: now wrong   mask=left   1       right   wrong: mask_ignored",
        "smallest case: u1-d1-t3-b1-mask_left-s0",
        "explained by: mask_ignored: every timestep is used, whatever the mask says.",
        "first difference: timestep 1, row 0, unit 0: no gate",
        "apart: outputs more than 1e6 σ, hidden",
        "no script: scripts are made for Keras 3 only",
        "what changed of the API is not known",
        "1 changes; once reviewed, they are recorded by --baseline FILE --write-baseline",
    ):
        assert message in result.stdout


def test_nothing_changed_is_a_success() -> None:
    """And says how much was compared."""
    result = invoke("upgrade", "reference", "reference", *MASKED)
    assert result.exit_code == 0
    assert "nothing changed that is not expected, in 2 cases" in result.stdout


def test_baseline_is_recorded_and_expected(tmp_path: Path) -> None:
    """The first run writes it and succeeds, the next ones hold to it: a change that is gone, or new, fails."""
    file = tmp_path / "baseline.toml"
    baseline = ("--baseline", file, "--no-reduce")
    assert invoke("upgrade", "reference", WRONG, *MASKED, *baseline, "--write-baseline").exit_code == 0
    assert invoke("upgrade", "reference", WRONG, *MASKED, *baseline).exit_code == 0
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("now wrong", "now right"), encoding="utf-8")
    result = invoke("upgrade", "reference", WRONG, *MASKED, *baseline)
    assert result.exit_code == 1
    assert "1 changes that the baseline does not expect" in result.stdout
    assert "1 changes of the baseline that no longer show" in result.stdout


def test_report_is_written(tmp_path: Path) -> None:
    """As JSON, which holds every case, as Markdown, which a CI summary shows, and as a page."""
    files = ("--json", tmp_path / "report.json", "--markdown", tmp_path / "report.md", "--html", tmp_path / "page.html")
    invoke("upgrade", "reference", WRONG, *MASKED, *files)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (report["from"]["name"], report["to"]["name"]) == ("reference", WRONG)
    assert {change["case_id"]: change["kind"] for change in report["changes"]} == {
        "u3-d2-t5-b4-seq-s0": "unchanged bit for bit",
        "u3-d2-t5-b4-seq-mask_left-s0": "changed: now wrong",
    }
    assert report["baseline"]["as_expected"] is False
    markdown = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| changed: now wrong | mask=left | 1 | right | wrong: mask\\_ignored |" in markdown
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '<details class="entry" id="u3-d2-t5-b4-seq-mask_left-s0" data-kind="changed: now wrong"' in page


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kears==3.15.1", "reference"), "kears is no system"),
        (("reference", "reference:mask_ignord"), "unknown deviation 'mask_ignord'"),
        (("reference", "reference", "--case", "nothing"), "no case matches 'nothing'"),
        (("reference", "reference", *MASKED, "--case", "nothing"), "no case matches 'nothing'"),
        (("reference", "reference", "--case", "probe-*"), f"'probe-*' matches {QUICK_PROBES} probes (probe-"),
        (
            ("reference", "reference", "--level", "standard", *MASKED, "--case", "probe-*"),
            "probes look into a Keras, and the reference is none",
        ),
        (("reference", "keras==1.2.2"), "To install it: pyenv install 3.7.17"),
        (("reference", "keras==1.2.2"), ". Or let its recording of 2026-11-21 answer"),
        (("reference", "reference", "--write-baseline"), "records the file that --baseline names"),
        (("reference", "reference", "--baseline", "/none.toml"), "/none.toml cannot be read: No such file or directory"),
        (("reference", "reference", *MASKED, "--json", "/proc/none.json"), "/proc/none.json could not be written"),
    ],
)
def test_what_cannot_run_is_refused(arguments: tuple[str, ...], message: str) -> None:
    """In one line, with what is expected and without a traceback."""
    result = invoke("upgrade", *arguments)
    assert result.exit_code == 2
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ") and message in line]


def test_history_shows_when_a_behaviour_changes(tmp_path: Path) -> None:
    """A column per version, marked where it differs from the one before; what is right everywhere is counted."""
    versions = f"reference:mask_inverted,{WRONG},reference,reference:go_backwards_ignored"
    files = ("--markdown", tmp_path / "h.md", "--json", tmp_path / "h.json", "--html", tmp_path / "h.html")
    result = invoke("history", "--versions", versions, *MASKED, *files)
    assert result.exit_code == 0
    assert "1 behaviours are right in all versions" in result.stdout
    markdown = (tmp_path / "h.md").read_text(encoding="utf-8")
    assert "| mask=left | wrong (mask\\_inverted) | → wrong (mask\\_ignored) | → right | right |" in markdown
    assert '<td class="v-FAIL">→ wrong (mask_ignored)</td>' in (tmp_path / "h.html").read_text(encoding="utf-8")
    report = json.loads((tmp_path / "h.json").read_text(encoding="utf-8"))
    behaviours = {behaviour["name"]: behaviour for behaviour in report["backends"]["tensorflow"]["behaviours"]}
    assert [cell["changed"] for cell in behaviours["mask=left"]["cells"]] == [False, True, True, False]


def test_versions_that_show_the_same_share_a_column() -> None:
    """In a terminal, which is narrow."""
    result = invoke(
        "history", "--versions", f"{WRONG},reference,reference:last_step_skipped", "--case", "u3-d2-t5-b4-seq-mask_all-s0"
    )
    assert f"{WRONG}   reference – reference:last_step_skipped" in result.stdout


@pytest.mark.parametrize(
    ("versions", "message"), [("reference,reference", "reference is given twice"), ("", "is no version of Keras")]
)
def test_history_refuses_what_is_no_range(versions: str, message: str) -> None:
    """A version twice, or none."""
    result = invoke("history", "--versions", versions, "--case", "u3-d2-t5-b4-seq-s0")
    assert message in result.output


def test_history_names_a_version_that_cannot_run() -> None:
    """Its column stays empty, and the run fails."""
    result = invoke("history", "--versions", "reference,/no/such/python", *MASKED)
    assert result.exit_code == 1
    assert "/no/such/python did not run" in result.stdout


def test_interrupted_history_shows_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is empty, and the run fails."""
    monkeypatch.setattr(Progress, "finished", interrupting(after=2))
    result = invoke("history", "--versions", f"reference,{WRONG},reference:mask_inverted", *MASKED[:2])
    assert result.exit_code == 1
    assert "the run was interrupted: what is empty did not run" in result.stdout


def test_history_of_several_backends_is_one_page(tmp_path: Path) -> None:
    """A table each, as the documentation shows it."""
    backends = ("--backend", "numpy", "--backend", "torch")
    invoke("history", "--versions", "reference", *backends, *MASKED[:2], "--markdown", tmp_path / "h.md")
    text = (tmp_path / "h.md").read_text(encoding="utf-8")
    assert text.startswith("# What each version answers\n")
    assert "## Keras on numpy" in text
    assert "## Keras on torch" in text


@pytest.mark.parametrize(
    ("keeps", "message"), [(False, "with --keep FOLDER, the same command"), (True, "keeps what finished; the same")]
)
def test_interrupted_upgrade_says_how_to_go_on(keeps: bool, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the folder that keeps what finished, if one was named."""
    monkeypatch.setattr(Progress, "finished", interrupting(after=1))
    result = invoke("upgrade", "reference", WRONG, *MASKED[:2], *(("--keep", tmp_path / "kept") if keeps else ()))
    assert (result.exit_code, message in result.stderr) == (1, True), result.stderr
