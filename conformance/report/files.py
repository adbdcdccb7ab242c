"""Reports as files: JSON and JUnit XML, written whole or not at all.

What cannot be written raises UnwrittenError.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from conformance.pooled import PooledTest
from conformance.refusals import could_not_be
from conformance.report.model import Report, as_json
from conformance.verdict import Result, Verdict
from lstm_ref import LSTMError

# What an exception may say and XML may not hold: terminal colours and other control characters, halves of surrogate pairs.
_NOT_XML = re.compile("\x1b\\[[0-9;]*m|[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class UnwrittenError(LSTMError):
    """A file that was asked for could not be written; the message says which, why, and what to do."""


def write_json(report: Report, path: Path) -> None:
    """The whole report, result by result: thousands of them are never held as text."""

    def write(file: str) -> None:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as written:
            json.dump(report.as_dict(), written, indent=1, allow_nan=False, ensure_ascii=False, default=as_json)
            written.write("\n")

    _write_atomically(path, write)


def write_junit(report: Report, path: Path) -> None:
    """One test case per case, one suite per run, as CI services read it; a case that did not run is an error."""
    suite = TestSuite("lstm-conformance")
    properties = Properties()
    for name, value in report.environment.items():
        properties.add_property(Property(name, value))
    suite.append(properties)
    results = {result.case_id: result for result in report.results}
    for case_id in report.plan.case_ids:
        suite.add_testcase(_junit_case(case_id, results.get(case_id)))
    for test in report.pooled:
        suite.add_testcase(_junit_pooled(test))
    document = JUnitXml("lstm-conformance")
    document.add_testsuite(suite)
    _write_atomically(path, lambda file: document.write(file, pretty=True))


def write_text(text: str, path: Path) -> None:
    """Any text, in UTF-8; half a surrogate pair, which is none, becomes its escape, which in JSON stands for it."""
    _write_atomically(path, lambda file: Path(file).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n"))


def _junit_case(case_id: str, result: Result | None) -> TestCase:
    if result is None:
        case = TestCase(case_id, classname="lstm_conformance")
        case.result = [_said(Error, ["the run ended before this case"])]
        return case
    case = TestCase(case_id, classname=f"lstm_conformance.{result.group}", time=result.seconds)
    margins = [f"{check.check}: worst {check.worst:.3g} σ, rms {check.rms:.3g} σ" for check in result.checks if check.size]
    if margins:
        case.system_out = "\n".join(margins)
    lines = [f"{check.check}: {check.message}" for check in result.checks if check.verdict is not Verdict.PASS]
    if result.explained_by:
        lines.append(f"explained by: {', '.join(result.explained_by)}")
    if result.verdict in (Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE):
        case.result = [_said(Skipped, [f"{result.verdict}: {result.reason}"])]
    elif result.verdict is Verdict.ERROR:
        case.result = [_said(Error, [result.reason or "no check judged this case"])]
    elif result.verdict is not Verdict.PASS:
        case.result = [_said(Failure, lines or [result.reason], result.verdict.value)]
    return case


def _junit_pooled(test: PooledTest) -> TestCase:
    case = TestCase(f"{test.what} of {test.of} in {test.precision}", classname="lstm_conformance.pooled")
    if not test.verdict.is_expected:
        found = f"{test.estimate:.3g} ± {test.standard_error:.2g}, allowed {test.allowed:g} (p = {test.p:.1g})"
        case.result = [_said(Failure, [found], test.verdict.value)]
    return case


def _said(kind: Callable[[str, str | None], Any], lines: Sequence[str], type_: str | None = None) -> Any:
    """The first line as its message, all of them as its text: an attribute keeps no line breaks."""
    text = _NOT_XML.sub("", "\n".join(lines))
    said = kind(text.partition("\n")[0], type_)
    said.text = text
    return said


def _write_atomically(path: Path, write: Callable[[str], object]) -> None:
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(str(unfinished))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise UnwrittenError(could_not_be("written", path, error)) from error
