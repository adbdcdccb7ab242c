"""The HTML page of a range of versions, made from the report's JSON: behaviours down, versions across."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.report.html.contents import Count, Entry, Grid, Group, Mark, Page
from conformance.upgrade.history import CRASH, MISSING, RIGHT, UNRESOLVED, WRONG

Row = Mapping[str, Any]

_VERDICTS = {
    RIGHT: Verdict.PASS,
    WRONG: Verdict.FAIL,
    CRASH: Verdict.ERROR,
    MISSING: Verdict.UNSUPPORTED,
    UNRESOLVED: Verdict.UNRESOLVED,
}
_CHANGES = "changes"


def page_of(reports: Mapping[str, Mapping[str, Any]]) -> Page:
    """The page of the reports of some backends, by their names."""
    rows = {(backend, row["name"]): row for backend, report in reports.items() for row in report["behaviours"]}
    changing = {key: row for key, row in rows.items() if _changes(row)}
    grids = [
        _grid(title, report["versions"], [row for row in report[part] if row["name"]])
        for backend, report in reports.items()
        for part, title in (("behaviours", f"What each version answers on {backend}"), ("facts", f"API on {backend}"))
    ]
    counts = collections.Counter(_verdict_of(cell["said"]) for row in rows.values() for cell in row["cells"] if cell["said"])
    words = {verdict: word for word, verdict in _VERDICTS.items()}
    return Page(
        title=f"What each version answers: Keras on {', '.join(reports)}",
        outcome=_outcome(reports, len(changing)),
        caveats=[f"on {backend}: {line}" for backend, report in reports.items() for line in report["caveats"]],
        facts=[(f"versions on {backend}", ", ".join(report["versions"])) for backend, report in reports.items()]
        + [("behaviours", f"{len(rows):,}"), ("time", f"{sum(float(report['seconds']) for report in reports.values()):,.0f} s")],
        counts=[
            Count(verdict=Verdict.KNOWN_DIFFERENCE, text="behaviours that change", number=len(changing)),
            *(
                Count(verdict=verdict, text=f"answers {words[verdict]}", number=counts[verdict])
                for verdict in words
                if counts[verdict]
            ),
        ],
        grids=grids,
        notes=["→ marks where a version differs from the one before by more than rounding."],
        entries=[_entry(f"{name} on {backend}", reports[backend]["versions"], row) for (backend, name), row in changing.items()],
        groups=list(_groups({key: row for key, row in rows.items() if key not in changing})),
    )


def _changes(row: Row) -> bool:
    return any(cell["changed"] for cell in row["cells"])


def _verdict_of(answer: str) -> str:
    """The verdict whose colour and symbol an answer has; "" for a fact of the API."""
    return next((verdict for word, verdict in _VERDICTS.items() if answer.startswith(word)), "")


def _outcome(reports: Mapping[str, Mapping[str, Any]], changing: int) -> Mark:
    lacking = [
        f"{name} on {backend}: {reason}" for backend, report in reports.items() for name, reason in report["refused"].items()
    ]
    lacking += [f"{backend}: {report['stopped']}" for backend, report in reports.items() if report["stopped"]]
    unresolved = sum(len(report["unresolved"]) for report in reports.values())
    lacking += [f"{unresolved:,} answers are not settled: the suite or the machine failed"] if unresolved else []
    recorded = [name for report in reports.values() for name, each in report["environments"].items() if "recorded" in each]
    by = f"; recorded, not run: {', '.join(recorded)}" if recorded else ""
    if lacking:
        return Mark(verdict=Verdict.ERROR, text=f"not every version ran: {'; '.join(lacking)}{by}")
    every = "every version answered" if recorded else "every version ran"
    return Mark(verdict=Verdict.PASS, text=f"{every}{by}; {changing:,} behaviours change between two versions")


def _grid(title: str, versions: Sequence[str], rows: Sequence[Row]) -> Grid:
    """The rows that change come first."""
    ordered = sorted(rows, key=lambda row: not _changes(row))
    return Grid(
        title=title,
        corner="what",
        columns=versions,
        rows=[(row["name"], [_cell(cell) for cell in row["cells"]]) for row in ordered],
    )


def _cell(cell: Mapping[str, Any]) -> Mark | None:
    if not cell["said"]:
        return None
    return Mark(verdict=_verdict_of(cell["said"]), text=f"→ {cell['said']}" if cell["changed"] else cell["said"])


def _entry(title: str, versions: Sequence[str], row: Row) -> Entry:
    """Where one behaviour changes."""
    cells = list(zip(versions, row["cells"], strict=True))
    changed = ", ".join(version for version, cell in cells if cell["changed"])
    return Entry(
        id=title,
        kind=_CHANGES,
        mark=Mark(verdict=Verdict.KNOWN_DIFFERENCE, text="changes"),
        title=title,
        summary=f"in {changed}",
        lines=[(version, f"{'→ ' * cell['changed']}{cell['said'] or 'did not run'}") for version, cell in cells],
        links=row["upstream"],
    )


def _groups(rows: Mapping[tuple[str, str], Row]) -> Iterator[Group]:
    """The behaviours that are the same in all versions, by answer."""
    groups: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for (backend, name), row in rows.items():
        groups[next((cell["said"] for cell in row["cells"] if cell["said"]), "")].append((f"{name} on {backend}", ""))
    for answer, members in groups.items():
        verdict = _verdict_of(answer)
        yield Group(
            kind=verdict, mark=Mark(verdict=verdict, text=answer or "did not run"), title="in all versions", members=members
        )
