"""The rounding σ: it covers correct runs in lower precision, is no looser than it must be, and says what it was not derived for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, ShapeError, UnsupportedConfigError
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import ARITHMETIC, Arithmetic, RoundingSigma, rounding_sigma

U32 = 2.0**-24
FLOAT32 = Arithmetic(unit_roundoff=U32, underflow=2.0**-126)
SIZES = [(1, 1), (2, 3), (16, 5), (40, 20)]


def random_lstm_and_inputs(
    units: int, input_dim: int, steps: int = 30, batch: int = 4, *, use_bias: bool = True
) -> tuple[LSTMConfig, LSTMWeights, Array]:
    """A seeded LSTM and inputs, all representable in float32."""
    rng = np.random.default_rng([units, input_dim])
    shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
    scales = (input_dim**-0.5, units**-0.5, 1.0)
    kernel, recurrent_kernel, bias = (
        (scale * rng.standard_normal(shape)).astype(np.float32) for scale, shape in zip(scales, shapes, strict=True)
    )
    inputs = rng.standard_normal((batch, steps, input_dim)).astype(np.float32).astype(np.float64)
    return LSTMConfig(units, use_bias=use_bias), LSTMWeights(kernel, recurrent_kernel, bias if use_bias else None), inputs


def run_with_sigma(config: LSTMConfig, weights: LSTMWeights, inputs: Array, seed: int = 0) -> tuple[Trajectory, RoundingSigma]:
    """The float64 run and its σ in float32."""
    lstm = LSTM(config, weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    return trajectory, rounding_sigma(config, lstm.weights, inputs, trajectory, FLOAT32, seed=seed)


@pytest.mark.parametrize(("units", "input_dim"), SIZES)
@pytest.mark.parametrize("use_bias", [True, False])
def test_float32_run_lies_within_sigma(units: int, input_dim: int, use_bias: bool) -> None:
    """The reference run in NumPy's own float32 is within 8σ at each element and not above σ in the mean."""
    config, weights, inputs = random_lstm_and_inputs(units, input_dim, use_bias=use_bias)
    trajectory, sigma = run_with_sigma(config, weights, inputs)
    low = LSTM(config, weights, "float32")
    rounded = low.run(inputs.astype(np.float32), low.zero_state(len(inputs)))
    for got, expected, allowed in ((rounded.hidden, trajectory.hidden, sigma.hidden), (rounded.cell, trajectory.cell, sigma.cell)):
        ratio = np.abs(got - expected) / allowed
        assert ratio.max() < 8
        assert np.sqrt(np.mean(ratio**2)) < 1


def noisy_run(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, noise: float, rng: np.random.Generator
) -> tuple[Array, Array]:
    """The run with each operation's result multiplied by 1 ± noise in float64: stochastic rounding as defined."""

    def rounded(value: Array) -> Array:
        return np.asarray(value * (1 + noise * rng.choice([-1.0, 1.0], value.shape)))

    def dot(x: Array, matrix: Array) -> Array:
        total = np.zeros((len(x), matrix.shape[1]))
        for position, k in enumerate(rng.permutation(matrix.shape[0])):
            total = total + rounded(x[:, k : k + 1] * matrix[k])
            total = rounded(total) if position else total
        return total

    h = c = np.zeros((len(inputs), config.units))
    hidden, cell = [], []
    for t in range(inputs.shape[1]):
        z = {}
        for gate in "ifco":
            W, R, b = weights.gate(gate)
            z[gate] = rounded(dot(inputs[:, t], W) + dot(h, R))
            z[gate] = z[gate] if b is None else rounded(z[gate] + b)
        i, f, o = (rounded(1 / rounded(1 + rounded(np.exp(-z[gate])))) for gate in "ifo")
        candidate = rounded(rounded(rounded(np.tanh(z["c"]))))
        c = rounded(rounded(f * c) + rounded(i * candidate))
        h = rounded(o * rounded(rounded(rounded(np.tanh(c)))))
        hidden.append(h)
        cell.append(c)
    return np.stack(hidden, axis=1), np.stack(cell, axis=1)


@pytest.mark.parametrize(("units", "input_dim"), [(1, 1), (3, 2), (8, 5)])
def test_sigma_is_what_stochastic_rounding_gives(units: int, input_dim: int) -> None:
    """Propagating roundings by the derivative and adding them to the values of 24 replicas give one σ in the mean.

    Both are estimates from 24 replicas over elements that rise and fall together; their mean squares differ by about
    √(2/24) = 29 % per independent element, so a factor of 1.3 either way over many is well outside chance.
    """
    config, weights, inputs = random_lstm_and_inputs(units, input_dim, steps=12, batch=6)
    trajectory, sigma = run_with_sigma(config, weights, inputs)
    rng = np.random.default_rng(7)
    # 2^-30 is far above float64's own rounding and far below any second-order effect.
    runs = [noisy_run(config, weights.astype(np.float64), inputs, 2.0**-30, rng) for _ in range(24)]
    for position, (expected, ours) in enumerate(((trajectory.hidden, sigma.hidden), (trajectory.cell, sigma.cell))):
        theirs = np.sqrt(np.mean([(run[position] - expected) ** 2 for run in runs], axis=0)) / 2.0**-30
        ours_in_u = ours / U32 - np.abs(expected) / 2
        assert 1 / 1.3 < np.sqrt(np.mean(ours_in_u**2) / np.mean(theirs**2)) < 1.3


def test_sigma_scales_with_the_unit_roundoff() -> None:
    """float64's σ is float32's, times the ratio of their unit roundoffs: the propagation is linear."""
    config, weights, inputs = random_lstm_and_inputs(5, 3)
    trajectory, single = run_with_sigma(config, weights, inputs)
    double = rounding_sigma(
        config, weights.astype(np.float64), inputs, trajectory, Arithmetic(unit_roundoff=2.0**-53, underflow=2.0**-1022)
    )
    np.testing.assert_allclose(double.hidden, single.hidden * 2.0**-29, rtol=1e-12)


def test_sigma_of_a_shorter_run_is_a_prefix_in_the_mean() -> None:
    """The run is causal: what comes later moves no earlier σ."""
    config, weights, inputs = random_lstm_and_inputs(6, 4, steps=20)
    _, long = run_with_sigma(config, weights, inputs)
    _, short = run_with_sigma(config, weights, inputs[:, :9])
    np.testing.assert_allclose(short.hidden, long.hidden[:, :9], rtol=1e-12)


def test_sigma_is_a_function_of_its_seed() -> None:
    """The same seed gives the same bits, another seed another estimate."""
    config, weights, inputs = random_lstm_and_inputs(3, 2)
    first, again, other = (run_with_sigma(config, weights, inputs, seed)[1].hidden for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_sigma_of_a_closed_gate_does_not_vanish() -> None:
    """An output gate of exp(-60) still has a relative error of its own, though its square is below the smallest float32."""
    kernel, recurrent_kernel, bias = np.zeros((1, 4)), np.zeros((1, 4)), np.array([2.0, 2.0, 2.0, -60.0])
    weights = LSTMWeights(kernel, recurrent_kernel, bias)
    trajectory, sigma = run_with_sigma(LSTMConfig(1), weights, np.ones((1, 3, 1)))
    # z = -60 is stored to 30 u at best, which exp turns into a relative error of that size.
    assert np.all(sigma.hidden > 30 * U32 * np.abs(trajectory.hidden))


@pytest.mark.parametrize(
    "config",
    [LSTMConfig(2, activation="relu"), LSTMConfig(2, recurrent_activation="hard_sigmoid"), LSTMConfig(2, go_backwards=True)],
)
def test_other_cells_are_refused(config: LSTMConfig) -> None:
    """There is no σ without a derivation."""
    _, weights, inputs = random_lstm_and_inputs(2, 2)
    lstm = LSTM(config, weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    with pytest.raises(UnsupportedConfigError, match="derived for forward runs"):
        rounding_sigma(config, weights, inputs, trajectory, FLOAT32)


def test_rounded_operands_are_refused() -> None:
    """They are left to replicas."""
    config, weights, inputs = random_lstm_and_inputs(2, 2)
    lstm = LSTM(config, weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    with pytest.raises(UnsupportedConfigError, match="read their operands as they are"):
        rounding_sigma(config, weights, inputs, trajectory, replace(FLOAT32, operands=2.0**-11))


@pytest.mark.parametrize(
    ("units", "inputs", "states"),
    [(2, (1, 3, 2), (1, 3, 3)), (3, (1, 3, 1), (1, 3, 3)), (3, (1, 3, 2), (1, 4, 3)), (3, (3, 2), (3, 3))],
)
def test_a_trajectory_of_another_run_has_no_sigma(units: int, inputs: tuple[int, ...], states: tuple[int, ...]) -> None:
    """The message says what a run over these inputs passes through."""
    weights, trajectory = LSTMWeights(np.ones((2, 12)), np.ones((3, 12)), np.ones(12)), Trajectory(*np.zeros((3, *states)))
    with pytest.raises(
        ShapeError, match=r"a run over inputs .* of an LSTM of 2 features and 3 units passes through states .*; got"
    ):
        rounding_sigma(LSTMConfig(units), weights, np.zeros(inputs), trajectory, ARITHMETIC["float32"])
