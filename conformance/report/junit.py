"""Writes a report as JUnit XML for CI services: a test suite for each family, a test case for each case.

In the schema that most services use (Jenkins' junit-10.xsd), only suites have properties. Properties of a case stand in its output
as `[[PROPERTY|name=value]]`, where services read them.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from conformance.judging.pooled import PooledTest, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.report.model import Report

# Characters that XML does not allow: terminal colours and other control characters, lone surrogates.
_NOT_XML = re.compile("\x1b\\[[0-9;]*m|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ROOT = "lstm-conformance"
_CLASS = "lstm_conformance"
# Totals of all suites in the root element.
_TOTALS = ("tests", "failures", "errors")
_ERRORS = (Verdict.ERROR, Verdict.UNRESOLVED)
_SKIPPED = (Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE)


@dataclass(frozen=True, kw_only=True)
class _TestCase:
    """A test case.

    Attributes:
        name: of the test case.
        suite: that contains it.
        seconds: duration.
        outcome: name of the element of its outcome: skipped, failure or error; "" if it passed.
        kind: type of the outcome.
        lines: text of the outcome; the first line is its message.
        facts: properties, by name.
    """

    name: str
    suite: str
    seconds: float = 0.0
    outcome: str = ""
    kind: str = ""
    lines: Sequence[str] = ()
    facts: Sequence[tuple[str, str]] = ()


def write(report: Report, file: BinaryIO) -> None:
    """Write one test case per case of the plan and per pooled test. A case that did not run is an error."""
    results = {result.case_id: result for result in report.results}
    suites: dict[str, list[Result | PooledTest | str]] = collections.defaultdict(list)
    for case_id in report.plan.case_ids:
        result = results.get(case_id)
        suites["did not run" if result is None else result.group].append(result or case_id)
    if report.pooled:
        suites["pooled"] = list(report.pooled)
    xml = _Writer(file)
    xml.startDocument()
    total = _counts(member for members in suites.values() for member in members)
    with xml.element("testsuites", {"name": _ROOT, "time": f"{report.seconds:.3f}", **{name: total[name] for name in _TOTALS}}):
        for name, members in suites.items():
            _write_suite(xml, name, members, _properties(report, members))
    xml.ignorableWhitespace("\n")
    xml.endDocument()


def _write_suite(
    xml: _Writer, name: str, members: Sequence[Result | PooledTest | str], properties: Iterable[tuple[str, str]]
) -> None:
    seconds = sum(member.seconds for member in members if isinstance(member, Result))
    with xml.element("testsuite", {"name": name, **_counts(members), "time": f"{seconds:.3f}"}):
        with xml.element("properties", {}):
            for key, value in properties:
                xml.leaf("property", {"name": key, "value": value})
        for member in members:
            _write_case(xml, _case_of(member))


def _write_case(xml: _Writer, case: _TestCase) -> None:
    attributes = {"name": case.name, "classname": f"{_CLASS}.{case.suite}", "time": f"{case.seconds:.3f}"}
    with xml.element("testcase", attributes):
        if case.outcome:
            text = "\n".join(case.lines)
            xml.leaf(case.outcome, {"message": text.partition("\n")[0], "type": case.kind}, text)
        if case.facts:
            xml.leaf("system-out", {}, "\n".join(f"[[PROPERTY|{name}={' '.join(value.split())}]]" for name, value in case.facts))


def _counts(members: Iterable[Result | PooledTest | str]) -> dict[str, str]:
    outcomes = collections.Counter(_outcome(member) for member in members)
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(outcomes.total()), **{name: str(outcomes[outcome]) for name, outcome in names.items()}}


def _outcome(member: Result | PooledTest | str) -> str:
    if isinstance(member, str) or member.verdict in _ERRORS:
        return "error"
    if member.verdict in _SKIPPED:
        return "skipped"
    return "" if member.verdict is Verdict.PASS else "failure"


def _properties(report: Report, members: Iterable[Result | PooledTest | str]) -> Iterator[tuple[str, str]]:
    """The environment and the plan, and the known differences and deviations in the cases of a suite."""
    yield from report.environment.items()
    plan = report.plan
    yield from (("not_run", line) for line in report.caveats)
    yield from {"matrix": plan.matrix, "seed": str(plan.seed), "selection": " ".join(plan.selection)}.items()
    yield from {"element_limit_sigma": f"{plan.element_limit:g}", "rms_limit_sigma": f"{plan.rms_limit:g}"}.items()
    results = [member for member in members if isinstance(member, Result)]
    known = sorted({result.known for result in results if result.known})
    explained = sorted({name for result in results for name in result.explained_by})
    yield from {"known_differences": " ".join(known), "explained_by": " ".join(explained)}.items()
    together = indistinguishable_operations(member for member in members if isinstance(member, PooledTest))
    yield (
        "not_told_apart",
        "; ".join(f"{' '.join(operations)} in {' '.join(precisions)}" for operations, precisions in together.items()),
    )


def _case_of(member: Result | PooledTest | str) -> _TestCase:
    outcome = _outcome(member)
    if isinstance(member, str):
        return _TestCase(
            name=member, suite="did not run", outcome=outcome, kind="NOT_RUN", lines=["the run ended before this case"]
        )
    if isinstance(member, PooledTest):
        estimate = f"{member.estimate:.3g} ± {member.standard_error:.2g}, allowed {member.allowed:g} (p = {member.p:.1g})"
        name = f"{member.name} in {member.precision}"
        return _TestCase(name=name, suite="pooled", outcome=outcome, kind=member.verdict.value, lines=[estimate])
    return _TestCase(
        name=member.case_id,
        suite=member.group,
        seconds=member.seconds,
        outcome=outcome,
        kind=member.verdict.value,
        lines=_lines(member),
        facts=list(_facts(member)),
    )


def _lines(result: Result) -> list[str]:
    if result.verdict in _SKIPPED:
        return [f"{result.verdict}: {result.reason}"]
    if result.verdict in _ERRORS:
        return [result.reason or "no check judged this case"]
    lines = [f"{check.check}: {check.message}" for check in result.checks if check.verdict is not Verdict.PASS]
    explained = [f"explained by: {', '.join(result.explained_by)}"] if result.explained_by else []
    explained += [f"could not be explained: {result.not_explained}"] if result.not_explained else []
    return [*lines, *explained] or [result.reason]


def _facts(result: Result) -> Iterator[tuple[str, str]]:
    for check in result.checks:
        if check.size:
            yield from {f"{check.check}.worst_sigma": f"{check.worst:.3g}", f"{check.check}.rms_sigma": f"{check.rms:.3g}"}.items()
    facts = {
        "explained_by": " ".join(result.explained_by),
        "known_difference": result.known,
        "smallest_case": result.minimal,
        "path": result.path,
        "not_explained": result.not_explained,
    }
    yield from ((name, value) for name, value in facts.items() if value)


class _Writer(XMLGenerator):
    """Writes indented elements, without the characters that XML does not allow."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, "utf-8", short_empty_elements=True)
        self._depth = 0

    @contextmanager
    def element(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        """Write an element around the elements that are written inside the context."""
        self._begin(name, attributes)
        self._depth += 1
        yield
        self._depth -= 1
        self._new_line()
        self.endElement(name)

    def leaf(self, name: str, attributes: Mapping[str, str], text: str = "") -> None:
        """Write an element that contains text only."""
        self._begin(name, attributes)
        if text:
            self.characters(_xml(text))
        self.endElement(name)

    def _begin(self, name: str, attributes: Mapping[str, str]) -> None:
        self._new_line()
        self.startElement(name, AttributesImpl({key: _xml(value) for key, value in attributes.items()}))

    def _new_line(self) -> None:
        self.ignorableWhitespace("\n" + "  " * self._depth)


def _xml(text: str) -> str:
    return _NOT_XML.sub("", text)
