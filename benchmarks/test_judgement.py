"""What the suite itself costs beside the implementation: drawing, the oracle with its σ, and the checks."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.workloads import Workload
from conformance import stimulus
from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.checks import Evidence, judge
from conformance.reference_run import answer, reference_run
from conformance.stimulus import draw

SURFACE = {
    "u3-d2-t5-b4-seq-mask_left-s0": "masked, the surface's size",
    "u3-d2-t5-b4-seq-via_gradient-s0": "gradients, the surface's size",
    "u10-d5-t13-b3-seq-mask_left-s0": "masked, the documents' 10 units",
    "u10-d5-t13-b3-seq-via_gradient-s0": "gradients, the documents' 10 units",
}


def test_drawing_a_stimulus(in_group: Any, workload: Workload) -> None:
    """Weights and inputs of one case, which are kept otherwise."""

    def draw_anew() -> None:
        stimulus._draw.cache_clear()
        stimulus._draw_weights.cache_clear()
        draw([workload.case])

    in_group(draw_anew)


def test_oracle_and_sigma(in_group: Any, workload: Workload) -> None:
    """The reference run and the rounding σ of each of its elements."""
    in_group(reference_run.__wrapped__, workload.stimulus)


@pytest.mark.parametrize("case_id", SURFACE, ids=SURFACE.values())
def test_answer_of_a_surface_case(benchmark: Any, case_id: str) -> None:
    """The reference run and its replicas, where a case has a run of its own."""
    case = Case.from_id(case_id)
    benchmark.group = "the answer of a case of the surface, with its σ"
    benchmark(answer.__wrapped__, case, draw([case]))


def test_checks(in_group: Any, workload: Workload) -> None:
    """All checks on one observation."""
    observed = ReferenceAdapter().observe(workload.case, workload.stimulus)
    in_group(judge, Evidence(case=workload.case, stimulus=workload.stimulus, observed=observed))
