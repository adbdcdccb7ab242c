"""What the fused reference is meant to reach, as data, and whether it does: by ratio within one run, with the noise of that run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

import numpy as np

from benchmarks.noise import Interval, difference_within_run, ratio_within_run
from benchmarks.results import Results, Timing, Workload

FUSED = "lstm_ref-fused"
FLOOR = "floor"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A limit on the fused reference beside its peers, on each workload of these sizes.

    Attributes:
        text: what is meant to hold.
        peers: patterns of their names; `FLOOR` is whatever the run says is the floor.
        limit: of fused / peer; where `per_timestep`, of microseconds a timestep that fused takes more than the peer.
        threads: of the workloads, if not any.
        batch, units: the least and the largest of the workloads.
        per_timestep: see `limit`.
    """

    text: str
    peers: tuple[str, ...]
    limit: float
    threads: int | None = None
    batch: tuple[float, float] = (1, math.inf)
    units: tuple[float, float] = (1, math.inf)
    per_timestep: bool = False

    def asks(self, workload: Workload) -> bool:
        """Whether a workload is one that it speaks of."""
        return (
            self.threads in (None, workload.threads)
            and self.batch[0] <= workload.batch <= self.batch[1]
            and self.units[0] <= workload.units <= self.units[1]
        )

    def names(self, timing: Timing) -> bool:
        """Whether a peer is one that it speaks of."""
        return FLOOR in self.peers if timing.is_floor else any(fnmatchcase(timing.peer, pattern) for pattern in self.peers)


GOALS = (
    Goal(
        text="at most 1.15 × the floor on one thread, from 128 units and batch 32",
        peers=(FLOOR,),
        limit=1.15,
        threads=1,
        batch=(32, math.inf),
        units=(128, math.inf),
    ),
    Goal(
        text="at most 1.3 × the floor on two threads, from 128 units and batch 32",
        peers=(FLOOR,),
        limit=1.3,
        threads=2,
        batch=(32, math.inf),
        units=(128, math.inf),
    ),
    Goal(text="at most 1.5 × onnxruntime, from batch 32", peers=("onnxruntime",), limit=1.5, batch=(32, math.inf)),
    Goal(text="at most 1.5 × torch.nn.LSTM, from batch 32", peers=("torch-nn",), limit=1.5, batch=(32, math.inf)),
    Goal(
        text="at most 4 µs a timestep over the floor at batch 1",
        peers=(FLOOR,),
        limit=4.0,
        batch=(1, 1),
        per_timestep=True,
    ),
    Goal(
        text="faster than Keras on every backend, by its best route, up to 128 units and batch 32",
        peers=("keras-*",),
        limit=1.0,
        batch=(1, 32),
        units=(1, 128),
    ),
    Goal(text="nowhere slower than Keras in a tf.function", peers=("keras-tensorflow-function",), limit=1.0),
)


class Standing(StrEnum):
    """How a goal stands; ordered from what is to be seen first."""

    NOT_MET = "not met"
    UNDECIDED = "within noise"
    NOT_MEASURED = "not measured"
    MET = "met"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One peer on one workload.

    Attributes:
        workload, peer: which.
        found: what the goal limits.
        limit: the goal's.
    """

    workload: Workload
    peer: str
    found: Interval
    limit: float

    @property
    def standing(self) -> Standing:
        """Met and not met are said where the whole interval lies on one side of the limit."""
        if self.found.high <= self.limit:
            return Standing.MET
        return Standing.NOT_MET if self.found.low > self.limit else Standing.UNDECIDED


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A goal and what it was judged by."""

    goal: Goal
    comparisons: tuple[Comparison, ...]

    @property
    def standing(self) -> Standing:
        """That of the comparison that stands worst."""
        found = {each.standing for each in self.comparisons} or {Standing.NOT_MEASURED}
        return next(standing for standing in Standing if standing in found)

    @property
    def worst(self) -> Comparison | None:
        """The comparison that is furthest over the limit, or nearest to it, among those that stand worst."""
        found = (each for each in self.comparisons if each.standing is self.standing)
        return max(found, key=lambda each: each.found.value, default=None)


def judge(goal: Goal, runs: Sequence[Results]) -> Judged:
    """A goal on every workload of some runs, each with an interval of its own: it is told how things stand, nothing is decided."""
    pairs = [pair for run in runs for pair in _pairs(goal, run)]
    return Judged(goal=goal, comparisons=tuple(_compared(goal, fused, peer) for fused, peer in pairs))


def _pairs(goal: Goal, run: Results) -> Iterator[tuple[Timing, Timing]]:
    for workload, peers in run.by_workload.items():
        if FUSED in peers and goal.asks(workload):
            yield from ((peers[FUSED], peer) for peer in peers.values() if goal.names(peer))


def _compared(goal: Goal, fused: Timing, peer: Timing) -> Comparison:
    if goal.per_timestep:
        micro = 1e6 / fused.workload.timesteps
        found = difference_within_run(np.multiply(fused.rounds, micro), np.multiply(peer.rounds, micro))
    else:
        found = ratio_within_run(fused.rounds, peer.rounds)
    return Comparison(workload=fused.workload, peer=peer.peer, found=found, limit=goal.limit)
