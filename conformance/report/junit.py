"""Writes a report as JUnit XML for CI services: a test suite for each family, a test case for each case.

In the schema that most services use (Jenkins' junit-10.xsd), only suites have properties. Properties of a case stand in its output
as `[[PROPERTY|name=value]]`, where services read them.
"""

import collections
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO
from xml.etree.ElementTree import Element, ElementTree, indent

from conformance.judging.pooled import PooledTest, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.report.model import Report

# Characters that XML does not allow: terminal colours and other control characters, lone surrogates.
_NOT_XML = re.compile("\x1b\\[[0-9;]*m|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What a test case stands for; a text is the id of a case that did not run.
_Member = Result | PooledTest | str

_ROOT = "lstm-conformance"
_CLASS = "lstm_conformance"
# Totals of all suites in the root element.
_TOTALS = ("tests", "failures", "errors")
_ERRORS = (Verdict.ERROR, Verdict.UNRESOLVED)
_SKIPPED = (Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE)


def write(report: Report, file: BinaryIO) -> None:
    """Write one test case per case of the plan and per pooled test. A case that did not run is an error."""
    results = {result.case_id: result for result in report.results}
    suites: dict[str, list[_Member]] = collections.defaultdict(list)
    for case_id in report.plan.case_ids:
        result = results.get(case_id)
        suites["did not run" if result is None else result.group].append(result or case_id)
    if report.pooled:
        suites["pooled"] = list(report.pooled)
    total = _counts(member for members in suites.values() for member in members)
    root = _element("testsuites", {"name": _ROOT, "time": f"{report.seconds:.3f}", **{name: total[name] for name in _TOTALS}})
    root.extend(_suite(name, members, _properties(report, members)) for name, members in suites.items())
    indent(root)
    ElementTree(root).write(file, "utf-8", xml_declaration=True)


def _suite(name: str, members: Sequence[_Member], properties: Iterable[tuple[str, str]]) -> Element:
    seconds = sum(member.seconds for member in members if isinstance(member, Result))
    suite = _element("testsuite", {"name": name, **_counts(members), "time": f"{seconds:.3f}"})
    listed = _element("properties", {})
    listed.extend(_element("property", {"name": key, "value": value}) for key, value in properties)
    suite.extend([listed, *map(_case_of, members)])
    return suite


def _counts(members: Iterable[_Member]) -> dict[str, str]:
    outcomes = collections.Counter(_outcome(member) for member in members)
    names = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    return {"tests": str(outcomes.total()), **{name: str(outcomes[outcome]) for name, outcome in names.items()}}


def _outcome(member: _Member) -> str:
    if isinstance(member, str) or member.verdict in _ERRORS:
        return "error"
    if member.verdict in _SKIPPED:
        return "skipped"
    return "" if member.verdict is Verdict.PASS else "failure"


def _properties(report: Report, members: Iterable[_Member]) -> Iterator[tuple[str, str]]:
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


def _case_of(member: _Member) -> Element:
    if isinstance(member, str):
        return _test_case(member, "did not run", "error", "NOT_RUN", ["the run ended before this case"])
    if isinstance(member, PooledTest):
        estimate = f"{member.estimate:.3g} ± {member.standard_error:.2g}, allowed {member.allowed:g} (p = {member.p:.1g})"
        return _test_case(f"{member.name} in {member.precision}", "pooled", _outcome(member), member.verdict, [estimate])
    case = _test_case(member.case_id, member.group, _outcome(member), member.verdict, _lines(member), seconds=member.seconds)
    if facts := "\n".join(f"[[PROPERTY|{name}={' '.join(value.split())}]]" for name, value in _facts(member)):
        case.append(_element("system-out", {}, facts))
    return case


def _test_case(name: str, suite: str, outcome: str, kind: str, lines: Sequence[str], *, seconds: float = 0.0) -> Element:
    """A test case, with the element of its outcome (skipped, failure or error) if it did not pass."""
    case = _element("testcase", {"name": name, "classname": f"{_CLASS}.{suite}", "time": f"{seconds:.3f}"})
    if outcome:
        text = "\n".join(lines)
        case.append(_element(outcome, {"message": text.partition("\n")[0], "type": kind}, text))
    return case


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


def _element(name: str, attributes: Mapping[str, str], text: str = "") -> Element:
    """An element without the characters that XML does not allow."""
    element = Element(name, {key: _NOT_XML.sub("", value) for key, value in attributes.items()})
    element.text = _NOT_XML.sub("", text) or None
    return element
