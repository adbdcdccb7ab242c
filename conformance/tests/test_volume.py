"""How much commands say: with --quiet what is not as expected and the last line, with --verbose each result as it comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conformance.claims import CLAIMS, SYSTEMS
from conformance.cli import main
from conformance.environments.recorded import recording_of

ONE = ("--case", "u2-d1-t1-b3-s0")
RECORDED = str(recording_of("block-lstm-v2"))
OTHER = ("upgrade", "reference", "reference:hard_sigmoid", *ONE, "--no-reduce")
HISTORY = ("history", "--versions", "reference", *ONE)
WRONG = ("verify", *ONE, "--deviation", "two_biases", "--workers", "1")
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
        (("deviations", *ONE), 0, ["256 mistakes on 1 cases, "]),
        (("record", RECORDED, "--describe-only", "--output", "kept.npz"), 0, ["kept.npz: 0 cases"]),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, tuple) else "",
)
def test_quiet_says_what_is_not_as_expected_and_the_end(arguments: tuple[str, ...], code: int, lines: list[str]) -> None:
    """On standard output no more than these lines and those that explain them; the exit code is that of the whole report."""
    result = invoke(*arguments, "--quiet")
    said = [line for line in result.stdout.splitlines() if not line.startswith("  ")]
    assert (result.exit_code, result.stderr) == (code, "")
    assert [line.startswith(start) for line, start in zip(said, lines, strict=True)] == [True] * len(lines), result.stdout


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
    assert any(each.startswith(line) for each in result.stderr.splitlines()), result.stderr
    assert line not in result.stdout


@pytest.mark.parametrize(("volume", "asked"), [((), True), (("--quiet",), False)], ids=["usual", "quiet"])
def test_quiet_claims_say_their_counts(volume: tuple[str, ...], asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of systems that are as described, nothing."""
    monkeypatch.setattr("conformance.commands.claims.CLAIMS", CLAIMS[:0])
    monkeypatch.setattr(
        "conformance.commands.claims.SYSTEMS", [each for each in SYSTEMS if each.environments == ("block-lstm-v2",)]
    )
    result = invoke("claims", *volume)
    assert ("as described" in result.stdout, result.exit_code, result.stderr) == (asked, 0, "")


def test_answer_of_a_recording_is_never_taken_for_one_of_a_system() -> None:
    """The last line says so, however little is said."""
    result = invoke(*CASES_OF_RECORDING, "--quiet")
    assert ", as it was recorded " in result.stdout.splitlines()[-1]
