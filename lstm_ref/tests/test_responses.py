"""LSTMs whose operations err: what each operation is, worked by hand, and that errors too small for float32 are there."""

from __future__ import annotations

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.responses import OPERATIONS, PerturbedLSTM, one_error_per_copy

CONFIG = LSTMConfig(3, return_sequences=True, return_state=True)
SHAPES = ((2, 12), (3, 12), (12,))


def random_weights_and_inputs() -> tuple[LSTMWeights, Array]:
    """Weights and inputs of two rows and four timesteps."""
    rng = np.random.default_rng(1)
    return LSTMWeights(*(rng.standard_normal(shape) for shape in SHAPES)), rng.standard_normal((2, 4, 2))


def erring(operation: str, error: float, inputs: Array, weights: LSTMWeights) -> tuple[Array, ...]:
    """Outputs and states with that one error."""
    outputs: tuple[Array, ...] = PerturbedLSTM(CONFIG, weights, errors={operation: np.array([error])})(inputs)
    return outputs


def test_without_an_error_nothing_changes() -> None:
    """Bit for bit, with or without a bias."""
    weights, inputs = random_weights_and_inputs()
    for got, expected in zip(erring("cell", 0.0, inputs, weights), LSTM(CONFIG, weights)(inputs), strict=True):
        np.testing.assert_array_equal(got, expected)
    bare, config = LSTMWeights(weights.kernel, weights.recurrent_kernel), LSTMConfig(3, use_bias=False)
    np.testing.assert_array_equal(
        PerturbedLSTM(config, bare, errors=one_error_per_copy(0.0))(np.tile(inputs, (7, 1, 1)))[:2], LSTM(config, bare)(inputs)
    )


@pytest.mark.parametrize("part", ["kernel", "recurrent_kernel", "bias"])
def test_a_product_errs_as_its_weights_would(part: str) -> None:
    """The product of x and (1 + ε) W is (1 + ε) x W."""
    weights, inputs = random_weights_and_inputs()
    scaled = LSTMWeights(**{name: array * (1.01 if name == part else 1) for name, array in weights.arrays.items()})
    for got, expected in zip(erring(part, 0.01, inputs, weights), LSTM(CONFIG, scaled)(inputs), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


# With all weights zero and one step: c = s t, h = s g(c), where s = sigmoid(0) = 1/2 and t = tanh(bias of the candidate).
@pytest.mark.parametrize(
    ("operation", "c_times", "before_tanh", "h_times"),
    [
        ("recurrent_activation", 1.1, 1.1, 1.1),
        ("activation", 1.1, 1.1, 1.1),
        ("cell", 1.1, 1.1, 1.0),
        ("output", 1.0, 1.0, 1.1),
    ],
)
def test_what_an_operation_is(operation: str, c_times: float, before_tanh: float, h_times: float) -> None:
    """Worked by hand for one unit and one timestep."""
    weights = LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), np.array([0.0, 0.0, 0.7, 0.0]))
    lstm = PerturbedLSTM(LSTMConfig(1, return_state=True), weights, errors={operation: np.array([0.1])})
    hidden, _, cell = lstm(np.zeros((1, 1, 1)))
    c = 0.5 * np.tanh(0.7)
    np.testing.assert_allclose(cell, [[c_times * c]], rtol=1e-15)
    np.testing.assert_allclose(hidden, [[h_times * 0.5 * np.tanh(before_tanh * c)]], rtol=1e-15)


def test_each_copy_errs_by_itself() -> None:
    """The batch in equal parts, one per operation, each as if it were alone."""
    weights, inputs = random_weights_and_inputs()
    together = PerturbedLSTM(CONFIG, weights, errors=one_error_per_copy(0.01))(np.tile(inputs, (len(OPERATIONS), 1, 1)))[0]
    for part, operation in zip(np.split(together, len(OPERATIONS)), OPERATIONS, strict=True):
        np.testing.assert_array_equal(part, erring(operation, 0.01, inputs, weights)[0])


def test_an_error_that_float32_cannot_hold_acts_in_the_mean() -> None:
    """1 + 1e-7 is not a float32: the nearest is 1 + 1.2e-7. Values between 1 and 2 move by one or two units in the last place."""
    weights = LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4))
    lstm = PerturbedLSTM(LSTMConfig(1), weights, "float32", errors={"cell": np.array([1e-7])})
    values = np.random.default_rng(0).uniform(1, 2, (20_000, 1)).astype(np.float32)
    moved = lstm._perturb("cell", values)
    assert moved.dtype == np.float32
    assert np.mean(moved.astype(np.float64) / values - 1) == pytest.approx(1e-7, rel=0.05)
