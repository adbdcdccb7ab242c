"""A system that is described as Keras 3 plus deviations is held to that both ways."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conformance.cases.case import Case
from conformance.diagnosis.diagnosis import can_show
from conformance.diagnosis.diagnosticians import make_diagnose
from conformance.environments import DESCRIBED_BY
from conformance.judging.verdict import Result, Verdict
from conformance.known.description import classify_by_description
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run

SLOPE = "hard_sigmoid_slope"
CELL = "all_gates_icfo+forget_bias_doubled+states_exchanged"
HARD, PLAIN = (Case.from_id(f"u3-d2-t5-b4-seq-{word}s0") for word in ("ract_hard_sigmoid-", ""))


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A system, its description, a case, and what must come of it."""

    system: str | None
    described: str
    case: Case
    verdict: Verdict
    reason: str = ""


TRIALS = [
    Trial(system=SLOPE, described=SLOPE, case=HARD, verdict=Verdict.KNOWN_DIFFERENCE, reason="as described: hard_sigmoid is"),
    Trial(system=SLOPE, described=SLOPE, case=PLAIN, verdict=Verdict.PASS),
    Trial(system=None, described=SLOPE, case=HARD, verdict=Verdict.FAIL, reason="must show here and does not"),
    Trial(system="bias_dropped", described=SLOPE, case=PLAIN, verdict=Verdict.FAIL),
    Trial(system=CELL, described=CELL, case=PLAIN, verdict=Verdict.KNOWN_DIFFERENCE, reason="as described: the gates of"),
    Trial(system="all_gates_icfo", described=CELL, case=PLAIN, verdict=Verdict.FAIL),
    Trial(system="mask_ignored", described="", case=PLAIN.replace(mask="left"), verdict=Verdict.FAIL),
]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: f"{trial.system} as {trial.described}")
def test_what_differs_must_be_what_is_described_and_the_other_way_round(trial: Trial) -> None:
    """One deviation or several, on a case in which they show or do not."""
    environment = {DESCRIBED_BY: trial.described} if trial.described else {}
    (result,) = run([trial.case], ReferenceAdapter(trial.system), make_diagnose(environment))
    judged = classify_by_description(result, environment)
    assert judged.verdict is trial.verdict
    assert trial.reason in judged.reason


@pytest.mark.parametrize(("described", "case", "shows"), [(SLOPE, HARD, True), (SLOPE, PLAIN, False), (CELL, PLAIN, True)])
def test_a_description_explains_nothing_where_it_cannot_show(described: str, case: Case, shows: bool) -> None:
    """What is near the reference by an array's largest σ, if not by each number's own, is near it with such a description too."""
    assert can_show(described, case) is shows


def test_a_probe_shows_no_deviation() -> None:
    """It is no case."""
    probe = Result(case_id="probe-orthogonal-s0", group="probes", verdict=Verdict.PASS)
    assert classify_by_description(probe, {DESCRIBED_BY: SLOPE}) is probe
