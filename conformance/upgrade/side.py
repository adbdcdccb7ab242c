"""One of the two implementations that are compared: its worker process, its results, and the folder of its arrays."""

import itertools
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.diagnosis.diagnosticians import make_diagnose
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import CaseOrProbe
from conformance.running.agreement import ObservationFolder, conventions_of, path_of_case, read_arrays
from conformance.running.evidence import EvidenceFolder
from conformance.running.explanation import Explainer
from conformance.running.journal import identify, resume
from conformance.running.pool import Pool
from conformance.system.sources import source_digests
from conformance.upgrade.references import CONVENTIONS, known_of
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS

AnyItem = TypeVar("AnyItem")


def interleave(iterators: Iterable[Iterator[AnyItem]]) -> Iterator[AnyItem]:
    """An item of each iterator in turn until all are empty; the workers behind the others compute while one is waited for."""
    waiting = deque(iterators)
    while waiting:
        iterator = waiting.popleft()
        for item in itertools.islice(iterator, 1):
            waiting.append(iterator)
            yield item


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """An implementation to compare.

    Attributes:
        name: as the user has written it: `keras==3.15.1 --backend jax`.
        make_adapter: builds the adapter in a worker; picklable.
    """

    name: str
    make_adapter: Callable[[], Adapter]


@dataclass(frozen=True, kw_only=True)
class UnresolvedCase:
    """A case without a result on an implementation because the suite or the machine failed.

    Attributes:
        case_id: of the case.
        on: name of the implementation.
        reason: what failed.
    """

    case_id: str
    on: str
    reason: str


@dataclass
class Side:
    """An implementation that runs in one worker.

    Args:
        implementation: to run.
        folder: for the arrays that it returns.
        time_limit: seconds that a case may take.

    Attributes:
        results: of the cases that ran, by id.
        unresolved: results of the cases for which the suite or the machine failed, by id; they are not compared.
        environment: versions and backend, once the worker has started.
        facts: the description of its API, once the worker has started; empty where it has none.
    """

    implementation: Implementation
    folder: Path
    time_limit: float = 60.0
    results: dict[str, Result] = field(default_factory=dict, init=False)
    unresolved: dict[str, Result] = field(default_factory=dict, init=False)
    environment: Mapping[str, str] = field(default_factory=dict, init=False)
    facts: Mapping[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._folder_of_evidence = tempfile.TemporaryDirectory(prefix="evidence-", ignore_cleanup_errors=True)
        evidence = EvidenceFolder(Path(self._folder_of_evidence.name))
        self._pool = Pool(
            self.implementation.make_adapter,
            1,
            make_diagnose,
            time_limit=self.time_limit,
            keep=ObservationFolder(self.folder),
            keep_evidence=evidence,
        )
        conventions = [DEVIATIONS[name] for name in CONVENTIONS]  # they decide what kind a change is
        self._explainer = Explainer(evidence=evidence, run_again=self._pool.run, found=conventions)

    def start(self) -> None:
        """Wait until the worker has started, and keep its environment and facts.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        self.environment, self.facts = self._pool.environment(), self._pool.facts()

    @property
    def conventions(self) -> Conventions:
        """The conventions of its backend."""
        return conventions_of(self.environment)

    def run(self, cases: Sequence[CaseOrProbe], journal: Mapping[str, Any] | None = None) -> Iterator[Result]:
        """Run the cases; each result is also kept in `results` or `unresolved`.

        Args:
            cases: to run.
            journal: identifies the run, where it continues from the results in the folder; None to run every case.

        Raises:
            JournalError: the folder belongs to another run.
        """
        results = self._pool.run(cases)
        if journal is not None:
            results = resume(
                self.folder / "results.jsonl",
                identify(self.environment, journal, source_digests(self._pool.source())),
                cases,
                self._pool.run,
                f"name another folder, or delete {self.folder.parent} to start anew",
            )
        for result in map(self._with_cause, results):
            (self.unresolved if result.verdict is Verdict.UNRESOLVED else self.results)[result.case_id] = result
            yield result

    def explain(self) -> None:
        """Explain the results that failed, once all cases have run."""
        self.results = {result.case_id: result for result in self._explainer.explain(list(self.results.values()))}

    def _with_cause(self, result: Result) -> Result:
        """The result with its known difference, or with what has explained other cases; the verdict stays.

        Both sides are judged against the oracle.
        """
        known = known_of(result, self.environment) if result.verdict in (Verdict.FAIL, Verdict.ERROR) else []
        return replace(result, known=known[0].id) if known else self._explainer.with_found(result)

    def failures(self, cases: Iterable[CaseOrProbe]) -> list[UnresolvedCase]:
        """The unresolved ones of these cases."""
        results = [self.unresolved[case.id] for case in cases if case.id in self.unresolved]
        return [UnresolvedCase(case_id=result.case_id, on=self.implementation.name, reason=result.reason) for result in results]

    def run_case(self, case: Case) -> Result:
        """The result of one case, which may have run before."""
        (result,) = self._pool.run([case])
        return self._with_cause(result)

    def arrays(self, case_id: str) -> dict[str, Array] | None:
        """The arrays that a case returned; None where they are not kept."""
        path = path_of_case(self.folder, case_id)
        return read_arrays(path) if path.exists() else None

    def stop(self) -> None:
        """End the worker."""
        self._pool.stop()
        self._folder_of_evidence.cleanup()
