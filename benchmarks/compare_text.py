"""A comparison of two runs as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.compare import Change, PeerComparison
from benchmarks.formats import NOTHING, percent, seconds, with_noise
from benchmarks.noise import Interval
from benchmarks.results import Results, Timing
from benchmarks.tables import machine_lines
from conformance.report.document import Block, Heading, Lines, Rows

COLUMNS = ("change", "peer", "workload", "before", "after", "after / before", "relative to the floor")


def page(
    before: Results, after: Results, comparisons: Sequence[PeerComparison], warnings: Sequence[str], threshold: float
) -> list[Block]:
    """Both runs, their differences besides the code, and every peer on every workload."""
    counts = Counter(comparison.change for comparison in comparisons)
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
        Rows(COLUMNS, [_row(comparison) for comparison in comparisons]),
    ]


def _row(comparison: PeerComparison) -> list[str]:
    return [
        comparison.change,
        comparison.peer,
        str(comparison.workload),
        _seconds(comparison.before),
        _seconds(comparison.after),
        _ratio(comparison.seconds),
        _ratio(comparison.relative_to_floor),
    ]


def _seconds(timing: Timing | None) -> str:
    return NOTHING if timing is None else seconds(timing.median)


def _ratio(interval: Interval | None) -> str:
    return NOTHING if interval is None else with_noise(interval)
