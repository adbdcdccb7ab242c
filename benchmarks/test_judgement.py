"""What the suite itself costs beside the implementation: drawing, the oracle with its σ, and the checks."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Workload
from conformance.adapters.reference import ReferenceAdapter
from conformance.checks import Evidence, judge
from conformance.reference_run import reference_run
from conformance.stimulus import draw


def test_drawing_a_stimulus(in_group: Any, workload: Workload) -> None:
    """Weights and inputs of one case."""
    in_group(draw, [workload.case])


def test_oracle_and_sigma(in_group: Any, workload: Workload) -> None:
    """The reference run and the rounding σ of each of its elements."""
    in_group(reference_run.__wrapped__, workload.stimulus)


def test_checks(in_group: Any, workload: Workload) -> None:
    """All checks on one observation."""
    observed = ReferenceAdapter().observe(workload.case, workload.stimulus)
    in_group(judge, Evidence(case=workload.case, stimulus=workload.stimulus, observed=observed))
