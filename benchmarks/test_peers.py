"""Every peer on every workload."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import pytest

from benchmarks.peers import PEERS
from benchmarks.race import NoTimes, PeerTimes
from benchmarks.workloads import WORKLOADS, Workload


class Clock:
    """A timer for pytest-benchmark that replays the times of the workers."""

    def __init__(self) -> None:
        self._now = 0.0

    def read(self) -> float:
        """Seconds."""
        return self._now

    def replay(self, rounds: Iterator[float]) -> None:
        """Advance by the next round."""
        self._now += next(rounds)


CLOCK = Clock()


@pytest.mark.benchmark(timer=CLOCK.read)
@pytest.mark.parametrize(("workload", "peer"), list(product(WORKLOADS, PEERS)))
def test_peer(
    benchmark: Any,
    workload: str,
    peer: str,
    run_race: Callable[[Workload], Mapping[str, PeerTimes | NoTimes]],
    threads: int,
) -> None:
    """One peer's turns in the race of a workload."""
    outcome = run_race(WORKLOADS[workload])[peer]
    if isinstance(outcome, NoTimes):
        (pytest.fail if outcome.is_failure and PEERS[peer].is_own else pytest.skip)(outcome.reason)
    benchmark.group = workload
    benchmark.extra_info |= {
        **WORKLOADS[workload].extra_info,
        "peer": peer,
        "threads": threads,
        "worst_sigma": outcome.worst_sigma,
        "floor": PEERS[peer].is_floor,
    }
    benchmark.pedantic(CLOCK.replay, args=(iter(outcome.rounds),), rounds=len(outcome.rounds))
