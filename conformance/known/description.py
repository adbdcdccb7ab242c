"""Checks systems that are described as Keras 3 plus named deviations.

The description is checked in both directions: every difference from Keras 3 must be a described one, and every described deviation
must show in each case that fulfils its needs.
"""

from collections.abc import Mapping
from dataclasses import replace

from conformance.cases.case import Case
from conformance.environments import DESCRIBED_BY
from conformance.judging.verdict import Result, Verdict
from lstm_ref.deviations import combine, summary_of


def classify_by_description(result: Result, environment: Mapping[str, str]) -> Result:
    """Return the result of a case on a described system.

    It is KNOWN_DIFFERENCE if the description explains the difference, and FAIL if a described difference does not show.
    """
    description = environment.get(DESCRIBED_BY, "")
    if not description:
        return result
    if result.verdict is Verdict.FAIL and result.explained_by == (description,):
        reason = f"as described: {summary_of(description)}"
        return replace(result, verdict=Verdict.KNOWN_DIFFERENCE, reason=reason, known=description)
    if result.verdict is Verdict.PASS and _must_differ(description, result.case_id):
        reason = f"this system is described by {description}, which must show here and does not: correct its description"
        return replace(result, verdict=Verdict.FAIL, reason=reason)
    return result


def _must_differ(description: str, case_id: str) -> bool:
    if case_id.startswith("probe-"):
        return False
    deviation = combine(description.split("+"))
    return not deviation.hides and deviation.needs <= Case.from_id(case_id).fulfilled_needs
