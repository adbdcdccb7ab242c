"""The results of claims as a page that fits the summary of a CI run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.claims.model import ClaimResult
from conformance.claims.text import all_expected, finding_lines, outcome_counts, recorded_note
from conformance.claims.verification import SystemResult
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows


def blocks_of(claims: Sequence[ClaimResult], systems: Sequence[SystemResult]) -> Iterator[Block]:
    """A row per claim, its collapsed evidence, and the number of cases of each system that are not as described."""
    yield Heading(f"Claims: {'✅ as expected' if all_expected(claims, systems) else '❌ not as expected'}")
    if note := recorded_note(systems):
        yield Lines([f"⚠️ {note}"])
    yield Lines([outcome_counts(claims)])
    rows = [(each.claim.id, each.claim.statement, f"{'' if each.as_expected else '❌ '}{each.outcome}") for each in claims]
    yield Rows(("claim", "statement", "outcome"), rows)
    yield from (Collapsible(f"{each.outcome}: {each.claim.id}", [Lines(_evidence(each))]) for each in claims)
    if systems:
        yield Heading("Systems", level=3)
        cases = [(each.environment, each.described, f"{len(each.results):,}", f"{len(each.unexplained):,}") for each in systems]
        yield Rows(("environment", "is Keras 3 with", "cases", "not as described"), cases)


def _evidence(result: ClaimResult) -> list[str]:
    return [result.error] if result.finding is None else [line.plain for line in finding_lines(result.finding)]
