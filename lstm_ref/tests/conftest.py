"""What the tests of the reference share: weights that hide no fault, and how far rounding may take two correct runs apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import GATE_ORDER, LSTM, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory, run

# Unit roundoff of float64: one arithmetic operation is off by at most this, relative.
U = 2.0**-53
# NumPy's exp, tanh … may be off by 4 units in the last place (the bound of its vector library), each at most 2u relative.
FUNCTION = 8 * U
# sigmoid: exp, one addition, one division.
SIGMOID = FUNCTION + 2 * U


@pytest.fixture
def make_weights() -> Callable[..., LSTMWeights]:
    """Seeded, dense, asymmetric weights of about the given scale; no two entries are alike."""

    def make(units: int, input_dim: int, *, use_bias: bool = True, seed: int = 0, scale: float = 1.0) -> LSTMWeights:
        rng = np.random.default_rng([seed, units, input_dim])
        kernel, recurrent_kernel, bias = (
            scale * rng.standard_normal(shape) for shape in ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
        )
        return LSTMWeights(kernel, recurrent_kernel, bias if use_bias else None)

    return make


@pytest.fixture
def rounding_bound() -> Callable[..., Trajectory]:
    """How far rounding may take one correct run of a tanh/sigmoid LSTM from the true values: a running error analysis.

    To first order in u, element by element, beside the values themselves: a sum of n products in any order is off by n u Σ|terms|
    (Higham, Accuracy and Stability of Numerical Algorithms, 3.1) plus what its terms bring along; sigmoid and tanh multiply an
    error by their slopes and add their own. Two correct runs differ by at most twice the bound. For a dtype of another unit
    roundoff the bound scales with it, for n counts the rounding of weights and inputs to that dtype too.
    """
    return _rounding_bound


def _rounding_bound(lstm: LSTM, inputs: Array, state: State | None = None, mask: Array | None = None) -> Trajectory:
    state = lstm.zero_state(inputs.shape[0]) if state is None else state
    bounded = run(
        lambda x_t, state: _bounded_step(lstm, x_t, state),
        inputs,
        State(*(np.concatenate([values, U * np.abs(values)], axis=-1) for values in (state.hidden, state.cell))),
        mask,
        go_backwards=lstm.config.go_backwards,
        zero_output_for_mask=lstm.config.zero_output_for_mask,
    )
    return Trajectory(*(array[..., lstm.config.units :] for array in (bounded.outputs, bounded.hidden, bounded.cell)))


def _bounded_step(lstm: LSTM, x_t: Array, state: State) -> State:
    """One timestep of values and of their bounds, side by side: (batch, 2 * units) each."""
    (h, e_h), (c, e_c) = np.split(state.hidden, 2, axis=-1), np.split(state.cell, 2, axis=-1)
    gates, new = lstm.gates(x_t, State(h, c)), lstm.step(x_t, State(h, c))
    e_z = {gate: _preactivation_bound(lstm.weights, gate, x_t, h, e_h) for gate in GATE_ORDER}
    e_i, e_f, e_o = (g * (1 - g) * e_z[gate] + SIGMOID * g for gate, g in (("i", gates.i), ("f", gates.f), ("o", gates.o)))
    e_candidate = (1 - gates.candidate**2) * e_z["c"] + FUNCTION * np.abs(gates.candidate)
    old_part, new_part = np.abs(gates.f * c), np.abs(gates.i * gates.candidate)
    e_c = gates.f * e_c + np.abs(c) * e_f + np.abs(gates.candidate) * e_i + gates.i * e_candidate + 2 * U * (old_part + new_part)
    squashed = np.abs(np.tanh(new.cell))
    e_h = squashed * e_o + gates.o * ((1 - squashed**2) * e_c + FUNCTION * squashed) + U * np.abs(new.hidden)
    return State(np.concatenate([new.hidden, e_h], axis=-1), np.concatenate([new.cell, e_c], axis=-1))


def _preactivation_bound(weights: LSTMWeights, gate: str, x_t: Array, h: Array, e_h: Array) -> Array:
    kernel, recurrent_kernel, bias = (None if array is None else np.abs(array) for array in weights.gate(gate))
    assert kernel is not None
    assert recurrent_kernel is not None
    terms: Any = np.abs(x_t) @ kernel + np.abs(h) @ recurrent_kernel + (0 if bias is None else bias)
    # input_dim + units products and a bias make as many roundings; three more stand for rounding x, W and b to a dtype.
    return np.asarray((weights.input_dim + weights.units + 4) * U * terms + e_h @ recurrent_kernel)
