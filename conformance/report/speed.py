"""The speed of a run, and its time in the implementation, in the suite and in loading."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.judging.verdict import Result


@dataclass(kw_only=True)
class Work:
    """The work of all processes of a run. Results from the journal of an earlier run do not count.

    Attributes:
        workers: number of processes.
        cases: number of observed and judged cases, including those of reductions.
        implementation: seconds in the implementation under test, tracing included.
        suite: seconds in the suite: stimulus, reference, uncertainty, judgement, diagnosis.
        loading: seconds until the implementation was loaded, in each process that has returned results.
    """

    workers: int
    cases: int = 0
    implementation: float = 0.0
    suite: float = 0.0
    loading: float = 0.0
    _loaded: set[int] = field(default_factory=set, init=False, repr=False, compare=False)

    def add(self, results: Sequence[Result], worker: int, loading: float) -> None:
        """Add results of one process, and the seconds that it took to load the implementation."""
        self.cases += len(results)
        self.implementation += sum(result.seconds for result in results)
        self.suite += sum(result.suite_seconds for result in results)
        self.loading += 0.0 if worker in self._loaded else loading
        self._loaded.add(worker)

    @property
    def seconds(self) -> float:
        """All work. Waiting does not count."""
        return self.implementation + self.suite + self.loading

    def share(self, seconds: float) -> float:
        """The share of these seconds in all work, from 0 to 1; 0 if there was no work."""
        return seconds / self.seconds if self.seconds else 0.0
