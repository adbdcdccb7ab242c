"""A range of versions as a page: a table of behaviours and versions, rows that are alike folded."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

from conformance.upgrade.document import Block, Heading, Lines, Rows
from conformance.upgrade.history import RIGHT, HistoryReport, Row

# Names of behaviours in one folded row.
NAMED = 12


def page(report: HistoryReport, title: str, *, merged: bool) -> list[Block]:
    """The whole report; `merged`, versions that show what the one before shows share its column."""
    columns = _columns(report, merged=merged)
    always = [row for row in report.behaviours if all(cell.said == RIGHT for cell in row.cells) and not row.changes]
    blocks: list[Block] = [Heading(title), Lines(_legend(report))]
    blocks += _table("behaviour", [row for row in report.behaviours if row not in always], columns)
    blocks.append(Lines([f"{len(always):,} behaviours are right in all versions."]))
    if report.facts:
        blocks += [Heading("API"), *_table("", report.facts, columns)]
    return [*blocks, *_end(report)]


def _legend(report: HistoryReport) -> list[str]:
    return [
        f"{len(report.behaviours):,} behaviours on {len(report.environments):,} versions, each judged against the oracle.",
        "right: within rounding; wrong: not, with what explains it; crash: an exception; not there: no such thing.",
        "→ marks where a version differs from the one before by more than rounding.",
    ]


def _columns(report: HistoryReport, *, merged: bool) -> dict[str, int]:
    """Name of each column, and the position of the first version in it."""
    rows = (*report.behaviours, *report.facts)
    starts = [
        place
        for place in range(len(report.versions))
        if not merged
        or not place
        or any(row.cells[place].changed or row.cells[place].said != row.cells[place - 1].said for row in rows)
    ]
    ends = [*(start - 1 for start in starts[1:]), len(report.versions) - 1]
    names = (dict.fromkeys((report.versions[start], report.versions[end])) for start, end in zip(starts, ends, strict=True))
    return {" – ".join(name): start for name, start in zip(names, starts, strict=True)}


def _table(name: str, rows: Sequence[Row], columns: Mapping[str, int]) -> list[Block]:
    """The rows, those that are alike as one, those that change first; nothing where there are none."""
    folded: dict[tuple[str, ...], list[Row]] = collections.defaultdict(list)
    for row in sorted(rows, key=lambda row: not row.changes):
        folded[tuple(str(row.cells[place]) for place in columns.values())].append(row)
    return [Rows((name, *columns), [(_named(alike), *cells) for cells, alike in folded.items()])] if folded else []


def _named(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return "; ".join(row.name for row in rows[:NAMED]) + more


def _end(report: HistoryReport) -> list[Block]:
    lines = [f"{name} did not run: {reason}" for name, reason in report.refused.items()]
    if report.stopped:
        lines.append(f"the run was {report.stopped}: what is empty did not run")
    return [Lines(lines, "bold red")] if lines else []
