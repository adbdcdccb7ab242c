"""Progress: lines that a pipe can keep, a bar where there is a terminal, and as much of both as was asked for."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.report.style import STYLE, SYMBOL
from conformance.report.verbosity import Verbosity
from conformance.running.progress import SECONDS_BETWEEN_LINES, Progress, status_messages, verdict_counts, with_progress

PASSED = Result(case_id="u1-s0", group="u1", verdict=Verdict.PASS, seconds=0.25, path="eager; loop")
FAILED = Result(
    case_id="u2-s0",
    group="u2",
    verdict=Verdict.FAIL,
    checks=(CheckResult(check="shapes", verdict=Verdict.FAIL, message="no shape"),),
)


class Terminal(io.StringIO):
    """A terminal, as far as one asks."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def clock(step: float = 1.0) -> Callable[[], float]:
    """A clock that goes on by so many seconds whenever it is read."""
    ticks = itertools.count()
    return lambda: next(ticks) * step


def progress_output(
    file: io.StringIO, *results: Result, verbosity: Verbosity = Verbosity.NORMAL, width: int = 120, step: float = 1.0
) -> str:
    """What a run of three cases of u1 and one of u2 shows by the time that these results have come."""
    console = Console(file=file, width=width, color_system=None, force_terminal=None)
    with Progress({"u1": 3, "u2": 1}, verbosity=verbosity, console=console, clock=clock(step)) as progress:
        progress.started({"keras": "3.15.1"})
        for result in results:
            progress.finished(result)
    return file.getvalue()


def test_pipe_is_told_of_a_group_that_has_finished() -> None:
    """How far, what came of it, how fast, how long still; no control character but the line's end."""
    text = progress_output(io.StringIO(), PASSED, PASSED, PASSED, FAILED)
    assert text.splitlines() == [
        "3 of 4 cases: u1 finished; 3 PASS; 1 a second, 0:00:01 left",
        "4 of 4 cases: u2 finished; 3 PASS, 1 FAIL; 0.8 a second, 0:00:05 in all",
    ]


def test_pipe_is_told_now_and_then_of_a_long_group() -> None:
    """Once so many seconds have gone by, though the group goes on."""
    text = progress_output(io.StringIO(), PASSED, PASSED, step=SECONDS_BETWEEN_LINES)
    assert [line.split(";")[0] for line in text.splitlines()] == ["1 of 4 cases: u1", "2 of 4 cases: u1"]


def test_verbose_says_each_result() -> None:
    """With verdict and symbol, case, time, what ran, and what is wrong."""
    text = progress_output(io.StringIO(), PASSED, FAILED, verbosity=Verbosity.VERBOSE).splitlines()
    assert text[0] == "✓ PASS  u1-s0  0.250 s  eager; loop"
    assert text[1] == "✗ FAIL  u2-s0  0.000 s  no shape"


@pytest.mark.parametrize("file", [io.StringIO, Terminal])
def test_quiet_says_nothing(file: type[io.StringIO]) -> None:
    """Neither to a pipe nor to a terminal."""
    assert progress_output(file(), PASSED, PASSED, PASSED, FAILED, verbosity=Verbosity.QUIET) == ""


@pytest.mark.parametrize(
    ("width", "there", "missing"),
    [
        (120, ["verifying u2", "━━", "0:00:0", "4/4", "/s", "✓ 3 PASS  ✗ 1 FAIL"], []),
        (80, ["verifying u2", "4/4", "/s", "✓ 3 PASS  ✗ 1 FAIL"], ["━━"]),
        (40, ["4/4", "/s", "✓3 ✗1"], ["━━", "verifying", "PASS"]),
    ],
)
def test_terminal_has_a_bar_that_fits(width: int, there: list[str], missing: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rate, time left and verdicts always; words, bar and elapsed time where there is room; no line is wider than the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    text = progress_output(Terminal(), PASSED, PASSED, PASSED, FAILED, width=width)
    assert [each for each in there if each not in text] == []
    assert [each for each in missing if each in text] == []
    lines = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= width
    assert "finished" not in text


@pytest.mark.parametrize("forced", [{"TERM": "dumb"}, {"TERM": "xterm", "FORCE_COLOR": "1"}], ids=str)
def test_nothing_moves_where_nothing_can(forced: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal without a cursor, and in a pipe that colours are forced on, lines are plain."""
    for name, value in forced.items():
        monkeypatch.setenv(name, value)
    file = Terminal() if forced["TERM"] == "dumb" else io.StringIO()
    text = progress_output(file, PASSED, PASSED, PASSED)
    assert text == "3 of 4 cases: u1 finished; 3 PASS; 1 a second, 0:00:01 left\n"


def test_every_verdict_has_a_symbol_of_its_own() -> None:
    """A colour alone is not seen by everyone."""
    assert STYLE.keys() == SYMBOL.keys() == set(Verdict)
    assert len(set(SYMBOL.values())) == len(Verdict)
    assert verdict_counts({Verdict.PASS: 1234, Verdict.FIXED: 1}, words=True).plain == "✓ 1,234 PASS  ★ 1 FIXED"


def test_more_can_be_expected_later() -> None:
    """As of a file that must be read first."""
    file = io.StringIO()
    with Progress({}, unit="LSTMs", console=Console(file=file), clock=clock()) as progress:
        progress.expect({"u1": 1})
        progress.finished(PASSED)
    assert file.getvalue().startswith("1 of 1 LSTMs: u1 finished; 1 PASS; ")


@pytest.mark.parametrize(("verbosity", "text"), [(Verbosity.QUIET, ""), (Verbosity.NORMAL, "building it\n")])
def test_messages_of_a_slow_task_are_printed(verbosity: Verbosity, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, unless quiet is asked for."""
    with status_messages(verbosity) as print_message:
        print_message("building it")
    assert capsys.readouterr() == ("", text)


def test_items_are_tracked_as_they_are_taken() -> None:
    """None before it is asked for: the progress is that of whoever takes them."""
    items = with_progress([1, 2, 3], doing="counting", unit="numbers", verbosity=Verbosity.QUIET)
    assert next(items) == 1
    assert list(items) == [2, 3]
