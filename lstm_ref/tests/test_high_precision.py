"""A third derivation: the equations in matrix form over column vectors, with 50 decimal digits (mpmath).

What it computes is the truth for float64's purposes, so that the gap is the reference's own rounding error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.sequence import Trajectory

DIGITS = 50
# Below float64's normal range relative accuracy ends; every bound here is for results above it.
UNDERFLOW = np.finfo(np.float64).tiny


def precise_lstm(weights: LSTMWeights, row: Any, h: Any, c: Any) -> list[Any]:
    """Outputs (timesteps, units) and C (units,) of one row, as mpmath numbers: h = o ∘ tanh(C), C = f ∘ C + i ∘ tanh(…)."""
    mp = mpmath.mp
    units = weights.units
    W, R = mp.matrix(weights.kernel.T.tolist()), mp.matrix(weights.recurrent_kernel.T.tolist())
    b = mp.zeros(4 * units, 1) if weights.bias is None else mp.matrix(weights.bias.tolist())
    h, c, outputs = mp.matrix(h.tolist()), mp.matrix(c.tolist()), []
    for x in row.tolist():
        z = W * mp.matrix(x) + R * h + b
        i, f, o = ([1 / (1 + mp.exp(-z[first + k])) for k in range(units)] for first in (0, units, 3 * units))
        c = mp.matrix([f[k] * c[k] + i[k] * mp.tanh(z[2 * units + k]) for k in range(units)])
        h = mp.matrix([o[k] * mp.tanh(c[k]) for k in range(units)])
        outputs.append(list(h))
    return [outputs, list(c)]


def gap(got: Any, precise: Any) -> Any:
    """|got - precise| element by element, the difference taken in high precision."""
    return np.vectorize(lambda a, b: float(abs(mpmath.mpf(float(a)) - b)), otypes=[float])(got, np.array(precise, dtype=object))


@pytest.mark.parametrize(
    ("units", "input_dim", "timesteps", "scale"),
    [
        pytest.param(1, 1, 1, 1.0, id="one number"),
        pytest.param(2, 3, 3, 0.5, id="small"),
        pytest.param(3, 2, 8, 0.5, id="longer"),
        pytest.param(3, 2, 4, 1e-9, id="next to zero"),
        pytest.param(3, 2, 4, 30.0, id="saturated: pre-activations up to a hundred"),
        pytest.param(2, 2, 3, 500.0, id="saturated until the gates underflow"),
    ],
)
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no bias"])
def test_the_reference_is_as_close_to_the_truth_as_float64_allows(
    make_weights: Callable[..., LSTMWeights],
    rounding_bound: Callable[..., Trajectory],
    *,
    units: int,
    input_dim: int,
    timesteps: int,
    scale: float,
    use_bias: bool,
) -> None:
    """Each output and cell state lies within its own running rounding error bound of the 50-digit value."""
    lstm = LSTM(
        LSTMConfig(units, use_bias=use_bias, return_sequences=True, return_state=True),
        make_weights(units, input_dim, use_bias=use_bias, scale=scale),
    )
    rng = np.random.default_rng([units, timesteps])
    inputs = rng.standard_normal((1, timesteps, input_dim))
    state = State(*rng.standard_normal((2, 1, units)))
    bound = rounding_bound(lstm, inputs, state)
    outputs, _, c = lstm(inputs, initial_state=state)
    with mpmath.workdps(DIGITS):
        precise_outputs, precise_c = precise_lstm(lstm.weights, inputs[0], state.hidden[0], state.cell[0])
        assert (gap(outputs[0], precise_outputs) <= bound.outputs[0] + UNDERFLOW).all()
        assert (gap(c[0], precise_c) <= bound.final_state.cell[0] + UNDERFLOW).all()


def test_the_bound_of_one_step_is_some_units_in_the_last_place(
    make_weights: Callable[..., LSTMWeights], rounding_bound: Callable[..., Trajectory]
) -> None:
    """From zero states, with weights whose pre-activations do not cancel, one step is good to 48 units in the last place."""
    lstm = LSTM(LSTMConfig(3, return_state=True), make_weights(3, 2, seed=2, scale=0.5))
    inputs = np.random.default_rng(5).standard_normal((1, 1, 2))
    outputs, _, c = lstm(inputs)
    bound = rounding_bound(lstm, inputs).final_state
    with mpmath.workdps(DIGITS):
        precise_outputs, precise_c = precise_lstm(lstm.weights, inputs[0], np.zeros(3), np.zeros(3))
        assert (gap(outputs[0], precise_outputs[0]) <= bound.hidden[0]).all()
        assert (gap(c[0], precise_c) <= bound.cell[0]).all()
    assert (bound.hidden <= 48 * np.spacing(np.abs(outputs))).all()
    assert (bound.cell <= 48 * np.spacing(np.abs(c))).all()


def test_fully_saturated_gates_are_exact() -> None:
    """With pre-activations of ±800 the true gates differ from 0 and 1 by less than 1e-347: c is c0 + tanh(z) to the last bit."""
    bias = np.array([800.0, 800.0, 20.0, -800.0])
    lstm = LSTM(LSTMConfig(1, return_state=True), LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), bias))
    outputs, _, c = lstm(np.zeros((1, 1, 1)), initial_state=[np.zeros((1, 1)), np.full((1, 1), 3.0)])
    assert c.item() == 4.0
    assert outputs.item() == 0.0
