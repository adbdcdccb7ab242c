"""Settled claims for a terminal, and as what JSON can hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from conformance.claims.model import ClaimVerdict, Evidence, Finding, Settled, Side, Value
from conformance.claims.systems import System
from conformance.claims.verification import Verified
from conformance.judging.verdict import Result, Verdict
from conformance.report.verbosity import Verbosity

_STYLES = {
    ClaimVerdict.HOLDS.value: "green",
    ClaimVerdict.FAILS.value: "red",
    ClaimVerdict.HOLDS_ONLY_WHEN.value: "cyan",
    "error": "bold red",
}
_CONDITION_WORDS = {
    ClaimVerdict.FAILS: "would hold only when",
    ClaimVerdict.HOLDS_ONLY_WHEN: "holds only when",
}
_SIGNS = {True: "agrees", False: "disagrees", None: "measured"}


def render(settled: Settled, console: Console, verbosity: Verbosity = Verbosity.NORMAL) -> None:
    """Print one settled claim: verdict, the documents' tags, statement, evidence, condition; plain lines when piped."""
    claim = settled.claim
    head = Text.assemble(
        (settled.outcome.upper(), _STYLES[settled.outcome]),
        f"  {claim.id}  [{', '.join(claim.documents)}]  {settled.seconds:.1f} s",
    )
    if not settled.as_expected:
        head.append(f"  expected: {claim.expected.value}", "bold red")
    _line(console, head)
    _line(console, Text(f"  statement: {claim.statement}"))
    if verbosity is Verbosity.VERBOSE and claim.source:
        _line(console, Text(f"  source: {claim.source}"))
    if settled.finding is None:
        _line(console, Text(f"  {settled.error}", "red"))
    else:
        for line in finding_lines(settled.finding):
            _line(console, line)


def render_systems(systems: Iterable[System], outcomes: Mapping[str, str], verified: Iterable[Verified], console: Console) -> None:
    """Print what came of each system: the outcomes of its claims, or a line for each environment that was verified for it."""
    by_spec = {each.environment: each for each in verified}
    if note := recorded_note([*by_spec.values()]):
        _line(console, Text(note, "bold yellow"))
    for system in systems:
        _render_system(system, outcomes, [by_spec[spec] for spec in system.environments if not system.claims], console)


def recorded_note(verified: Sequence[Verified]) -> str:
    """What a reader must know of systems that were not run; "" where there are none."""
    dates = sorted({each.recorded.partition(" on ")[0] for each in verified if each.recorded})
    count = sum(bool(each.recorded) for each in verified)
    return (
        f"{count:,} system{'s' * (count > 1)}: recorded, not run: answers of {' and '.join(dates)}; --live runs them"
        if count
        else ""
    )


def _render_system(system: System, outcomes: Mapping[str, str], verified: Sequence[Verified], console: Console) -> None:
    _line(console, Text.assemble((system.name, "bold"), f"  [{', '.join(system.documents)}]"))
    for claim in system.claims:
        style = _STYLES[outcomes[claim]]
        _line(console, Text.assemble("  ", (outcomes[claim], style), f"  {claim}, on {', '.join(system.environments)}"))
    for each in verified:
        _render_verified(each, console)


def _render_verified(verified: Verified, console: Console) -> None:
    as_described = verified.asked - len(verified.unexplained)
    style = "red" if verified.unexplained else "green"
    _line(
        console,
        Text.assemble(
            "  ",
            (f"{as_described} of {verified.asked} as described", style),
            f"  {verified.environment}: Keras 3{' with ' * bool(verified.described)}{verified.described.replace('+', ', ')}; "
            f"{verified.count(Verdict.KNOWN_DIFFERENCE)} show a difference, {verified.count(Verdict.UNSUPPORTED)} more it has not; "
            f"{'recorded ' if verified.recorded else 'run now'}{verified.recorded.partition(' on ')[0]}",
        ),
    )
    for result in verified.unexplained:
        _line(console, Text(f"    {result.verdict} {result.case_id}: {_why(result)}", "red"))


def as_json(settled: Settled) -> dict[str, Any]:
    """One settled claim as what JSON can hold."""
    claim, finding = settled.claim, settled.finding
    return {
        "id": claim.id,
        "documents": list(claim.documents),
        "statement": claim.statement,
        "source": claim.source,
        "expected": claim.expected.value,
        "outcome": settled.outcome,
        "as_expected": settled.as_expected,
        "condition": finding.condition if finding else "",
        "evidence": [asdict(item) for item in finding.evidence] if finding else [],
        "error": settled.error,
        "seconds": round(settled.seconds, 3),
    }


def system_as_json(verified: Verified) -> dict[str, Any]:
    """What came of asking a system as what JSON can hold."""
    return {
        "environment": verified.environment,
        "described": verified.described,
        "recorded": verified.recorded,
        "asked": verified.asked,
        "as_described": verified.asked - len(verified.unexplained),
        "known_differences": verified.count(Verdict.KNOWN_DIFFERENCE),
        "unsupported": verified.count(Verdict.UNSUPPORTED),
        "unexplained": [
            {"case_id": result.case_id, "verdict": result.verdict.value, "message": _why(result)} for result in verified.unexplained
        ],
    }


def _why(result: Result) -> str:
    return result.reason or next((check.message for check in result.checks if check.message), "")


def finding_lines(finding: Finding) -> Iterator[Text]:
    """The evidence, side by side of the condition, and that."""
    for side in Side:
        items = [item for item in finding.evidence if item.side is side]
        if items and side is not Side.ALWAYS:
            yield Text(f"  {side.value}:")
        yield from map(_evidence_line, items)
    if finding.condition:
        yield Text(f"  {_CONDITION_WORDS[finding.verdict]}: {finding.condition}", "cyan")


def _evidence_line(item: Evidence) -> Text:
    repeated = item.relation == "=" and item.agrees
    stated = f"  (stated: {item.relation} {shown(item.stated)})" if item.relation and not repeated else ""
    return Text.assemble(
        f"    {item.label}: ",
        (shown(item.measured), "bold"),
        stated,
        (f"  {_SIGNS[item.agrees]}", {True: "green", False: "red", None: "dim"}[item.agrees]),
    )


def shown(value: Value) -> str:
    """A value on one line; floats with three significant digits unless they are short already."""
    if isinstance(value, float):
        return f"{value:.4g}" if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.2e}"
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{key} {shown(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return f"({', '.join(shown(item) for item in value)})"
    return json.dumps(value)


def _line(console: Console, text: Text) -> None:
    """One line, however narrow the terminal or the pipe: wrapped lines cannot be searched."""
    console.print(text, soft_wrap=True)
