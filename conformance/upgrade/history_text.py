"""The report of a range of versions as a page: a table of behaviours and versions, with equal rows in one."""

import collections
from collections.abc import Mapping, Sequence

from conformance.report.document import Block, Heading, Lines, Rows
from conformance.upgrade.history import RIGHT, HistoryReport, Row
from conformance.upgrade.references import reference_lines

HEAD = (
    Heading("What each version answers", level=1),
    Lines(["Made by lstm-conformance history, from runs of every version that is named."]),
)

# The most names of behaviours in one row of the terminal.
MOST_NAMES = 6


def page(report: HistoryReport, title: str, *, merged: bool) -> list[Block]:
    """The whole report; with `merged`, versions with the same answers as the version before share its column."""
    columns, most = _columns(report, merged=merged), MOST_NAMES if merged else len(report.behaviours)
    same = [row for row in report.behaviours if len({cell.said for cell in row.cells}) == 1 and not row.changes]
    blocks: list[Block] = [Heading(title), *_caveats(report), Lines(_legend(report))]
    blocks += _table("behaviour", [row for row in report.behaviours if row not in same], columns, most)
    blocks.append(Lines(_always(same)))
    if report.facts:
        blocks += [Heading("API"), *_table("", report.facts, columns, most)]
    return [*blocks, *_end(report)]


def verdict(report: HistoryReport, title: str) -> list[Block]:
    """The caveats, and how many versions ran."""
    ran = f"{len(report.environments):,} of {len(report.versions):,} versions ran {len(report.behaviours):,} behaviours"
    recorded = "; in part recorded, not run" if any("recorded" in each for each in report.environments.values()) else ""
    return [*_caveats(report), *_end(report), Lines([f"{title}: {ran} in {report.seconds:.0f} s{recorded}"])]


def _caveats(report: HistoryReport) -> list[Block]:
    return [Lines(report.caveats, "bold yellow")] if report.caveats else []


def _always(rows: Sequence[Row]) -> list[str]:
    """A line for each answer that all versions give, with the names of the behaviours that are not right."""
    groups: dict[str, list[Row]] = collections.defaultdict(list)
    for row in rows:
        groups[row.cells[0].said].append(row)
    names = {answer: "" if answer == RIGHT else f": {_names_of(alike, len(alike))}" for answer, alike in groups.items()}
    return [f"{len(alike):,} behaviours are {answer} in all versions{names[answer]}" for answer, alike in groups.items() if answer]


def _legend(report: HistoryReport) -> list[str]:
    return [
        f"{len(report.behaviours):,} behaviours on {len(report.environments):,} versions, each judged against the oracle.",
        "right: within rounding; wrong: not, with what explains it; crash: an exception; not there: no such thing.",
        "→ marks where a version differs from the one before by more than rounding.",
    ]


def _columns(report: HistoryReport, *, merged: bool) -> dict[str, int]:
    """Name of each column, and the position of its first version."""
    places = range(len(report.versions))
    starts = [place for place in places if not merged or not place or _differs(report, place)]
    ends = [*(start - 1 for start in starts[1:]), len(report.versions) - 1]
    names = (dict.fromkeys((report.versions[start], report.versions[end])) for start, end in zip(starts, ends, strict=True))
    return {" – ".join(name): start for name, start in zip(names, starts, strict=True)}


def _differs(report: HistoryReport, place: int) -> bool:
    """Whether any answer of a version differs from that of the version before."""
    cells = [row.cells[place - 1 : place + 1] for row in (*report.behaviours, *report.facts)]
    return any(now.changed or now.said != was.said for was, now in cells)


def _table(name: str, rows: Sequence[Row], columns: Mapping[str, int], most: int) -> list[Block]:
    """The rows, with equal ones in one row and those that change first; nothing where there are no rows."""
    groups: dict[tuple[str, ...], list[Row]] = collections.defaultdict(list)
    for row in sorted(rows, key=lambda row: not row.changes):
        groups[tuple(str(row.cells[place]) for place in columns.values())].append(row)
    if not groups:
        return []
    table = Rows((name, *columns), [(_names_of(alike, most), *cells) for cells, alike in groups.items()])
    references = reference_lines(address for row in rows for address in row.upstream)
    return [table, Lines(references)] if references else [table]


def _names_of(rows: Sequence[Row], most: int) -> str:
    more = f" and {len(rows) - most:,} more" if len(rows) > most else ""
    return "; ".join(row.name for row in rows[:most]) + more


def _end(report: HistoryReport) -> list[Block]:
    return [Lines([f"the run was {report.stopped}: what is empty did not run"], "bold red")] if report.stopped else []
