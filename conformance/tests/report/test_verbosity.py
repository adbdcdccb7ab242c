"""How much commands say: with --quiet what is not as expected and the last line, with --verbose each result as it comes."""

from __future__ import annotations

import html
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.claims import CLAIMS, SYSTEMS
from conformance.cli import main
from conformance.environments.recording import recording_path
from lstm_ref.deviations import DEVIATIONS

ONE = ("--case", "u2-d1-t1-b3-s0")
RECORDED = str(recording_path("block-lstm-v2"))
OTHER = ("upgrade", "reference", "reference:hard_sigmoid", *ONE, "--no-reduce")
HISTORY = ("history", "--versions", "reference", *ONE)
WRONG = ("verify", *ONE, "--deviation", "two_biases", "--workers", "1")
FORMATS = ("--json", "--junit", "--markdown", "--html")
CASES_OF_RECORDING = ("verify", "--environment", RECORDED, "--case", "u3-d2-t5-b4-s0", "--workers", "1")


def invoke(*arguments: str) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, arguments, catch_exceptions=False, prog_name="lstm-conformance")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands write goes there."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "code", "lines"),
    [
        (WRONG, 1, ["FAIL u2-d1-t1-b3-s0", "0 PASS, 1 FAIL of 1 cases"]),
        (OTHER, 1, ["1 changes; once reviewed"]),
        (HISTORY, 0, ["Keras on tensorflow: 1 of 1 versions ran 1 behaviours"]),
        (("deviations", *ONE), 0, [f"{len(DEVIATIONS)} mistakes on 1 cases, "]),
        (("record", RECORDED, "--describe-only", "--output", "kept.npz"), 0, ["kept.npz: 0 cases"]),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_quiet_says_what_is_not_as_expected_and_the_end(arguments: tuple[str, ...], code: int, lines: list[str]) -> None:
    """On standard output no more than these lines and those that explain them; the exit code is that of the whole report."""
    result = invoke(*arguments, "--quiet")
    text = [line for line in result.stdout.splitlines() if not line.startswith("  ")]
    assert (result.exit_code, result.stderr) == (code, "")
    assert [line.startswith(start) for line, start in zip(text, lines, strict=True)] == [True] * len(lines), result.stdout


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("deviations", *ONE), "✗ FAIL  two_biases on u2-d1-t1-b3-s0  "),
        (("record", RECORDED, "--output", "kept.npz"), "u3-d2-t5-b4-s0  "),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_verbose_says_each_result(arguments: tuple[str, ...], line: str) -> None:
    """On standard error, so that standard output stays the report."""
    result = invoke(*arguments, "--verbose")
    assert any(printed.startswith(line) for printed in result.stderr.splitlines()), result.stderr
    assert line not in result.stdout


@pytest.mark.parametrize(("verbosity", "asked"), [((), True), (("--quiet",), False)], ids=["usual", "quiet"])
def test_quiet_claims_say_their_counts(verbosity: tuple[str, ...], asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of systems that are as described, nothing."""
    monkeypatch.setattr("conformance.commands.claims.CLAIMS", CLAIMS[:0])
    monkeypatch.setattr("conformance.commands.claims.DOCSTRING_CLAIMS", ())
    monkeypatch.setattr(
        "conformance.commands.claims.SYSTEMS", [system for system in SYSTEMS if system.environments == ("block-lstm-v2",)]
    )
    result = invoke("claims", *verbosity)
    assert ("as described" in result.stdout, result.exit_code, result.stderr) == (asked, 0, "")


def test_recording_is_named_in_every_format(tmp_path: Path) -> None:
    """As one, with its date and place: first for people, and as data for machines."""
    text = "recorded, not run: answers of 2026-11-21 on Linux"
    files = [tmp_path / name for name in ("r.json", "r.xml", "r.md", "r.html")]
    invoke(*CASES_OF_RECORDING, *(part for name, file in zip(FORMATS, files, strict=True) for part in (name, str(file))))
    report, junit, markdown, page = (html.unescape(file.read_text(encoding="utf-8")) for file in files)
    assert json.loads(report)["summary"]["caveats"][0].startswith(text)
    assert json.loads(report)["environment"]["recorded"].startswith("2026-11-21 on Linux")
    assert f'<property name="not_run" value="{text}' in junit
    assert "(recorded, not run)" in markdown.splitlines()[1]
    assert text in markdown.partition("|")[0].replace("\\", "")
    assert "Recorded, not run. As expected" in page
    assert page.index(text) < page.index('<ul class="counts"')


def test_what_a_recording_was_not_asked_is_not_settled() -> None:
    """Nothing is known of it, so that the run is red."""
    result = invoke("verify", "--environment", RECORDED, "--case", "u9-d2-t5-b4-s0", "--workers", "1")
    assert result.exit_code != 0
    assert "UNRESOLVED u9-d2-t5-b4-s0\n  not among what was recorded on 2026-11-21" in result.stdout


def test_answer_of_a_recording_is_never_taken_for_one_of_a_system() -> None:
    """The first line and the last say so, however little is said."""
    result = invoke(*CASES_OF_RECORDING, "--quiet")
    assert result.stdout.startswith("recorded, not run: answers of 2026-")
    assert "; recorded, not run: answers of 2026-" in result.stdout.splitlines()[-1]
