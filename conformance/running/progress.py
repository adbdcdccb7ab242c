"""Progress of a run on stderr: a bar with rate, time left and verdicts in a terminal, a plain line now and then when piped."""

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
from conformance.matrix import Planned
from conformance.report.style import STYLE, SYMBOL
from conformance.report.verbosity import Verbosity
from conformance.system.streams import printable

AnyItem = TypeVar("AnyItem")

# Seconds after which a pipe is told how far the run is, though nothing has finished that is worth a line.
QUIET_FOR = 30.0
# Columns from which on a terminal has room for the words beside the numbers, and for the bar.
WORDS, BAR = 70, 110


def is_live(console: Console) -> bool:
    """Whether what was printed can be replaced: in a terminal that has a cursor, whatever FORCE_COLOR says of colours."""
    return console.file.isatty() and not console.is_dumb_terminal


class Progress:
    """Shows results as they come.

    Args:
        planned: how many there will be, by what they are counted under.
        doing: to what.
        unit: what they are.
        verbosity: QUIET shows nothing, VERBOSE each result as well.
        console: where it is shown; stderr without one.
        clock: in seconds.
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
        self._seen: collections.Counter[str] = collections.Counter()
        self._verdicts: collections.Counter[Verdict] = collections.Counter()
        self._doing, self._unit, self._verbosity, self._clock = doing, unit, verbosity, clock
        self._started = self._said = clock()
        self._lines = not is_live(self._console) and verbosity is not Verbosity.QUIET
        self._bar = rich_progress.Progress(
            *_columns(self._console.width),
            console=self._console,
            transient=True,
            redirect_stdout=False,  # which is the report's, and may be a file
            disable=verbosity is Verbosity.QUIET or not is_live(self._console),
        )
        self._task = self._bar.add_task("loading the implementation", total=self._planned.total(), unit=unit, counts=Text())

    @classmethod
    def of_cases(cls, cases: Iterable[Planned], verbosity: Verbosity = Verbosity.NORMAL) -> Self:
        """That of a run of these."""
        return cls(collections.Counter(case.group for case in cases), verbosity=verbosity)

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def expect(self, planned: Mapping[str, int]) -> None:
        """So many more, by what they are counted under."""
        self._planned.update(planned)
        self._bar.update(self._task, total=self._planned.total())

    def started(self, environment: Mapping[str, str]) -> None:
        """The implementation is loaded: what comes from now on says how fast it is."""
        self._started = self._said = self._clock()
        subject = environment.get("keras", environment.get("implementation", ""))
        self._bar.reset(self._task, description=f"{self._doing} {subject}")

    def finished(self, result: Result) -> None:
        """One more case has its verdict."""
        self._verdicts[result.verdict] += 1
        if self._verbosity is Verbosity.VERBOSE:
            self._print(_line(result))
        self.advance(result.group)

    def advance(self, group: str) -> None:
        """One more of a group is done."""
        self._seen[group] += 1
        counts = counted(self._verdicts, words=self._console.width >= WORDS)
        self._bar.update(self._task, advance=1, description=f"{self._doing} {group}".rstrip(), counts=counts)
        whole = bool(group) and self._seen[group] == self._planned[group]
        if self._lines and (whole or self._clock() - self._said >= QUIET_FOR):
            self._print(Text(self._so_far(f"{group} finished" if whole else group)))
            self._said = self._clock()

    def _so_far(self, at: str) -> str:
        """`4 of 388 cases: u1-d1 finished; 3 PASS, 1 FAIL; 12 a second, 0:00:32 left`."""
        done, total = self._seen.total(), self._planned.total()
        counts = ", ".join(f"{self._verdicts[verdict]:,} {verdict}" for verdict in Verdict if self._verdicts[verdict])
        rate = done / max(self._clock() - self._started, 1e-9)
        left = f"{_in_hours((total - done) / rate)} left" if done < total else f"{_in_hours(done / rate)} in all"
        head = f"{done:,} of {total:,} {self._unit}{f': {at}' if at else ''}"
        return "; ".join(filter(None, [head, counts, f"{_rate(rate)} a second, {left}"]))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Without the bar, so that a report may be printed to the same terminal."""
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
        """A line that stays; above the bar where there is one."""
        self._console.print(line, soft_wrap=True)


def _columns(width: int) -> list[rich_progress.ProgressColumn]:
    """What of a run a terminal of that width has room for."""
    words: list[rich_progress.ProgressColumn] = [rich_progress.TextColumn("{task.description}")] if width >= WORDS else []
    bar: list[rich_progress.ProgressColumn] = [rich_progress.BarColumn(), rich_progress.TimeElapsedColumn()] if width >= BAR else []
    left = rich_progress.TimeRemainingColumn(compact=True, elapsed_when_finished=True)
    return [*words, *bar, rich_progress.MofNCompleteColumn(), _Rate(), left, _Counts()]


class _Rate(rich_progress.ProgressColumn):
    """How many a second."""

    def render(self, task: rich_progress.Task) -> Text:
        """Of the last seconds."""
        return Text(f"{_rate(task.speed)}/s" if task.speed else "", style="progress.data.speed")


class _Counts(rich_progress.ProgressColumn):
    """Verdicts so far."""

    def render(self, task: rich_progress.Task) -> Text:
        """As they were last counted."""
        counts: Text = task.fields["counts"]
        return counts


def counted(verdicts: Mapping[Verdict, int], *, words: bool) -> Text:
    """`✓ 12 PASS  ✗ 3 FAIL`, or `✓12 ✗3` without words."""
    said = []
    for verdict in filter(verdicts.get, Verdict):
        shown = f"{SYMBOL[verdict]} {verdicts[verdict]:,} {verdict}" if words else f"{SYMBOL[verdict]}{verdicts[verdict]}"
        said.append(Text(shown, STYLE[verdict]))
    return Text("  " if words else " ").join(said)


def _line(result: Result) -> Text:
    """A result as it comes: verdict, case, time, what ran, and why it is not as expected."""
    differs = next((check.message for check in result.checks if check.message), "")
    why = "" if result.verdict is Verdict.PASS else result.reason or differs
    said = printable("  ".join(filter(None, [result.case_id, f"{result.seconds:.3f} s", result.path, why])))
    return Text.assemble((f"{SYMBOL[result.verdict]} {result.verdict}", STYLE[result.verdict]), f"  {said}")


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}"


def _in_hours(seconds: float) -> str:
    """`1:02:03`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def tracked(items: Sequence[AnyItem], *, doing: str, unit: str, verbosity: Verbosity) -> Iterator[AnyItem]:
    """The items, with the progress of whoever takes them."""
    with Progress({"": len(items)}, doing=doing, unit=unit, verbosity=verbosity) as progress:
        progress.started({})
        for item in items:
            yield item
            progress.advance("")


@contextmanager
def status_messages(verbosity: Verbosity) -> Iterator[Callable[[str], None]]:
    """What is to be told of something that takes its time, such as building an environment; a terminal shows that it goes on."""
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
