"""The performance goals of the fused reference, as data, and their evaluation by ratios within one run, with its noise."""

import math
from collections.abc import Sequence
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
    """A limit of the fused reference relative to its peers, on each workload of these sizes.

    Attributes:
        text: the goal in words.
        peers: patterns of their names; `FLOOR` is the peer that the run marks as the floor.
        limit: of fused / peer; with `per_timestep`, of the microseconds per timestep that fused takes more than the peer.
        threads: of the workloads; None for any number.
        batch, units: the smallest and the largest of the workloads.
        per_timestep: see `limit`.
    """

    text: str
    peers: tuple[str, ...]
    limit: float
    threads: int | None = None
    batch: tuple[float, float] = (1, math.inf)
    units: tuple[float, float] = (1, math.inf)
    per_timestep: bool = False

    def applies_to(self, workload: Workload) -> bool:
        """Whether the goal holds for a workload."""
        return (
            self.threads in (None, workload.threads)
            and self.batch[0] <= workload.batch <= self.batch[1]
            and self.units[0] <= workload.units <= self.units[1]
        )

    def includes(self, timing: Timing) -> bool:
        """Whether the goal compares with a peer."""
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


class GoalStatus(StrEnum):
    """The status of a goal, in the order of the report."""

    NOT_MET = "not met"
    UNDECIDED = "within noise"
    NOT_MEASURED = "not measured"
    MET = "met"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One peer on one workload.

    Attributes:
        workload, peer: of the comparison.
        value: the quantity that the goal limits.
        limit: of the goal.
    """

    workload: Workload
    peer: str
    value: Interval
    limit: float

    @property
    def status(self) -> GoalStatus:
        """Met or not met where the whole interval is on one side of the limit."""
        if self.value.high <= self.limit:
            return GoalStatus.MET
        return GoalStatus.NOT_MET if self.value.low > self.limit else GoalStatus.UNDECIDED


@dataclass(frozen=True, kw_only=True)
class GoalResult:
    """A goal and its comparisons."""

    goal: Goal
    comparisons: tuple[Comparison, ...]

    @property
    def status(self) -> GoalStatus:
        """The worst status of the comparisons."""
        present = {comparison.status for comparison in self.comparisons} or {GoalStatus.NOT_MEASURED}
        return next(status for status in GoalStatus if status in present)

    @property
    def worst(self) -> Comparison | None:
        """The comparison with the largest value among those with the worst status."""
        candidates = (comparison for comparison in self.comparisons if comparison.status is self.status)
        return max(candidates, key=lambda comparison: comparison.value.value, default=None)


def judge(goal: Goal, runs: Sequence[Results]) -> GoalResult:
    """A goal on every workload of some runs. Each comparison has an interval of its own; the result is informative only."""
    comparisons = (
        _compare(goal, peers[FUSED], peer)
        for run in runs
        for workload, peers in run.by_workload.items()
        if FUSED in peers and goal.applies_to(workload)
        for peer in peers.values()
        if goal.includes(peer)
    )
    return GoalResult(goal=goal, comparisons=tuple(comparisons))


def _compare(goal: Goal, fused: Timing, peer: Timing) -> Comparison:
    if goal.per_timestep:
        micro = 1e6 / fused.workload.timesteps
        value = difference_within_run(np.multiply(fused.rounds, micro), np.multiply(peer.rounds, micro))
    else:
        value = ratio_within_run(fused.rounds, peer.rounds)
    return Comparison(workload=fused.workload, peer=peer.peer, value=value, limit=goal.limit)
