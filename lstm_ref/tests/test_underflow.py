"""Underflow: σ covers runs in which results too small for their precision are flushed to zero, or lose bits one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic, rounding_sigma
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square

SMALLEST_NORMAL = 2.0**-126
FLOAT32 = Arithmetic(unit_roundoff=2.0**-24, underflow=SMALLEST_NORMAL)
FLOAT16 = Arithmetic(unit_roundoff=2.0**-11, underflow=2.0**-25)
STEPS = 300


class Flushing(LSTM):
    """The equations in float32 by single operations, each result below the smallest normal number flushed to zero."""

    def run(self, inputs: Array, *_: object) -> Trajectory:
        """Forwards, from zeros."""
        h = c = np.zeros((len(inputs), self.config.units), np.float32)
        hidden, cell = [], []
        for t in range(inputs.shape[1]):
            z = {gate: self.summed(inputs[:, t].astype(np.float32), h, gate) for gate in "ifco"}
            i, f, o = (flushed(1 / flushed(1 + flushed(np.exp(-z[gate])))) for gate in "ifo")
            c = flushed(flushed(f * c) + flushed(i * flushed(np.tanh(z["c"]))))
            h = flushed(o * flushed(np.tanh(c)))
            hidden.append(h)
            cell.append(c)
        outputs = np.stack(hidden, axis=1)
        return Trajectory(outputs=outputs, hidden=outputs, cell=np.stack(cell, axis=1))

    def summed(self, x: Array, h: Array, gate: str) -> Array:
        """Z of a gate, product after product."""
        W, U, b = self.weights.astype(np.dtype("float32")).gate(gate)
        z = flushed(flushed_dot(x, W) + flushed_dot(h, U))
        return z if b is None else flushed(z + b)


def flushed(value: Array) -> Array:
    """What float32 keeps of a result that flushes to zero."""
    return np.where(np.abs(value) < SMALLEST_NORMAL, np.float32(0), value)


def flushed_dot(vectors: Array, matrix: Array) -> Array:
    """One term after the other."""
    total = np.zeros((len(vectors), matrix.shape[1]), np.float32)
    for k, row in enumerate(matrix):
        total = flushed(total + flushed(vectors[:, k : k + 1] * row))
    return total


def tiny(case: str) -> tuple[LSTMConfig, LSTMWeights, Array]:
    """Weights and inputs that float32 holds, with results that it does not."""
    random = np.random.default_rng(5)
    kernel, recurrent_kernel, bias = np.zeros((6, 4)), np.zeros((1, 4)), np.array([0.0, 1000.0, 0.0, 1000.0])
    inputs = np.full((2, STEPS, 6), 2.0**-40)
    kernel[:, 2] = 1.0
    if case == "products of gate and candidate":
        bias[0] = -62.0
    elif case == "products of inputs and kernel":
        kernel[:, 2] = 2.0**-87
    elif case == "negative candidates":
        bias[0], kernel[:, 2] = -62.0, -1.0
    elif case == "either sign":
        kernel[:, 2], inputs = 2.0**-87 * random.standard_normal(6), inputs * random.standard_normal(inputs.shape)
    elif case == "with feedback":
        kernel[:, 2], recurrent_kernel[:] = 2.0**-87, [0.5, -0.5, -0.25, 0.25]
    arrays = [array.astype(np.float32).astype(np.float64) for array in (kernel, recurrent_kernel, bias)]
    return LSTMConfig(1), LSTMWeights(*arrays), inputs.astype(np.float32).astype(np.float64)


CASES = [
    "products of gate and candidate", "products of inputs and kernel", "negative candidates", "either sign", "with feedback",
]  # fmt: skip


def exact(config: LSTMConfig, weights: LSTMWeights, inputs: Array) -> Trajectory:
    """In float64."""
    lstm = LSTM(config, weights)
    return lstm.run(inputs, lstm.zero_state(len(inputs)))


def by_replicas(config: LSTMConfig, weights: LSTMWeights, inputs: Array, arithmetic: Arithmetic) -> Array:
    """σ of the cell state, from replicas."""
    lstm = RoundingLSTM(config, weights, arithmetic=arithmetic, random=np.random.default_rng(0))
    many = lstm.run(np.tile(inputs, (REPLICAS, 1, 1)), lstm.zero_state(REPLICAS * len(inputs))).cell
    expected = exact(config, weights, inputs).cell
    return root_mean_square(many.reshape(REPLICAS, *expected.shape), expected, arithmetic)


def by_derivative(config: LSTMConfig, weights: LSTMWeights, inputs: Array, arithmetic: Arithmetic) -> Array:
    """σ of the cell state, by propagation."""
    return rounding_sigma(config, weights, inputs, exact(config, weights, inputs), arithmetic).cell


Way = Callable[[LSTMConfig, LSTMWeights, Array, Arithmetic], Array]
WAYS = pytest.mark.parametrize("way", [by_derivative, by_replicas])


@pytest.mark.parametrize("case", CASES)
@WAYS
def test_a_run_that_flushes_lies_within_sigma(case: str, way: Way) -> None:
    """All that is lost, timestep after timestep: within 8σ at each element and 2σ in the mean."""
    config, weights, inputs = tiny(case)
    expected = exact(config, weights, inputs).cell
    error = np.abs(Flushing(config, weights).run(inputs).cell - expected)
    assert error.max() > 4 * SMALLEST_NORMAL
    ratio = error / way(config, weights, inputs, FLOAT32)
    assert ratio.max() < 8
    assert np.sqrt(np.mean(ratio**2)) < 2


@pytest.mark.parametrize("case", CASES[:3])
@WAYS
def test_without_underflow_in_every_operation_it_would_not(case: str, way: Way) -> None:
    """One smallest normal number, added to σ at the end, is far exceeded."""
    config, weights, inputs = tiny(case)
    relative = way(config, weights, inputs, Arithmetic(unit_roundoff=2.0**-24, underflow=0.0))
    error = np.abs(Flushing(config, weights).run(inputs).cell - exact(config, weights, inputs).cell)
    assert np.max(error / (relative + SMALLEST_NORMAL)) > 30


@WAYS
def test_a_run_in_half_precision_loses_bits_and_stays_within_sigma(way: Way) -> None:
    """NumPy's own float16 keeps subnormal numbers; a cell that is given a thousand of them keeps what they round to."""
    config, weights, inputs = tiny("")
    weights = LSTMWeights(weights.kernel, weights.recurrent_kernel, np.array([0.0, 20.0, 0.0, 20.0]))
    inputs = np.random.default_rng(3).uniform(0, 2.0**-20, inputs.shape).astype(np.float16).astype(np.float64)
    low = LSTM(config, weights)
    low.dtype, low.weights = np.dtype("float16"), weights.astype(np.dtype("float16"))
    got = low.run(inputs.astype(np.float16), low.zero_state(len(inputs))).cell
    expected, sigma = exact(config, weights, inputs).cell, way(config, weights, inputs, FLOAT16)
    ratio = np.abs(got - expected) / sigma
    assert ratio.max() < 4
    assert np.max(sigma / expected) < 1  # flushed at the smallest normal number, all of it would be lost


@WAYS
def test_what_is_exactly_zero_is_stored_and_no_more(way: Way) -> None:
    """σ is never zero: what stores a result may flush it."""
    config, weights = LSTMConfig(2), LSTMWeights(np.zeros((1, 8)), np.zeros((2, 8)))
    sigma = way(LSTMConfig(2, use_bias=False), weights, np.ones((1, 3, 1)), FLOAT32)
    assert config.units == 2
    np.testing.assert_array_equal(sigma, np.full((1, 3, 2), SMALLEST_NORMAL))


@WAYS
def test_results_of_usual_size_are_as_uncertain_as_without(way: Way) -> None:
    """A smallest normal number is nothing beside the rounding of anything else."""
    random = np.random.default_rng(9)
    shapes = ((3, 16), (4, 16), (16,))
    weights = LSTMWeights(*(random.standard_normal(shape) for shape in shapes))
    given = LSTMConfig(4), weights, random.standard_normal((3, 20, 3))
    without = way(*given, Arithmetic(unit_roundoff=2.0**-24, underflow=0.0))
    np.testing.assert_allclose(way(*given, FLOAT32), without, rtol=1e-12)
