"""The oracle on every architecture is what plain LSTMs give when their parts are put together by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.conventions import Conventions
from conformance.adapters.observation import CallObservation
from conformance.cases.case import TIME_DISTRIBUTED_OVER, Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.reference.oracle import Oracle
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import UNDERFLOW, UNIT_ROUNDOFF
from lstm_ref import LSTM, LSTMWeights, State
from lstm_ref.arrays import Array

# Sums in another order, in float64, of a few values of size 1.
assert_near = functools.partial(np.testing.assert_allclose, rtol=0.0, atol=1e-12)

Parts = tuple[Array, list[State]]


def given(case_id: str) -> tuple[Case, Stimulus, Array, Any, Array | None]:
    """A case of one call, its stimulus, and what that call reads: inputs, initial states, mask."""
    case = Case.from_id(case_id)
    stimulus = draw([case])
    (call,) = case.calls
    inputs = stimulus.inputs_of(case, call).astype("float32").astype("float64")
    return case, stimulus, inputs, stimulus.initial_state_of(case, call), stimulus.mask_of(case, call)


def forwards(
    case: Case, weights: LSTMWeights, inputs: Array, state: State | None, mask: Array | None, **changes: Any
) -> tuple[Array, State]:
    """One LSTM from the first timestep to the last, whatever the case asks for: outputs of all timesteps, and the final state."""
    config = replace(case.config, return_sequences=True, return_state=True, go_backwards=False, **changes)
    units = weights.units
    outputs, hidden, cell = LSTM(replace(config, units=units), weights)(inputs, initial_state=state, mask=mask)
    return outputs, State(hidden, cell)


def reversed_in_time(array: Array | None) -> Array | None:
    """The timesteps in the other order."""
    return None if array is None else array[:, ::-1]


def as_asked(case: Case, outputs: Array) -> Array:
    """All outputs in the order in which they were computed, or the last of them."""
    return outputs if case.config.return_sequences else outputs[:, -1]


def by_hand_one(case: Case, stimulus: Stimulus, inputs: Array, states: Any, mask: Array | None) -> Parts:
    """One LSTM, reading from the end if it goes backwards."""
    (weights,) = stimulus.weights_of(case)
    if case.config.go_backwards:
        inputs, mask = inputs[:, ::-1], reversed_in_time(mask)
    outputs, state = forwards(case, weights, inputs, states[0] if states else None, mask)
    return as_asked(case, outputs), [state]


def by_hand_layers(case: Case, stimulus: Stimulus, inputs: Array, states: Any, mask: Array | None) -> Parts:
    """Two layers; one that goes backwards turns what it reads around, so the second reads the first timestep's output last."""
    lower, upper = stimulus.weights_of(case)
    below, above = states or (None, None)
    if case.config.go_backwards:
        inputs, mask = inputs[:, ::-1], reversed_in_time(mask)
    outputs, low = forwards(case, lower, inputs, below, mask)
    if case.config.go_backwards:
        outputs, mask = outputs[:, ::-1], reversed_in_time(mask)
    outputs, high = forwards(case, upper, outputs, above, mask)
    return as_asked(case, outputs), [low, high]


def by_hand_cells(case: Case, stimulus: Stimulus, inputs: Array, states: Any, mask: Array | None) -> Parts:
    """Two cells, of which the upper reads at each timestep what the lower has just put out."""
    lower, upper = stimulus.weights_of(case)
    below, above = states or (None, None)
    if case.config.go_backwards:
        inputs, mask = inputs[:, ::-1], reversed_in_time(mask)
    outputs, low = forwards(case, lower, inputs, below, mask)
    outputs, high = forwards(case, upper, outputs, above, mask)
    return as_asked(case, outputs), [low, high]


def by_hand_halves(case: Case, stimulus: Stimulus, inputs: Array, states: Any, mask: Array | None) -> Parts:
    """Both directions, joined timestep by timestep; with return_sequences masked timesteps emit zeros."""
    (ahead, behind), (first, second) = stimulus.weights_of(case), states or (None, None)
    zeroes = {"zero_output_for_mask": case.config.return_sequences}
    one, front = forwards(case, ahead, inputs, first, mask, **zeroes)
    other, back = forwards(case, behind, inputs[:, ::-1], second, reversed_in_time(mask), **zeroes)
    if case.config.return_sequences:
        other = other[:, ::-1]
    return JOINED[case.merge_mode](as_asked(case, one), as_asked(case, other)), [front, back]


JOINED: dict[str, Callable[[Array, Array], Array]] = {
    "concat": lambda one, other: np.concatenate([one, other], axis=-1),
    "none": lambda one, other: np.concatenate([one, other], axis=-1),
    "sum": lambda one, other: one + other,
    "ave": lambda one, other: 0.5 * one + 0.5 * other,
    "mul": lambda one, other: one * other,
}
BY_HAND = {"lstm": by_hand_one, "layers2": by_hand_layers, "cells2": by_hand_cells, "bidi": by_hand_halves, "td": by_hand_one}


@pytest.mark.parametrize("flags", ["", "-seq", "-mask_interior-init", "-seq-mask_left-init"])
@pytest.mark.parametrize(
    "architecture",
    [
        "{}-nobias",
        "{}-back",
        "{}-act_relu-ract_hard_sigmoid",
        "{}-layers2",
        "{}-back-layers2",
        "{}-cells2",
        "{}-back-cells2",
        "{}-bidi",
        "{}-bidi-unequal",
        "{}-bidi-merge_none-unequal",
        "{}-bidi-merge_sum",
        "{}-bidi-merge_ave",
        "{}-bidi-merge_mul",
    ],
)
def test_architecture_is_what_its_parts_give_when_put_together(architecture: str, flags: str) -> None:
    """Outputs, and the states of the parts side by side."""
    case_id = in_order(architecture.format("u3-d2-t6-b4"), flags)
    case, stimulus, inputs, states, mask = given(case_id)
    (got,) = Oracle().observe(case, stimulus)
    outputs, final = BY_HAND[case.architecture](case, stimulus, inputs, states, mask)
    assert_near(got.outputs, outputs)
    assert_near(got.hidden, np.concatenate([state.hidden for state in final], axis=-1))
    assert_near(got.cell, np.concatenate([state.cell for state in final], axis=-1))


def in_order(start: str, flags: str) -> str:
    """A case id has its words in one order: return_sequences first, mask and states last."""
    sizes, said = start[:11], start[11:]
    return f"{sizes}{'-seq' * flags.startswith('-seq')}{said}{flags.removeprefix('-seq')}-s0"


@pytest.mark.parametrize("flags", ["", "-seq"])
def test_distributed_layer_runs_every_sequence_of_a_row(flags: str) -> None:
    """Twice as many sequences as rows; what is returned is counted by rows again, and no states are."""
    case, stimulus, inputs, states, mask = given(f"u3-d2-t6-b4{flags}-nostate-td-s0")
    (got,) = Oracle().observe(case, stimulus)
    outputs, _ = by_hand_one(case, stimulus, inputs, states, mask)
    assert len(inputs) == TIME_DISTRIBUTED_OVER * 4
    assert_near(got.outputs, outputs)
    assert (got.hidden, got.cell) == (None, None)
    assert got.returned == ((4, TIME_DISTRIBUTED_OVER, *outputs.shape[1:]),)


@pytest.mark.parametrize(
    ("flags", "shapes"),
    [
        ("", ((4, 3), (4, 3), (4, 3))),
        ("-seq-nostate", ((4, 6, 3),)),
        ("-seq-layers2", ((4, 6, 3), *[(4, 3)] * 4)),
        ("-bidi-unequal", ((4, 7), (4, 3), (4, 3), (4, 4), (4, 4))),
        ("-seq-nostate-bidi-merge_none-unequal", ((4, 6, 3), (4, 6, 4))),
        ("-via_evaluate", ()),
    ],
)
def test_arrays_are_returned_in_keras_order(flags: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Outputs, two of them where a Bidirectional joins nothing, then h and c of each part."""
    case, stimulus, *_ = given(f"u3-d2-t6-b4{flags}-s0")
    (got,) = Oracle().observe(case, stimulus)
    assert got.returned == shapes


@pytest.mark.parametrize(
    "case_id",
    ["u3-d2-t6-b4-s0", "u3-d2-t6-b4-seq-s0", "u3-d2-t6-b4-stateful-s0", "u3-d2-t6-b4-seq-stateful-s0", "u3-d2-t1-b0-s0"],
)
def test_slice_of_the_one_run_is_what_the_oracle_returns(case_id: str) -> None:
    """Plain cases have a short way; it leads to the same place."""
    case = Case.from_id(case_id)
    longer = Case.from_id("u3-d2-t9-b5-stateful-s0")
    stimulus = draw([case, longer])
    for sliced, run in zip(expected_calls(case, stimulus).calls, Oracle().observe(case, stimulus), strict=True):
        assert sliced.returned == run.returned
        for name in ("outputs", "hidden", "cell"):
            assert_near(getattr(sliced, name), getattr(run, name))


# --- before the first timestep that is used ------------------------------------------------------------------------------------

LATE = "u3-d2-t6-b4-seq-mask_left-init-s0"


@pytest.mark.parametrize(
    ("case_id", "conventions", "emits_initial_state"),
    [
        (LATE, Conventions(), False),
        (LATE, Conventions(first_masked_output="initial_state"), True),
        (LATE, Conventions(first_masked_output_unrolled="initial_state"), False),
        (LATE.replace("-s0", "-unroll-s0"), Conventions(first_masked_output_unrolled="initial_state"), True),
        (LATE.replace("-s0", "-unroll-s0"), Conventions(first_masked_output="initial_state"), False),
    ],
)
def test_first_masked_outputs_follow_the_convention(case_id: str, conventions: Conventions, *, emits_initial_state: bool) -> None:
    """Zeros or h0, of a loop and of an unrolled one; nothing is computed, so σ is no more than h0's own rounding."""
    case, stimulus, _, states, mask = given(case_id)
    assert mask is not None
    judged = expected_calls(case, stimulus, conventions)
    late = ~np.logical_or.accumulate(mask, axis=1)
    hidden = np.broadcast_to(states[0].hidden[:, np.newaxis], judged.calls[0].outputs.shape)
    expected = hidden if emits_initial_state else np.zeros_like(hidden)
    assert late.any()
    np.testing.assert_array_equal(judged.calls[0].outputs[late], expected[late])
    limit = UNDERFLOW["float32"] + UNIT_ROUNDOFF["float32"] * np.abs(expected)
    assert (judged.sigma[0].outputs <= limit)[late].all()
    assert (judged.sigma[0].outputs > UNDERFLOW["float32"])[~late].all()


def test_without_a_convention_the_layer_decides() -> None:
    """A deviation that emits otherwise must be seen."""

    class Emitting(LSTM):
        emits_initial_state = True

    case, stimulus, _, states, _ = given(LATE)
    (left,), (asked,) = (Oracle(build=Emitting, emits_initial_state=emits).observe(case, stimulus) for emits in (None, False))
    np.testing.assert_array_equal(left.outputs[0, 0], states[0].hidden[0])
    assert not asked.outputs[0, 0].any()


# --- losses --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["evaluate", "train_on_batch", "fit"])
@pytest.mark.parametrize("flags", ["", "-seq", "-mask_right", "-seq-mask_interior"])
def test_loss_is_the_mean_of_the_squares(flags: str, route: str) -> None:
    """Of the used timesteps where every timestep has an output, else of all rows: a last output has no mask."""
    case, stimulus, *_, mask = given(f"u3-d2-t6-b4{flags}-via_{route}-s0")
    (shown,) = Oracle().observe(case.replace(route="call"), stimulus)
    squares = (shown.outputs - stimulus.targets_of(case, shown.outputs.shape)) ** 2
    used = squares if mask is None or not case.config.return_sequences else squares[mask]
    (got,) = Oracle().observe(case, stimulus)
    np.testing.assert_allclose(got.loss, [used.mean()], rtol=1e-13)
    assert (got.outputs, got.hidden, got.cell) == (None, None, None)


def test_each_copy_has_a_loss_of_its_own() -> None:
    """σ of a loss comes from replicas that are run as one batch."""
    case, stimulus, *_ = given("u3-d2-t6-b4-seq-mask_right-via_evaluate-s0")
    (once,), (twice,) = (Oracle(copies=copies).observe(case, stimulus) for copies in (1, 2))
    np.testing.assert_allclose(twice.loss, [*once.loss, *once.loss], rtol=1e-13)


# --- what is read --------------------------------------------------------------------------------------------------------------


def test_embedding_is_read_by_its_ids() -> None:
    """What is masked reads the row of id 0; what is used, the inputs that the table holds."""
    case, stimulus, inputs, _, mask = given("u3-d2-t6-b4-mask_interior-by_embedding-s0")
    read = Oracle().inputs_of(case, case.calls[0], stimulus)
    np.testing.assert_array_equal(read[mask], inputs[mask])
    np.testing.assert_array_equal(
        read[~np.asarray(mask)], np.broadcast_to(stimulus.embedding_of(case)[0], read[~np.asarray(mask)].shape)
    )


@pytest.mark.parametrize(("precision", "dtype"), [("float32", "float32"), ("float64", "float64"), ("float16", "float64")])
def test_inputs_are_rounded_where_keras_rounds_them(precision: str, dtype: str) -> None:
    """Narrower precisions get inputs that they hold already."""
    case = Case.from_id("u3-d2-t6-b4-seq-init-s0")
    stimulus = draw([case])
    read = Oracle(precision=precision).inputs_of(case, case.calls[0], stimulus)
    np.testing.assert_array_equal(read, stimulus.inputs.astype(dtype).astype("float64"))
    assert read.dtype == "float64"


def test_copies_are_the_same_case_several_times() -> None:
    """One after the other in the batch, with their states and masks."""
    case, stimulus, *_ = given("u3-d2-t6-b4-seq-bidi-mask_interior-init-s0")
    (once,), (thrice,) = (Oracle(copies=copies).observe(case, stimulus) for copies in (1, 3))
    for name in ("outputs", "hidden", "cell"):
        each = getattr(once, name)
        assert_near(getattr(thrice, name), np.tile(each, (3,) + (1,) * (each.ndim - 1)))


def test_dropout_masks_are_those_of_the_call_and_the_layer() -> None:
    """The lower layer's masks multiply the inputs, the upper's what the lower puts out; each call has its own."""
    case = Case.from_id("u3-d2-t6-b4-seq-stateful-layers2-drop_both-s0")
    stimulus = draw([case])
    masks = stimulus.dropout_of(case)
    lower, upper = (LSTM(case.config, weights) for weights in stimulus.weights_of(case))
    observed = Oracle(dropout=masks).observe(case, stimulus)
    for call, got, (below, above) in zip(case.calls[:3], observed[:3], masks[:3], strict=True):
        lower.dropout, upper.dropout = below, above
        between, *_ = lower(stimulus.inputs_of(case, call).astype("float32"))
        outputs, *_ = upper(between)
        assert_near(got.outputs, outputs)


def test_stateful_calls_carry_over_are_given_states_once_and_are_reset() -> None:
    """Four calls by hand: the second starts from given states, the last from zeros; what is kept is what was returned."""
    case = Case.from_id("u3-d2-t6-b4-stateful-mask_right-init-s0")
    stimulus = draw([case])
    (weights,) = stimulus.weights_of(case)
    state: State | None = None
    for call, got in zip(case.calls, Oracle().observe(case, stimulus), strict=True):
        states = stimulus.initial_state_of(case, call)
        before = states[0] if states else None if call.after_reset else state
        inputs = stimulus.inputs_of(case, call).astype("float32").astype("float64")
        outputs, state = forwards(case, weights, inputs, before, stimulus.mask_of(case, call), stateful=False)
        assert_near(got.outputs, outputs[:, -1])
        np.testing.assert_array_equal(got.stored_hidden, got.hidden)
        np.testing.assert_array_equal(got.stored_cell, got.cell)
    assert [call.reset_hidden is None for call in Oracle().observe(case, stimulus)] == [True, True, True, False]


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_not_finite_is_computed_without_a_warning(value: str) -> None:
    """NaN and infinity are part of what is asked."""
    case, stimulus, inputs, *_ = given(f"u3-d2-t6-b4-seq-with_{value}-s0")
    (got,) = Oracle().observe(case, stimulus)
    (row, step, _), *_ = np.argwhere(~np.isfinite(inputs))
    assert np.isfinite(got.outputs[row, :step]).all()
    assert np.isnan(got.outputs[row, step:]).any() == (value == "nan")


@pytest.mark.parametrize(
    "case_id",
    [
        "u3-d2-t6-b4-seq-layers2-mask_right-init-s0",
        "u3-d2-t6-b4-bidi-merge_none-unequal-s0",
        "u3-d2-t6-b4-nostate-td-s0",
        "u3-d2-t6-b4-seq-mask_right-via_fit-s0",
        "u3-d2-t6-b4-stateful-drop_both-s0",
        "u3-d2-t6-b4-p_bfloat16-s0",
        "u3-d2-t6-b0-init-s0",
    ],
)
def test_every_element_has_a_sigma(case_id: str) -> None:
    """Of the shape of what is expected, positive; None where nothing is returned."""
    case = Case.from_id(case_id)
    stimulus = draw([case])
    judged = expected_calls(case, stimulus, dropout=stimulus.dropout_of(case))
    shapes = [[shapes_of(call) for call in calls] for calls in (judged.calls, judged.sigma)]
    assert shapes[0] == shapes[1]
    assert all((array > 0).all() for call in judged.sigma for array in call.computed.values())


def shapes_of(call: CallObservation) -> dict[str, tuple[int, ...]]:
    """Of all that is computed."""
    return {name: array.shape for name, array in call.computed.items()}
