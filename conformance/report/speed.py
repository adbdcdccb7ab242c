"""The speed of a run, and its time in the implementation, in the suite and in loading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.judging.verdict import Result


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work of all processes of a run. Results from the journal of an earlier run do not count.

    Attributes:
        cases: number of observed and judged cases, including those of reductions.
        workers: number of processes.
        implementation: seconds in the implementation under test, tracing included.
        suite: seconds in the suite: stimulus, reference, uncertainty, judgement, diagnosis.
        loading: seconds until the implementation was loaded, in each process that has returned results.
    """

    cases: int
    workers: int
    implementation: float
    suite: float
    loading: float

    @property
    def seconds(self) -> float:
        """All work. Waiting does not count."""
        return self.implementation + self.suite + self.loading

    def share(self, seconds: float) -> float:
        """The share of these seconds in all work, from 0 to 1; 0 if there was no work."""
        return seconds / self.seconds if self.seconds else 0.0


@dataclass
class Tally:
    """Adds up the work of processes.

    Attributes:
        cases, implementation, suite: as in `Work`.
        loading: seconds by process id.
    """

    cases: int = 0
    implementation: float = 0.0
    suite: float = 0.0
    loading: dict[int, float] = field(default_factory=dict)

    def add(self, results: Sequence[Result], worker: int, loading: float) -> None:
        """Add results of one process, and the seconds that it took to load the implementation."""
        self.cases += len(results)
        self.implementation += sum(result.seconds for result in results)
        self.suite += sum(result.suite_seconds for result in results)
        self.loading[worker] = loading

    def work(self, workers: int) -> Work:
        """The work so far, of that number of processes."""
        return Work(
            cases=self.cases,
            workers=workers,
            implementation=self.implementation,
            suite=self.suite,
            loading=sum(self.loading.values()),
        )
