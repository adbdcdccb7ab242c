"""Power on the whole surface: each deviation is rejected where its features are asked for, and what a case is blind to is said.

The documents' matrix has no masks, directions, layers or dropout, so what goes wrong there shows in none of its cases. Those below
ask for each feature at least once, and most for two that meet. What they accept of a deviation that can show is listed by case.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from conformance.adapters.conventions import Conventions
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.judging.verdict import Verdict
from conformance.matrix import documents_matrix
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.kill_matrix import WIDTH, Kills, blind_cases, kill_matrix, render
from conformance.running.runner import run
from lstm_ref.deviations import DEVIATIONS

IDS = [
    "u3-d2-t6-b4-seq-mask_right-s0",
    "u3-d2-t6-b4-mask_left-init-s0",
    "u3-d2-t6-b4-mask_right-by_embedding-s0",
    "u3-d2-t6-b4-seq-zeromask-mask_interior-s0",
    "u3-d2-t6-b4-seq-mask_first-init-s0",
    "u3-d2-t6-b4-seq-mask_all-init-s0",
    "u3-d2-t6-b4-seq-mask_interior-with_masked_nan-s0",
    "u3-d2-t6-b4-seq-stateful-mask_right-s0",
    "u3-d2-t6-b4-stateful-init-s0",
    "u3-d2-t6-b4-seq-back-mask_left-s0",
    "u3-d2-t6-b4-back-init-s0",
    "u3-d2-t6-b4-seq-bidi-mask_right-s0",
    "u3-d2-t6-b4-bidi-merge_none-unequal-s0",
    "u3-d2-t6-b4-seq-bidi-merge_sum-init-s0",
    "u3-d2-t6-b4-bidi-merge_ave-mask_left-s0",
    "u3-d2-t6-b4-seq-bidi-merge_mul-s0",
    "u3-d2-t6-b4-seq-layers2-mask_right-init-s0",
    "u3-d2-t6-b4-seq-back-cells2-mask_left-s0",
    "u3-d2-t6-b4-td-s0",
    "u3-d2-t6-b4-seq-drop_input-s0",
    "u3-d2-t6-b4-seq-drop_both-s0",
    "u3-d2-t6-b4-drop_inference-s0",
    "u3-d2-t6-b4-stateful-drop_recurrent-s0",
    "u3-d2-t6-b4-seq-nobias-act_relu-ract_hard_sigmoid-s0",
    "u3-d2-t6-b4-seq-ract_sparsemax-s0",
    "u3-d2-t6-b4-seq-mask_right-p_bfloat16-s0",
    "u3-d2-t6-b4-seq-init-p_float64-s0",
    "u3-d2-t6-b4-seq-init-same_as_rows_permuted-s0",
    "u3-d2-t6-b4-via_evaluate-s0",
    "u3-d2-t6-b4-seq-nostate-mask_interior-via_fit-s0",
    "u3-d2-t6-b4-seq-nostate-bidi-mask_left-via_evaluate-s0",
    "u3-d2-t6-b4-seq-nostate-cells2-mask_right-via_evaluate-s0",
    "u3-d2-t6-b4-seq-via_gradient-s0",
    "u3-d2-t6-b4-seq-mask_interior-init-via_gradient-s0",
    "u3-d2-t6-b4-seq-zeromask-mask_right-via_gradient-s0",
    "u3-d2-t6-b4-back-layers2-mask_left-via_gradient-s0",
    "u3-d2-t6-b4-bidi-merge_ave-via_gradient-s0",
    "u3-d2-t6-b4-seq-bidi-merge_mul-mask_right-via_gradient-s0",
]
CASES = [Case.from_id(case_id) for case_id in IDS]

OF_THE_MATRIX = {case.fulfilled_needs for case in documents_matrix()}
# What no case of the documents' matrix offers enough for; what shows there is proven to show there, in test_power.
BEYOND_THE_MATRIX = [
    name for name, deviation in DEVIATIONS.items() if not any(deviation.needs <= offers for offers in OF_THE_MATRIX)
]
MAY_HIDE = [name for name, deviation in DEVIATIONS.items() if deviation.hides]


in_one_process = pytest.mark.xdist_group("surface matrix")  # made once, for both of its tests


@pytest.fixture(scope="module")
def matrix() -> list[Kills]:
    """The deviations that need more than the documents' matrix, and those that may hide, on the cases above."""
    return kill_matrix(CASES, [*BEYOND_THE_MATRIX, *MAY_HIDE])


def blindness(matrix: list[Kills]) -> str:
    """What each case accepts, though it offers what the deviation needs."""
    accepted = {case_id: [kills.deviation for kills in matrix if case_id in kills.survived] for case_id in IDS}
    return "\n".join(f"{case_id} accepts {', '.join(names)}" for case_id, names in accepted.items() if names) or "none is blind"


@in_one_process
def test_every_deviation_of_the_surface_is_rejected_by_a_check(
    matrix: list[Kills], record_property: Callable[[str, object], None]
) -> None:
    """Printed at the end of the run: in which cases each can show, which checks reject it there, and which cases are blind."""
    console = Console(width=WIDTH, file=io.StringIO(), record=True)
    console.print(render(matrix))
    record_property("shown", f"{console.export_text()}\n{blindness(matrix)}")
    assert [kills.deviation for kills in matrix if not kills.by_check] == []


@in_one_process
def test_no_case_is_blind_without_a_reason(matrix: list[Kills]) -> None:
    """What a deviation needs is said exactly: where it is offered the deviation shows, but for those that say why they may hide."""
    assert blind_cases(matrix) == {}


def test_reference_itself_survives() -> None:
    """A matrix that rejected the reference too would prove nothing."""
    assert {result.verdict for result in run(CASES, ReferenceAdapter())} == {Verdict.PASS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_deviation_breaks_the_run(case: Case) -> None:
    """A deviation that can show gives a wrong answer, not an exception: a diagnosis tries them all."""
    stimulus = draw([case])
    applicable = [name for name, deviation in DEVIATIONS.items() if deviation.needs <= case.fulfilled_needs]
    observed = [ReferenceAdapter(name).observe(case, stimulus) for name in applicable]
    assert {len(one.calls) for one in observed} == {len(case.calls)}


class SaysOtherwise(ReferenceAdapter):
    """Answers by the usual conventions, whichever it says it has."""

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """As the reference of no backend."""
        return ReferenceAdapter(self.deviation).observe(case, stimulus)


@pytest.mark.parametrize(("deviation", "expected"), [("initial_hidden_emitted", Verdict.PASS), (None, Verdict.FAIL)])
def test_a_convention_is_no_tolerance(deviation: str | None, expected: Verdict) -> None:
    """Where a backend's profile says that the initial hidden state is emitted, what emits it passes and what emits zeros fails."""
    adapter = SaysOtherwise(deviation, Conventions(first_masked_output="initial_state"))
    (result,) = run([Case.from_id("u3-d2-t6-b4-seq-mask_left-init-s0")], adapter)
    assert result.verdict is expected
