"""The HTML page of claims, made from the report's JSON."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.claims.docstrings import DOCUMENTS
from conformance.claims.text import AGREEMENT, VERDICTS, format_value
from conformance.judging.verdict import Verdict
from conformance.report.html.contents import Count, Entry, Grid, Group, Mark, Page, Table

Claim = Mapping[str, Any]
System = Mapping[str, Any]


def page_of(report: Mapping[str, Any]) -> Page:
    """The page of one report."""
    claims: Sequence[Claim] = report["claims"]
    systems: Sequence[System] = report["systems"]
    counts = collections.Counter(claim["outcome"] for claim in claims)
    documents = list(dict.fromkeys(document for claim in claims for document in claim["documents"]))
    pages, docstrings = sorted({*documents} - {*DOCUMENTS}), [document for document in documents if document in DOCUMENTS]
    return Page(
        title="What the documents say of an LSTM layer, settled by running it",
        outcome=_outcome(claims, systems),
        facts=[("claims", f"{len(claims):,}"), ("time", f"{sum(claim['seconds'] for claim in claims):,.0f} s")],
        counts=[Count(verdict=VERDICTS[outcome], text=outcome, number=count) for outcome, count in counts.items()],
        grids=[
            _grid(title, claims, columns)
            for title, columns in (("Claims by document", pages), ("Sentences by docstring", docstrings))
            if columns
        ],
        tables=[_systems(systems), *([_docstrings(report["docstrings"])] if report["docstrings"] else [])],
        caveats=_caveats(systems),
        entries=[_entry(claim) for claim in claims],
        groups=_unexplained(systems),
        entries_title="What was found",
    )


def _grid(title: str, claims: Sequence[Claim], columns: Sequence[str]) -> Grid:
    """The claims that documents make, and their outcomes."""
    rows = [(claim["id"], [_mark(claim) if each in claim["documents"] else None for each in columns]) for claim in claims]
    return Grid(title=title, corner="claim", columns=columns, rows=[row for row in rows if any(row[1])])


def _docstrings(docstrings: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (each["document"], *(f"{each[name]:,}" for name in ("claimed", "silent")), "; ".join(each["new"]), "; ".join(each["gone"]))
        for each in docstrings
    ]
    columns = ("docstring", "sentences settled", "that say nothing that happens", "new or changed, not tested", "no longer there")
    return Table(title="The docstrings of the installed Keras", columns=columns, rows=rows, numeric=(1, 2))


def _mark(claim: Claim) -> Mark:
    return Mark(verdict=VERDICTS[claim["outcome"]], text=claim["outcome"])


def _outcome(claims: Sequence[Claim], systems: Sequence[System]) -> Mark:
    unexpected = [claim["id"] for claim in claims if not claim["as_expected"]]
    others = [system["environment"] for system in systems if system["unexplained"]]
    wrong = [f"{len(unexpected):,} claims do not come out as expected: {', '.join(unexpected)}"] if unexpected else []
    wrong += [f"{len(others):,} systems are not as described: {', '.join(others)}"] if others else []
    if wrong:
        return Mark(verdict=Verdict.FAIL, text="; ".join(wrong))
    recorded = sum(bool(system["recorded"]) for system in systems)
    by = f" ({recorded:,} recorded, not run)" if recorded else ""
    described = f", {len(systems):,} systems are as described{by}" if systems else ""
    return Mark(verdict=Verdict.PASS, text=f"{len(claims):,} claims come out as expected{described}")


def _caveats(systems: Sequence[System]) -> list[str]:
    recorded = [f"{system['environment']} ({system['recorded'].partition(' on ')[0]})" for system in systems if system["recorded"]]
    return [f"recorded, not run: {', '.join(recorded)}"] if recorded else []


def _systems(systems: Sequence[System]) -> Table:
    columns = ("environment", "is Keras 3 with", "cases", "as described", "known differences", "it has not", "answered")
    rows = [
        (
            system["environment"],
            system["described"].replace("+", ", "),
            *(f"{system[name]:,}" for name in ("asked", "as_described", "known_differences", "unsupported")),
            f"recorded, not run: {system['recorded']}" if system["recorded"] else "in this run",
        )
        for system in systems
    ]
    return Table(title="The systems that the documents name", columns=columns, rows=rows, numeric=(2, 3, 4, 5))


def _unexplained(systems: Sequence[System]) -> list[Group]:
    """The results that no description of a system explains."""
    return [
        Group(
            kind="system",
            mark=Mark(verdict=Verdict.FAIL, text="not as described"),
            title=system["environment"],
            members=[
                (f"{each['case_id']} on {system['environment']}", f"{each['verdict']} {each['message']}")
                for each in system["unexplained"]
            ],
        )
        for system in systems
        if system["unexplained"]
    ]


def _entry(claim: Claim) -> Entry:
    lines = {
        "statement": claim["statement"],
        "stated by": ", ".join(claim["documents"]),
        "condition": claim["condition"],
        "error": claim["error"],
        "expected": claim["expected"],
        "experiment": claim["source"],
    }
    return Entry(
        id=claim["id"],
        kind=claim["outcome"],
        mark=_mark(claim),
        title=claim["id"],
        summary=claim["statement"],
        lines=[(name, text) for name, text in lines.items() if text],
        tables=[_evidence(claim["evidence"])] if claim["evidence"] else [],
    )


def _evidence(evidence: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            each["label"],
            format_value(each["measured"]),
            f"{each['relation']} {format_value(each['stated'])}" if each["relation"] else "",
            AGREEMENT[each["agrees"]],
            each["side"],
        )
        for each in evidence
    ]
    return Table(title="evidence", columns=("measured", "value", "stated", "", "where"), rows=rows)
