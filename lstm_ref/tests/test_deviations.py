"""The registry of deviations: what it holds, and that building one disturbs nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from lstm_ref import LSTM, Bidirectional, DropoutMasks, LSTMConfig, LSTMWeights, Stacked, State
from lstm_ref.deviations import CHAPTERS, DEVIATIONS, Deviation, Need
from lstm_ref.deviations.composition import StatesReversed

Make = Callable[..., LSTMWeights]


@pytest.mark.parametrize("part", ["kernel", "recurrent_kernel", "bias", "all"])
def test_every_wrong_gate_order_is_registered(part: str) -> None:
    """24 orders of four gates, but for the right one."""
    assert sum(name.startswith(f"{part}_gates_") for name in DEVIATIONS) == 23


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=lambda deviation: deviation.name)
def test_building_a_deviation_leaves_the_weights_alone(deviation: Deviation, make_weights: Make) -> None:
    """A mutant reads weights otherwise; it does not write to them."""
    weights = make_weights(3, 2)
    before = {name: array.copy() for name, array in weights.arrays.items()}
    deviation.build(LSTMConfig(3, stateful=True), weights)(np.ones((2, 4, 2)))
    assert all(np.array_equal(array, before[name]) for name, array in weights.arrays.items())


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if Need.RESET in deviation.needs])
def test_wrong_reset_before_the_first_call_keeps_nothing(name: str, make_weights: Make) -> None:
    """There is no state yet, whatever a reset would leave of it."""
    weights, inputs = make_weights(3, 2), np.ones((2, 4, 2))
    lstm = DEVIATIONS[name].build(LSTMConfig(3, stateful=True), weights)
    lstm.reset_state()
    np.testing.assert_array_equal(lstm(inputs), LSTM(LSTMConfig(3), weights)(inputs))


@pytest.mark.parametrize(("name", "unchanged"), [("cell_not_reset", "cell"), ("hidden_not_reset", "hidden")])
def test_half_a_reset_keeps_the_other_half(name: str, unchanged: str, make_weights: Make) -> None:
    """One state is zeros after the reset, the other what it was."""
    lstm = DEVIATIONS[name].build(LSTMConfig(3, stateful=True), make_weights(3, 2))
    lstm(np.ones((2, 4, 2)))
    before = lstm.state
    lstm.reset_state()
    assert isinstance(before, State)
    assert isinstance(lstm.state, State)
    reset = "hidden" if unchanged == "cell" else "cell"
    np.testing.assert_array_equal(getattr(lstm.state, unchanged), getattr(before, unchanged))
    assert not getattr(lstm.state, reset).any()


def test_a_name_is_a_name_of_one_deviation() -> None:
    """The chapters do not overwrite one another."""
    assert len(DEVIATIONS) == sum(len(chapter.DEVIATIONS) for chapter in CHAPTERS)


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_name_is_one_word_on_the_command_line(name: str) -> None:
    """Lower case, digits, underscores and the minus sign of an exponent, which does not come first."""
    assert re.fullmatch(r"[a-z][a-z0-9_-]*", name)


def test_halves_of_unequal_size_cannot_share_weights(make_weights: Make) -> None:
    """Where they could not, each has its own."""
    deviation, inputs = DEVIATIONS["backward_half_has_forward_weights"], np.ones((2, 4, 2))
    config = LSTMConfig(3, return_state=True)
    halves = LSTM(config, make_weights(3, 2)), LSTM(replace(config, units=4, go_backwards=True), make_weights(4, 2))
    got, expected = (built(*halves, "concat").forward(inputs)[0] for built in (deviation.bidirectional, Bidirectional))
    np.testing.assert_array_equal(got, expected)


def test_of_several_cells_the_uppermost_emits_what_is_zeroed(make_weights: Make) -> None:
    """The lowest reads backwards for all: processed last, the first timestep is masked, and the zeros are at the other end."""
    config = LSTMConfig(3, return_sequences=True, zero_output_for_mask=True)
    mask = np.array([[False, True, True, True]])

    def outputs(deviation: Deviation) -> np.ndarray:
        cells = deviation.build(replace(config, go_backwards=True), make_weights(3, 2)), deviation.build(config, make_weights(3, 3))
        return deviation.stacked(cells).forward(np.ones((1, 4, 2)), None, mask)[0]

    got, right = outputs(DEVIATIONS["zero_output_not_reversed"]), outputs(Deviation(name="none", summary=""))
    np.testing.assert_array_equal(right[0, -1], np.zeros(3))
    np.testing.assert_array_equal(got[0], [np.zeros(3), right[0, 1], right[0, 2], right[0, 2]])


@pytest.mark.parametrize("training", [True, False])
def test_masks_are_drawn_in_training_only(training: bool) -> None:
    """So says the deviation that deviates in nothing."""
    drawn = ((DropoutMasks(inputs=np.ones((1, 2, 3))),),)
    assert Deviation(name="none", summary="").dropout(drawn, training) == (drawn if training else ())


def test_exchanged_states_leave_the_gradients_alone(make_weights: Make) -> None:
    """A deviation of what is computed forwards has the chain rule of the whole as it should be."""
    whole = Stacked([LSTM(LSTMConfig(3, return_sequences=True, return_state=True), make_weights(3, 2))])
    exchanged = StatesReversed(whole)
    inputs, d_outputs = np.ones((2, 4, 2)), np.ones((2, 4, 3))
    nothing = [State(*np.zeros((2, 2, 3)))]
    np.testing.assert_array_equal(
        exchanged.gradients(inputs, d_outputs, nothing)[0], whole.gradients(inputs, d_outputs, nothing)[0]
    )
