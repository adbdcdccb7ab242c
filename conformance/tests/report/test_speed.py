"""How fast a run was and whose time it took, of times that are given: none is measured here."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance.judging.verdict import Result, Verdict
from conformance.report import files, text
from conformance.report.model import Plan, Report
from conformance.report.speed import Work
from conformance.tests.support.reports import WORK

PLAN = Plan(matrix="m", selection=(), seed=0, cases=0, cells=0, case_ids=(), checks=(), element_limit=8.0, rms_limit=2.0)
REPORT = Report(environment={"implementation": "a layer"}, plan=PLAN, results=(), seconds=12.0, work=WORK)


def result(seconds: float, suite_seconds: float) -> Result:
    """A case that took so long."""
    return Result(case_id="x", group="y", verdict=Verdict.PASS, seconds=seconds, suite_seconds=suite_seconds)


def lines_of(report: Report) -> list[str]:
    """The report's lines, as a person reads them."""
    console = Console(file=io.StringIO(), width=110)
    text.show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_work_adds_up_what_workers_answer() -> None:
    """Each worker's loading once, however often it answers."""
    work = Work(workers=2)
    work.add([result(1.0, 0.5), result(2.0, 0.25)], worker=11, loading=4.0)
    work.add([result(3.0, 0.25)], worker=11, loading=4.0)
    work.add([], worker=12, loading=1.0)
    assert work == Work(cases=3, workers=2, implementation=6.0, suite=1.0, loading=5.0)


def test_nothing_done_has_no_shares() -> None:
    """And divides by nothing."""
    nothing = Work(workers=1)
    assert (nothing.seconds, nothing.share(nothing.suite)) == (0.0, 0.0)


def test_shares_are_of_all_the_work() -> None:
    """Of what the workers did, not of the run's length, which all of them share."""
    assert [WORK.share(seconds) for seconds in (WORK.implementation, WORK.suite, WORK.loading)] == [0.6, 0.15, 0.25]


@pytest.mark.parametrize(("workers", "named"), [(1, "1 worker"), (2, "2 workers")])
def test_report_says_how_fast_it_was(workers: int, named: str) -> None:
    """In the line before the counts: cases a second, and shares by name."""
    lines = lines_of(replace(REPORT, work=replace(WORK, workers=workers)))
    shares = "60% of their work in a layer, 15% in the suite, 25% to load it"
    assert lines[-2] == f"2.5 cases a second on {named}; {shares}"


@pytest.mark.parametrize(
    "work",
    [None, Work(workers=2), replace(WORK, cases=text.MIN_CASES_FOR_RATE - 1)],
    ids=["not measured", "all from a journal", "few"],
)
def test_report_says_nothing_of_too_little(work: Work | None) -> None:
    """A rate of nothing, or of a few cases, would be misread."""
    assert not [line for line in lines_of(replace(REPORT, work=work)) if "a second" in line]


def test_json_has_rate_seconds_and_shares(tmp_path: Path) -> None:
    """In the summary, for a trend over runs."""
    files.write_json(REPORT, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["summary"]["speed"] == {
        "cases": 30,
        "workers": 2,
        "cases_per_second": 2.5,
        "implementation_seconds": 12.0,
        "suite_seconds": 3.0,
        "loading_seconds": 5.0,
        "implementation_share": 0.6,
        "suite_share": 0.15,
        "loading_share": 0.25,
    }
