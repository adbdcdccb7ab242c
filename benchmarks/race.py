"""Checks all peers of a workload and then times them in turns."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from benchmarks.errors import FailedError, UnsupportedError
from benchmarks.expectation import Expectation
from benchmarks.peers.base import Peer
from benchmarks.problem import Problem
from benchmarks.worker import Worker

# The length of one turn: long enough that its first calls, which find the data of other peers in the caches, are few.
TURN_SECONDS = 0.02
WARM_UP_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class PeerTimes:
    """The times of a peer that conforms.

    Attributes:
        rounds: the median call of each turn, in seconds; turn k of all peers was timed one after the other.
        worst_sigma: largest |error| / σ of the check; None for the floor, which has no results.
    """

    rounds: tuple[float, ...]
    worst_sigma: float | None


@dataclass(frozen=True, kw_only=True)
class NoTimes:
    """A peer without a time.

    Attributes:
        reason: in words.
        is_failure: whether it failed or does not conform; otherwise it is not installed or does not support the workload.
    """

    reason: str
    is_failure: bool = False


class WorkerPool:
    """One worker process for each group of peers; a process that ended is replaced when it is needed again."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._workers: dict[str, Worker] = {}

    def worker_of(self, peer: Peer) -> Worker:
        """The process that the peer's group shares."""
        worker = self._workers.get(peer.group)
        if worker is None or not worker.is_alive:
            worker = self._workers[peer.group] = Worker(peer.environment, self._threads)
        return worker

    def release(self) -> None:
        """Let the workers forget their peers."""
        for worker in self._workers.values():
            with contextlib.suppress(FailedError):  # the process has ended
                worker.request("release")

    def stop(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.stop()


def race(
    problem: Problem,
    expectation_of: Callable[[Peer], Expectation],
    peers: Sequence[Peer],
    workers: WorkerPool,
    *,
    seconds: float,
    rounds: int,
) -> dict[str, PeerTimes | NoTimes]:
    """The outcome of each peer, by name; each has that many seconds, and at least that many rounds."""
    outcomes: dict[str, PeerTimes | NoTimes] = {}
    sigma: dict[str, float | None] = {}
    for peer in peers:
        try:
            sigma[peer.name] = _check(problem, expectation_of, peer, workers)
        except UnsupportedError as error:
            outcomes[peer.name] = NoTimes(reason=str(error))
        except FailedError as error:
            outcomes[peer.name] = NoTimes(reason=str(error), is_failure=True)
    running = {peer.name: peer for peer in peers if peer.name in sigma}
    times: dict[str, list[float]] = {name: [] for name in running}
    until, turns = perf_counter() + seconds * len(running), 0
    while running and (turns < rounds or perf_counter() < until):
        for name, peer in tuple(running.items()):
            try:
                times[name].append(median(workers.worker_of(peer).request("time", name, TURN_SECONDS)))
            except FailedError as error:
                outcomes[name] = NoTimes(reason=f"while it was timed: {error}", is_failure=True)
                del running[name]
        turns += 1
    workers.release()
    return outcomes | {name: PeerTimes(rounds=tuple(times[name]), worst_sigma=sigma[name]) for name in running}


def _check(problem: Problem, expectation_of: Callable[[Peer], Expectation], peer: Peer, workers: WorkerPool) -> float | None:
    """The largest |error| / σ of an installed peer that conforms; it is warmed up then."""
    peer.versions()  # raises where a package is missing
    worker = workers.worker_of(peer)
    results = worker.request("prepare", peer.name, peer.module, peer.route, problem)
    worst = None if peer.is_floor else expectation_of(peer).largest_error(results)
    worker.request("time", peer.name, WARM_UP_SECONDS)
    return worst
