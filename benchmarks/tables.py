"""Tables of result files: the goals, the machine, peers and workloads of each run, and the comparison of two runs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from benchmarks.compare import Change, PeerComparison
from benchmarks.formats import NOTHING, percent, seconds, threads, three_digits, with_noise
from benchmarks.goals import FUSED, GOALS, Comparison, GoalResult, GoalStatus, judge
from benchmarks.results import Results, Timing, Workload
from conformance.report.document import Block, Heading, Lines, Rows

COMPARED_COLUMNS = ("change", "peer", "workload", "before", "after", "after / before", "relative to the floor")
COLUMNS = ("peer", "median", "spread", "per timestep", "× floor", "× fused", "worst σ")
LEGEND = (
    "Median of the rounds; spread is the distance between their quartiles, relative to the median. × is the ratio of the median to "
    "the median of the floor (the bare matrix products of these sizes) and of the fused reference in the same run. Worst σ is the "
    "largest error in standard deviations of a correct run's rounding, from the check before the peer was timed."
)
GOALS_LEGEND = (
    "Each goal is evaluated by the median over rounds of the ratio within a round, with its 95 % interval: met or not met where "
    "the whole interval is on one side of the limit, within noise where the limit is inside it."
)


def goals(runs: Sequence[Results]) -> Iterator[Block]:
    """The status of each goal, and every comparison that does not meet its goal."""
    results = [judge(goal, runs) for goal in GOALS]
    yield Heading("Goals")
    yield Lines([GOALS_LEGEND])
    yield Rows(
        ("goal of the fused reference", "status", "met by", "worst value", "against", "on"),
        [_goal_row(result) for result in results],
    )
    for result in results:
        unmet = [comparison for comparison in result.comparisons if comparison.status is not GoalStatus.MET]
        if unmet:
            yield Heading(f"Not met, or within noise: {result.goal.text}", 3)
            yield Rows(
                ("status", "value", "against", "on"),
                [[comparison.status, *_numbers(comparison, per_timestep=result.goal.per_timestep)] for comparison in unmet],
            )


def run(results: Results) -> Iterator[Block]:
    """One result file: its machine, and a table for each workload."""
    yield Heading(f"{results.name}: {threads(results.machine.threads)}")
    yield Lines(list(machine_lines(results)))
    if results.absent:
        yield Heading("Absent peers", 3)
        yield Rows(("peer", "reason"), sorted(results.absent.items()))
    for workload, peers in results.by_workload.items():
        yield Heading(str(workload), 3)
        yield Rows(COLUMNS, [_row(timing, peers, results.floor(workload)) for timing in peers.values()])
        if workload.name in results.not_timed:
            yield Lines([f"not timed: {peer}: {reason}" for peer, reason in sorted(results.not_timed[workload.name].items())])


def sweep_points(runs: Sequence[Results]) -> Mapping[tuple[str, int], Mapping[Workload, Mapping[str, Timing]]]:
    """The workloads of each sweep and number of threads."""
    points: dict[tuple[str, int], dict[Workload, Mapping[str, Timing]]] = {}
    for results in runs:
        for workload, peers in results.by_workload.items():
            if workload.sweep is not None:
                points.setdefault((workload.sweep, workload.threads), {})[workload] = peers
    return points


def summary(runs: Sequence[Results]) -> list[Block]:
    """The start of a report: the goals."""
    return [Heading("Benchmarks", 1), Lines([LEGEND]), *goals(runs)]


def details(runs: Sequence[Results]) -> list[Block]:
    """Each run in turn."""
    return [block for results in runs for block in run(results)]


def machine_lines(results: Results) -> Iterator[str]:
    """The machine, the versions and the commit of the times, in lines."""
    machine = results.machine
    known = [
        machine.cpu,
        f"{machine.cores} cores" if machine.cores else "",
        machine.system,
        f"Python {machine.python}" if machine.python else "",
    ]
    yield ", ".join([*filter(None, [*known, machine.blas]), threads(machine.threads)])
    if results.versions:
        yield "; ".join(f"{peer}: {version}" for peer, version in sorted(results.versions.items()))
    origin = [f"commit {results.commit}" if results.commit else "", results.when]
    if any(origin):
        yield ", ".join(filter(None, origin))


def _goal_row(result: GoalResult) -> list[str]:
    met = sum(comparison.status is GoalStatus.MET for comparison in result.comparisons)
    count = f"{met} of {len(result.comparisons)}" if result.comparisons else NOTHING
    worst = _numbers(result.worst, per_timestep=result.goal.per_timestep) if result.worst else [NOTHING] * 3
    return [result.goal.text, result.status, count, *worst]


def _numbers(comparison: Comparison, *, per_timestep: bool) -> list[str]:
    return [with_noise(comparison.value, "µs" if per_timestep else "×"), comparison.peer, str(comparison.workload)]


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


def comparison(
    before: Results, after: Results, comparisons: Sequence[PeerComparison], warnings: Sequence[str], threshold: float
) -> list[Block]:
    """Both runs, their differences besides the code, and every peer on every workload."""
    counts = Counter(compared.change for compared in comparisons)
    return [
        Heading(f"Benchmarks: from {before.name} to {after.name}", 1),
        Lines([f"before: {line}" for line in machine_lines(before)] + [f"after: {line}" for line in machine_lines(after)]),
        *([Lines([f"warning: {line}" for line in warnings], "yellow")] if warnings else []),
        Lines(
            [
                f"Reported where a ratio exceeds {percent(threshold)} and its interval excludes 1 (95 %, all together).",
                ", ".join(f"{counts[change]} {change}" for change in Change if counts[change]),
            ]
        ),
        Rows(COMPARED_COLUMNS, [_compared_row(compared) for compared in comparisons]),
    ]


def _compared_row(compared: PeerComparison) -> list[str]:
    times = [NOTHING if timing is None else seconds(timing.median) for timing in (compared.before, compared.after)]
    ratios = (compared.seconds, compared.relative_to_floor)
    return [
        compared.change,
        compared.peer,
        str(compared.workload),
        *times,
        *(NOTHING if interval is None else with_noise(interval) for interval in ratios),
    ]
