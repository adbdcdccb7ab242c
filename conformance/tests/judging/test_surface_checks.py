"""The checks on what the documents' matrix has not: losses, dropout, relations, empty batches, several parts, other dtypes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.checks import CHECKS, Evidence, judge
from conformance.judging.relations import observe_relation
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import TWO_RUNS
from lstm_ref import DropoutMasks
from lstm_ref.arrays import Array

Change = Callable[[Observation], Observation]


def judged(
    check: str, case_id: str, change: Change = lambda observed: observed, conventions: Conventions = DEFAULT_CONVENTIONS
) -> CheckResult:
    """How a check judges the reference's observation of a case, changed; a relation is asked of the reference as it is."""
    case = Case.from_id(case_id)
    stimulus, adapter = draw([case]), ReferenceAdapter()
    observed = change(adapter.observe(case, stimulus))
    related_calls = observe_relation(case, stimulus, adapter.observe) if case.relation else ()
    evidence = Evidence(case=case, stimulus=stimulus, observed=observed, conventions=conventions, related_calls=related_calls)
    (asked,) = (one for one in CHECKS if one.name == check and one.applies_to(case))
    return asked.judge(evidence)


def in_call(number: int, **change: Callable[[Any], Any]) -> Change:
    """Replaces what one call shows by what the functions make of it."""

    def changed(observed: Observation) -> Observation:
        calls = list(observed.calls)
        calls[number] = replace(
            calls[number], **{name: function(getattr(calls[number], name)) for name, function in change.items()}
        )
        return replace(observed, calls=tuple(calls))

    return changed


def of_checks(case_id: str) -> set[str]:
    """Names of the checks that apply to a case."""
    return {check.name for check in CHECKS if check.applies_to(Case.from_id(case_id))}


# --- which checks judge what ---------------------------------------------------------------------------------------------------

COUNTED = {"parameter_count", "weight_shapes"}
SHOWN = COUNTED | {"outputs", "shapes", "dtypes"}
STATES = {"hidden_state", "cell_state"}


@pytest.mark.parametrize(
    ("case_id", "checks"),
    [
        ("u3-d2-t6-b4-via_evaluate-s0", COUNTED | {"loss"}),
        ("u3-d2-t6-b4-stateful-via_fit-s0", COUNTED | {"loss", "stored_state"}),
        ("u3-d2-t6-b4-nostate-s0", SHOWN),
        ("u3-d2-t6-b4-seq-bidi-mask_right-s0", SHOWN | STATES),
        ("u3-d2-t6-b4-drop_inference-s0", SHOWN | STATES | {"dropout"}),
        ("u3-d2-t6-b4-same_as_loop-s0", SHOWN | STATES | {"relation"}),
        ("u3-d2-t6-b4-stateful-mask_right-s0", SHOWN | STATES | {"stored_state"}),
        ("u3-d2-t6-b4-stateful-eager-s0", SHOWN | STATES | {"stored_state", "cut_sequence"}),
    ],
)
def test_checks_judge_what_a_case_has(case_id: str, checks: set[str]) -> None:
    """No outputs of a loss, no state that is not returned, no cut sequence where the length of a call is fixed."""
    assert of_checks(case_id) == checks


@pytest.mark.parametrize(
    "case_id",
    [
        "u3-d2-t6-b4-seq-bidi-merge_none-unequal-mask_left-init-s0",
        "u3-d2-t6-b4-seq-nostate-stateful-layers2-s0",
        "u3-d2-t6-b4-back-cells2-p_mixed_bfloat16-s0",
        "u3-d2-t6-b4-nostate-td-drop_both-impl1-s0",
        "u3-d2-t6-b4-stateful-layers2-drop_recurrent-s0",
        "u3-d2-t6-b4-seq-mask_right-via_fit-s0",
        "u3-d2-t6-b4-seq-with_inf-s0",
        "u3-d2-t6-b0-seq-s0",
    ],
)
def test_reference_passes_every_check(case_id: str) -> None:
    """On every architecture, with whatever it draws."""
    case = Case.from_id(case_id)
    stimulus = draw([case])
    results = judge(Evidence(case=case, stimulus=stimulus, observed=ReferenceAdapter().observe(case, stimulus)))
    assert {result.check for result in results} == of_checks(case_id)
    assert [result.message for result in results if result.verdict is not Verdict.PASS] == []


# --- values --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case_id", ["u3-d2-t6-b0-s0", "u3-d2-t6-b0-seq-init-s0"])
@pytest.mark.parametrize("check", ["outputs", "hidden_state", "cell_state"])
def test_empty_batch_has_shapes_and_no_numbers(check: str, case_id: str) -> None:
    """Nothing was compared, and it says so; another shape of nothing fails."""
    name = check.removesuffix("_state")
    empty = judged(check, case_id)
    assert (empty.verdict, empty.worst, empty.rms, empty.size) == (Verdict.PASS, None, None, 0)
    wrong = judged(check, case_id, in_call(0, **{name: lambda array: array[..., :2]}))
    assert wrong.verdict is Verdict.FAIL
    assert wrong.message.endswith(": not comparable")


def test_missing_array_is_said_to_be_missing() -> None:
    """An implementation that returns no state where one is asked for."""
    result = judged("hidden_state", "u3-d2-t6-b4-layers2-s0", in_call(0, hidden=lambda _: None))
    assert result.message == "hidden state has shape None, expected (4, 6): not comparable"


@pytest.mark.parametrize(
    ("sigmas", "verdict"), [(2.8, Verdict.PASS), (-2.8, Verdict.PASS), (2.9, Verdict.FAIL), (-2.9, Verdict.FAIL)]
)
@pytest.mark.parametrize("case_id", ["u3-d2-t6-b4-via_evaluate-s0", "u3-d2-t6-b4-seq-mask_right-via_fit-s0"])
def test_loss_may_be_off_by_the_limit_of_one_number(case_id: str, sigmas: float, verdict: Verdict) -> None:
    """One number is its own root mean square."""
    case = Case.from_id(case_id)
    expected = expected_calls(case, draw([case]))
    moved = expected.calls[0].loss + sigmas * expected.sigma[0].loss
    result = judged("loss", case_id, in_call(0, loss=lambda _: moved))
    assert result.verdict is verdict
    assert result.size == 1
    assert result.worst == pytest.approx(abs(sigmas), rel=1e-6)


def test_message_of_a_loss_says_both_numbers() -> None:
    """Got and expected; and of which call, where there are several."""
    result = judged("loss", "u3-d2-t6-b4-stateful-via_fit-s0", in_call(1, loss=lambda loss: loss + 1))
    assert result.message.startswith("loss of call 2[0] is ")


# --- facts ---------------------------------------------------------------------------------------------------------------------


HALVES = ("(4, 7)", "(4, 3)", "(4, 3)", "(4, 4)", "(4, 4)")


@pytest.mark.parametrize(
    ("case_id", "change", "message"),
    [
        (
            "u3-d2-t6-b4-bidi-unequal-s0",
            lambda shapes: shapes[:-1],
            f"what the call returned is {' and '.join(HALVES[:-1])}, expected {' and '.join(HALVES)}",
        ),
        ("u3-d2-t6-b4-nostate-td-s0", lambda _: ((8, 3),), "what the call returned is (8, 3), expected (4, 2, 3)"),
        (
            "u3-d2-t6-b4-nostate-bidi-merge_none-s0",
            lambda _: ((4, 6),),
            "what the call returned is (4, 6), expected (4, 3) and (4, 3)",
        ),
        ("u3-d2-t6-b4-nostate-stateful-s0", lambda _: (), "what call 1 returned is missing, expected (4, 3)"),
    ],
)
def test_shapes_are_those_of_every_array_that_is_returned(case_id: str, change: Callable[[Any], Any], message: str) -> None:
    """In Keras' order: a state more or less, rows not split again, halves joined."""
    assert judged("shapes", case_id, in_call(0, returned=change)).message == f"the shape of {message}"


@pytest.mark.parametrize(
    ("dtype", "conventions", "returned", "verdict"),
    [
        ("p_float16-", DEFAULT_CONVENTIONS, ("float16",) * 3, Verdict.PASS),
        ("p_mixed_float16-", DEFAULT_CONVENTIONS, ("float16",) * 3, Verdict.PASS),
        ("p_mixed_bfloat16-", DEFAULT_CONVENTIONS, ("bfloat16",) * 3, Verdict.PASS),
        ("p_float64-", DEFAULT_CONVENTIONS, ("float64",) * 3, Verdict.PASS),
        ("p_float64-", DEFAULT_CONVENTIONS, ("float32",) * 3, Verdict.FAIL),
        ("p_float64-", Conventions(float64="float32", float64_returned="float32"), ("float32",) * 3, Verdict.PASS),
        ("p_float64-", Conventions(float64="float32"), ("float32",) * 3, Verdict.FAIL),
        ("p_mixed_float16-", DEFAULT_CONVENTIONS, ("float16", "float16", "float32"), Verdict.FAIL),
        ("p_mixed_float16-", DEFAULT_CONVENTIONS, (), Verdict.FAIL),
    ],
)
def test_dtypes_are_the_policys_as_the_backend_returns_it(
    dtype: str, conventions: Conventions, returned: tuple[str, ...], verdict: Verdict
) -> None:
    """Of outputs and both states; one of them that differs fails, and so does none."""
    assert judged("dtypes", f"u3-d2-t6-b4-{dtype}s0", in_call(0, dtypes=lambda _: returned), conventions).verdict is verdict


def test_message_of_dtypes_names_each_once() -> None:
    """In the order in which they were met."""
    result = judged("dtypes", "u3-d2-t6-b4-stateful-s0", in_call(1, dtypes=lambda _: ("float16", "float32", "float16")))
    assert result.message == "the dtype of what call 2 returned is float16, float32, expected float32"


@pytest.mark.parametrize(
    ("case_id", "count"),
    [
        ("u3-d2-t6-b4-nobias-s0", 4 * 3 * (2 + 3)),
        ("u3-d2-t6-b4-layers2-s0", 4 * 3 * (2 + 3 + 1) + 4 * 3 * (3 + 3 + 1)),
        ("u3-d2-t6-b4-bidi-unequal-s0", 4 * 3 * (2 + 3 + 1) + 4 * 4 * (2 + 4 + 1)),
        ("u3-d2-t6-b4-nostate-td-s0", 4 * 3 * (2 + 3 + 1)),
    ],
)
def test_parameters_of_all_parts_are_counted(case_id: str, count: int) -> None:
    """Those of an Embedding in front are not the LSTM's."""
    assert judged("parameter_count", case_id, lambda observed: replace(observed, parameter_count=count)).verdict is Verdict.PASS
    wrong = judged("parameter_count", case_id, lambda observed: replace(observed, parameter_count=count + 1))
    assert wrong.message == f"the parameter count is {count + 1}, expected {count}"


def test_state_that_is_not_returned_is_stored_unjudged_but_reset() -> None:
    """Without return_state there is nothing to compare what is kept with; after the reset there are zeros all the same."""
    case_id = "u3-d2-t6-b4-nostate-stateful-s0"
    assert judged("stored_state", case_id, in_call(0, stored_cell=lambda cell: cell + 1)).verdict is Verdict.PASS
    result = judged("stored_state", case_id, in_call(3, reset_cell=lambda cell: cell + 1))
    assert result.message == "the number of nonzero cell values after the reset is 12, expected 0"


# --- relations -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sigmas", "verdict"), [(7.9, Verdict.PASS), (8.1, Verdict.FAIL)])
@pytest.mark.parametrize("name", ["outputs", "hidden", "cell"])
def test_relation_allows_two_runs(name: str, sigmas: float, verdict: Verdict) -> None:
    """Each of the two is within σ of the truth: the limit is √2 times as wide, of outputs and of both states."""
    case = Case.from_id("u10-d2-t6-b4-seq-same_as_training-s0")
    sigma = getattr(expected_calls(case, draw([case])).sigma[0], name)
    at = (1,) * sigma.ndim

    def moved(array: Array) -> Array:
        far = array.astype("float64")
        far[at] += sigmas * TWO_RUNS * sigma[at]
        return far

    result = judged("relation", case.id, in_call(0, **{name: moved}))
    assert result.verdict is verdict
    assert result.size == 4 * 6 * 10 + 2 * 4 * 10
    assert result.worst == pytest.approx(sigmas, rel=1e-6)


def test_relation_compares_what_both_return() -> None:
    """Without return_state the outputs alone, and the message says what is equal."""
    result = judged("relation", "u3-d2-t6-b4-nostate-same_as_training-s0", in_call(0, outputs=lambda outputs: outputs + 1))
    assert result.size == 4 * 3
    assert "outputs (without dropout, training=True changes nothing)[" in result.message


# --- dropout -------------------------------------------------------------------------------------------------------------------


def in_masks(call: int, layer: int, **change: Callable[[Any], Any]) -> Change:
    """Replaces the masks of one layer in one call by what the functions make of them."""

    def changed(observed: Observation) -> Observation:
        drawn = [list(masks) for masks in observed.dropout]
        before = drawn[call][layer]
        drawn[call][layer] = DropoutMasks(
            **{kind: change[kind](masks) if kind in change else masks for kind, masks in vars(before).items()}
        )
        return replace(observed, dropout=tuple(map(tuple, drawn)))

    return changed


BOTH, STATEFUL = "u3-d2-t6-b4-drop_both-s0", "u3-d2-t6-b4-stateful-layers2-drop_input-s0"
OF_INPUTS, OF_HIDDEN = "of the dropout masks of inputs in the call", "of the dropout masks of hidden in the call"


@pytest.mark.parametrize(
    ("case_id", "change", "message"),
    [
        (BOTH, in_masks(0, 0, inputs=lambda _: None), f"the shape {OF_INPUTS} is None, expected (4, 4, 2)"),
        (BOTH, in_masks(0, 0, hidden=lambda masks: masks[:1]), f"the shape {OF_HIDDEN} is (1, 4, 3), expected (4, 4, 3)"),
        (BOTH, in_masks(0, 0, inputs=lambda masks: masks[:, :1]), f"the shape {OF_INPUTS} is (4, 1, 2), expected (4, 4, 2)"),
        (
            "u3-d2-t6-b4-drop_input-s0",
            in_masks(0, 0, hidden=lambda _: np.ones((1, 4, 3))),
            f"the shape {OF_HIDDEN} is (1, 4, 3), expected None",
        ),
        (
            BOTH,
            in_masks(0, 0, hidden=lambda masks: np.minimum(masks, 1)),
            f"the number of values {OF_HIDDEN} that are neither 0 nor 1 / (1 - 0.25) is ",
        ),
        (
            BOTH,
            in_masks(0, 0, inputs=lambda masks: np.where(masks == 0, 0.1, masks)),
            f"the number of values {OF_INPUTS} that are neither 0 nor 1 / (1 - 0.5) is ",
        ),
        (STATEFUL, lambda one: replace(one, dropout=one.dropout[:3]), "the number of calls that drew masks is 3, expected 4"),
        (
            STATEFUL,
            in_masks(2, 1, inputs=lambda masks: masks * 2),
            "the number of values of the dropout masks of inputs in call 3 that are neither 0 nor 1 / (1 - 0.5) is ",
        ),
        (
            "u3-d2-t6-b4-drop_inference-s0",
            lambda one: replace(one, dropout=((DropoutMasks(inputs=np.ones((1, 4, 2))),),)),
            "the number of dropout masks drawn at inference is 1, expected 0",
        ),
    ],
    ids=["missing", "shared", "rows", "undue", "unscaled", "leaking", "calls", "layer", "inference"],
)
def test_other_dropout_masks_fail(case_id: str, change: Change, message: str) -> None:
    """Shape, scale and number are facts, whatever was drawn."""
    result = judged("dropout", case_id, change)
    assert result.verdict is Verdict.FAIL
    assert result.message.startswith(message)


@pytest.mark.parametrize("factor", [0.993, 1.007])
def test_scale_may_be_rounded_as_bfloat16_rounds_it(factor: float) -> None:
    """1 / (1 - 0.25) has no end in binary: its nearest value of 8 bits is less than 2⁻⁷ of it away."""
    change = in_masks(0, 0, hidden=lambda masks: masks * factor)
    assert judged("dropout", "u3-d2-t6-b4-drop_recurrent-p_mixed_bfloat16-s0", change).verdict is Verdict.PASS


def test_expected_outputs_follow_the_masks_that_were_drawn() -> None:
    """Masks that are not those of the outputs make the outputs wrong."""
    change = in_masks(0, 0, inputs=lambda masks: 2 - masks)
    assert judged("outputs", BOTH).verdict is Verdict.PASS
    assert judged("dropout", BOTH, change).verdict is Verdict.PASS
    assert judged("outputs", BOTH, change).verdict is Verdict.FAIL


# --- results that differ alike -------------------------------------------------------------------------------------------------


def failing(*checks: str) -> Result:
    """A result in which these checks fail and another passes."""
    passed = CheckResult(check="shapes", verdict=Verdict.PASS)
    failed = [CheckResult(check=check, verdict=Verdict.FAIL, message="off") for check in checks]
    return Result(case_id="u1-d1-t1-b1-s0", group="u1-d1", verdict=Verdict.FAIL, checks=(passed, *failed))


def raising(reason: str) -> Result:
    """A result that is an exception."""
    return Result(case_id="u1-d1-t1-b1-s0", group="u1-d1", verdict=Verdict.ERROR, reason=reason)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (failing("outputs"), failing("outputs", "cell_state"), True),
        (failing("outputs"), failing("cell_state"), False),
        (raising("ValueError: 3 rows"), raising("ValueError: 4 rows"), True),
        (raising("ValueError: 3 rows"), raising("TypeError: 3 rows"), False),
        (failing("outputs"), raising("ValueError: 3 rows"), False),
        (replace(failing("outputs"), verdict=Verdict.PASS), replace(failing("outputs"), verdict=Verdict.PASS), False),
        (
            replace(failing("outputs"), verdict=Verdict.KNOWN_DIFFERENCE),
            replace(failing("outputs"), verdict=Verdict.KNOWN_DIFFERENCE),
            False,
        ),
    ],
    ids=["a common check", "other checks", "one type", "other types", "failed and raised", "passed", "known"],
)
def test_results_differ_alike(one: Result, other: Result, *, alike: bool) -> None:
    """By the type of the exception or a check that both fail; what is no unexpected difference is like none."""
    assert one.fails_like(other) is alike
    assert other.fails_like(one) is alike
