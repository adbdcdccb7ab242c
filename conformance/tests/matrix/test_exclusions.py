"""Exclusions: combinations that are no case, each for a reason of its own."""

from __future__ import annotations

import itertools
import re

import pytest

from conformance.cases.case import Case
from conformance.known.known_differences import condition_values
from conformance.matrix import select, surface
from conformance.matrix.exclusions import EXCLUSIONS, Exclusion, exclusion_of
from lstm_ref import LSTMError

QUICK = surface("quick")

# A case for each exclusion, in their order, that this one alone forbids.
FORBIDDEN_BY_ONE = [
    "u3-d2-t5-b4-seq-merge_sum-s0",
    "u3-d2-t5-b4-seq-unequal-s0",
    "u3-d2-t5-b4-seq-bidi-merge_sum-unequal-s0",
    "u3-d2-t5-b4-seq-back-bidi-s0",
    "u3-d2-t5-b4-seq-zeromask-bidi-s0",
    "u3-d2-t5-b4-seq-td-s0",
    "u3-d2-t5-b4-seq-nostate-td-init-s0",
    "u3-d2-t5-b4-seq-nostate-stateful-td-staticbatch-s0",
    "u3-d2-t5-b4-seq-rnn-nocudnn-s0",
    "u3-d2-t5-b4-seq-cells2-rnn-s0",
    "u3-d2-t5-b4-seq-cells2-nocudnn-s0",
    "u3-d2-t5-b4-seq-bidi-as_lambda-s0",
    "u3-d2-t2-b4-seq-mask_right-s0",
    "u3-d2-t5-b1-seq-mask_row-s0",
    "u3-d2-t5-b4-seq-by_embedding-in_float32-s0",
    "u3-d2-t5-b4-seq-by_embedding-strided-s0",
    "u3-d2-t5-b4-seq-by_masking-with_nan-s0",
    "u3-d2-t5-b4-seq-with_masked_nan-s0",
    "u3-d2-t5-b4-seq-mask_all-with_nan-s0",
    "u3-d2-t5-b4-seq-in_int32-with_nan-s0",
    "u3-d2-t5-b0-seq-with_nan-s0",
    "u3-d2-t5-b4-seq-act_relu-weights_chaotic-s0",
    "u3-d2-t101-b4-weights_chaotic-s0",
    "u3-d2-t101-b4-seq-weights_chaotic-via_gradient-s0",
    "u3-d2-t5-b4-seq-unroll-s0",
    "u3-d2-t5-b4-seq-stateful-s0",
    "u3-d2-t5-b4-seq-stateful-init-eager-staticbatch-via_stateless_call-s0",
    "u3-d2-t5-b4-seq-stateful-init-staticbatch-s0",
    "u3-d2-t5-b4-seq-drop_input-eager-via_training-s0",
    "u3-d2-t5-b4-seq-drop_input-s0",
    "u3-d2-t5-b4-seq-nostate-td-drop_input-eager-s0",
    "u3-d2-t5-b4-seq-drop_inference-via_training-s0",
    "u3-d2-t5-b0-seq-drop_input-eager-s0",
    "u3-d2-t5-b4-seq-eager-jit-s0",
    "u3-d2-t5-b4-seq-jit-via_training-s0",
    "u3-d2-t5-b4-seq-eager-via_functional-s0",
    "u3-d2-t5-b4-seq-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-bidi-merge_none-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-p_float64-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-mask_all-via_evaluate-s0",
    "u3-d2-t5-b4-seq-nostate-with_nan-via_evaluate-s0",
    "u3-d2-t5-b4-seq-p_float16-via_gradient-s0",
    "u3-d2-t5-b4-seq-with_nan-via_gradient-s0",
    "u3-d2-t5-b0-seq-via_stateless_call-s0",
    "u3-d2-t5-b1-seq-via_predict_partial-s0",
    "u3-d2-t5-b4-seq-staticbatch-via_predict_partial-s0",
    "u3-d2-t5-b4-seq-stateful-staticbatch-via_predict_twice-s0",
    "u3-d2-t5-b4-seq-as_lambda-via_from_config-s0",
    "u3-d2-t5-b4-seq-stateful-in_float32-staticbatch-via_saved_model-s0",
    "u3-d2-t5-b4-seq-p_float64-in_float32-via_saved_model-s0",
    "u3-d2-t5-b4-seq-via_saved_model-s0",
]


@pytest.mark.parametrize(("exclusion", "case_id"), list(itertools.zip_longest(EXCLUSIONS, FORBIDDEN_BY_ONE)), ids=FORBIDDEN_BY_ONE)
def test_each_exclusion_forbids_what_no_other_does(exclusion: Exclusion, case_id: str) -> None:
    """None is idle: without it, its case would be one."""
    assert [one for one in EXCLUSIONS if one.excludes(condition_values(case_id))] == [exclusion]
    assert exclusion_of(Case.from_id(case_id)) is exclusion


@pytest.mark.parametrize("exclusion", EXCLUSIONS, ids=lambda exclusion: exclusion.reason)
def test_an_exclusion_says_nothing_of_what_it_is_not_told(exclusion: Exclusion) -> None:
    """Values that do not decide it exclude nothing."""
    assert not exclusion.excludes({})


@pytest.mark.parametrize("case_id", FORBIDDEN_BY_ONE)
def test_an_excluded_id_is_refused_with_its_reason(case_id: str) -> None:
    """The message names the features that decide it."""
    exclusion = exclusion_of(Case.from_id(case_id))
    assert exclusion is not None
    message = f"{case_id} is no case: {exclusion.reason} ({', '.join(exclusion.of)})"
    with pytest.raises(LSTMError, match=f"^{re.escape(message)}$"):
        select(QUICK, [case_id])


def test_an_allowed_id_is_selected_though_no_level_lists_it() -> None:
    """A whole id stands for its case."""
    assert [case.id for case in select(QUICK, ["u11-d7-t3-b2-mask_left-s4"])] == ["u11-d7-t3-b2-mask_left-s4"]
