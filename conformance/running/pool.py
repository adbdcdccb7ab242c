"""Runs cases in worker processes.

A crash or a hang is the ERROR of one case. A process that was killed from outside leaves its case UNRESOLVED. The run continues.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from conformance.adapters.base import Adapter, AdapterStartError, SupportsDescription, SupportsProbes, SupportsSource
from conformance.cases.case import Case
from conformance.cases.forms import form_of
from conformance.judging.attribution import verdict_of_exception
from conformance.judging.verdict import Result, Verdict, exception_line
from conformance.matrix import CaseOrProbe
from conformance.probes import Probe, run_probe
from conformance.report.speed import Work
from conformance.running.journal import from_dict
from conformance.running.runner import Diagnose, Keep, KeepEvidence, error_result, families, run, unresolved_result
from conformance.system.infrastructure import exit_code_text, is_external_signal
from conformance.system.lifetime import exit_with_parent

AnyResult = TypeVar("AnyResult")

# Seconds that each case of a chunk after the first adds to its time limit: a few cases compile a layer.
SECONDS_PER_FURTHER_CASE = 2.0

# How often in a row the pool may break without a single result.
ATTEMPTS = 3

# Seconds that a worker has to terminate before the pool kills it.
TERMINATION_SECONDS = 3.0

# Number of cases that share nothing and go to a worker together. A small slice returns soon, and is soon repeated after a crash.
SLICE = 8


def chunks(planned: Sequence[CaseOrProbe], most: int) -> list[list[CaseOrProbe]]:
    """The families, then slices of the cases and probes that share nothing. A family of more than `most` cases is split.

    Among the cases that share nothing, long sequences come first, so that other cases run beside them. Cases of one form stand
    together, since they may share a model.
    """
    grouped = families([item for item in planned if isinstance(item, Case)])
    shared: list[list[CaseOrProbe]] = [[*members] for members in grouped if members[0].is_plain]
    forms: dict[Case, list[CaseOrProbe]] = {}
    for case in sorted((members[0] for members in grouped if not members[0].is_plain), key=lambda case: -case.timesteps):
        forms.setdefault(form_of(case) or case, []).append(case)
    alone = [*itertools.chain.from_iterable(forms.values()), *(item for item in planned if not isinstance(item, Case))]
    whole = [members[start : start + most] for members in shared for start in range(0, len(members), most)]
    return whole + [alone[start : start + SLICE] for start in range(0, len(alone), SLICE)]


@dataclass
class Pool:
    """Runs chunks of cases in worker processes, each with its own adapter, and yields the results of each chunk as it finishes.

    If a worker dies or exceeds its time limit, the cases of its chunk run again, each alone. So only the case at fault has no
    verdict of its own. A case is ERROR or UNRESOLVED for such a failure only after it has failed alone. The time limit of a chunk
    is `time_limit`, plus `SECONDS_PER_FURTHER_CASE` for every case after the first. Loading the implementation does not count.

    Args:
        make_adapter: builds the adapter in a worker; picklable, so a module-level callable.
        workers: number of processes.
        make_diagnose: builds the function that explains failing cases, one per worker, from the adapter's environment.
        time_limit: seconds that a case alone may take.
        chunk: largest number of cases that a worker receives at once.
        start_limit: seconds that a worker may take to load the implementation.
        keep: receives each observation, in the workers; picklable.
        keep_evidence: receives the evidence of each failing case, in the workers; picklable.

    Attributes:
        work: of the processes so far.
    """

    make_adapter: Callable[[], Adapter]
    workers: int
    make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None = None
    time_limit: float = 60.0
    chunk: int = 64
    start_limit: float = 600.0
    keep: Keep | None = None
    keep_evidence: KeepEvidence | None = None
    work: Work = field(init=False)

    def __post_init__(self) -> None:
        self.work = Work(workers=self.workers)
        self._processes = self._start_processes()

    def environment(self) -> Mapping[str, str]:
        """The environment of the workers, from the first that has started.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._from_worker(_environment)

    def facts(self) -> Mapping[str, Any]:
        """The facts of the implementation's API, if its adapter can `describe` it; else nothing.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._from_worker(_facts)

    def source(self) -> Path | None:
        """The folder of the implementation's files, if its adapter knows it.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._from_worker(_source)

    def _from_worker(self, function: Callable[[], AnyResult]) -> AnyResult:
        """The result of a function in the first worker that has started."""
        try:
            result: AnyResult = self._processes.schedule(function).result(self.start_limit)
        except BrokenExecutor as error:
            raise AdapterStartError(
                f"a worker process died while it loaded the implementation{self._import_command('')}; if it ran out of memory, "
                "run fewer processes with --workers 1"
            ) from error
        except TimeoutError as error:
            raise AdapterStartError(
                f"no worker process has loaded the implementation within {self.start_limit:g} s"
                f"{self._import_command('-X importtime ')}"
            ) from error
        return result

    def _import_command(self, option: str) -> str:
        """Advice with a command that only imports the implementation, if it is a Python package; else nothing."""
        backend = getattr(self.make_adapter(), "backend", None)
        return f"; import it alone with: KERAS_BACKEND={backend} python {option}-c 'import keras'" if backend else ""

    def run(self, cases: Sequence[CaseOrProbe]) -> Iterator[Result]:
        """Observe and judge every case. Each case has exactly one result, even if workers die."""
        waiting, failures = deque(_Chunk(members) for members in chunks(cases, self.chunk)), 0
        while waiting and failures < ATTEMPTS:
            failures += 1
            for results in self._results(waiting):
                failures = 0
                yield from results
            if waiting:
                self.stop()
                self._processes = self._start_processes()
        reason = f"not run: {ATTEMPTS} times in a row, the worker processes died or hung while they loaded the implementation"
        yield from (unresolved_result(case, reason) for chunk in waiting for case in chunk.members)

    def stop(self) -> None:
        """Terminate the workers. Unfinished cases are lost.

        The workers terminate before the pool removes its locks, because a worker that is still starting needs them.
        """
        self._processes.stop()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join(TERMINATION_SECONDS)
        self._processes.join()

    def _results(self, waiting: deque[_Chunk]) -> Iterator[list[Result]]:
        """Results by chunk, until no chunk waits or the pool breaks. If it breaks, its unfinished chunks wait again."""
        sent: dict[Future[_ChunkResults], _Chunk] = {}
        while waiting or sent:
            while waiting and len(sent) < 2 * self.workers:
                chunk = waiting.popleft()
                sent[self._send(chunk.members)] = chunk
            timeout = self.start_limit + max(self._limit(chunk.members) for chunk in sent.values())
            done = wait(sent, timeout, FIRST_COMPLETED).done
            broken = {future for future in done if isinstance(future.exception(), BrokenExecutor)}
            for future in done - broken:
                results, repeats = self._final_results(sent.pop(future), future)
                waiting.extendleft(reversed(repeats))
                if results:
                    yield results
            if broken or not done:
                waiting.extendleft(sent.values())
                return

    def _final_results(self, chunk: _Chunk, future: Future[_ChunkResults]) -> tuple[list[Result], list[_Chunk]]:
        """The final results of a chunk, and its cases that must run again, each alone."""
        error = future.exception()
        if error is None:
            returned = future.result()
            self.work.add(returned.results, returned.worker, returned.loading)
            results = [result for result in returned.results if chunk.is_last_try or result.verdict is not Verdict.UNRESOLVED]
        else:
            results = [_result_of(error, chunk.members[0], self.time_limit)] if chunk.is_last_try else []
        finished = {result.case_id for result in results}
        return results, [_Chunk([case], is_last_try=True) for case in chunk.members if case.id not in finished]

    def _send(self, members: list[CaseOrProbe]) -> Future[_ChunkResults]:
        """The future results of a chunk. They are an exception if the pool is broken already."""
        try:
            return self._processes.schedule(_run_chunk, (members, self.keep, self.keep_evidence), timeout=self._limit(members))
        except RuntimeError as error:
            future: Future[_ChunkResults] = Future()
            future.set_exception(BrokenExecutor(str(error)))
            return future

    def _limit(self, members: Sequence[CaseOrProbe]) -> float:
        return self.time_limit + SECONDS_PER_FURTHER_CASE * (len(members) - 1)

    def _start_processes(self) -> ProcessPool:
        """Start new workers. They ignore Ctrl-C, which the terminal sends to all processes: only this process handles it."""
        context: Any = multiprocessing.get_context("spawn")  # Pebble's type does not match that of Windows
        processes = ProcessPool(
            self.workers,
            initializer=_initialize,
            initargs=(self.make_adapter, self.make_diagnose),
            context=context,
        )
        others = set(multiprocessing.active_children())
        with _interrupt_blocked():
            processes.schedule(_environment)
        self._workers = set(multiprocessing.active_children()) - others
        return processes


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Block SIGINT in threads and processes that start inside. Workers that replace dead ones inherit the mask."""
    if sys.platform == "win32":  # a worker may print a traceback if it is interrupted while it starts
        yield
        return
    resource_tracker.ensure_running()  # its start would unblock SIGINT
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _result_of(error: BaseException, case: CaseOrProbe, time_limit: float) -> Result:
    """The result of a case that failed again when it ran alone."""
    if isinstance(error, ProcessExpired):
        message = f"the worker process died ({exit_code_text(error.exitcode)}) while it ran this case alone"
        if is_external_signal(error.exitcode):
            return unresolved_result(
                case, f"{message}: it was ended from outside; give it more memory, or run fewer with --workers 1"
            )
        return error_result(case, message)
    if isinstance(error, TimeoutError):
        return error_result(case, f"no answer within {time_limit:g} s, also alone: it hangs, and the process was ended")
    if isinstance(error, SystemExit):
        return error_result(case, f"the implementation exits the process: SystemExit: {error}")
    return unresolved_result(case, f"could not be run: {exception_line(error)}")


@dataclass(frozen=True)
class _Chunk:
    """Cases that a worker runs: several together at the first try, a single one at the last."""

    members: list[CaseOrProbe]
    is_last_try: bool = False


@dataclass(frozen=True)
class _Worker:
    """The state of a worker process between chunks."""

    adapter: Adapter
    environment: Mapping[str, str]
    diagnose: Diagnose | None
    loading: float


@dataclass(frozen=True, kw_only=True)
class _ChunkResults:
    """The results of a chunk, the id of its worker process, and the seconds that the worker took to load the implementation."""

    results: list[Result]
    worker: int
    loading: float


_started: list[_Worker | AdapterStartError] = []


def _initialize(make_adapter: Callable[[], Adapter], make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None) -> None:
    """Set up signals, then start the worker. Only the parent handles Ctrl-C. SIGTERM ends a worker even inside C++ code."""
    exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _start_worker(make_adapter, make_diagnose)


def _start_worker(make_adapter: Callable[[], Adapter], make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None) -> None:
    """Start the adapter. An exception here would break the pool, so an error is stored and raised at the first use."""
    try:
        started = time.perf_counter()
        adapter = make_adapter()
        environment = adapter.start()
        loading = time.perf_counter() - started
        _started.append(_Worker(adapter, environment, make_diagnose(environment) if make_diagnose else None, loading))
    except AdapterStartError as error:
        _started.append(error)
    except Exception as error:  # noqa: BLE001  # a framework may raise anything while it is imported
        _started.append(AdapterStartError(f"the implementation could not be loaded: {type(error).__name__}: {error}"))


def _this_worker() -> _Worker:
    (worker,) = _started
    if isinstance(worker, AdapterStartError):
        raise worker
    return worker


def _environment() -> Mapping[str, str]:
    return _this_worker().environment


def _facts() -> Mapping[str, Any]:
    adapter = _this_worker().adapter
    return adapter.describe() if isinstance(adapter, SupportsDescription) else {}


def _source() -> Path | None:
    adapter = _this_worker().adapter
    return adapter.source() if isinstance(adapter, SupportsSource) else None


def _run_chunk(planned: list[CaseOrProbe], keep: Keep | None, keep_evidence: KeepEvidence | None) -> _ChunkResults:
    worker = _this_worker()
    cases = [item for item in planned if isinstance(item, Case)]
    results = list(run(cases, worker.adapter, worker.diagnose, keep, keep_evidence=keep_evidence, samples=True))
    results += [result_of_probe(item, worker.adapter) for item in planned if not isinstance(item, Case)]
    return _ChunkResults(results=results, worker=os.getpid(), loading=worker.loading)


def result_of_probe(probe: Probe, adapter: Adapter) -> Result:
    """The result of a probe, in this process or in that of the environment."""
    if not isinstance(adapter, SupportsProbes):
        return run_probe(probe, adapter.keras)
    started = time.perf_counter()
    try:
        return from_dict(adapter.probe(probe.id))
    except Exception as error:  # noqa: BLE001  # an exception of the implementation is its result
        verdict, reason = verdict_of_exception(error)
        seconds = time.perf_counter() - started
        return Result(case_id=probe.id, group=probe.group, verdict=verdict, reason=reason, seconds=seconds)
