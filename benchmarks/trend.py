"""A run as the points of a trend: the array that github-action-benchmark reads as `customSmallerIsBetter`.

Each point has a `name`, which its series keeps from commit to commit, a `unit`, a `value`, a `range` ("± …", which that action
shows beside it) and an `extra`, which it shows on hovering. The ratios of the fused reference to the floor come first: they mean
the same on every runner, whereas seconds are those of the runner that a job was given.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.formats import three_digits
from benchmarks.goals import FUSED
from benchmarks.noise import Interval, median, ratio_within_run
from benchmarks.results import Results, ResultsError
from benchmarks.tables import machine

Point = dict[str, str | float]


def points(runs: Sequence[Results]) -> list[Point]:
    """Ratios, then medians.

    Raises:
        ResultsError: two runs hold the same peer on the same workload, which are two points of one series.
    """
    found = [*(point for run in runs for point in _ratios(run)), *(point for run in runs for point in _medians(run))]
    name, times = Counter(point["name"] for point in found).most_common(1)[0]
    if times > 1:
        raise ResultsError(f"{times} of the files hold {name}: a trend takes one run for each number of threads")
    return found


def _ratios(run: Results) -> Iterator[Point]:
    for workload, peers in run.by_workload.items():
        floor = run.floor(workload)
        if floor is not None and FUSED in peers:
            found = ratio_within_run(peers[FUSED].rounds, floor.rounds)
            yield _point(f"{FUSED} / {floor.peer}: {workload}", "×", found, 1.0, run)


def _medians(run: Results) -> Iterator[Point]:
    for timing in run.timings:
        yield _point(f"{timing.peer}: {timing.workload}", "ms", median(timing.rounds), 1e3, run)


def _point(name: str, unit: str, found: Interval, scale: float, run: Results) -> Point:
    """Half of the interval's width as its range, unless there were too few rounds for an interval."""
    half = scale * (found.high - found.low) / 2
    known: Point = {"range": f"± {three_digits(half)}"} if math.isfinite(half) else {}
    return {"name": name, "unit": unit, "value": scale * found.value, **known, "extra": "\n".join(machine(run))}
