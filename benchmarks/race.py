"""All peers of a workload, checked and then timed in turns."""

from __future__ import annotations

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

# How long a peer is called in one turn: so much that its first calls, which find the caches full of others' data, are few of them.
TURN_SECONDS = 0.02
WARM_UP_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A peer that conforms.

    Attributes:
        rounds: the median call of each turn, in seconds; turn k of all peers came one after the other.
        worst_sigma: largest |error| / σ of the check; None of the floor, which answers nothing.
    """

    rounds: tuple[float, ...]
    worst_sigma: float | None


@dataclass(frozen=True, kw_only=True)
class NotTimed:
    """A peer without a time.

    Attributes:
        reason: in words.
        is_failure: whether it failed, or does not conform; else it is not there, or has no such thing.
    """

    reason: str
    is_failure: bool = False


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a race takes.

    Attributes:
        seconds: for each peer.
        rounds: at least so many, however long they take.
    """

    seconds: float
    rounds: int


class Crew:
    """One worker for each group of peers; one that died is replaced when it is next needed."""

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
            with contextlib.suppress(FailedError):  # it has ended, which forgets them too
                worker.ask("release")

    def stop(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.stop()


def race(
    problem: Problem, expectation_of: Callable[[Peer], Expectation], peers: Sequence[Peer], crew: Crew, budget: Budget
) -> dict[str, Timed | NotTimed]:
    """The outcome of each peer, by name."""
    outcomes: dict[str, Timed | NotTimed] = {}
    sigma: dict[str, float | None] = {}
    for peer in peers:
        try:
            sigma[peer.name] = _checked(problem, expectation_of, peer, crew)
        except UnsupportedError as error:
            outcomes[peer.name] = NotTimed(reason=str(error))
        except FailedError as error:
            outcomes[peer.name] = NotTimed(reason=str(error), is_failure=True)
    running = {peer.name: peer for peer in peers if peer.name in sigma}
    rounds: dict[str, list[float]] = {name: [] for name in running}
    until, turns = perf_counter() + budget.seconds * len(running), 0
    while running and (turns < budget.rounds or perf_counter() < until):
        for name, peer in tuple(running.items()):
            try:
                rounds[name].append(median(crew.worker_of(peer).ask("time", name, TURN_SECONDS)))
            except FailedError as error:
                outcomes[name] = NotTimed(reason=f"while it was timed: {error}", is_failure=True)
                del running[name]
        turns += 1
    crew.release()
    return outcomes | {name: Timed(rounds=tuple(rounds[name]), worst_sigma=sigma[name]) for name in running}


def _checked(problem: Problem, expectation_of: Callable[[Peer], Expectation], peer: Peer, crew: Crew) -> float | None:
    """The worst |error| / σ of a peer that is there and conforms, warmed up."""
    peer.versions()  # raises where a package is missing
    worker = crew.worker_of(peer)
    answers = worker.ask("prepare", peer.name, peer.module, peer.route, problem)
    worst = None if peer.is_floor else expectation_of(peer).worst_of(answers)
    worker.ask("time", peer.name, WARM_UP_SECONDS)
    return worst
