"""Two result files: which peer became slower or faster on which workload, beyond the noise of the two runs.

**A difference** is said where the interval of after / before (see `noise`) excludes 1 and the ratio itself is beyond the threshold.
The intervals hold together with 95 %: each of n comparisons gets the confidence 1 − 0.05/n (Bonferroni: peers of one run depend on
one another, and this holds for any dependence). So of twenty pairs of runs of the same code one at most says anything, however many
peers and workloads there are. What differs between whole runs, beyond the noise within, is left to the threshold and to the floor.

**The floor** of a file is bound by the same machine in the same run. Both files' ratios to it give
(after / before) / (floor after / floor before), in which a machine's speed cancels as far as it is that of its matrix product. On
one machine a difference is said where it shows both in seconds and beside the floor: the first alone may be the clock, the second
alone the floor. On two machines, or on different threads, seconds say nothing, and the ratio beside the floor decides; what has no
floor there is not judged. Nor ever is the floor: it is what the others are measured by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.formats import threads
from benchmarks.noise import Interval, confidence_of_each, median, ratio, ratio_within_run
from benchmarks.results import Results, ResultsError, Timing, Workload


class Change(StrEnum):
    """What is said of a peer on a workload; ordered from what is to be seen first."""

    SLOWER = "slower"
    FASTER = "faster"
    NONE = "no difference seen"
    NOT_JUDGED = "not judged"
    ONLY_BEFORE = "only before"
    ONLY_AFTER = "only after"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One peer on one workload, before and after.

    Attributes:
        workload, peer: which.
        before, after: its times; none where it was not timed.
        seconds: after / before; none unless both were timed.
        beside_floor: the same, each relative to the floor of its run; none where a floor is missing, and for the floor itself.
        change: what is said.
    """

    workload: Workload
    peer: str
    before: Timing | None
    after: Timing | None
    seconds: Interval | None = None
    beside_floor: Interval | None = None
    change: Change


def warnings(before: Results, after: Results) -> Iterator[str]:
    """What besides the code differs between two runs."""
    for name in ("cpu", "cores", "system", "python", "blas"):
        yield from _differs(name, getattr(before.machine, name), getattr(after.machine, name))
    yield from _differs("threads", *(threads(each.machine.threads) for each in (before, after)))
    for peer in sorted({*before.versions, *after.versions}):
        yield from _differs(f"version of {peer}", before.versions.get(peer, "absent"), after.versions.get(peer, "absent"))


def comparable_seconds(before: Results, after: Results) -> bool:
    """Whether both runs are of one kind of machine, with as many threads."""
    return all(getattr(before.machine, name) == getattr(after.machine, name) for name in ("cpu", "cores", "system", "threads"))


def compare(before: Results, after: Results, threshold: float) -> list[Compared]:
    """Every peer on every workload of two runs, the largest differences first.

    Args:
        before: the first run.
        after: the second.
        threshold: part of the time before that a difference must exceed.

    Raises:
        ResultsError: the files have no workload and peer in common.
    """
    first, second = _flat(before), _flat(_on_the_threads_of(before, after))
    both = [key for key in first if key in second]
    if not both:
        raise ResultsError(
            f"{before.name} and {after.name} have no peer on the same workload in common: there is nothing to compare"
        )
    comparisons = sum(not first[key].is_floor for key in both)
    judge = _Judge(
        first=first,
        second=second,
        threshold=threshold,
        confidence=confidence_of_each(comparisons),
        seconds_count=comparable_seconds(before, after),
    )
    found = [
        *(judge.compared(*key) for key in both),
        *(_alone(key, first[key], None, Change.ONLY_BEFORE) for key in first if key not in second),
        *(_alone(key, None, second[key], Change.ONLY_AFTER) for key in second if key not in first),
    ]
    return sorted(found, key=_rank)


@dataclass(frozen=True, kw_only=True)
class _Judge:
    """What all comparisons of two runs share.

    Attributes:
        first, second: times of both runs.
        threshold: see `compare`.
        confidence: of each comparison.
        seconds_count: whether seconds of the two runs can be compared.
    """

    first: Mapping[tuple[Workload, str], Timing]
    second: Mapping[tuple[Workload, str], Timing]
    threshold: float
    confidence: float
    seconds_count: bool

    def compared(self, workload: Workload, peer: str) -> Compared:
        before, after = self.first[workload, peer], self.second[workload, peer]
        in_seconds = ratio(median(after.rounds, self.confidence), median(before.rounds, self.confidence))
        over_floor = [self._over_floor(timings, workload, peer) for timings in (self.second, self.first)]
        beside_floor = ratio(*filter(None, over_floor)) if all(over_floor) else None
        counted = (in_seconds if self.seconds_count and not before.is_floor else None, beside_floor)
        deciding = [each for each in counted if each is not None]
        said = {self._change(each) for each in deciding}
        return Compared(
            workload=workload,
            peer=peer,
            before=before,
            after=after,
            seconds=in_seconds,
            beside_floor=beside_floor,
            change=(said.pop() if len(said) == 1 else Change.NONE) if said else Change.NOT_JUDGED,
        )

    def _change(self, found: Interval) -> Change:
        if found.low > 1 and found.value > 1 + self.threshold:
            return Change.SLOWER
        if found.high < 1 and found.value < 1 / (1 + self.threshold):
            return Change.FASTER
        return Change.NONE

    def _over_floor(self, timings: Mapping[tuple[Workload, str], Timing], workload: Workload, peer: str) -> Interval | None:
        """The ratio to the floor of the same run; none of the floor itself."""
        floor = next((timing for key, timing in timings.items() if key[0] == workload and timing.is_floor), None)
        if floor is None or floor.peer == peer:
            return None
        return ratio_within_run(timings[workload, peer].rounds, floor.rounds, self.confidence)


def _flat(results: Results) -> dict[tuple[Workload, str], Timing]:
    return {(timing.workload, timing.peer): timing for timing in results.timings}


def _on_the_threads_of(before: Results, after: Results) -> Results:
    """The run after, its workloads named as if on the threads of the one before: where each has one number, and they differ."""
    first, second = ({timing.workload.threads for timing in each.timings} for each in (before, after))
    if len(first) != 1 or len(second) != 1:
        return after
    moved = (replace(timing, workload=replace(timing.workload, threads=min(first))) for timing in after.timings)
    return replace(after, timings=tuple(moved))


def _alone(key: tuple[Workload, str], before: Timing | None, after: Timing | None, change: Change) -> Compared:
    return Compared(workload=key[0], peer=key[1], before=before, after=after, change=change)


def _rank(compared: Compared) -> tuple[int, float]:
    ratio_of_seconds = compared.seconds.value if compared.seconds else 1.0
    return list(Change).index(compared.change), max(ratio_of_seconds, 1 / ratio_of_seconds) * -1


def _differs(name: str, before: object, after: object) -> Iterator[str]:
    if before != after:
        yield f"{name}: {before or 'not recorded'} before, {after or 'not recorded'} after"
