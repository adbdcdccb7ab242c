"""Systems that are described as Keras 3 plus named deviations: whether they behave as described.

The description is held to both ways: what departs from Keras 3 must be what it says, and what it says must show where it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conformance.cases.case import Case
from conformance.environments import DESCRIBED_BY
from conformance.judging.verdict import Result, Verdict
from lstm_ref.deviations import combine, summary_of


def classify_by_description(result: Result, environment: Mapping[str, str]) -> Result:
    """The result of a case on a described system: KNOWN_DIFFERENCE where the description explains it, FAIL where it should show."""
    described = environment.get(DESCRIBED_BY, "")
    if not described:
        return result
    if result.verdict is Verdict.FAIL and result.explained_by == (described,):
        reason = f"as described: {summary_of(described)}"
        return replace(result, verdict=Verdict.KNOWN_DIFFERENCE, reason=reason, known=described)
    if result.verdict is Verdict.PASS and _must_show(described, result.case_id):
        reason = f"this system is described by {described}, which must show here and does not: correct its description"
        return replace(result, verdict=Verdict.FAIL, reason=reason)
    return result


def _must_show(described: str, case_id: str) -> bool:
    if case_id.startswith("probe-"):
        return False
    deviation = combine(described.split("+"))
    return not deviation.hides and deviation.needs <= Case.from_id(case_id).fulfilled_needs
