"""Settled claims as a page that fits the summary of a CI run."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Sequence

from conformance.claims.model import Settled
from conformance.claims.text import finding_lines, recorded_note
from conformance.claims.verification import Verified
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows


def blocks_of(settled: Sequence[Settled], verified: Sequence[Verified]) -> Iterator[Block]:
    """A row per claim, its evidence folded, and how many cases of each system are as described."""
    expected = all(outcome.as_expected for outcome in settled) and not any(each.unexplained for each in verified)
    yield Heading(f"Claims: {'✅ as expected' if expected else '❌ not as expected'}")
    if note := recorded_note(verified):
        yield Lines([f"⚠️ {note}"])
    counts = collections.Counter(outcome.outcome for outcome in settled)
    yield Lines([", ".join(f"{count} {outcome}" for outcome, count in counts.items())])
    rows = [(each.claim.id, each.claim.statement, f"{'' if each.as_expected else '❌ '}{each.outcome}") for each in settled]
    yield Rows(("claim", "statement", "outcome"), rows)
    yield from (Collapsible(f"{each.outcome}: {each.claim.id}", [Lines(_evidence(each))]) for each in settled)
    if verified:
        yield Heading("Systems", level=3)
        systems = [(each.environment, each.described, f"{len(each.results):,}", f"{len(each.unexplained):,}") for each in verified]
        yield Rows(("environment", "is Keras 3 with", "cases", "not as described"), systems)


def _evidence(settled: Settled) -> list[str]:
    return [settled.error] if settled.finding is None else [line.plain for line in finding_lines(settled.finding)]
