"""One of the implementations that are compared: a worker process, what it answered, and where that is kept."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.running.agreement import Folder, conventions_of, read_arrays
from conformance.running.journal import identify, resume
from conformance.running.pool import Pool
from conformance.running.session import make_diagnose
from conformance.system.sources import files_of
from conformance.upgrade.references import known_of
from lstm_ref.arrays import Array

AnyItem = TypeVar("AnyItem")


def interleaved(iterators: Iterable[Iterator[AnyItem]]) -> Iterator[AnyItem]:
    """An item of each in turn, as long as it has any: what workers compute behind one goes on while another is waited for."""
    waiting = deque(iterators)
    while waiting:
        one = waiting.popleft()
        for item in itertools.islice(one, 1):
            waiting.append(one)
            yield item


@dataclass(frozen=True, kw_only=True)
class Implementation:
    """What is compared.

    Attributes:
        name: as the user has written it: `keras==3.15.1 --backend jax`.
        make_adapter: builds it in a worker; picklable.
    """

    name: str
    make_adapter: Callable[[], Adapter]


@dataclass(frozen=True, kw_only=True)
class Unresolved:
    """A case that says nothing of an implementation, since the suite or the machine has failed.

    Attributes:
        case_id: of it.
        on: name of the implementation.
        reason: what has failed.
    """

    case_id: str
    on: str
    reason: str


@dataclass
class Side:
    """An implementation that runs, in one worker.

    Args:
        implementation: which.
        folder: for what it returns.
        time_limit: seconds that a case may take.

    Attributes:
        results: of what has run, by the case's id.
        unresolved: likewise, those that say nothing of the implementation: they are compared with nothing.
        environment: versions and backend, once it has said them.
        facts: of its API, likewise; empty where it says nothing.
    """

    implementation: Implementation
    folder: Path
    time_limit: float = 60.0
    results: dict[str, Result] = field(default_factory=dict, init=False)
    unresolved: dict[str, Result] = field(default_factory=dict, init=False)
    environment: Mapping[str, str] = field(default_factory=dict, init=False)
    facts: Mapping[str, Any] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        keep = Folder(self.folder)
        self._pool = Pool(self.implementation.make_adapter, 1, make_diagnose, time_limit=self.time_limit, keep=keep)

    def learn(self) -> None:
        """Wait until it has started, and keep what it says: its versions and backend, and the facts of its API, if any.

        Raises:
            AdapterStartError: it cannot run here.
        """
        self.environment, self.facts = self._pool.environment(), self._pool.facts()

    @property
    def conventions(self) -> Conventions:
        """Of its backend."""
        return conventions_of(self.environment)

    def run(self, cases: Sequence[Case], journal: Mapping[str, Any] | None = None) -> Iterator[Result]:
        """Every case's result, kept by its id as it comes.

        Args:
            cases: what is asked.
            journal: what the run is, where it goes on from what the folder has of it.

        Raises:
            JournalError: the folder is of another run.
        """
        come = self._pool.run(cases)
        if journal is not None:
            come = resume(
                self.folder / "results.jsonl",
                identify(self.environment, journal, files_of(self._pool.source())),
                cases,
                self._pool.run,
                f"name another folder, or delete {self.folder.parent} to start anew",
            )
        for result in map(self._known, come):
            (self.unresolved if result.verdict is Verdict.UNRESOLVED else self.results)[result.case_id] = result
            yield result

    def _known(self, result: Result) -> Result:
        """The result with the known difference that it shows, if any; both sides are held to the oracle, so its verdict stays."""
        known = known_of(result, self.environment) if result.verdict in (Verdict.FAIL, Verdict.ERROR) else []
        return replace(result, known=known[0].id) if known else result

    def failures(self, cases: Iterable[Case]) -> list[Unresolved]:
        """Those of the cases that the suite or the machine has failed."""
        results = [self.unresolved[case.id] for case in cases if case.id in self.unresolved]
        return [Unresolved(case_id=each.case_id, on=self.implementation.name, reason=each.reason) for each in results]

    def ask(self, case: Case) -> Result:
        """One case, however often it was asked before."""
        (result,) = self._pool.run([case])
        return self._known(result)

    def arrays(self, case_id: str) -> dict[str, Array] | None:
        """What was observed of a case; None where that was not kept."""
        path = self.folder / f"{case_id}.npz"
        return read_arrays(path) if path.exists() else None

    def stop(self) -> None:
        """End the worker."""
        self._pool.stop()
