"""Tables of some result files: goals, then each run's machine, peers and workloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.formats import NOTHING, percent, seconds, threads, three_digits, with_noise
from benchmarks.goals import FUSED, GOALS, Comparison, Judged, Standing, judge
from benchmarks.results import Results, Timing, Workload
from conformance.upgrade.document import Block, Heading, Lines, Rows

COLUMNS = ("peer", "median", "spread", "per timestep", "× floor", "× fused", "worst σ")
LEGEND = (
    "Median of the rounds; spread is the distance between their quartiles, of the median. × is the ratio of the median to that of "
    "the floor (the bare matrix products of these sizes) and of the fused reference in the same run. Worst σ is the largest error, "
    "in standard deviations of a correct run's rounding, when the peer was checked before it was timed."
)
GOALS_LEGEND = (
    "Each is judged by the median over rounds of the ratio within one round, each with an interval that holds with 95 %: met or "
    "not met where the whole interval lies on one side of the limit, within noise where the limit lies inside it."
)


def goals(runs: Sequence[Results]) -> Iterator[Block]:
    """How each goal stands, and every comparison that does not meet its goal."""
    judged = [judge(goal, runs) for goal in GOALS]
    yield Heading("Goals")
    yield Lines([GOALS_LEGEND])
    yield Rows(
        ("the fused reference is to be", "stands", "meet it", "its worst", "against", "on"),
        [_goal(each) for each in judged],
    )
    for each in judged:
        unmet = [comparison for comparison in each.comparisons if comparison.standing is not Standing.MET]
        if unmet:
            yield Heading(f"Not met, or within noise: {each.goal.text}", 3)
            yield Rows(
                ("stands", "found", "against", "on"),
                [[comparison.standing, *_numbers(comparison, per_timestep=each.goal.per_timestep)] for comparison in unmet],
            )


def run(results: Results) -> Iterator[Block]:
    """One result file: where it was made, and a table for each workload."""
    yield Heading(f"{results.name}: {threads(results.machine.threads)}")
    yield Lines(list(machine(results)))
    if results.absent:
        yield Heading("Absent peers", 3)
        yield Rows(("peer", "reason"), sorted(results.absent.items()))
    for workload, peers in results.by_workload.items():
        yield Heading(str(workload), 3)
        yield Rows(COLUMNS, [_row(timing, peers, results.floor(workload)) for timing in peers.values()])
        if workload.name in results.not_timed:
            yield Lines([f"not timed: {peer}: {reason}" for peer, reason in sorted(results.not_timed[workload.name].items())])


def sweep_points(runs: Sequence[Results]) -> Mapping[tuple[str, int], Mapping[Workload, Mapping[str, Timing]]]:
    """The workloads of each sweep, on each number of threads."""
    found: dict[tuple[str, int], dict[Workload, Mapping[str, Timing]]] = {}
    for results in runs:
        for workload, peers in results.by_workload.items():
            if workload.sweep is not None:
                found.setdefault((workload.sweep, workload.threads), {})[workload] = peers
    return found


def summary(runs: Sequence[Results]) -> list[Block]:
    """What a reader of all runs sees first: the goals."""
    return [Heading("Benchmarks", 1), Lines([LEGEND]), *goals(runs)]


def details(runs: Sequence[Results]) -> list[Block]:
    """Each run in turn."""
    return [block for results in runs for block in run(results)]


def machine(results: Results) -> Iterator[str]:
    """What the times depend on, in lines."""
    found = results.machine
    known = [
        found.cpu,
        f"{found.cores} cores" if found.cores else "",
        found.system,
        f"Python {found.python}" if found.python else "",
    ]
    yield ", ".join([*filter(None, [*known, found.blas]), threads(found.threads)])
    if results.versions:
        yield "; ".join(f"{peer}: {version}" for peer, version in sorted(results.versions.items()))
    made = [f"commit {results.commit}" if results.commit else "", results.when]
    if any(made):
        yield ", ".join(filter(None, made))


def _goal(judged: Judged) -> list[str]:
    met = sum(each.standing is Standing.MET for each in judged.comparisons)
    count = f"{met} of {len(judged.comparisons)}" if judged.comparisons else NOTHING
    worst = _numbers(judged.worst, per_timestep=judged.goal.per_timestep) if judged.worst else [NOTHING] * 3
    return [judged.goal.text, judged.standing, count, *worst]


def _numbers(comparison: Comparison, *, per_timestep: bool) -> list[str]:
    return [with_noise(comparison.found, "µs" if per_timestep else "×"), comparison.peer, str(comparison.workload)]


def _row(timing: Timing, peers: Mapping[str, Timing], floor: Timing | None) -> list[str]:
    return [
        timing.peer,
        seconds(timing.median),
        percent(timing.iqr / timing.median),
        seconds(timing.median / timing.workload.timesteps),
        _ratio(timing, floor),
        _ratio(timing, peers.get(FUSED)),
        NOTHING if timing.worst_sigma is None else three_digits(timing.worst_sigma),
    ]


def _ratio(timing: Timing, other: Timing | None) -> str:
    return NOTHING if other is None else f"{timing.median / other.median:.2f}"
