"""JUnit XML of a report: as the usual schema has it, as a reader of it reads it, and XML whatever an implementation says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from conformance.judging.verdict import Verdict
from conformance.report.files import write_junit
from conformance.report.model import Report
from conformance.tests.support.reports import (
    BIASED,
    COUNTED,
    EVERY,
    FAILED,
    GREEN,
    IDS,
    QUIET,
    RED,
    UNEXPLAINED,
    UNRESOLVED,
    report,
    result,
)

SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd"))
BARE = report()
HOSTILE = "ValueError: \x1b[1mbad <shape>\x1b[0m & \x00 \ud800 ]]> \"σ'\uffff"
ODD = report(
    result(0, Verdict.ERROR, reason=HOSTILE, group=HOSTILE),
    result(1, Verdict.FAIL, checks=(replace(FAILED, message=HOSTILE, worst=float("inf"), rms=float("nan")), COUNTED), path=HOSTILE),
)
ODD = replace(ODD, environment={"implementation": HOSTILE, HOSTILE: "1"}, stopped=HOSTILE)


def written(run: Report, folder: Path) -> JUnitXml:
    """The report as a reader of JUnit XML gets it."""
    write_junit(run, folder / "report.xml")
    return JUnitXml.fromfile(str(folder / "report.xml"))


def cases(run: JUnitXml) -> list[TestCase]:
    """All of them, suite by suite."""
    return [case for suite in run for case in suite]


@pytest.mark.parametrize(
    "run",
    [GREEN, RED, EVERY, BARE, report(planned=0), replace(GREEN, pooled=(BIASED, QUIET)), ODD],
    ids=["green", "red", "every verdict", "nothing ran", "nothing planned", "pooled", "hostile"],
)
def test_junit_is_as_its_schema_has_it(run: Report, tmp_path: Path) -> None:
    """Elements in their order, counts and times there."""
    write_junit(run, tmp_path / "report.xml")
    assert list(SCHEMA.iter_errors(tmp_path / "report.xml")) == []


@pytest.mark.parametrize(
    ("run", "counts"),
    [
        (GREEN, (4, 0, 0, 0)),
        (RED, (4, 1, 2, 0)),
        (EVERY, (4, 1, 0, 2)),
        (BARE, (4, 0, 4, 0)),
        (report(planned=0), (0, 0, 0, 0)),
        (replace(GREEN, pooled=(BIASED, QUIET)), (6, 1, 0, 0)),
    ],
    ids=["green", "red", "every verdict", "nothing ran", "nothing planned", "pooled"],
)
def test_junit_counts_every_planned_case(run: Report, counts: tuple[int, ...], tmp_path: Path) -> None:
    """A case that did not run is an error, FIXED a failure, what is expected to differ skipped; as said and as counted anew."""
    read = written(run, tmp_path)
    assert (read.tests, read.failures, read.errors, sum(suite.skipped for suite in read)) == counts
    read.update_statistics()
    assert (read.tests, read.failures, read.errors, read.skipped) == counts


def test_junit_has_a_suite_for_each_family(tmp_path: Path) -> None:
    """And one for what did not run, whose family nobody has said."""
    read = written(RED, tmp_path)
    assert [(suite.name, [case.name for case in suite]) for suite in read] == [
        ("u1-d1", list(IDS[:2])),
        ("u2-d1", [IDS[2]]),
        ("did not run", [IDS[3]]),
    ]


def test_junit_says_what_was_tested_and_how(tmp_path: Path) -> None:
    """In the properties of each suite, with the known differences and mistakes that its cases show."""
    known = result(0, Verdict.KNOWN_DIFFERENCE, reason="since 2.3", known="masks-ignored")
    explained = result(1, Verdict.FAIL, explained_by=("hard_sigmoid", "two_biases"))
    first, second = written(report(known, explained, result(2), planned=3), tmp_path)
    run = {
        "matrix": "the documents' matrix",
        "seed": "0",
        "selection": "u*",
        "element_limit_sigma": "8",
        "rms_limit_sigma": "2",
    }
    properties = {"known_differences": "masks-ignored", "explained_by": "hard_sigmoid two_biases", "not_told_apart": ""}
    assert {each.name: each.value for each in first.properties()} == {**BARE.environment, **run, **properties}
    assert {each.name: each.value for each in second.properties()} == {**BARE.environment, **run, **dict.fromkeys(properties, "")}


def test_junit_says_what_is_known_of_a_case(tmp_path: Path) -> None:
    """Margins of each check that compares numbers, and what explains it, as services read properties of cases."""
    failed = result(1, Verdict.FAIL, explained_by=("hard_sigmoid",), minimal="u1-d1-t1-b1-s0", path="eager;\nloop")
    known = result(2, Verdict.KNOWN_DIFFERENCE, known="masks-ignored")
    assert [case.system_out for case in cases(written(report(result(0), failed, known, planned=3), tmp_path))] == [
        "[[PROPERTY|outputs.worst_sigma=1.5]]\n[[PROPERTY|outputs.rms_sigma=0.5]]",
        (
            "[[PROPERTY|outputs.worst_sigma=310]]\n[[PROPERTY|outputs.rms_sigma=20.5]]\n[[PROPERTY|explained_by=hard_sigmoid]]\n"
            "[[PROPERTY|smallest_case=u1-d1-t1-b1-s0]]\n[[PROPERTY|path=eager; loop]]"
        ),
        "[[PROPERTY|known_difference=masks-ignored]]",
    ]


def test_junit_says_what_failed_and_why(tmp_path: Path) -> None:
    """Message, explanation, reason, time."""
    passed, failed, broken, missing = cases(written(RED, tmp_path))
    (failure,), (error,), (absent,) = failed.result, broken.result, missing.result
    assert passed.result == []
    assert (type(failure), failure.type, failure.message) == (Failure, "FAIL", "outputs: outputs[0, 1] is 1, expected 2")
    assert failure.text == "outputs: outputs[0, 1] is 1, expected 2\nexplained by: hard_sigmoid, two_biases"
    assert (failed.time, failed.classname) == (0.25, "lstm_conformance.u1-d1")
    assert (type(error), error.message) == (Error, "ValueError: [bad] shape")
    assert (type(absent), absent.message) == (Error, "the run ended before this case")


@pytest.mark.parametrize(
    ("run", "kind", "message"),
    [
        (result(0, Verdict.UNSUPPORTED, reason="no such size"), Skipped, "UNSUPPORTED: no such size"),
        (result(0, Verdict.KNOWN_DIFFERENCE, reason="since 2.3"), Skipped, "KNOWN_DIFFERENCE: since 2.3"),
        (result(0, Verdict.FIXED, reason="no longer"), Failure, "no longer"),
        (result(0, Verdict.ERROR), Error, "no check judged this case"),
        (result(0, Verdict.UNRESOLVED, reason="the disk is full"), Error, "the disk is full"),
        (result(0, Verdict.ERROR, reason=HOSTILE), Error, "ValueError: bad <shape> &   ]]> \"σ'"),
    ],
    ids=["unsupported", "known", "fixed", "not judged", "unresolved", "hostile"],
)
def test_junit_gives_each_verdict_its_reason(run: Any, kind: type, message: str, tmp_path: Path) -> None:
    """Characters that XML does not have, as the colours that Keras puts into its messages, are left out."""
    ((outcome,),) = (case.result for case in cases(written(report(run, planned=1), tmp_path)))
    assert (type(outcome), outcome.message, outcome.text) == (kind, message, message)


def test_junit_says_what_could_not_be_explained(tmp_path: Path) -> None:
    """In the failure's text, and as a property; an UNRESOLVED case is an error of that type."""
    (failure,) = cases(written(UNEXPLAINED, tmp_path))[1].result
    why = "no diagnosis: the suite itself failed: ValueError: [bad] shape (diagnosis.py:9)"
    assert failure.text == f"outputs: outputs[0, 1] is 1, expected 2\ncould not be explained: {why}"
    assert f"[[PROPERTY|not_explained={why}]]" in (tmp_path / "report.xml").read_text(encoding="utf-8")
    (error,) = cases(written(UNRESOLVED, tmp_path))[1].result
    assert (type(error), error.type) == (Error, "UNRESOLVED")


def test_junit_tells_of_all_cases_together(tmp_path: Path) -> None:
    """In a suite of their own."""
    *_, pooled = written(replace(GREEN, pooled=(BIASED, QUIET)), tmp_path)
    assert [case.name for case in pooled] == [
        "bias of cell or recurrent_activation in float32",
        "mean square of outputs in float16",
    ]
    assert {each.name: each.value for each in pooled.properties()}["not_told_apart"] == "recurrent_activation cell in float32"
    assert [[failure.message for failure in case.result] for case in pooled] == [["1.5 ± 0.1, allowed 0.5 (p = 3e-09)"], []]
