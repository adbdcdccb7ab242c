"""Every peer on every workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from benchmarks.peers import PEERS
from benchmarks.peers.base import Peer
from benchmarks.race import NotTimed, Timed
from benchmarks.workloads import WORKLOADS, Workload


class Clock:
    """A timer for pytest-benchmark that goes on by what the workers have measured."""

    def __init__(self) -> None:
        self._now = 0.0

    def read(self) -> float:
        """Seconds."""
        return self._now

    def replay(self, rounds: Iterator[float]) -> None:
        """Go on by the next round."""
        self._now += next(rounds)


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK.read)
@pytest.mark.parametrize(
    ("workload", "peer"),
    [pytest.param(workload, peer, id=f"{workload.name}-{peer.name}") for workload in WORKLOADS.values() for peer in PEERS.values()],
)
def test_peer(
    benchmark: Any,
    workload: Workload,
    peer: Peer,
    run_race: Callable[[Workload], Mapping[str, Timed | NotTimed]],
    threads: int,
) -> None:
    """One peer's turns in the race of a workload."""
    outcome = run_race(workload)[peer.name]
    if isinstance(outcome, NotTimed):
        (pytest.fail if outcome.is_failure and peer.is_own else pytest.skip)(outcome.reason)
    benchmark.group = workload.name
    benchmark.extra_info |= {
        **workload.described,
        "peer": peer.name,
        "threads": threads,
        "worst_sigma": outcome.worst_sigma,
        "floor": peer.is_floor,
    }
    benchmark.pedantic(CLOCK.replay, args=(iter(outcome.rounds),), rounds=len(outcome.rounds))
