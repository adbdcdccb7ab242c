"""Compares two result files: which peer became slower or faster on which workload, beyond the noise of the two runs.

**A difference** is reported where the interval of after / before (see `noise`) excludes 1 and the ratio itself exceeds the
threshold. All intervals together hold with 95 %: each of n comparisons gets the confidence 1 − 0.05/n (Bonferroni, which holds for
any dependence; the peers of one run depend on one another). So among twenty pairs of runs of the same code, at most one reports a
difference on average, for any number of peers and workloads. Differences between whole runs, beyond the noise within them, are
covered by the threshold and by the floor.

**The floor** of a file was timed on the same machine in the same run. The ratios of both files to it give
(after / before) / (floor after / floor before), in which the machine's speed cancels as far as it is the speed of its matrix
product. On one machine a difference is reported where it shows both in seconds and relative to the floor: the first alone may come
from the clock, the second alone from the floor. On two machines, or with different threads, seconds cannot be compared, and the
ratio to the floor decides; without a floor nothing is judged. The floor itself is never judged, because it is the reference of the
others.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.formats import threads
from benchmarks.noise import Interval, confidence_of_each, median, ratio, ratio_within_run
from benchmarks.results import Results, Timing, Workload
from conformance.report.documents import DocumentError


class Change(StrEnum):
    """The result for a peer on a workload, in the order of the report."""

    SLOWER = "slower"
    FASTER = "faster"
    NONE = "no difference seen"
    NOT_JUDGED = "not judged"
    ONLY_BEFORE = "only before"
    ONLY_AFTER = "only after"


@dataclass(frozen=True, kw_only=True)
class PeerComparison:
    """One peer on one workload, before and after.

    Attributes:
        workload, peer: of the comparison.
        before, after: its times; None where it was not timed.
        seconds: after / before; None unless both were timed.
        relative_to_floor: the same, relative to the floors of both runs; None for the floor itself, and where a floor is missing.
        change: the result.
    """

    workload: Workload
    peer: str
    before: Timing | None
    after: Timing | None
    seconds: Interval | None = None
    relative_to_floor: Interval | None = None
    change: Change


def warnings(before: Results, after: Results) -> Iterator[str]:
    """Differences of two runs besides the code."""
    for name in ("cpu", "cores", "system", "python", "blas"):
        yield from _difference(name, getattr(before.machine, name), getattr(after.machine, name))
    yield from _difference("threads", threads(before.machine.threads), threads(after.machine.threads))
    for peer in sorted({*before.versions, *after.versions}):
        yield from _difference(f"version of {peer}", before.versions.get(peer, "absent"), after.versions.get(peer, "absent"))


def compare(before: Results, after: Results, threshold: float) -> list[PeerComparison]:
    """Every peer on every workload of two runs, the largest differences first.

    Args:
        before: the first run.
        after: the second.
        threshold: fraction of the time before that a difference must exceed.

    Raises:
        DocumentError: the files have no workload and peer in common.
    """
    first, second = _by_workload_and_peer(before), _by_workload_and_peer(_with_threads_of(before, after))
    common = [key for key in first if key in second]
    if not common:
        raise DocumentError(
            f"{before.name} and {after.name} have no peer on the same workload in common: there is nothing to compare"
        )
    comparisons = sum(not first[key].is_floor for key in common)
    comparison = _Comparison(
        first=first,
        second=second,
        threshold=threshold,
        confidence=confidence_of_each(comparisons),
        use_seconds=all(
            getattr(before.machine, name) == getattr(after.machine, name) for name in ("cpu", "cores", "system", "threads")
        ),
    )
    results = [comparison.compare(*key) for key in common]
    for workload, peer in (key for key in first | second if key not in common):
        old, new = first.get((workload, peer)), second.get((workload, peer))
        change = Change.ONLY_AFTER if old is None else Change.ONLY_BEFORE
        results.append(PeerComparison(workload=workload, peer=peer, before=old, after=new, change=change))
    return sorted(results, key=_rank)


@dataclass(frozen=True, kw_only=True)
class _Comparison:
    """The parameters of all comparisons of two runs; `use_seconds`: whether their seconds can be compared."""

    first: Mapping[tuple[Workload, str], Timing]
    second: Mapping[tuple[Workload, str], Timing]
    threshold: float
    confidence: float
    use_seconds: bool

    def compare(self, workload: Workload, peer: str) -> PeerComparison:
        before, after = self.first[workload, peer], self.second[workload, peer]
        in_seconds = ratio(median(after.rounds, self.confidence), median(before.rounds, self.confidence))
        over_floor = [self._over_floor(timings, workload, peer) for timings in (self.second, self.first)]
        relative_to_floor = ratio(*filter(None, over_floor)) if all(over_floor) else None
        ratios = (in_seconds if self.use_seconds and not before.is_floor else None, relative_to_floor)
        changes = {self._change(interval) for interval in ratios if interval is not None}
        return PeerComparison(
            workload=workload,
            peer=peer,
            before=before,
            after=after,
            seconds=in_seconds,
            relative_to_floor=relative_to_floor,
            change=(changes.pop() if len(changes) == 1 else Change.NONE) if changes else Change.NOT_JUDGED,
        )

    def _change(self, interval: Interval) -> Change:
        if interval.low > 1 and interval.value > 1 + self.threshold:
            return Change.SLOWER
        if interval.high < 1 and interval.value < 1 / (1 + self.threshold):
            return Change.FASTER
        return Change.NONE

    def _over_floor(self, timings: Mapping[tuple[Workload, str], Timing], workload: Workload, peer: str) -> Interval | None:
        """The ratio to the floor of the same run; None for the floor itself."""
        floor = next((timing for key, timing in timings.items() if key[0] == workload and timing.is_floor), None)
        if floor is None or floor.peer == peer:
            return None
        return ratio_within_run(timings[workload, peer].rounds, floor.rounds, self.confidence)


def _by_workload_and_peer(results: Results) -> dict[tuple[Workload, str], Timing]:
    return {(timing.workload, timing.peer): timing for timing in results.timings}


def _with_threads_of(before: Results, after: Results) -> Results:
    """The run after with the threads of the run before in its workloads, where each run has one number of threads."""
    first, second = ({timing.workload.threads for timing in run.timings} for run in (before, after))
    if len(first) != 1 or len(second) != 1:
        return after
    timings = (replace(timing, workload=replace(timing.workload, threads=min(first))) for timing in after.timings)
    return replace(after, timings=tuple(timings))


def _rank(comparison: PeerComparison) -> tuple[int, float]:
    ratio_of_seconds = comparison.seconds.value if comparison.seconds else 1.0
    return list(Change).index(comparison.change), -max(ratio_of_seconds, 1 / ratio_of_seconds)


def _difference(name: str, before: object, after: object) -> Iterator[str]:
    if before != after:
        yield f"{name}: {before or 'not recorded'} before, {after or 'not recorded'} after"
