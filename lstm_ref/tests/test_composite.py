"""Stacked layers and merged directions: values computed by hand, order, masks, states and errors.

The LSTMs computed by hand have one unit, linear activations, and gates that the bias opens or closes: σ(1000) = 1 and σ(-1000) = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, Bidirectional, LSTMConfig, LSTMError, LSTMWeights, ShapeError, Stacked, State
from lstm_ref.arrays import Array
from lstm_ref.tests import slow

OPEN = 1000.0


def summing_lstm(times: float, **config: Any) -> LSTM:
    """An LSTM whose output is `times` the sum of what it has read: i = f = o = 1, c̃ = times * x."""
    settings: dict[str, Any] = {"units": 1, "activation": "linear", "return_sequences": True, "return_state": True} | config
    weights = LSTMWeights.from_arrays([[0, 0, times, 0]], [[0, 0, 0, 0]], [OPEN, OPEN, 0, OPEN])
    return LSTM(LSTMConfig(**settings), weights)


def column(*values: float) -> Array:
    """One sequence of one feature: (1, timesteps, 1)."""
    return np.array(values, dtype=float).reshape(1, -1, 1)


def start(value: float) -> State:
    """A state of one unit whose cell holds a value."""
    return State(hidden=np.zeros((1, 1)), cell=np.full((1, 1), value))


@pytest.mark.parametrize(
    ("merge_mode", "expected"),
    [
        ("concat", [[1, 60], [3, 50], [6, 30]]),
        (None, [[1, 60], [3, 50], [6, 30]]),
        ("sum", [[61], [53], [36]]),
        ("ave", [[30.5], [26.5], [18]]),
        ("mul", [[60], [150], [180]]),
    ],
)
def test_halves_are_joined_in_the_order_of_the_timesteps(merge_mode: str | None, expected: list[list[float]]) -> None:
    """Over 1, 2, 3 the forward half sums to 1, 3, 6; the backward half, times ten, to 30, 50, 60, which stands at 3, 2, 1."""
    outputs, _ = Bidirectional(summing_lstm(1), summing_lstm(10, go_backwards=True), merge_mode).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [expected])


def test_last_outputs_are_joined_as_they_are() -> None:
    """Each half's last output has read everything; nothing is reversed."""
    halves = summing_lstm(1, return_sequences=False), summing_lstm(10, return_sequences=False, go_backwards=True)
    outputs, _ = Bidirectional(*halves).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [[6, 60]])


def test_halves_of_unequal_size_stand_side_by_side(make_weights: Callable[..., LSTMWeights]) -> None:
    """Concatenation works for any sizes."""
    forward = LSTM(LSTMConfig(2, return_state=True), make_weights(2, 3))
    backward = LSTM(LSTMConfig(4, return_state=True, go_backwards=True), make_weights(4, 3))
    outputs, states = Bidirectional(forward, backward).forward(np.ones((5, 6, 3)))
    assert outputs.shape == (5, 6)
    assert [state.cell.shape for state in states] == [(5, 2), (5, 4)]


def test_states_are_those_of_the_forward_then_of_the_backward_half() -> None:
    """From 100 and 1,000 on, over 1 and 2."""
    both = Bidirectional(summing_lstm(1), summing_lstm(10, go_backwards=True))
    outputs, (forward, backward) = both.forward(column(1, 2), initial_state=[start(100), start(1000)])
    np.testing.assert_array_equal(outputs, [[[101, 1030], [103, 1020]]])
    assert (forward.cell.item(), backward.cell.item()) == (103, 1030)
    assert (forward.hidden.item(), backward.hidden.item()) == (103, 1030)


def test_both_halves_read_the_mask_with_their_timesteps() -> None:
    """Of 1, 2, 4 the last is masked: forwards 1, 3, 3; backwards nothing yet, 2, 3, at the timesteps from the last to the first."""
    both = Bidirectional(summing_lstm(1), summing_lstm(1, go_backwards=True))
    outputs, (forward, backward) = both.forward(column(1, 2, 4), mask=np.array([[True, True, False]]))
    np.testing.assert_array_equal(outputs, [[[1, 3], [3, 2], [3, 0]]])
    assert (forward.cell.item(), backward.cell.item()) == (3, 3)


def test_the_upper_layer_reads_the_outputs_of_the_lower() -> None:
    """Sums of sums: 1, 3, 6 and from them, times ten, 10, 40, 100."""
    outputs, (lower, upper) = Stacked([summing_lstm(1), summing_lstm(10)]).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [[[10], [40], [100]]])
    assert (lower.cell.item(), upper.cell.item()) == (6, 100)


def test_each_layer_starts_from_its_own_state() -> None:
    """From 100 and 1,000 on, over 1."""
    _, (lower, upper) = Stacked([summing_lstm(1), summing_lstm(10)]).forward(column(1), initial_state=[start(100), start(1000)])
    assert (lower.cell.item(), upper.cell.item()) == (101, 2010)


def test_one_layer_alone_is_that_lstm(make_weights: Callable[..., LSTMWeights]) -> None:
    """Nothing is added."""
    lstm = LSTM(LSTMConfig(3, return_state=True), make_weights(3, 2))
    inputs = np.random.default_rng(31).standard_normal((4, 5, 2))
    outputs, (state,) = Stacked([lstm]).forward(inputs)
    for got, expected in zip((outputs, state.hidden, state.cell), lstm(inputs), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_mask_hides_the_same_timesteps_from_every_layer() -> None:
    """With the middle one of 1, 2, 4 masked the lower emits 1, 1, 5, of which the upper sums the first and the last."""
    outputs, _ = Stacked([summing_lstm(1), summing_lstm(1)]).forward(column(1, 2, 4), mask=np.array([[True, False, True]]))
    np.testing.assert_array_equal(outputs, [[[1], [1], [6]]])


def test_the_mask_follows_outputs_that_come_in_reverse() -> None:
    """Of 1, 2, 4 the first is masked: backwards 4, 6, 6; the upper layer must not use the last of these."""
    outputs, _ = Stacked([summing_lstm(1, go_backwards=True), summing_lstm(1)]).forward(
        column(1, 2, 4), mask=np.array([[False, True, True]])
    )
    np.testing.assert_array_equal(outputs, [[[4], [10], [10]]])


def test_two_backward_layers_read_the_sequence_in_turn() -> None:
    """The second reverses what the first has reversed: over 1, 2, 4 the first emits 4, 6, 7, of which the second reads 7 first."""
    layers = summing_lstm(1, go_backwards=True), summing_lstm(1, go_backwards=True)
    outputs, _ = Stacked(layers).forward(column(1, 2, 4), mask=np.array([[True, True, True]]))
    np.testing.assert_array_equal(outputs, [[[7], [13], [17]]])


@pytest.mark.parametrize("merge_mode", ["", "concatenate", "Sum", "none", 3, ["sum"]])
def test_an_unknown_merge_mode_is_refused(merge_mode: Any) -> None:
    """The message lists what there is, as Keras has it."""
    with pytest.raises(LSTMError) as refusal:
        Bidirectional(summing_lstm(1), summing_lstm(1, go_backwards=True), merge_mode)
    assert str(refusal.value) == f"merge_mode must be one of concat, sum, ave, mul, None; got {merge_mode!r}"


@pytest.mark.parametrize("backwards", [False, True])
def test_halves_that_do_not_read_in_opposite_directions_are_refused(backwards: bool) -> None:
    """A backward half that reads forwards is a mistake that its shapes do not show."""
    with pytest.raises(LSTMError, match=f"one half must have go_backwards=True, the backward one; got {backwards} for both"):
        Bidirectional(summing_lstm(1, go_backwards=backwards), summing_lstm(1, go_backwards=backwards))


@pytest.mark.parametrize("merge_mode", ["sum", "ave", "mul"])
def test_halves_of_unequal_size_cannot_be_added(make_weights: Callable[..., LSTMWeights], merge_mode: str) -> None:
    """The message says both sizes and what is possible."""
    config = LSTMConfig(2, return_state=True)
    backward = LSTM(replace(config, units=3, go_backwards=True), make_weights(3, 2))
    with pytest.raises(LSTMError, match=f"halves of 2 and 3 units cannot be joined by '{merge_mode}'; use 'concat' or None"):
        Bidirectional(LSTM(config, make_weights(2, 2)), backward, merge_mode)


# --- what Keras returns and takes ------------------------------------------------------------------------------------------------


def random_lstm(make_weights: Callable[..., LSTMWeights], units: int, input_dim: int, seed: int = 0, **config: Any) -> LSTM:
    """An LSTM with random weights."""
    return LSTM(LSTMConfig(units, **config), make_weights(units, input_dim, seed=seed))


@pytest.mark.parametrize("batch", [2, 3, 4])
@pytest.mark.parametrize("return_state", [False, True])
def test_a_bidirectional_answers_at_every_batch_size(
    make_weights: Callable[..., LSTMWeights], batch: int, return_state: bool
) -> None:
    """Whether its halves return states or not, the outputs are both halves'."""
    halves = [random_lstm(make_weights, 3, 2, seed=k, return_state=return_state, go_backwards=bool(k)) for k in (0, 1)]
    inputs = np.random.default_rng(3).standard_normal((batch, 5, 2))
    returned = Bidirectional(halves[0], halves[1])(inputs)
    outputs = returned[0] if return_state else returned
    expected = [slow.run(list(half.weights.arrays.values()), inputs, go_backwards=half.config.go_backwards) for half in halves]
    np.testing.assert_allclose(outputs, np.concatenate([expected[0][0], expected[1][0]], axis=-1), rtol=0, atol=1e-14)
    finals = [array for _, *final in expected for array in final] if return_state else []
    for ours, theirs in zip(returned[1:] if return_state else [], finals, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("batch", [2, 3, 4])
@pytest.mark.parametrize("return_state", [False, True])
def test_stacked_layers_answer_at_every_batch_size(
    make_weights: Callable[..., LSTMWeights], batch: int, return_state: bool
) -> None:
    """Whether the layers return states or not; the uppermost says what the whole returns."""
    lower = random_lstm(make_weights, 3, 2, return_sequences=True)
    upper = random_lstm(make_weights, 4, 3, return_state=return_state)
    inputs = np.random.default_rng(3).standard_normal((batch, 5, 2))
    between, *first = slow.run(list(lower.weights.arrays.values()), inputs, return_sequences=True)
    outputs, *second = slow.run(list(upper.weights.arrays.values()), between)
    returned = Stacked([lower, upper])(inputs)
    np.testing.assert_allclose(returned[0] if return_state else returned, outputs, rtol=0, atol=1e-14)
    for ours, theirs in zip(returned[1:] if return_state else [], [first, second] if return_state else [], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("return_state", [False, True])
def test_halves_that_are_not_merged_are_returned_one_after_the_other(return_state: bool) -> None:
    """The list of both halves' outputs, each in the order of the timesteps; with states, both outputs, then the states."""
    halves = summing_lstm(1, return_state=return_state), summing_lstm(10, return_state=return_state, go_backwards=True)
    forward, backward, *states = Bidirectional(*halves, None)(column(1, 2, 3))
    np.testing.assert_array_equal(forward, [[[1], [3], [6]]])
    np.testing.assert_array_equal(backward, [[[60], [50], [30]]])
    assert [state.item() for state in states] == ([6, 6, 60, 60] if return_state else [])


def test_a_forward_half_that_goes_backwards_is_emitted_as_it_is_processed() -> None:
    """Keras takes the halves' directions for opposite ones, and reverses the second half's outputs alone."""
    both = Bidirectional(summing_lstm(1, go_backwards=True), summing_lstm(10))
    np.testing.assert_array_equal(both(column(1, 2, 3))[0], [[[3, 60], [5, 30], [6, 10]]])


START = [np.full((1, 1), value) for value in (0.0, 100.0, 0.0, 1000.0)]


@pytest.mark.parametrize(
    "initial_state",
    [START, tuple(START), [START[:2], START[2:]], [State(*START[:2]), START[2:]], [start(100), start(1000)]],
    ids=["flat", "a flat tuple", "pairs", "a State and a pair", "States"],
)
@pytest.mark.parametrize("kind", ["a Bidirectional", "two layers"])
def test_initial_states_are_taken_as_keras_lists_them(initial_state: Any, kind: str) -> None:
    """One flat list, [fh, fc, bh, bc], or one pair a part."""
    whole: Any = (
        Bidirectional(summing_lstm(1), summing_lstm(10, go_backwards=True))
        if kind == "a Bidirectional"
        else Stacked([summing_lstm(1), summing_lstm(10)])
    )
    _, states = whole.forward(column(1, 2), initial_state=initial_state)
    assert [state.cell.item() for state in states] == ([103, 1030] if kind == "a Bidirectional" else [103, 1000 + 10 * (101 + 103)])


@pytest.mark.parametrize(
    ("initial_state", "got"),
    [
        (START[:3], "3 values"),
        ([START], "1 values"),
        (np.zeros((4, 1, 1)), "one ndarray"),
        (start(1), "one State"),
        ([start(1)] * 4, "4 values"),
        ([], "0 values"),
    ],
)
@pytest.mark.parametrize("argument", ["initial_state", "d_states"])
def test_initial_states_of_another_number_are_refused(initial_state: Any, got: str, argument: str) -> None:
    """No array is dropped or used twice."""
    whole = Bidirectional(summing_lstm(1), summing_lstm(10, go_backwards=True))
    message = rf"{argument} must be a list of 2 pairs, .* or the flat list of their 4 arrays; got {got}"
    with pytest.raises(ShapeError, match=message):
        whole.gradients(column(1), np.ones((1, 1, 2)), **{argument: initial_state})


def test_a_refused_call_leaves_the_stored_states_of_all_parts_alone() -> None:
    """The second half's state is wrong; the first half has stored nothing."""
    both = Bidirectional(summing_lstm(1, stateful=True), summing_lstm(10, stateful=True, go_backwards=True))
    with pytest.raises(ShapeError, match="the initial cell state c must have shape"):
        both(column(1), initial_state=[start(1), [np.zeros((1, 1)), np.zeros((2, 1))]])
    assert [layer.state for layer in both.layers] == [None, None]


@pytest.mark.parametrize("kind", ["a Bidirectional", "two layers"])
def test_stateful_parts_go_on_and_are_reset(kind: str) -> None:
    """Each from its own state."""
    flags = {"stateful": True, "return_state": False}
    whole: Any = (
        Bidirectional(summing_lstm(1, **flags), summing_lstm(10, **flags, go_backwards=True))
        if kind == "a Bidirectional"
        else Stacked([summing_lstm(1, **flags), summing_lstm(10, **flags)])
    )
    first, second = whole(column(1)), whole(column(1))
    whole.reset_state()
    np.testing.assert_array_equal(second, [[[2, 20]]] if kind == "a Bidirectional" else [[[30]]])
    np.testing.assert_array_equal(whole(column(1)), first)


@pytest.mark.parametrize("flag", ["return_sequences", "return_state", "stateful"])
def test_halves_of_other_flags_are_refused(flag: str) -> None:
    """As Keras refuses them."""
    first, second = dict[str, Any]({flag: True}), dict[str, Any]({flag: False})
    with pytest.raises(LSTMError, match=rf"both halves must have the same {flag}; got True and False"):
        Bidirectional(summing_lstm(1, **first), summing_lstm(1, **second, go_backwards=True))


def test_halves_that_read_other_features_are_refused(make_weights: Callable[..., LSTMWeights]) -> None:
    """They read the same inputs."""
    with pytest.raises(ShapeError, match=r"both halves read the same inputs; got 2 and 4 features"):
        Bidirectional(random_lstm(make_weights, 3, 2), random_lstm(make_weights, 3, 4, go_backwards=True))


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ([], LSTMError, "layers must be one LSTM or more, the lowest first; got none"),
        ("LSTM", LSTMError, "layers must be LSTMs of lstm_ref; got 'LSTM'"),
        ([None], LSTMError, r"layers must be LSTMs of lstm_ref; got \[None\]"),
        ([summing_lstm(1, return_sequences=False), summing_lstm(1)], LSTMError, "layer 0 must have return_sequences=True"),
        (
            [
                LSTM(LSTMConfig(2, return_sequences=True), LSTMWeights(np.ones((1, 8)), np.ones((2, 8)), np.ones(8))),
                summing_lstm(1),
            ],
            ShapeError,
            "layer 1 reads 1 features, the one below has 2 units",
        ),
    ],
)
def test_layers_that_cannot_stand_one_above_the_other_are_refused(layers: Any, error: type[Exception], message: str) -> None:
    """The layer is named by its position."""
    with pytest.raises(error, match=message):
        Stacked(layers)


def test_halves_that_are_no_lstms_are_refused() -> None:
    """A layer of Keras' is read by from_keras."""
    with pytest.raises(LSTMError, match=r"forward and backward must be LSTMs of lstm_ref; got \(<.*LSTM.*>, 3\)"):
        Bidirectional(summing_lstm(1), 3)  # type: ignore[arg-type]  # that is the mistake


def test_derivatives_of_another_shape_than_the_outputs_are_refused() -> None:
    """Both halves side by side."""
    whole = Bidirectional(summing_lstm(1), summing_lstm(10, go_backwards=True))
    with pytest.raises(ShapeError, match=r"d_outputs must have the shape of the outputs, \(1, 2, 2\); got \(1, 2, 1\)"):
        whole.gradients(column(1, 2), np.ones((1, 2, 1)))


def test_a_mask_may_be_any_list(make_weights: Callable[..., LSTMWeights]) -> None:
    """As in other calls."""
    layers = [random_lstm(make_weights, 2, 2, return_sequences=True, go_backwards=True), random_lstm(make_weights, 2, 2, seed=1)]
    inputs, mask = np.random.default_rng(3).standard_normal((1, 3, 2)), [[0, 1, 1]]
    np.testing.assert_array_equal(Stacked(layers)(inputs, mask=mask), Stacked(layers)(inputs, mask=np.array(mask, bool)))
    d_inputs, _ = Stacked(layers).gradients(inputs, np.ones((1, 2)), mask=mask)
    assert not d_inputs[:, 0].any()
