"""Cases in worker processes: a crash or a hang is one ERROR with its case, a killed process UNRESOLVED, and the run goes on."""

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

from conformance.adapters.base import Adapter, AdapterStartError, Describing, Sourced
from conformance.cases.case import Case
from conformance.cases.forms import form_of
from conformance.judging.verdict import Result, Verdict, in_one_line
from conformance.matrix import Planned
from conformance.probes import run_probe
from conformance.report.speed import Tally
from conformance.running.runner import Diagnose, Keep, error_result, families, run, unresolved_result
from conformance.system.infrastructure import ending, is_from_outside
from conformance.system.lifetime import end_with_parent

AnyAnswer = TypeVar("AnyAnswer")

# Seconds that each further case of a chunk adds to its limit: most take hundredths of a second, a few compile a layer.
FURTHER_CASE = 2.0

# How often in a row the pool may break without having answered anything.
ATTEMPTS = 3


# Seconds in which a worker that is told to end does so, before the pool kills it.
ENDING = 3.0

# Cases that share nothing go to workers in slices: few enough to come back soon, and to be run again soon if one of them dies.
SLICE = 8


def chunks(planned: Sequence[Planned], most: int) -> list[list[Planned]]:
    """The families, those of more than `most` cases cut; behind them, in slices, the cases and probes that share nothing.

    Of these the longest sequences come first: what takes long, or hangs, does so while others run. Cases of one form come together,
    since one model may serve them.
    """
    grouped = families([one for one in planned if isinstance(one, Case)])
    shared: list[list[Planned]] = [[*members] for members in grouped if members[0].is_plain]
    forms: dict[Case, list[Planned]] = {}
    for case in sorted((members[0] for members in grouped if not members[0].is_plain), key=lambda case: -case.timesteps):
        forms.setdefault(form_of(case) or case, []).append(case)
    alone = [*itertools.chain.from_iterable(forms.values()), *(one for one in planned if not isinstance(one, Case))]
    whole = [members[start : start + most] for members in shared for start in range(0, len(members), most)]
    return whole + [alone[start : start + SLICE] for start in range(0, len(alone), SLICE)]


@dataclass
class Pool:
    """Runs chunks of cases in worker processes, each with an adapter of its own, and yields their results as chunks finish.

    A chunk whose worker dies or gives no answer in time is run again case by case, so that only the case at fault has no answer. A
    case is an ERROR or UNRESOLVED for that, or UNRESOLVED for anything else, once it came out so alone. The limit of a chunk is
    `time_limit` and `FURTHER_CASE` for every case after the first; loading the implementation counts against none.

    Args:
        make_adapter: builds the adapter; sent to the workers, so a module-level callable with picklable arguments.
        workers: number of processes.
        make_diagnose: builds what explains failing cases, one per worker, from what the adapter says of itself.
        time_limit: seconds that a case alone may take.
        chunk: most cases that are sent to a worker at once.
        start_limit: seconds in which a worker must have loaded the implementation.
        keep: is given what was observed, in the workers; picklable.

    Attributes:
        tally: what the workers have done so far.
    """

    make_adapter: Callable[[], Adapter]
    workers: int
    make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None = None
    time_limit: float = 60.0
    chunk: int = 64
    start_limit: float = 600.0
    keep: Keep | None = None
    tally: Tally = field(default_factory=Tally, init=False)

    def __post_init__(self) -> None:
        self._processes = self._fresh()

    def environment(self) -> Mapping[str, str]:
        """What the workers run, as the first of them that has started says.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._asked(_environment)

    def facts(self) -> Mapping[str, Any]:
        """What the implementation says of its API, where its adapter can `describe` it; else nothing.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._asked(_facts)

    def source(self) -> Path | None:
        """Where the implementation's files are, if its adapter can say.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """
        return self._asked(_source)

    def _asked(self, question: Callable[[], AnyAnswer]) -> AnyAnswer:
        """What the first worker that has started answers."""
        try:
            answer: AnyAnswer = self._processes.schedule(question).result(self.start_limit)
        except BrokenExecutor as error:
            raise AdapterStartError(
                f"a worker process died while it loaded the implementation{self._alone('')}; take fewer processes with --workers 1 "
                "if the memory is used up"
            ) from error
        except TimeoutError as error:
            raise AdapterStartError(
                f"no worker process has loaded the implementation within {self.start_limit:g} s{self._alone('-X importtime ')}"
            ) from error
        return answer

    def _alone(self, option: str) -> str:
        """The command that loads nothing but the implementation, where Python imports it; else nothing."""
        backend = getattr(self.make_adapter(), "backend", None)
        return f"; see what it does alone: KERAS_BACKEND={backend} python {option}-c 'import keras'" if backend else ""

    def run(self, cases: Sequence[Planned]) -> Iterator[Result]:
        """Observe and judge every case, whatever becomes of the workers: each case has one result."""
        waiting, fruitless = deque(_Chunk(members) for members in chunks(cases, self.chunk)), 0
        while waiting and fruitless < ATTEMPTS:
            fruitless += 1
            for results in self._answers(waiting):
                fruitless = 0
                yield from results
            if waiting:
                self.stop()
                self._processes = self._fresh()
        reason = f"not run: {ATTEMPTS} times in a row, the worker processes died or hung while they loaded the implementation"
        yield from (unresolved_result(case, reason) for chunk in waiting for case in chunk.members)

    def stop(self) -> None:
        """End the workers at once; what they have not finished is lost.

        They end before the pool takes their locks away, which one that is still starting would look for in vain.
        """
        self._processes.stop()
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join(ENDING)
        self._processes.join()

    def _answers(self, waiting: deque[_Chunk]) -> Iterator[list[Result]]:
        """Results by chunk until nothing waits, or until the pool breaks: then all that it has not answered waits again."""
        sent: dict[Future[_Answered], _Chunk] = {}
        while waiting or sent:
            while waiting and len(sent) < 2 * self.workers:
                chunk = waiting.popleft()
                sent[self._send(chunk.members)] = chunk
            patience = self.start_limit + max(self._limit(chunk.members) for chunk in sent.values())
            done = wait(sent, patience, FIRST_COMPLETED).done
            broken = {future for future in done if isinstance(future.exception(), BrokenExecutor)}
            for future in done - broken:
                settled, again = self._settled(sent.pop(future), future)
                waiting.extendleft(reversed(again))
                if settled:
                    yield settled
            if broken or not done:
                waiting.extendleft(sent.values())
                return

    def _settled(self, chunk: _Chunk, future: Future[_Answered]) -> tuple[list[Result], list[_Chunk]]:
        """The results of a chunk that are its cases' last word, and the cases that are to run again, each alone."""
        error = future.exception()
        if error is None:
            answered = future.result()
            self.tally.add(answered.results, answered.worker, answered.loading)
            settled = [each for each in answered.results if chunk.is_last_try or each.verdict is not Verdict.UNRESOLVED]
        else:
            settled = [_result_of(error, chunk.members[0], self.time_limit)] if chunk.is_last_try else []
        named = {result.case_id for result in settled}
        return settled, [_Chunk([each], is_last_try=True) for each in chunk.members if each.id not in named]

    def _send(self, members: list[Planned]) -> Future[_Answered]:
        """A chunk's results to come, which are an exception where the pool has broken already."""
        try:
            return self._processes.schedule(_run_chunk, (members, self.keep), timeout=self._limit(members))
        except RuntimeError as error:
            future: Future[_Answered] = Future()
            future.set_exception(BrokenExecutor(str(error)))
            return future

    def _limit(self, members: Sequence[Planned]) -> float:
        return self.time_limit + FURTHER_CASE * (len(members) - 1)

    def _fresh(self) -> ProcessPool:
        """Workers that are starting, deaf to Ctrl-C: it goes to the whole process group, and only this process answers it."""
        context: Any = multiprocessing.get_context("spawn")  # Pebble names another type than Windows has
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
    """Within it, threads and processes are born deaf to Ctrl-C; a pool's threads hand that on to workers in place of dead ones."""
    if sys.platform == "win32":  # where a worker may show a traceback if it is interrupted while it starts
        yield
        return
    resource_tracker.ensure_running()  # starting it would unblock what is blocked
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _result_of(error: BaseException, case: Planned, time_limit: float) -> Result:
    """What a case that has no answer when it runs alone comes to; that was not its first try."""
    if isinstance(error, ProcessExpired):
        died = f"the worker process died ({ending(error.exitcode)}) while it ran this case alone"
        if is_from_outside(error.exitcode):
            return unresolved_result(case, f"{died}: it was ended from outside; give it more memory, or run fewer with --workers 1")
        return error_result(case, died)
    if isinstance(error, TimeoutError):
        return error_result(case, f"no answer within {time_limit:g} s, also alone: it hangs, and the process was ended")
    if isinstance(error, SystemExit):
        return error_result(case, f"it asks its process to exit: SystemExit: {error}")
    return unresolved_result(case, f"could not be run: {in_one_line(error)}")


@dataclass(frozen=True)
class _Chunk:
    """Cases that go to a worker together, for the first time, or alone, for the last."""

    members: list[Planned]
    is_last_try: bool = False


@dataclass(frozen=True)
class _Worker:
    """What one worker process keeps between chunks."""

    adapter: Adapter
    environment: Mapping[str, str]
    diagnose: Diagnose | None
    loading: float


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """A chunk's results, the process that they come from, and the seconds that it took to load the implementation."""

    results: list[Result]
    worker: int
    loading: float


_started: list[_Worker | AdapterStartError] = []


def _initialize(make_adapter: Callable[[], Adapter], make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None) -> None:
    """Only the parent answers Ctrl-C; its SIGTERM ends a worker even inside C++ code."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _start_worker(make_adapter, make_diagnose)


def _start_worker(make_adapter: Callable[[], Adapter], make_diagnose: Callable[[Mapping[str, str]], Diagnose] | None) -> None:
    """Start the adapter; what keeps it from starting is kept for whoever asks, since an exception here would break the pool."""
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
    return adapter.describe() if isinstance(adapter, Describing) else {}


def _source() -> Path | None:
    adapter = _this_worker().adapter
    return adapter.source() if isinstance(adapter, Sourced) else None


def _run_chunk(planned: list[Planned], keep: Keep | None) -> _Answered:
    worker = _this_worker()
    results = list(run([one for one in planned if isinstance(one, Case)], worker.adapter, worker.diagnose, keep, samples=True))
    results += [run_probe(one, worker.adapter.keras) for one in planned if not isinstance(one, Case)]
    return _Answered(results=results, worker=os.getpid(), loading=worker.loading)
