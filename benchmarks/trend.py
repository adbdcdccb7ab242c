"""A run as the points of a trend: the array that github-action-benchmark reads as `customSmallerIsBetter`.

Each point has a `name`, which its series keeps from commit to commit, a `unit`, a `value`, a `range` ("± …", which that action
shows beside it) and an `extra`, which it shows on hovering. The ratios of the fused reference to the floor come first: they can be
compared between runners, whereas seconds depend on the runner of the job.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from benchmarks.formats import three_digits
from benchmarks.goals import FUSED
from benchmarks.noise import Interval, median, ratio_within_run
from benchmarks.results import Results
from benchmarks.tables import machine_lines
from conformance.report.documents import DocumentError

Point = dict[str, str | float]


def points(runs: Sequence[Results]) -> list[Point]:
    """Ratios, then medians.

    Raises:
        DocumentError: two runs hold the same peer on the same workload, which would be two points of one series.
    """
    series = [*(point for run in runs for point in _ratios(run)), *(point for run in runs for point in _medians(run))]
    name, times = Counter(point["name"] for point in series).most_common(1)[0]
    if times > 1:
        raise DocumentError(f"{times} of the files hold {name}: a trend takes one run for each number of threads")
    return series


def _ratios(run: Results) -> Iterator[Point]:
    for workload, peers in run.by_workload.items():
        floor = run.floor(workload)
        if floor is not None and FUSED in peers:
            ratio = ratio_within_run(peers[FUSED].rounds, floor.rounds)
            yield _point(f"{FUSED} / {floor.peer}: {workload}", "×", ratio, 1.0, run)


def _medians(run: Results) -> Iterator[Point]:
    for timing in run.timings:
        yield _point(f"{timing.peer}: {timing.workload}", "ms", median(timing.rounds), 1e3, run)


def _point(name: str, unit: str, interval: Interval, scale: float, run: Results) -> Point:
    """A point; its range is half of the interval's width, and is missing where there were too few rounds for an interval."""
    half = scale * (interval.high - interval.low) / 2
    point_range: Point = {"range": f"± {three_digits(half)}"} if math.isfinite(half) else {}
    return {"name": name, "unit": unit, "value": scale * interval.value, **point_range, "extra": "\n".join(machine_lines(run))}
