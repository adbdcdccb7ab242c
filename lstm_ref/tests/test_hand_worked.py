"""Values worked out by hand from the six equations: small enough to check on paper.

Used throughout: σ(0) = 1/2, σ(ln 2) = 2/3, σ(ln 3) = 3/4, σ(-ln 3) = 1/4, for σ(ln q) = q / (q + 1);
tanh(ln 2) = 3/5, tanh(ln 3) = 4/5, for tanh(ln q) = (q² - 1) / (q² + 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights

LN2, LN3 = math.log(2), math.log(3)
# The longest chain here has two steps of five factors, each good to 4 units in the last place = 8u, and their roundings: 2 * (5 * 8
# + 5) = 90 u; the logarithms among the weights add 2 u each through slopes below 1. u = 2**-53, so 100 u = 1.2e-14.
CLOSE = 100 * 2.0**-53
SHUT, OPEN = -1000.0, 1000.0  # exp(-1000) is 0 in float64, so that σ is exactly 0 and 1


def one_unit(kernel: Any, recurrent: Any = (0, 0, 0, 0), bias: Any = (0, 0, 0, 0), **config: Any) -> LSTM:
    """An LSTM of one unit and one feature from its four numbers per array, in the order i, f, c, o."""
    return LSTM(
        LSTMConfig(units=1, return_sequences=True, return_state=True, **config),
        LSTMWeights.from_arrays([kernel], [recurrent], bias),
    )


def column(*values: float) -> np.ndarray[Any, Any]:
    """One sequence of one feature: (1, timesteps, 1)."""
    return np.array(values, dtype=float).reshape(1, -1, 1)


def test_one_step_of_one_unit_with_four_different_gates() -> None:
    """With i = σ(ln 3) = 3/4, f = σ(ln 2) = 2/3, c̃ = tanh(ln 2) = 3/5, o = σ(-ln 3) = 1/4: c = 2/3 * 3 + 3/4 * 3/5 = 49/20."""
    lstm = one_unit(kernel=(LN3, LN2, LN2, -LN3))
    outputs, h, c = lstm(column(1), initial_state=[[[0.0]], [[3.0]]])
    assert c.item() == pytest.approx(49 / 20, rel=CLOSE)
    assert h.item() == pytest.approx(math.tanh(49 / 20) / 4, rel=CLOSE)
    assert outputs.item() == h.item()


def test_one_step_whose_cell_state_has_a_rational_tanh() -> None:
    """Gates i = f = 1/2, c̃ = tanh(ln 2) = 3/5, c0 = 2 ln 2 - 3/5 give c = ln 2 and h = σ(ln 3) tanh(ln 2) = 3/4 * 3/5 = 9/20."""
    lstm = one_unit(kernel=(0, 0, LN2, LN3))
    _, h, c = lstm(column(1), initial_state=[[[0.0]], [[2 * LN2 - 3 / 5]]])
    assert c.item() == pytest.approx(LN2, rel=CLOSE)
    assert h.item() == pytest.approx(9 / 20, rel=CLOSE)


def test_the_previous_hidden_state_is_read_by_each_gate_through_its_own_column() -> None:
    """With h0 = 1 and x = 0: i = σ(ln 3) = 3/4, f = σ(-ln 3) = 1/4, c̃ = tanh(ln 3) = 4/5, o = σ(ln 2) = 2/3; c = 1 + 3/5."""
    lstm = one_unit(kernel=(5, 6, 7, 8), recurrent=(LN3, -LN3, LN3, LN2))
    _, h, c = lstm(column(0), initial_state=[[[1.0]], [[4.0]]])
    assert c.item() == pytest.approx(1 / 4 * 4 + 3 / 4 * 4 / 5, rel=CLOSE)
    assert h.item() == pytest.approx(2 / 3 * math.tanh(8 / 5), rel=CLOSE)


def test_the_bias_is_added_to_the_gate_of_its_block() -> None:
    """With x = 0, h0 = 0, c0 = 6: i = 2/3, f = 1/4, c̃ = -4/5, o = 3/4 come from the bias alone; c = 6/4 - 8/15 = 29/30."""
    lstm = one_unit(kernel=(0, 0, 0, 0), bias=(LN2, -LN3, -LN3, LN3))
    _, h, c = lstm(column(0), initial_state=[[[0.0]], [[6.0]]])
    assert c.item() == pytest.approx(29 / 30, rel=CLOSE)
    assert h.item() == pytest.approx(3 / 4 * math.tanh(29 / 30), rel=CLOSE)


def test_two_steps_with_linear_activation_are_rational() -> None:
    """Two steps on x = 1, -1 with linear activation, whose second gates hang on h1.

    Step 1 (h = c = 0, x = 1): i = o = σ(0) = 1/2, c̃ = 2, so c1 = 1 and h1 = 1/2.
    Step 2 (x = -1): i = σ(2 ln 3 h1) = σ(ln 3) = 3/4, f = σ(-2 ln 3 h1) = 1/4, c̃ = 2 x + 8 h1 = -2 + 4 = 2,
    o = σ(2 ln 2 h1) = 2/3, so c2 = 1/4 * 1 + 3/4 * 2 = 7/4 and h2 = 2/3 * 7/4 = 7/6.
    """
    lstm = one_unit(kernel=(0, 0, 2, 0), recurrent=(2 * LN3, -2 * LN3, 8, 2 * LN2), activation="linear")
    outputs, h, c = lstm(column(1, -1))
    np.testing.assert_allclose(outputs[0, :, 0], [1 / 2, 7 / 6], rtol=CLOSE, atol=0)
    assert h.item() == pytest.approx(7 / 6, rel=CLOSE)
    assert c.item() == pytest.approx(7 / 4, rel=CLOSE)


def test_two_tanh_steps_where_the_second_reads_the_output_of_the_first() -> None:
    """Step 1 is the case with a rational tanh, c1 = ln 2 and h1 = 9/20; step 2 reads h1 through the candidate alone.

    Step 2 (x = 0): i = f = o = σ(0) = 1/2, c̃ = tanh(20/9 ln 2 h1) = tanh(ln 2) = 3/5, so c2 = ln 2 / 2 + 3/10, h2 = tanh(c2) / 2.
    """
    lstm = one_unit(kernel=(0, 0, LN2, LN3), recurrent=(0, 0, LN2 * 20 / 9, 0))
    outputs, _, c = lstm(column(1, 0), initial_state=[[[0.0]], [[2 * LN2 - 3 / 5]]])
    assert c.item() == pytest.approx(LN2 / 2 + 3 / 10, rel=CLOSE)
    np.testing.assert_allclose(outputs[0, :, 0], [9 / 20, math.tanh(LN2 / 2 + 3 / 10) / 2], rtol=CLOSE, atol=0)


@pytest.mark.parametrize(
    ("recurrent_activation", "hidden"),
    [
        # Keras 3: i = 3/6 + 1/2 = 1, o = 1.5/6 + 1/2 = 3/4; c = 1 * 2, h = 3/2.
        ("hard_sigmoid", 3 / 2),
        # Keras 2: i = clip(0.6 + 1/2) = 1, o = 0.3 + 1/2 = 4/5; h = 8/5.
        ("hard_sigmoid_keras2", 8 / 5),
    ],
)
def test_hard_sigmoid_and_relu_make_a_step_without_transcendental_functions(recurrent_activation: str, hidden: float) -> None:
    """Input 1 with kernel (3, 0, 2, 1.5): c̃ = relu(2) = 2, h = o relu(c)."""
    lstm = one_unit(kernel=(3, 0, 2, 1.5), activation="relu", recurrent_activation=recurrent_activation)
    _, h, c = lstm(column(1))
    assert c.item() == 2
    assert h.item() == pytest.approx(hidden, rel=CLOSE)


def test_units_read_each_other_row_by_row() -> None:
    """Two units, x = 0, h0 = (1, 0): row 0 of the recurrent kernel is what unit 0 sends out, so unit 1 hears 3 and unit 0 nothing.

    All gates are 1/2, activations linear: c = (0, 1/2 * 3), h = (0, 3/4); with the kernel transposed unit 0 would hear 7.
    """
    recurrent = np.zeros((2, 8))
    recurrent[:, 4:6] = [[0, 3], [7, 0]]
    lstm = LSTM(LSTMConfig(units=2, activation="linear"), LSTMWeights(np.zeros((1, 8)), recurrent, np.zeros(8)))
    np.testing.assert_array_equal(lstm(np.zeros((1, 1, 1)), initial_state=[[[1, 0]], [[0, 0]]]), [[0, 0.75]])


def test_features_are_summed_row_by_row_of_the_kernel() -> None:
    """Two features (2, 5) with candidate weights (3, -1): c̃ = 6 - 5 = 1, all gates 1/2, linear: h = 1/4."""
    kernel = np.zeros((2, 4))
    kernel[:, 2] = [3, -1]
    lstm = LSTM(LSTMConfig(units=1, activation=None), LSTMWeights(kernel, np.zeros((1, 4)), np.zeros(4)))
    assert lstm([[[2, 5]]]).item() == 0.25


def test_an_lstm_of_zeros_answers_zero() -> None:
    """All gates are 1/2, but the candidate is tanh(0) = 0 and so are both states."""
    outputs, h, c = one_unit(kernel=(0, 0, 0, 0))(column(3, -4, 5))
    assert not outputs.any()
    assert h.item() == c.item() == 0


def test_an_open_forget_gate_and_a_shut_input_gate_hold_the_cell_for_ever() -> None:
    """With f = 1 and i = 0, c stays 0.3 to the last bit through 200 steps, whatever the inputs are."""
    lstm = one_unit(kernel=(0, 0, 9, 0), bias=(SHUT, OPEN, 0, 0))
    _, _, c = lstm(np.linspace(-5, 5, 200).reshape(1, 200, 1), initial_state=[[[0.5]], [[0.3]]])
    assert c.item() == 0.3


def test_a_shut_forget_gate_leaves_nothing_of_the_old_cell_state() -> None:
    """With f = 0, c = i c̃ = 1/2 tanh(ln 2) = 3/10, whatever c0 was."""
    lstm = one_unit(kernel=(0, 0, LN2, 0), bias=(0, SHUT, 0, 0))
    _, _, c = lstm(column(1), initial_state=[[[0.0]], [[1e6]]])
    assert c.item() == pytest.approx(3 / 10, rel=CLOSE)


def test_a_shut_output_gate_emits_exactly_zero_and_keeps_the_cell() -> None:
    """With o = 0 every output is 0, while the linear candidate is still summed up (i = f = 1): c = 1 + 2 + 3."""
    lstm = one_unit(kernel=(0, 0, 1, 0), bias=(OPEN, OPEN, 0, SHUT), activation="linear")
    outputs, h, c = lstm(column(1, 2, 3))
    assert not outputs.any()
    assert h.item() == 0
    assert c.item() == 6


def test_a_shut_input_gate_makes_the_candidates_input_irrelevant() -> None:
    """With i = 0, sequences that differ in what the candidate reads give the same outputs, to the last bit."""
    lstm = one_unit(kernel=(0, 0, 3, 0), recurrent=(0, 1, 2, -1), bias=(SHUT, 0.5, 0, 0.25))
    start = [[[0.5]], [[-2.0]]]
    np.testing.assert_array_equal(lstm(column(1, 2, 3), initial_state=start)[0], lstm(column(-9, 0, 7), initial_state=start)[0])


def test_open_gates_and_linear_activation_integrate_the_inputs() -> None:
    """With i = f = o = 1, h_t = c_t = x_1 + … + x_t, exactly, for integers."""
    lstm = one_unit(kernel=(0, 0, 1, 0), bias=(OPEN, OPEN, 0, OPEN), activation="linear")
    assert lstm(column(1, 2, 3, -7))[0].ravel().tolist() == [1, 3, 6, -1]


def test_without_memory_the_layer_is_the_identity() -> None:
    """With i = o = 1, f = 0 and linear activation, h_t = x_t, exactly."""
    lstm = one_unit(kernel=(0, 0, 1, 0), bias=(OPEN, SHUT, 0, OPEN), activation="linear")
    assert lstm(column(1, 2, 3, -7))[0].ravel().tolist() == [1, 2, 3, -7]


def test_the_output_activation_acts_on_the_cell_state_and_the_state_stays_unsquashed() -> None:
    """Open gates and a candidate of tanh(1000) = 1 count timesteps: c = 4 after four, h = tanh(4) and not 4."""
    lstm = one_unit(kernel=(0, 0, 1000, 0), bias=(OPEN, OPEN, 0, OPEN))
    _, h, c = lstm(column(1, 1, 1, 1))
    assert c.item() == 4
    assert h.item() == pytest.approx(math.tanh(4), rel=CLOSE)
