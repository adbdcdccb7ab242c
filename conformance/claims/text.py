"""The results of claims and systems for a terminal, for the summary of a CI run, and as JSON."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from conformance.claims.docstrings import KERAS, DocstringCoverage
from conformance.claims.model import ClaimResult, ClaimVerdict, Evidence, Finding, Side, Value
from conformance.claims.systems import System
from conformance.claims.verification import SystemResult
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows
from conformance.report.style import STYLE
from conformance.report.verbosity import Verbosity

# A verdict of the suite with the colour and the symbol of each outcome.
VERDICTS: Mapping[str, Verdict] = {
    ClaimVerdict.HOLDS.value: Verdict.PASS,
    ClaimVerdict.FAILS.value: Verdict.FAIL,
    ClaimVerdict.HOLDS_ONLY_WHEN.value: Verdict.KNOWN_DIFFERENCE,
    "error": Verdict.ERROR,
}
_CONDITION_WORDS = {
    ClaimVerdict.FAILS: "would hold only when",
    ClaimVerdict.HOLDS_ONLY_WHEN: "holds only when",
}
AGREEMENT: Mapping[bool | None, str] = {True: "agrees", False: "disagrees", None: "measured"}


def all_expected(claims: Iterable[ClaimResult], systems: Iterable[SystemResult]) -> bool:
    """Whether every claim has its expected verdict and every system is as described."""
    return all(result.as_expected for result in claims) and not any(result.unexplained for result in systems)


def outcome_counts(claims: Iterable[ClaimResult]) -> str:
    """The number of claims with each outcome, in words."""
    counts = collections.Counter(result.outcome for result in claims)
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items())


def render(result: ClaimResult, console: Console, verbosity: Verbosity = Verbosity.NORMAL, *, evidence: bool = True) -> None:
    """Print one result: verdict, documents, statement, evidence and condition unless left out; plain lines when piped."""
    claim = result.claim
    head = Text.assemble(
        (result.outcome.upper(), STYLE[VERDICTS[result.outcome]]),
        f"  {claim.id}  [{', '.join(claim.documents)}]  {result.seconds:.1f} s",
    )
    if not result.as_expected:
        head.append(f"  expected: {claim.expected.value}", "bold red")
    _line(console, head)
    _line(console, Text(f"  statement: {_on_one_line(claim.statement)}"))
    if verbosity is Verbosity.VERBOSE:
        _line(console, Text(f"  source: {claim.source}"))
    if result.finding is None:
        _line(console, Text(f"  {result.error}", "red"))
    elif evidence or verbosity is Verbosity.VERBOSE:
        for line in finding_lines(result.finding):
            _line(console, line)


def coverage_lines(docstrings: Sequence[DocstringCoverage]) -> Iterator[str]:
    """How many sentences of the docstrings are settled, and those that are not."""
    if docstrings:
        claimed, silent = sum(each.claimed for each in docstrings), sum(each.silent for each in docstrings)
        new, gone = sum(len(each.new) for each in docstrings), sum(len(each.gone) for each in docstrings)
        yield (
            f"docstrings of {', '.join(each.document for each in docstrings)}: {claimed:,} sentences settled, {silent:,} say "
            f"nothing that happens, {new:,} new or changed since Keras {KERAS} and not tested, {gone:,} no longer there"
        )
    for each in docstrings:
        yield from (f"  not tested: {each.document}: {_on_one_line(sentence)}" for sentence in each.new)
        yield from (f"  no longer there: {each.document}: {_on_one_line(sentence)}" for sentence in each.gone)


def coverage_as_json(docstring: DocstringCoverage) -> dict[str, Any]:
    """What is known of a docstring's sentences, as JSON holds it."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(docstring).items()}


def _on_one_line(sentence: str) -> str:
    """The sentence, or the first line of a block of code."""
    first, *others = sentence.splitlines()
    return f"{first} …" if others else first


def render_systems(
    systems: Iterable[System], outcomes: Mapping[str, str], results: Iterable[SystemResult], console: Console
) -> None:
    """Print the outcomes of the claims of each system, or a line for each of its environments."""
    by_spec = {result.environment: result for result in results}
    if note := recorded_note([*by_spec.values()]):
        _line(console, Text(note, "bold yellow"))
    for system in systems:
        _render_system(system, outcomes, [by_spec[spec] for spec in system.environments if not system.claims], console)


def recorded_note(results: Sequence[SystemResult]) -> str:
    """A note that systems were recorded and not run; "" where all were run."""
    dates = [result.recording_date for result in results if result.recorded]
    if not dates:
        return ""
    systems = f"{len(dates):,} system{'s' * (len(dates) > 1)}"
    return f"{systems}: recorded, not run: answers of {' and '.join(sorted({*dates}))}; --live runs them"


def _render_system(system: System, outcomes: Mapping[str, str], results: Sequence[SystemResult], console: Console) -> None:
    _line(console, Text.assemble((system.name, "bold"), f"  [{', '.join(system.documents)}]"))
    for claim in system.claims:
        style = STYLE[VERDICTS[outcomes[claim]]]
        _line(console, Text.assemble("  ", (outcomes[claim], style), f"  {claim}, on {', '.join(system.environments)}"))
    for result in results:
        _render_result(result, console)


def _render_result(result: SystemResult, console: Console) -> None:
    style = "red" if result.unexplained else "green"
    _line(
        console,
        Text.assemble(
            "  ",
            (f"{result.as_described} of {result.supported} as described", style),
            f"  {result.environment}: Keras 3{' with ' * bool(result.described)}{result.described.replace('+', ', ')}; "
            f"{result.count(Verdict.KNOWN_DIFFERENCE)} show a difference, {result.count(Verdict.UNSUPPORTED)} more it has not; "
            f"{f'recorded {result.recording_date}' if result.recorded else 'run now'}",
        ),
    )
    for case in result.unexplained:
        _line(console, Text(f"    {case.verdict} {case.case_id}: {_reason(case)}", "red"))


def blocks_of(
    claims: Sequence[ClaimResult], systems: Sequence[SystemResult], docstrings: Sequence[DocstringCoverage]
) -> Iterator[Block]:
    """A row per claim, its collapsed evidence, and the number of cases of each system that are not as described."""
    yield Heading(f"Claims: {'✅ as expected' if all_expected(claims, systems) else '❌ not as expected'}")
    if note := recorded_note(systems):
        yield Lines([f"⚠️ {note}"])
    yield Lines([outcome_counts(claims), *coverage_lines(docstrings)])
    rows = [
        (each.claim.id, _on_one_line(each.claim.statement), f"{'' if each.as_expected else '❌ '}{each.outcome}") for each in claims
    ]
    yield Rows(("claim", "statement", "outcome"), rows)
    yield from (Collapsible(f"{each.outcome}: {each.claim.id}", [Lines(_evidence(each))]) for each in claims)
    if systems:
        yield Heading("Systems", level=3)
        cases = [(each.environment, each.described, f"{len(each.results):,}", f"{len(each.unexplained):,}") for each in systems]
        yield Rows(("environment", "is Keras 3 with", "cases", "not as described"), cases)


def _evidence(result: ClaimResult) -> list[str]:
    return [result.error] if result.finding is None else [line.plain for line in finding_lines(result.finding)]


def as_json(result: ClaimResult) -> dict[str, Any]:
    """The result of a claim as JSON holds it."""
    claim, finding = result.claim, result.finding
    return {
        "id": claim.id,
        "documents": list(claim.documents),
        "statement": claim.statement,
        "source": claim.source,
        "expected": claim.expected.value,
        "outcome": result.outcome,
        "as_expected": result.as_expected,
        "condition": finding.condition if finding else "",
        "evidence": [asdict(item) for item in finding.evidence] if finding else [],
        "error": result.error,
        "seconds": round(result.seconds, 3),
    }


def system_as_json(result: SystemResult) -> dict[str, Any]:
    """The result of a system as JSON holds it."""
    return {
        "environment": result.environment,
        "described": result.described,
        "recorded": result.recorded,
        "asked": result.supported,
        "as_described": result.as_described,
        "known_differences": result.count(Verdict.KNOWN_DIFFERENCE),
        "unsupported": result.count(Verdict.UNSUPPORTED),
        "unexplained": [
            {"case_id": case.case_id, "verdict": case.verdict.value, "message": _reason(case)} for case in result.unexplained
        ],
    }


def _reason(result: Result) -> str:
    return result.reason or next((check.message for check in result.checks if check.message), "")


def finding_lines(finding: Finding) -> Iterator[Text]:
    """The evidence under the condition and outside it, and the condition."""
    for side in Side:
        items = [item for item in finding.evidence if item.side is side]
        if items and side is not Side.ALWAYS:
            yield Text(f"  {side.value}:")
        yield from map(_evidence_line, items)
    if finding.condition:
        yield Text(f"  {_CONDITION_WORDS[finding.verdict]}: {finding.condition}", "cyan")


def _evidence_line(item: Evidence) -> Text:
    repeated = item.relation == "=" and item.agrees
    stated = f"  (stated: {item.relation} {format_value(item.stated)})" if item.relation and not repeated else ""
    return Text.assemble(
        f"    {item.label}: ",
        (format_value(item.measured), "bold"),
        stated,
        (f"  {AGREEMENT[item.agrees]}", {True: "green", False: "red", None: "dim"}[item.agrees]),
    )


def format_value(value: Value) -> str:
    """A value on one line; floats with at most four significant digits."""
    if isinstance(value, float):
        return f"{value:.4g}" if 1e-3 <= abs(value) < 1e6 or value == 0 else f"{value:.2e}"
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return ", ".join(f"{key} {format_value(item)}" for key, item in value.items())
    if isinstance(value, tuple | list):
        return f"({', '.join(format_value(item) for item in value)})"
    return json.dumps(value)


def _line(console: Console, text: Text) -> None:
    """Print one line without wrapping: wrapped lines cannot be searched."""
    console.print(text, soft_wrap=True)
