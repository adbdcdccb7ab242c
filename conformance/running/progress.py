"""Progress of a run on stderr: in a terminal a bar with rate, time left and verdicts; in a pipe a plain line from time to time."""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from rich import progress as rich_progress
from rich.console import Console
from rich.text import Text

from conformance.judging.verdict import Result, Verdict
from conformance.matrix import CaseOrProbe
from conformance.report.style import STYLE, SYMBOL
from conformance.report.verbosity import Verbosity
from conformance.system.streams import printable

AnyItem = TypeVar("AnyItem")

# Seconds after which a line goes to a pipe even if no group of cases has finished.
SECONDS_BETWEEN_LINES = 30.0
# Smallest width of a terminal, in characters, for words beside the numbers, and for the bar.
WORDS_WIDTH, BAR_WIDTH = 70, 110


def is_live(console: Console) -> bool:
    """Whether the console is a terminal that can overwrite lines. FORCE_COLOR has no influence."""
    return console.file.isatty() and not console.is_dumb_terminal


class Progress:
    """Shows the progress of a run.

    Args:
        planned: number of items of each group.
        doing: verb in the description, such as "verifying".
        unit: name of the items, in the plural.
        verbosity: QUIET shows nothing, VERBOSE shows each result too.
        console: for the output; default: stderr.
        clock: time in seconds.
    """

    def __init__(
        self,
        planned: Mapping[str, int],
        *,
        doing: str = "verifying",
        unit: str = "cases",
        verbosity: Verbosity = Verbosity.NORMAL,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._planned = collections.Counter(planned)
        self._finished: collections.Counter[str] = collections.Counter()
        self._verdicts: collections.Counter[Verdict] = collections.Counter()
        self._doing, self._unit, self._verbosity, self._clock = doing, unit, verbosity, clock
        self._start_time = self._last_line = clock()
        self._lines = not is_live(self._console) and verbosity is not Verbosity.QUIET
        self._bar = rich_progress.Progress(
            *_columns(self._console.width),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # stdout is for the report, and may be a file
            disable=verbosity is Verbosity.QUIET or not is_live(self._console),
        )
        self._task = self._bar.add_task("loading the implementation", total=self._planned.total(), unit=unit, counts=Text())

    @classmethod
    def of_cases(cls, cases: Iterable[CaseOrProbe], verbosity: Verbosity = Verbosity.NORMAL) -> Self:
        """The progress of a run of these cases."""
        return cls(collections.Counter(case.group for case in cases), verbosity=verbosity)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Remove the bar."""
        self._bar.stop()

    def expect(self, planned: Mapping[str, int]) -> None:
        """Add planned items, as a number for each group."""
        self._planned.update(planned)
        self._bar.update(self._task, total=self._planned.total())

    def started(self, environment: Mapping[str, str]) -> None:
        """The implementation is loaded. The rate is measured from now on."""
        self._start_time = self._last_line = self._clock()
        subject = environment.get("keras", environment.get("implementation", ""))
        self._bar.reset(self._task, description=f"{self._doing} {subject}")

    def finished(self, result: Result) -> None:
        """Count a finished case."""
        self._verdicts[result.verdict] += 1
        if self._verbosity is Verbosity.VERBOSE:
            self._print(_line(result))
        self.advance(result.group)

    def advance(self, group: str) -> None:
        """Count a finished item of a group."""
        self._finished[group] += 1
        counts = verdict_counts(self._verdicts, words=self._console.width >= WORDS_WIDTH)
        self._bar.update(self._task, advance=1, description=f"{self._doing} {group}".rstrip(), counts=counts)
        is_complete = bool(group) and self._finished[group] == self._planned[group]
        if self._lines and (is_complete or self._clock() - self._last_line >= SECONDS_BETWEEN_LINES):
            self._print(Text(self._status(f"{group} finished" if is_complete else group)))
            self._last_line = self._clock()

    def _status(self, position: str) -> str:
        """`4 of 388 cases: u1-d1 finished; 3 PASS, 1 FAIL; 12 a second, 0:00:32 left`."""
        done, total = self._finished.total(), self._planned.total()
        counts = ", ".join(f"{self._verdicts[verdict]:,} {verdict}" for verdict in Verdict if self._verdicts[verdict])
        rate = done / max(self._clock() - self._start_time, 1e-9)
        left = f"{_in_hours((total - done) / rate)} left" if done < total else f"{_in_hours(done / rate)} in all"
        head = f"{done:,} of {total:,} {self._unit}{f': {position}' if position else ''}"
        return "; ".join(filter(None, [head, counts, f"{_rate(rate)} a second, {left}"]))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the bar, so that a report can be printed to the same terminal."""
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def print_message(self, message: str) -> None:
        """Print a message, unless the verbosity is QUIET."""
        if self._verbosity is not Verbosity.QUIET:
            self._print(Text(message))

    def _print(self, line: Text) -> None:
        """Print a permanent line, above the bar if it is shown."""
        self._console.print(line, soft_wrap=True)


def _columns(width: int) -> list[rich_progress.ProgressColumn]:
    """The columns that fit into a terminal of that width."""
    words: list[rich_progress.ProgressColumn] = [rich_progress.TextColumn("{task.description}")] if width >= WORDS_WIDTH else []
    bar: list[rich_progress.ProgressColumn] = (
        [rich_progress.BarColumn(), rich_progress.TimeElapsedColumn()] if width >= BAR_WIDTH else []
    )
    left = rich_progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True)
    return [*words, *bar, rich_progress.MofNCompleteColumn(), _Rate(), left, _Counts()]


class _Rate(rich_progress.ProgressColumn):
    """Items per second."""

    def render(self, task: rich_progress.Task) -> Text:
        """The rate of the last seconds."""
        return Text(f"{_rate(task.speed)}/s" if task.speed else "", style="progress.data.speed")


class _Counts(rich_progress.ProgressColumn):
    """Counts of verdicts."""

    def render(self, task: rich_progress.Task) -> Text:
        """The counts of the last update."""
        counts: Text = task.fields["counts"]
        return counts


def verdict_counts(verdicts: Mapping[Verdict, int], *, words: bool) -> Text:
    """`✓ 12 PASS  ✗ 3 FAIL`, or `✓12 ✗3` without words."""
    counts = []
    for verdict in filter(verdicts.get, Verdict):
        count = f"{SYMBOL[verdict]} {verdicts[verdict]:,} {verdict}" if words else f"{SYMBOL[verdict]}{verdicts[verdict]}"
        counts.append(Text(count, STYLE[verdict]))
    return Text("  " if words else " ").join(counts)


def _line(result: Result) -> Text:
    """The line of a result: verdict, case, time, path, and the reason for a verdict other than PASS."""
    difference = next((check.message for check in result.checks if check.message), "")
    reason = "" if result.verdict is Verdict.PASS else result.reason or difference
    text = printable("  ".join(filter(None, [result.case_id, f"{result.seconds:.3f} s", result.path, reason])))
    return Text.assemble((f"{SYMBOL[result.verdict]} {result.verdict}", STYLE[result.verdict]), f"  {text}")


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}"


def _in_hours(seconds: float) -> str:
    """`1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def with_progress(items: Sequence[AnyItem], *, doing: str, unit: str, verbosity: Verbosity) -> Iterator[AnyItem]:
    """Yield the items, and show how many of them the caller has processed."""
    with Progress({"": len(items)}, doing=doing, unit=unit, verbosity=verbosity) as progress:
        progress.started({})
        for item in items:
            yield item
            progress.advance("")


@contextmanager
def status_messages(verbosity: Verbosity) -> Iterator[Callable[[str], None]]:
    """A function that prints messages of a slow task, such as building an environment. A terminal shows a spinner and the time."""
    console = Console(stderr=True)
    if verbosity is Verbosity.QUIET:
        yield lambda _: None
        return
    columns = rich_progress.SpinnerColumn("line"), rich_progress.TimeElapsedColumn()
    with rich_progress.Progress(
        *columns, console=console, transient=True, redirect_stdout=False, disable=not is_live(console)
    ) as bar:
        bar.add_task("", total=None)
        yield lambda message: console.print(Text(message), soft_wrap=True)
