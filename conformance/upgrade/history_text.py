"""A range of versions as a page: a table of behaviours and versions, rows that are alike folded."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence

from conformance.upgrade.document import Block, Heading, Lines, Rows
from conformance.upgrade.history import RIGHT, HistoryReport, Row

# Names of behaviours in one folded row.
NAMED = 4


def page(report: HistoryReport, title: str) -> list[Block]:
    """The whole report."""
    return [*_head(report, title), *_behaviours(report), *_facts(report), *_end(report)]


def _head(report: HistoryReport, title: str) -> Iterator[Block]:
    yield Heading(title)
    yield Lines(
        [
            f"{len(report.behaviours):,} behaviours on {len(report.environments):,} versions, each judged against the oracle.",
            "right: within rounding; wrong: not, with what explains it; crash: an exception; not there: no such thing.",
            "→ marks where a version differs from the one before by more than rounding.",
        ]
    )


def _behaviours(report: HistoryReport) -> Iterator[Block]:
    always = [row for row in report.behaviours if all(cell.said == RIGHT for cell in row.cells) and not row.changes]
    folded: dict[tuple[str, ...], list[Row]] = collections.defaultdict(list)
    for row in report.behaviours:
        if row not in always:
            folded[tuple(map(str, row.cells))].append(row)
    ordered = sorted(folded.items(), key=lambda item: not item[1][0].changes)
    if ordered:
        yield Rows(("behaviour", *report.versions), [(_named(rows), *cells) for cells, rows in ordered])
    yield Lines([f"{len(always):,} behaviours are right in all versions."])


def _named(rows: Sequence[Row]) -> str:
    more = f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return "; ".join(row.name for row in rows[:NAMED]) + more


def _facts(report: HistoryReport) -> Iterator[Block]:
    if report.facts:
        yield Heading("API")
        yield Rows(("", *report.versions), [(row.name, *map(str, row.cells)) for row in report.facts])


def _end(report: HistoryReport) -> Iterator[Block]:
    lines = [f"{name} did not run: {reason}" for name, reason in report.refused.items()]
    if report.stopped:
        lines.append(f"the run was {report.stopped}: what is empty did not run")
    if lines:
        yield Lines(lines, "bold red")
