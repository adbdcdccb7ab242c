"""The one loop: cases in, results out as they come."""

from __future__ import annotations

import itertools
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from conformance.adapters.base import Adapter, AdapterStartError
from conformance.case import Case
from conformance.checks import judge
from conformance.observation import Observation
from conformance.stimulus import Stimulus, draw
from conformance.verdict import Result, Verdict, worst_of

Diagnose = Callable[[Case, Stimulus, Observation], tuple[str, ...]]


def families(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases, those that share weights and inputs together."""
    ordered = sorted(range(len(cases)), key=lambda position: (cases[position].family, position))
    grouped = itertools.groupby((cases[position] for position in ordered), key=lambda case: case.family)
    return [list(members) for _, members in grouped]


def run(cases: Sequence[Case], adapter: Adapter, diagnose: Diagnose | None = None) -> Iterator[Result]:
    """Observe and judge every case in this process, with a started adapter; what the implementation raises is that case's ERROR."""
    for members in families(cases):
        stimulus = draw(members)
        for case in members:
            yield _run_case(case, stimulus, adapter, diagnose)


def _run_case(case: Case, stimulus: Stimulus, adapter: Adapter, diagnose: Diagnose | None) -> Result:
    started = time.perf_counter()
    try:
        observed = adapter.observe(case, stimulus)
    except Exception as error:  # noqa: BLE001  # whatever the implementation raises is its result
        return error_result(case, f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - started
    try:
        checks = judge(case, stimulus, observed)
        verdict = worst_of(check.verdict for check in checks)
        explained_by = diagnose(case, stimulus, observed) if diagnose and verdict is Verdict.FAIL else ()
    except Exception as error:  # noqa: BLE001  # an observation that no check foresaw must not end the run
        return error_result(case, f"could not be judged: {type(error).__name__}: {error}")
    return Result(
        case_id=case.id,
        group=str(case.family),
        verdict=verdict,
        checks=checks,
        path=observed.path,
        seconds=seconds,
        explained_by=explained_by,
    )


def error_result(case: Case, reason: str) -> Result:
    """The result of a case that could not be judged."""
    return Result(case_id=case.id, group=str(case.family), verdict=Verdict.ERROR, reason=reason)


@dataclass
class Pool:
    """Runs families in worker processes, each with an adapter of its own, and yields their results as families finish.

    Args:
        make_adapter: builds the adapter; sent to the workers, so a module-level callable with picklable arguments.
        workers: number of processes.
        make_diagnose: builds what explains failing cases, one per worker.
    """

    make_adapter: Callable[[], Adapter]
    workers: int
    make_diagnose: Callable[[], Diagnose] | None = None

    def __post_init__(self) -> None:
        self._executor = ProcessPoolExecutor(
            self.workers, mp_context=multiprocessing.get_context("spawn"), initializer=_ignore_interrupts
        )

    def environment(self) -> Mapping[str, str]:
        """What the workers run, as the first of them that has started says.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        try:
            for _ in range(1, self.workers):
                self._executor.submit(_start_worker, self.make_adapter)
            return self._executor.submit(_start_worker, self.make_adapter).result()
        except BrokenExecutor as error:
            raise AdapterStartError(f"a worker process died while it loaded the implementation: {error}") from error

    def run(self, cases: Sequence[Case]) -> Iterator[Result]:
        """Observe and judge every case; a worker that dies ends the pool, and makes ERRORs of all families not yet finished."""
        futures = {self._submit(members): members for members in families(cases)}
        for future in as_completed(futures):
            try:
                yield from future.result()
            except BrokenExecutor as error:
                yield from (error_result(case, f"the worker process died: {error}") for case in futures[future])
            except Exception as error:  # noqa: BLE001  # one family's trouble must not lose the others' results
                reason = f"the family could not be run: {type(error).__name__}: {error}"
                yield from (error_result(case, reason) for case in futures[future])

    def _submit(self, members: list[Case]) -> Future[list[Result]]:
        """A family's results to come, which are an exception where a worker has died already."""
        try:
            return self._executor.submit(_run_in_worker, self.make_adapter, self.make_diagnose, members)
        except BrokenExecutor as error:
            future: Future[list[Result]] = Future()
            future.set_exception(error)
            return future

    def stop(self) -> None:
        """End the workers at once; what they have not finished is lost."""
        processes = list((self._executor._processes or {}).values())  # noqa: SLF001  # until Python 3.14's terminate_workers()
        for process in processes:
            process.terminate()
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.join(timeout=5)


@dataclass
class _Worker:
    """What one worker process keeps between families."""

    adapter: Adapter
    environment: Mapping[str, str]
    diagnose: Diagnose | None = None


_worker: list[_Worker] = []


def _ignore_interrupts() -> None:
    """Ctrl-C goes to the whole process group; only the parent answers it, and keeps what has finished."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _start_worker(make_adapter: Callable[[], Adapter]) -> Mapping[str, str]:
    if not _worker:
        adapter = make_adapter()
        _worker.append(_Worker(adapter=adapter, environment=adapter.start()))
    return _worker[0].environment


def _run_in_worker(
    make_adapter: Callable[[], Adapter], make_diagnose: Callable[[], Diagnose] | None, cases: list[Case]
) -> list[Result]:
    _start_worker(make_adapter)
    worker = _worker[0]
    if worker.diagnose is None and make_diagnose is not None:
        worker.diagnose = make_diagnose()
    return list(run(cases, worker.adapter, worker.diagnose))
