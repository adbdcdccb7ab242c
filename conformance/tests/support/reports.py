"""Reports of runs that never were: green, red, and with every verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from conformance.judging.pooled import PooledTest
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.report.model import Plan, Report
from conformance.report.speed import Work

IDS = ("u1-d1-t6-b3-s0", "u1-d1-t6-b3-seq-s0", "u2-d1-t6-b3-s0", "u10-d5-t13-b3-s0")
PASSED = CheckResult(check="outputs", verdict=Verdict.PASS, worst=1.5, rms=0.5, size=30)
FAILED = CheckResult(
    check="outputs", verdict=Verdict.FAIL, message="outputs[0, 1] is 1, expected 2", worst=310.0, rms=20.5, size=30
)
COUNTED = CheckResult(check="parameter_count", verdict=Verdict.PASS)


def result(number: int, verdict: Verdict = Verdict.PASS, **given: Any) -> Result:
    """The result of the numbered case; PASS and FAIL with checks."""
    case_id = IDS[number]
    checks = {Verdict.PASS: (PASSED, COUNTED), Verdict.FAIL: (FAILED, COUNTED)}.get(verdict, ())
    return Result(**{"case_id": case_id, "group": case_id.rsplit("-t")[0], "verdict": verdict, "checks": checks, **given})


def report(*results: Result, stopped: str = "", planned: int = len(IDS)) -> Report:
    """A run that planned the first cases and has these results."""
    plan = Plan(
        matrix="the documents' matrix",
        selection=("u*",),
        seed=0,
        cases=planned,
        cells=planned,
        case_ids=IDS[:planned],
        checks=("outputs", "parameter_count"),
        element_limit=8.0,
        rms_limit=2.0,
    )
    environment = {"implementation": "a layer", "keras": "3.0", "backend": "numpy"}
    return Report(environment=environment, plan=plan, results=results, seconds=12.3456, stopped=stopped)


GREEN = report(*map(result, range(4)))
RED = report(
    result(0),
    result(1, Verdict.FAIL, explained_by=("hard_sigmoid", "two_biases"), seconds=0.25),
    result(2, Verdict.ERROR, reason="ValueError: [bad] shape"),
)
UNRESOLVED = report(
    result(0),
    result(1, Verdict.UNRESOLVED, reason="the disk cannot be written: OSError: [Errno 28] No space left"),
    *map(result, (2, 3)),
)
UNEXPLAINED = report(
    result(0),
    result(1, Verdict.FAIL, not_explained="no diagnosis: the suite itself failed: ValueError: [bad] shape (diagnosis.py:9)"),
    *map(result, (2, 3)),
)
EVERY = report(
    result(0, Verdict.UNSUPPORTED, reason="no such size"),
    result(1, Verdict.KNOWN_DIFFERENCE, reason="since 2.3"),
    result(2, Verdict.FIXED),
    result(3),
)
BIASED = PooledTest(
    of="cell",
    aliases=("recurrent_activation",),
    what="bias",
    precision="float32",
    families=36,
    estimate=1.5,
    standard_error=0.1,
    allowed=0.5,
    p=3e-9,
    verdict=Verdict.FAIL,
)
QUIET = replace(
    BIASED, of="outputs", aliases=(), what="mean square", precision="float16", estimate=0.1, p=1.0, verdict=Verdict.PASS
)
WORK = Work(cases=30, workers=2, implementation=12.0, suite=3.0, loading=5.0)
