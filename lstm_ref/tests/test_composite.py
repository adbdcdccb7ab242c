"""Layers one above the other, and two directions joined: values worked by hand, order, masks, states and errors.

The hand-worked LSTMs have one unit, linear activations, and gates that the bias opens or shuts: σ(1000) = 1 and σ(-1000) = 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, Bidirectional, LSTMConfig, LSTMError, LSTMWeights, Stacked, State
from lstm_ref.arrays import Array

OPEN = 1000.0


def summing(times: float, **config: Any) -> LSTM:
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
    outputs, _ = Bidirectional(summing(1), summing(10, go_backwards=True), merge_mode).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [expected])


def test_last_outputs_are_joined_as_they_are() -> None:
    """Each half's last output has read everything; nothing is reversed."""
    halves = summing(1, return_sequences=False), summing(10, return_sequences=False, go_backwards=True)
    outputs, _ = Bidirectional(*halves).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [[6, 60]])


def test_halves_of_unequal_size_stand_side_by_side(make_weights: Callable[..., LSTMWeights]) -> None:
    """Concatenation asks nothing of the sizes."""
    forward = LSTM(LSTMConfig(2, return_state=True), make_weights(2, 3))
    backward = LSTM(LSTMConfig(4, return_state=True, go_backwards=True), make_weights(4, 3))
    outputs, states = Bidirectional(forward, backward).forward(np.ones((5, 6, 3)))
    assert outputs.shape == (5, 6)
    assert [state.cell.shape for state in states] == [(5, 2), (5, 4)]


def test_states_are_those_of_the_forward_then_of_the_backward_half() -> None:
    """From 100 and 1,000 on, over 1 and 2."""
    both = Bidirectional(summing(1), summing(10, go_backwards=True))
    outputs, (ahead, behind) = both.forward(column(1, 2), initial_state=[start(100), start(1000)])
    np.testing.assert_array_equal(outputs, [[[101, 1030], [103, 1020]]])
    assert (ahead.cell.item(), behind.cell.item()) == (103, 1030)
    assert (ahead.hidden.item(), behind.hidden.item()) == (103, 1030)


def test_both_halves_read_the_mask_with_their_timesteps() -> None:
    """Of 1, 2, 4 the last is masked: forwards 1, 3, 3; backwards nothing yet, 2, 3, at the timesteps from the last to the first."""
    both = Bidirectional(summing(1), summing(1, go_backwards=True))
    outputs, (ahead, behind) = both.forward(column(1, 2, 4), mask=np.array([[True, True, False]]))
    np.testing.assert_array_equal(outputs, [[[1, 3], [3, 2], [3, 0]]])
    assert (ahead.cell.item(), behind.cell.item()) == (3, 3)


def test_the_upper_layer_reads_the_outputs_of_the_lower() -> None:
    """Sums of sums: 1, 3, 6 and from them, times ten, 10, 40, 100."""
    outputs, (lower, upper) = Stacked([summing(1), summing(10)]).forward(column(1, 2, 3))
    np.testing.assert_array_equal(outputs, [[[10], [40], [100]]])
    assert (lower.cell.item(), upper.cell.item()) == (6, 100)


def test_each_layer_starts_from_its_own_state() -> None:
    """From 100 and 1,000 on, over 1."""
    _, (lower, upper) = Stacked([summing(1), summing(10)]).forward(column(1), initial_state=[start(100), start(1000)])
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
    outputs, _ = Stacked([summing(1), summing(1)]).forward(column(1, 2, 4), mask=np.array([[True, False, True]]))
    np.testing.assert_array_equal(outputs, [[[1], [1], [6]]])


def test_the_mask_follows_outputs_that_come_in_reverse() -> None:
    """Of 1, 2, 4 the first is masked: backwards 4, 6, 6; the upper layer must not use the last of these."""
    outputs, _ = Stacked([summing(1, go_backwards=True), summing(1)]).forward(column(1, 2, 4), mask=np.array([[False, True, True]]))
    np.testing.assert_array_equal(outputs, [[[4], [10], [10]]])


def test_two_backward_layers_read_the_sequence_in_turn() -> None:
    """The second reverses what the first has reversed: over 1, 2, 4 the first emits 4, 6, 7, of which the second reads 7 first."""
    layers = summing(1, go_backwards=True), summing(1, go_backwards=True)
    outputs, _ = Stacked(layers).forward(column(1, 2, 4), mask=np.array([[True, True, True]]))
    np.testing.assert_array_equal(outputs, [[[7], [13], [17]]])


@pytest.mark.parametrize("merge_mode", ["", "concatenate", "Sum", "none", 3, ["sum"]])
def test_an_unknown_merge_mode_is_refused(merge_mode: Any) -> None:
    """The message lists what there is, as Keras has it."""
    with pytest.raises(LSTMError) as refusal:
        Bidirectional(summing(1), summing(1, go_backwards=True), merge_mode)
    assert str(refusal.value) == f"merge_mode must be one of concat, sum, ave, mul, None; got {merge_mode!r}"


@pytest.mark.parametrize("backwards", [False, True])
def test_halves_that_do_not_read_in_opposite_directions_are_refused(backwards: bool) -> None:
    """A backward half that reads forwards is a mistake that its shapes do not show."""
    with pytest.raises(LSTMError, match=f"one half must have go_backwards=True, the backward one; got {backwards} for both"):
        Bidirectional(summing(1, go_backwards=backwards), summing(1, go_backwards=backwards))


@pytest.mark.parametrize("merge_mode", ["sum", "ave", "mul"])
def test_halves_of_unequal_size_cannot_be_added(make_weights: Callable[..., LSTMWeights], merge_mode: str) -> None:
    """The message says both sizes and what is possible."""
    config = LSTMConfig(2, return_state=True)
    backward = LSTM(replace(config, units=3, go_backwards=True), make_weights(3, 2))
    with pytest.raises(LSTMError, match=f"halves of 2 and 3 units cannot be joined by '{merge_mode}'; use 'concat' or None"):
        Bidirectional(LSTM(config, make_weights(2, 2)), backward, merge_mode)
