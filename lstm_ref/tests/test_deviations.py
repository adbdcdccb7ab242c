"""The registry of deviations: what it holds, and that building one disturbs nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.deviations import DEVIATIONS, Deviation, Need

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


# Not offered by one call on one unit, feature, row and timestep of float64.
UNMET = {
    Need.SEVERAL_UNITS, Need.SEVERAL_FEATURES, Need.SEVERAL_ROWS, Need.SEVERAL_STEPS, Need.PREVIOUS_STATE, Need.CARRIED_CALL,
    Need.RESET, Need.WIDE_INPUTS,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if deviation.needs & UNMET])
def test_deviation_without_what_it_needs_computes_the_same_function(name: str, make_weights: Make) -> None:
    """The needs are no excuse for a blind check: where one is not met, the output is the reference's, bit for bit."""
    weights, inputs = make_weights(1, 1), np.array([[[0.7]]])
    np.testing.assert_array_equal(DEVIATIONS[name].build(LSTMConfig(1), weights)(inputs), LSTM(LSTMConfig(1), weights)(inputs))


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if deviation.needs & {Need.BIAS}])
def test_deviation_of_the_bias_is_none_without_a_bias(name: str, make_weights: Make) -> None:
    """An LSTM without bias cannot have its bias read wrongly."""
    weights, inputs = make_weights(3, 2, use_bias=False), np.ones((2, 4, 2))
    config = LSTMConfig(3, use_bias=False)
    np.testing.assert_array_equal(DEVIATIONS[name].build(config, weights)(inputs), LSTM(config, weights)(inputs))


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if deviation.needs & {Need.RESET}])
def test_wrong_reset_before_the_first_call_has_nothing_to_keep(name: str, make_weights: Make) -> None:
    """There is no state yet, whatever a reset would leave of it."""
    weights, inputs = make_weights(3, 2), np.ones((2, 4, 2))
    lstm = DEVIATIONS[name].build(LSTMConfig(3, stateful=True), weights)
    lstm.reset_state()
    np.testing.assert_array_equal(lstm(inputs), LSTM(LSTMConfig(3), weights)(inputs))


@pytest.mark.parametrize(("name", "kept"), [("cell_not_reset", "cell"), ("hidden_not_reset", "hidden")])
def test_half_a_reset_keeps_the_other_half(name: str, kept: str, make_weights: Make) -> None:
    """One state is zeros after the reset, the other what it was."""
    lstm = DEVIATIONS[name].build(LSTMConfig(3, stateful=True), make_weights(3, 2))
    lstm(np.ones((2, 4, 2)))
    before = lstm.state
    lstm.reset_state()
    assert isinstance(before, State)
    assert isinstance(lstm.state, State)
    lost = "hidden" if kept == "cell" else "cell"
    np.testing.assert_array_equal(getattr(lstm.state, kept), getattr(before, kept))
    assert not getattr(lstm.state, lost).any()
