"""Reduction: the fewest features and the smallest sizes that still differ, in a bounded number of tries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.diagnosis.reduce import MAX_TRIES, reduce_case
from conformance.judging.checks import Evidence, judge
from conformance.judging.verdict import Verdict
from conformance.reference.adapter import ReferenceAdapter
from lstm_ref import LSTMError

LARGE = Case.from_id("u5-d4-t9-b6-seq-back-bidi-merge_sum-mask_left-by_masking-init-p_mixed_float16-unroll-via_predict-s3")


def differs_under(deviation: str) -> Callable[[Case], bool]:
    """Whether the reference with a deviation is told from the reference."""
    adapter = ReferenceAdapter(deviation)

    def differs(case: Case) -> bool:
        stimulus = draw([case])
        evidence = Evidence(case=case, stimulus=stimulus, observed=adapter.observe(case, stimulus))
        return any(result.verdict is not Verdict.PASS for result in judge(evidence))

    return differs


@pytest.mark.parametrize(
    ("start", "differs", "smallest"),
    [
        (LARGE, lambda case: case.seed == LARGE.seed, "u1-d1-t1-b1-s3"),
        (LARGE, lambda case: case.mask != "none", "u1-d1-t1-b1-mask_left-s3"),
        (LARGE, lambda case: case.mask != "none" and case.mask_source == "masking", "u1-d1-t1-b1-mask_left-by_masking-s3"),
        (LARGE, lambda case: case.execution.unroll and case.timesteps > 2, "u1-d1-t3-b1-unroll-s3"),
        (LARGE, lambda case: case.config.units % 2 == 1 and case.config.units > 2 and case.batch == 6, "u3-d1-t1-b6-s3"),
        (LARGE, lambda case: case == LARGE, LARGE.id),
    ],
    ids=["anything", "a mask", "a Masking layer", "three timesteps", "sizes", "nothing smaller"],
)
def test_only_what_the_difference_needs_is_left(start: Case, differs: Callable[[Case], bool], smallest: str) -> None:
    """Every feature and size that the difference does not need is gone."""
    assert reduce_case(start, differs).id == smallest


def test_smaller_result_of_both_orders_is_taken() -> None:
    """Two features of the answer, or one of the execution, make this difference: which is left depends on what went first."""
    start = Case.from_id("u2-d2-t4-b2-seq-zeromask-mask_left-unroll-impl1-s0")

    def differs(case: Case) -> bool:
        semantic = case.mask != "none" and case.config.zero_output_for_mask
        return semantic or (case.execution.unroll and not case.config.return_sequences)

    assert reduce_case(start, differs).id == "u1-d1-t1-b1-unroll-s0"


def test_no_case_is_tried_twice_nor_too_many() -> None:
    """Tries are counted; the case to start from is known to differ."""
    seen: list[Case] = []

    def differs(case: Case) -> bool:
        seen.append(case)
        return case.architecture == "bidi" and case.timesteps % 3 == 0

    reduce_case(LARGE, differs)
    assert LARGE not in seen
    assert len(seen) == len(set(seen)) < MAX_TRIES / 4


def test_result_is_the_same_every_time() -> None:
    """Reduction is a pure function of the case and the judgement."""
    results = {reduce_case(LARGE, lambda case: case.input_dim > 1 or case.initial_state) for _ in range(3)}
    assert len(results) == 1


def test_what_cannot_be_asked_does_not_differ() -> None:
    """A refusal of the oracle or of a case's own rules, and what the matrix excludes, is passed over."""

    def differs(case: Case) -> bool:
        if case.config.go_backwards != LARGE.config.go_backwards:
            raise LSTMError("refused")
        return True

    reduced = reduce_case(LARGE, differs, is_valid=lambda case: case.execution.unroll)
    assert reduced.id == "u1-d1-t1-b1-back-unroll-s3"


@pytest.mark.parametrize(
    ("deviation", "smallest"),
    [
        ("output_tanh_missing", "u1-d1-t1-b1-s0"),
        ("units_reversed", "u2-d1-t1-b1-s0"),
        ("batch_rows_mixed", "u1-d1-t1-b2-s0"),
        ("outputs_reversed", "u1-d1-t2-b1-s0"),
        ("return_sequences_ignored", "u1-d1-t1-b1-seq-s0"),
        ("cell_not_reset", "u1-d1-t1-b1-stateful-s0"),
        ("state_not_carried", "u1-d1-t1-b1-stateful-s0"),
    ],
)
def test_a_deviation_is_reduced_to_the_case_that_it_is_about(deviation: str, smallest: str) -> None:
    """From a stateful case with a mask and initial states, called eagerly."""
    start = Case.from_id("u3-d2-t4-b3-seq-stateful-zeromask-mask_right-init-eager-s0")
    assert reduce_case(start, differs_under(deviation)).id == smallest
