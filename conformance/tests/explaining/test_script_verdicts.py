"""A script says what the report says: on the right reference, and under each deviation that its case rejects."""

from __future__ import annotations

import random

import pytest

from conformance.cases.case import Case
from conformance.explaining.reproduce import not_asserted, reproduction
from conformance.matrix import surface
from conformance.tests.support.script_verdicts import DOUBLE_BACKEND, accepted_wrongly, deviations_of, outcome_on_double, written
from lstm_ref import LSTMError

# One of each kind of script.
KINDS = (
    "u3-d2-t5-b4-seq-s0",
    "u3-d2-t5-b4-seq-back-zeromask-mask_interior-init-s0",
    "u3-d2-t5-b4-seq-nostate-mask_left-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-bidi-mask_left-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-td-mask_left-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-bidi-via_fit-s0",
    "u3-d2-t5-b4-nostate-bidi-merge_mul-via_evaluate-s158",
    "u3-d2-t5-b4-seq-stateful-init-staticbatch-s0",
    "u3-d2-t5-b4-seq-stateful-cells2-mask_left-staticbatch-s0",
    "u3-d2-t5-b4-seq-stateful-layers2-staticbatch-s0",
    "u3-d2-t5-b4-seq-bidi-unequal-mask_right-init-s0",
    "u3-d2-t5-b4-seq-back-layers2-mask_left-s0",
    "u3-d2-t5-b4-seq-drop_both-eager-s0",
    "u3-d2-t5-b4-seq-mask_left-by_masking-strided-s0",
    "u3-d2-t5-b4-seq-mask_right-by_embedding-s0",
    "u3-d2-t5-b4-seq-act_exponential-s0",
    "u3-d2-t5-b4-seq-ract_soft_shrink-s0",
    "u3-d2-t5-b4-seq-p_bfloat16-s0",
    "u3-d2-t5-b4-seq-p_float64-in_int32-s0",
    "u3-d2-t5-b4-mask_row-with_nan-s0",
    "u3-d2-t5-b4-seq-mask_left-with_inf-eager-s0",
    "u3-d2-t5-b4-seq-via_keras_file-s0",
    "u3-d2-t5-b4-seq-in_float32-via_onnx-s0",
    "u3-d2-t5-b4-seq-mask_right-init-same_as_loop-s0",
    "u3-d2-t5-b4-seq-same_as_two_calls-s0",
    "u3-d2-t5-b4-seq-same_as_units_permuted-s0",
    "u3-d2-t5-b4-seq-via_weights_file-same_as_units_permuted-s0",
    "u3-d2-t5-b4-seq-via_stateless_call-same_as_units_permuted-s0",
    "u3-d2-t5-b4-seq-in_float32-via_openvino-same_as_units_permuted-s0",
    "u3-d2-t5-b4-seq-stateful-staticbatch-same_as_loop-s0",
    "u3-d4-t6-b5-seq-stateful-init-strided-eager-staticbatch-same_as_no_cudnn-s54",
    # Other numbers would show no error: relu would be dead, hard_tanh saturated.
    "u3-d2-t5-b4-nostate-act_relu-ract_tanh-layers2-mask_interior-in_float32-rnnlist-via_evaluate-s100",
    (
        "u1-d2-t1-b4-seq-nostate-back-zeromask-act_hard_tanh-ract_tanh-by_masking-init-in_int32-strided-eager-as_lambda-unroll-impl1-"
        "nocudnn-statictime-via_fit-s44"
    ),
)

STANDARD = [each for each in surface("standard") if isinstance(each, Case) and each.execution.route != "gradient"]
SAMPLE = [case.id for case in random.Random(16).sample(STANDARD, 30)]  # noqa: S311  # a sample of a test


def unwritten(case: Case) -> str:
    """Why no script can say it: σ where a run is chaotic, or the masks that several cells draw; "" where one can."""
    if case.weights == "chaotic":
        return "chaotic weights are not expressible"
    draws = case.in_training and case.dropout != "none" and (case.architecture != "lstm" or case.config.stateful)
    return f"dropout in training with {case.architecture}" * draws


UNWRITTEN = {
    case_id: reason
    for case_id in ("u3-d2-t5-b4-seq-layers2-drop_both-eager-s0", "u3-d2-t5-b4-seq-weights_chaotic-s0", *SAMPLE)
    if (reason := unwritten(Case.from_id(case_id)))
}


def script_of(case_id: str) -> str:
    """The script of a case that has one."""
    script, reason = written(Case.from_id(case_id), DOUBLE_BACKEND)
    assert script, reason
    return script


@pytest.mark.parametrize("case_id", UNWRITTEN)
def test_a_case_without_a_script_is_refused_with_the_reason(case_id: str) -> None:
    """So that nothing of the sample is left out in silence."""
    with pytest.raises(LSTMError, match=UNWRITTEN[case_id]):
        reproduction(Case.from_id(case_id), DOUBLE_BACKEND)


@pytest.mark.parametrize("case_id", [*KINDS, *(case_id for case_id in SAMPLE if case_id not in UNWRITTEN)])
def test_script_accepts_the_reference(case_id: str) -> None:
    """What is right passes, whatever Keras does today."""
    assert outcome_on_double(script_of(case_id)) == ""


@pytest.mark.parametrize("case_id", KINDS)
def test_script_rejects_what_its_case_rejects(case_id: str) -> None:
    """Every deviation that shows in the case, and one order of gates."""
    case = Case.from_id(case_id)
    accepted = accepted_wrongly(case, script_of(case_id), deviations_of(case, orders=1))
    assert [str(each) for each in accepted] == []


@pytest.mark.parametrize("case_id", ["u3-d2-t2-b1-drop_inference-with_nan-s0", "u3-d2-t5-b4-mask_all-drop_inference-s0"])
def test_script_says_that_masks_may_be_drawn_unseen(case_id: str) -> None:
    """Where all that is returned is NaN or masked, dropout in inference shows in the masks only, which a report judges."""
    case = Case.from_id(case_id)
    script = script_of(case.id)
    assert outcome_on_double(script, "dropout_at_inference") == ""
    assert not_asserted(case, script) == (
        f"the script of {case.id} does not compare dropout masks, which may be drawn unseen where no finite result depends on them"
    )


def test_a_script_that_asserts_nothing_is_found() -> None:
    """The comparison of scripts with reports can fail."""
    case = Case.from_id("u3-d2-t5-b4-seq-s0")
    vacuous = reproduction(case, DOUBLE_BACKEND).partition("for actual")[0]
    (found,) = accepted_wrongly(case, vacuous, ["all_gates_icfo"])
    assert (
        str(found) == f"{case.id} under all_gates_icfo: the report says FAIL (outputs, hidden_state, cell_state), the script passes"
    )


@pytest.mark.parametrize(
    ("case_id", "removed"),
    [
        ("u3-d2-t5-b4-seq-nostate-mask_left-via_evaluate-s0", "[mask] ** 2"),
        ("u3-d2-t5-b4-seq-stateful-staticbatch-s0", "        layer.reset_state()\n"),
    ],
)
def test_script_without_what_its_case_says_rejects_the_reference(case_id: str, removed: str) -> None:
    """A masked loss is the mean of the used timesteps; a stateful layer is reset."""
    script = script_of(case_id)
    assert removed in script
    assert outcome_on_double(script.replace(removed, " ** 2" if "**" in removed else "")).startswith("AssertionError")
