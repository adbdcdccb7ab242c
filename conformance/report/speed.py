"""How fast a run was, and whose time it took: the implementation's, the suite's, or that of loading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.judging.verdict import Result


@dataclass(frozen=True, kw_only=True)
class Work:
    """What the processes of a run have done, all of them together; what a journal had from an earlier run is not among it.

    Attributes:
        cases: that they have observed and judged, those of reductions included.
        workers: processes.
        implementation: seconds in the implementation under test, tracing included.
        suite: seconds in the suite: drawing what is asked, the oracle, its uncertainty, judgement, diagnosis.
        loading: seconds until the implementation was loaded, in each process that has answered.
    """

    cases: int
    workers: int
    implementation: float
    suite: float
    loading: float

    @property
    def seconds(self) -> float:
        """All that was worked; a process that waits does not."""
        return self.implementation + self.suite + self.loading

    def share(self, seconds: float) -> float:
        """How much of it these are, from 0 to 1; nothing of nothing."""
        return seconds / self.seconds if self.seconds else 0.0


@dataclass
class Tally:
    """Counts what processes answer.

    Attributes:
        cases, implementation, suite: as in `Work`.
        loading: seconds, by process.
    """

    cases: int = 0
    implementation: float = 0.0
    suite: float = 0.0
    loading: dict[int, float] = field(default_factory=dict)

    def add(self, results: Sequence[Result], worker: int, loading: float) -> None:
        """Results of one process, which took so many seconds to load."""
        self.cases += len(results)
        self.implementation += sum(result.seconds for result in results)
        self.suite += sum(result.suite_seconds for result in results)
        self.loading[worker] = loading

    def work(self, workers: int) -> Work:
        """What so many processes have done."""
        return Work(
            cases=self.cases,
            workers=workers,
            implementation=self.implementation,
            suite=self.suite,
            loading=sum(self.loading.values()),
        )
