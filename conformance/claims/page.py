"""Settled claims, as their JSON holds them, as a page for people."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.claims.model import ClaimVerdict
from conformance.claims.text import shown
from conformance.report.html.contents import Count, Entry, Grid, Mark, Page, Table
from conformance.verdict import Verdict

Claim = Mapping[str, Any]

_LOOKS = {
    ClaimVerdict.HOLDS.value: Verdict.PASS,
    ClaimVerdict.FAILS.value: Verdict.FAIL,
    ClaimVerdict.HOLDS_ONLY_WHEN.value: Verdict.KNOWN_DIFFERENCE,
    "error": Verdict.ERROR,
}
_AGREES = {True: "agrees", False: "disagrees", None: "measured"}


def page_of(claims: Sequence[Claim]) -> Page:
    """The page of some claims."""
    counts = collections.Counter(claim["outcome"] for claim in claims)
    documents = sorted({document for claim in claims for document in claim["documents"]})
    return Page(
        title="What the documents say of an LSTM layer, settled by running it",
        outcome=_outcome(claims),
        facts=[("claims", f"{len(claims):,}"), ("time", f"{sum(claim['seconds'] for claim in claims):,.0f} s")],
        counts=[Count(verdict=_LOOKS[outcome], said=outcome, number=count) for outcome, count in counts.items()],
        grids=[
            Grid(
                title="Claims by document",
                corner="claim",
                columns=documents,
                rows=[
                    (claim["id"], [_mark(claim) if each in claim["documents"] else None for each in documents]) for claim in claims
                ],
            )
        ],
        entries=[_entry(claim) for claim in claims],
    )


def _mark(claim: Claim) -> Mark:
    return Mark(verdict=_LOOKS[claim["outcome"]], said=claim["outcome"])


def _outcome(claims: Sequence[Claim]) -> Mark:
    unexpected = [claim["id"] for claim in claims if not claim["as_expected"]]
    if unexpected:
        return Mark(verdict=Verdict.FAIL, said=f"{len(unexpected):,} claims do not come out as expected: {', '.join(unexpected)}")
    return Mark(verdict=Verdict.PASS, said=f"{len(claims):,} claims come out as expected")


def _entry(claim: Claim) -> Entry:
    return Entry(
        id=claim["id"],
        kind=claim["outcome"],
        mark=_mark(claim),
        title=claim["id"],
        summary=claim["statement"],
        lines=list(_lines(claim)),
        tables=[_evidence(claim["evidence"])] if claim["evidence"] else [],
    )


def _lines(claim: Claim) -> Iterator[tuple[str, str]]:
    yield "statement", claim["statement"]
    yield "stated by", ", ".join(claim["documents"])
    if claim["condition"]:
        yield "condition", claim["condition"]
    if claim["error"]:
        yield "error", claim["error"]
    yield "expected", claim["expected"]
    yield "experiment", claim["source"]


def _evidence(evidence: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            each["label"],
            _said(each["measured"]),
            f"{each['relation']} {_said(each['stated'])}" if each["relation"] else "",
            _AGREES[each["agrees"]],
            each["side"],
        )
        for each in evidence
    ]
    return Table(title="evidence", columns=("measured", "value", "stated", "", "where"), rows=rows)


def _said(value: Any) -> str:
    """As the terminal shows it; JSON has no tuples."""
    return shown(tuple(value) if isinstance(value, list) else value)
