"""The time of the suite itself: drawing, the oracle with its σ, and the checks."""

from typing import Any

import pytest

from conformance.cases import stimulus
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.checks import Evidence, judge
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls, reference_run

DOCUMENTS = {
    "u1-d1-t1-b32-seq-s0": "one step of one unit",
    "u32-d64-t50-b3-seq-s0": "150 characters as 3 by 50",
    "u128-d64-t150-b32-seq-s0": "the largest cell of the matrix",
}
SURFACE = {
    "u3-d2-t5-b4-seq-mask_left-s0": "masked, the surface's size",
    "u3-d2-t5-b4-seq-via_gradient-s0": "gradients, the surface's size",
    "u10-d5-t13-b3-seq-mask_left-s0": "masked, the documents' 10 units",
    "u10-d5-t13-b3-seq-via_gradient-s0": "gradients, the documents' 10 units",
}


@pytest.fixture(params=list(DOCUMENTS), ids=list(DOCUMENTS.values()))
def case(request: pytest.FixtureRequest, benchmark: Any) -> Case:
    """Cases of the documents' matrix, each with a group of its own."""
    benchmark.group = f"judgement of {DOCUMENTS[request.param]}"
    return Case.from_id(request.param)


def test_drawing_a_stimulus(benchmark: Any, case: Case) -> None:
    """Weights and inputs of one case, without their cache."""

    def draw_anew() -> None:
        stimulus._draw.cache_clear()
        stimulus._draw_weights.cache_clear()
        draw([case])

    benchmark(draw_anew)


def test_oracle_and_sigma(benchmark: Any, case: Case) -> None:
    """The reference run and the rounding σ of each of its elements."""
    benchmark(reference_run.__wrapped__, draw([case]))


@pytest.mark.parametrize("case_id", SURFACE, ids=list(SURFACE.values()))
def test_answer_of_a_surface_case(benchmark: Any, case_id: str) -> None:
    """The reference run and its replicas, for a case with its own run."""
    case = Case.from_id(case_id)
    benchmark.group = "the answer of a case of the surface, with its σ"
    benchmark(expected_calls.__wrapped__, case, draw([case]))


def test_checks(benchmark: Any, case: Case) -> None:
    """All checks on one observation."""
    drawn = draw([case])
    observed = ReferenceAdapter().observe(case, drawn)
    benchmark(judge, Evidence(case=case, stimulus=drawn, observed=observed))
