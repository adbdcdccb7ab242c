"""A comparison of two runs as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.compare import Change, Compared
from benchmarks.formats import NOTHING, percent, seconds, with_noise
from benchmarks.noise import Interval
from benchmarks.results import Results, Timing
from benchmarks.tables import machine
from conformance.report.document import Block, Heading, Lines, Rows

COLUMNS = ("said", "peer", "workload", "before", "after", "after / before", "the same, beside the floor")


def page(before: Results, after: Results, found: Sequence[Compared], warned: Sequence[str], threshold: float) -> list[Block]:
    """Both runs, what differs between them besides the code, and every peer on every workload."""
    counts = Counter(compared.change for compared in found)
    return [
        Heading(f"Benchmarks: from {before.name} to {after.name}", 1),
        Lines([f"before: {line}" for line in machine(before)] + [f"after: {line}" for line in machine(after)]),
        *([Lines([f"warning: {line}" for line in warned], "yellow")] if warned else []),
        Lines(
            [
                f"Said where a ratio is beyond {percent(threshold)} and its interval excludes 1 (95 %, all together).",
                ", ".join(f"{counts[change]} {change}" for change in Change if counts[change]),
            ]
        ),
        Rows(COLUMNS, [_row(compared) for compared in found]),
    ]


def _row(compared: Compared) -> list[str]:
    return [
        compared.change,
        compared.peer,
        str(compared.workload),
        _seconds(compared.before),
        _seconds(compared.after),
        _ratio(compared.seconds),
        _ratio(compared.beside_floor),
    ]


def _seconds(timing: Timing | None) -> str:
    return NOTHING if timing is None else seconds(timing.median)


def _ratio(interval: Interval | None) -> str:
    return NOTHING if interval is None else with_noise(interval)
