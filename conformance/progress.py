"""Progress of a run on stderr: a bar in a terminal, a line per family when piped."""

from __future__ import annotations

import collections
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

from rich import progress as rich_progress
from rich.console import Console

from conformance.matrix import Planned
from conformance.verdict import Result


class Progress:
    """Shows results as they come.

    Args:
        cases: what is planned.
    """

    def __init__(self, cases: Sequence[Planned]) -> None:
        self._console = Console(stderr=True)
        self._planned = collections.Counter(case.group for case in cases)
        self._seen: collections.Counter[str] = collections.Counter()
        self._unexpected = 0
        self._bar = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}"),
            rich_progress.BarColumn(),
            rich_progress.MofNCompleteColumn(),
            rich_progress.TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("loading the implementation", total=len(cases))

    def __enter__(self) -> Self:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def started(self, environment: Mapping[str, str]) -> None:
        """The implementation is loaded."""
        self._bar.update(self._task, description="verifying " + environment.get("keras", environment.get("implementation", "")))

    def finished(self, result: Result) -> None:
        """One more case has its verdict."""
        self._seen[result.group] += 1
        self._unexpected += not result.verdict.is_expected
        differing = f", {self._unexpected} not as expected" if self._unexpected else ""
        self._bar.update(self._task, advance=1, description=f"verifying {result.group}{differing}")
        if self._bar.disable and self._seen[result.group] == self._planned[result.group]:
            done = self._seen.total()
            print(f"{done:,} of {self._planned.total():,} cases: {result.group} finished{differing}", file=sys.stderr, flush=True)  # noqa: T201  # piped progress is plain lines
