"""σ from replicas: it is that of the derivation where there is one, covers real runs in lower precision, and scales with u."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, DropoutMasks, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic, rounding_sigma
from lstm_ref.uncertainty.rounding import SMALLEST_DISTURBANCE, RoundingLSTM, replicated_sigma, root_mean_square

UNITS, INPUT_DIM, BATCH, STEPS = 8, 5, 4, 12
ARITHMETIC = {
    "float16": Arithmetic(unit_roundoff=2.0**-11, underflow=2.0**-25),
    "float32": Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126),
}
# Two estimates from 24 replicas each: √(F(24, 24)) lies in 1/3 … 3 with a probability of 1 - 4e-7.
AS_ESTIMATED = 3.0


def random_weights_and_inputs(config: LSTMConfig, dtype: str = "float16", scale: float = 0.2) -> tuple[LSTMWeights, Array]:
    """Weights and inputs that the dtype holds exactly; small, so that unbounded activations do not run away."""
    rng = np.random.default_rng([UNITS, INPUT_DIM])
    shapes = ((INPUT_DIM, 4 * UNITS), (UNITS, 4 * UNITS), (4 * UNITS,))
    arrays = [(scale * rng.standard_normal(shape)).astype(dtype).astype("float64") for shape in shapes]
    inputs = rng.standard_normal((BATCH, STEPS, INPUT_DIM)).astype(dtype).astype("float64")
    return LSTMWeights(arrays[0], arrays[1], arrays[2] if config.use_bias else None), inputs


def exact(config: LSTMConfig, weights: LSTMWeights, inputs: Array, mask: Array | None = None) -> Trajectory:
    """The undisturbed run from zeros."""
    lstm = LSTM(config, weights)
    return lstm.run(inputs, lstm.zero_state(len(inputs)), mask)


def sigma_of(
    config: LSTMConfig,
    weights: LSTMWeights,
    inputs: Array,
    arithmetic: Arithmetic,
    *,
    mask: Array | None = None,
    dropout: DropoutMasks | None = None,
    seed: int = 0,
) -> Trajectory:
    """σ of outputs, hidden and cell state of a run from zeros."""
    many = None if dropout is None else dropout.tile(REPLICAS)
    lstm = RoundingLSTM(config, weights, many, arithmetic=arithmetic, random=np.random.default_rng(seed))
    tiled = partial(np.tile, reps=(REPLICAS, 1, 1))
    start = lstm.zero_state(REPLICAS * len(inputs))
    replicas = lstm.run(tiled(inputs), start, None if mask is None else np.tile(mask, (REPLICAS, 1)))
    expected = LSTM(config, weights, dropout=dropout).run(inputs, LSTM(config, weights).zero_state(len(inputs)), mask)
    return Trajectory(
        *(
            root_mean_square(each.reshape(REPLICAS, *true.shape), true, arithmetic)
            for each, true in zip(vars(replicas).values(), vars(expected).values(), strict=True)
        )
    )


def lower(config: LSTMConfig, weights: LSTMWeights, inputs: Array, dtype: str, dropout: DropoutMasks | None = None) -> Trajectory:
    """The run in NumPy's own arithmetic of that dtype, which the reference offers for float32 only."""
    lstm = LSTM(config, weights, dropout=dropout and dropout.map(lambda masks: masks.astype(dtype)))
    lstm.dtype, lstm.weights = np.dtype(dtype), weights.astype(dtype)
    return lstm.run(inputs.astype(dtype), lstm.zero_state(len(inputs)))


def ratio(got: Array, expected: Array, sigma: Array) -> Array:
    """|error| / σ of each element."""
    return np.asarray(np.abs(got.astype("float64") - expected) / sigma)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("value", ["hidden", "cell"])
def test_sigma_agrees_with_its_derivation(use_bias: bool, value: str) -> None:
    """Forwards, from zeros, tanh and sigmoid: each element as two estimates may differ, the mean over all within 10 %.

    That is five standard deviations. One more rounding of the value is added here, half of one there.
    """
    config = LSTMConfig(UNITS, use_bias=use_bias)
    weights, inputs = random_weights_and_inputs(config, "float32", scale=1.0)
    arithmetic, trajectory = ARITHMETIC["float32"], exact(config, weights, inputs)
    derived = getattr(rounding_sigma(config, weights, inputs, trajectory, arithmetic), value)
    half = arithmetic.unit_roundoff / 2 * np.abs(getattr(trajectory, value))
    found = getattr(sigma_of(config, weights, inputs, arithmetic), value) - half
    assert np.all((found / derived < AS_ESTIMATED) & (derived / found < AS_ESTIMATED))
    assert np.exp(np.mean(np.log(found / derived))) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("operands", [2.0**-11, 2.0**-8])
def test_rounded_operands_are_worked_by_hand(operands: float) -> None:
    """One timestep of two inputs x and weights w: each product errs by two roundings of its operands, the sum by the root of all.

    With the gates i and o open wide and a slope of 1, the cell state is z, so that its σ is √(2 Σ (x w)²) times theirs.
    """
    weights = LSTMWeights.from_arrays([[0, 0, 0.5, 0], [0, 0, 0.25, 0]], [[0, 0, 0, 0]], [1000, 1000, 0, 1000])
    inputs = np.repeat([[[3.0, -7.0]]], 400, axis=0)
    config = LSTMConfig(1, activation=None)
    trajectory = exact(config, weights, inputs)
    arithmetic = Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126, operands=operands)
    sigma = replicated_sigma(config, weights, inputs, trajectory, arithmetic).cell
    assert np.sqrt(np.mean(sigma**2)) == pytest.approx(operands * np.sqrt(2 * (1.5**2 + 1.75**2)), rel=0.2)


def test_a_rounded_weight_errs_alike_at_every_timestep() -> None:
    """A cell that keeps all adds up the rounding of its weight by the number of timesteps, that of new inputs by its root."""
    weights = LSTMWeights.from_arrays([[0, 0, 1, 0]], [[0, 0, 0, 0]], [1000, 1000, 0, 1000])
    config, steps = LSTMConfig(1, activation=None), 400
    inputs = np.ones((50, steps, 1))
    arithmetic = Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126, operands=2.0**-11)
    sigma = replicated_sigma(config, weights, inputs, exact(config, weights, inputs), arithmetic).cell[:, -1]
    assert np.sqrt(np.mean(sigma**2)) == pytest.approx(np.hypot(steps, np.sqrt(steps)) * 2.0**-11, rel=0.01)


ACTIVATIONS = [
    ("tanh", "sigmoid"), ("relu", "sigmoid"), ("softmax", "sigmoid"), ("hard_tanh", "hard_sigmoid"), ("linear", "relu6"),
    ("gelu", "sigmoid"), ("tanh_shrink", "sigmoid"), ("softplus", "sigmoid"), ("selu", "tanh"), ("log_softmax", "hard_sigmoid"),
    ("hard_shrink", "sigmoid"), ("mish", "sparse_sigmoid"), ("sparsemax", "softmax"), (None, None),
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize(("activation", "recurrent_activation"), ACTIVATIONS)
def test_a_run_in_lower_precision_lies_within_sigma(dtype: str, activation: str | None, recurrent_activation: str | None) -> None:
    """The reference run in NumPy's own arithmetic is within 8σ at each element and not above σ in the mean."""
    config = LSTMConfig(UNITS, activation=activation, recurrent_activation=recurrent_activation)
    weights, inputs = random_weights_and_inputs(config)
    expected = exact(config, weights, inputs)
    sigma, got = sigma_of(config, weights, inputs, ARITHMETIC[dtype]), lower(config, weights, inputs, dtype)
    apart = np.stack([ratio(got.hidden, expected.hidden, sigma.hidden), ratio(got.cell, expected.cell, sigma.cell)])
    assert apart.max() < 8
    assert np.sqrt(np.mean(apart**2)) < 1


@pytest.mark.parametrize("masks", [1, 4])
def test_a_run_with_dropout_lies_within_sigma(masks: int) -> None:
    """What the masks multiply is rounded once more."""
    config, rng = LSTMConfig(UNITS), np.random.default_rng(7)
    weights, inputs = random_weights_and_inputs(config)
    masks_by_name = {
        name: (rng.random((masks, BATCH, size)) > 0.3) / 0.7 for name, size in (("inputs", INPUT_DIM), ("hidden", UNITS))
    }
    dropout = DropoutMasks(**masks_by_name).map(lambda array: array.astype("float32").astype("float64"))
    expected = LSTM(config, weights, dropout=dropout).run(inputs, LSTM(config, weights).zero_state(BATCH))
    sigma = sigma_of(config, weights, inputs, ARITHMETIC["float32"], dropout=dropout)
    apart = ratio(lower(config, weights, inputs, "float32", dropout).cell, expected.cell, sigma.cell)
    assert apart.max() < 8
    assert np.sqrt(np.mean(apart**2)) < 1


def test_a_wrong_dropout_scale_lies_beyond_sigma() -> None:
    """The bound of a run with dropout still detects a wrong scale: masks with a relative error of 1e-5."""
    config = LSTMConfig(UNITS)
    weights, inputs = random_weights_and_inputs(config)
    dropout = DropoutMasks(inputs=np.full((1, BATCH, INPUT_DIM), 2.0))
    expected = LSTM(config, weights, dropout=dropout).run(inputs, LSTM(config, weights).zero_state(BATCH))
    sigma = sigma_of(config, weights, inputs, ARITHMETIC["float32"], dropout=dropout)
    off = lower(config, weights, (1 + 1e-5) * inputs, "float32", dropout)
    assert ratio(off.cell, expected.cell, sigma.cell).max() > 8


@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "softmax"])
def test_sigma_scales_with_the_unit_roundoff(activation: str) -> None:
    """To first order: from float32's to float64's, which is disturbed by 2^-30 and scaled back, and to a 16th of float16's."""
    config = LSTMConfig(UNITS, activation=activation)
    weights, inputs = random_weights_and_inputs(config)
    of = {
        exponent: sigma_of(config, weights, inputs, Arithmetic(unit_roundoff=2.0**exponent, underflow=2.0 ** (exponent - 100))).cell
        for exponent in (-15, -24, -53)
    }
    np.testing.assert_allclose(of[-24] * 2.0**9, of[-15], rtol=0.01)
    np.testing.assert_allclose(of[-53] * 2.0**29, of[-24], rtol=1e-4)


def test_a_jump_is_seen_from_both_sides() -> None:
    """Where a correct run may fall on either side of hard_shrink's corner, σ is of the size of the jump; elsewhere it is not."""
    weights = LSTMWeights.from_arrays([[0, 0, 1, 0]], [[0, 0, 0, 0]], [1000, 1000, 0, 1000])
    config = LSTMConfig(1, activation="hard_shrink")
    at_the_corner = np.array([[[0.5 + 2.0**-24]], [[0.6]]])
    sigma = sigma_of(config, weights, at_the_corner, ARITHMETIC["float32"]).cell[:, 0, 0]
    assert sigma[0] > 0.5 / 8
    assert sigma[1] < 1e-6


def test_masked_steps_add_nothing() -> None:
    """A state that is held is not rounded again."""
    config = LSTMConfig(UNITS)
    weights, inputs = random_weights_and_inputs(config)
    mask = np.arange(STEPS) < np.full((BATCH, 1), 5)
    sigma = sigma_of(config, weights, inputs, ARITHMETIC["float32"], mask=mask)
    np.testing.assert_array_equal(sigma.cell[:, 5:], np.repeat(sigma.cell[:, 4:5], STEPS - 5, axis=1))


def test_sigma_is_a_function_of_its_random_numbers() -> None:
    """The same seed gives the same σ, another one another estimate of it."""
    config = LSTMConfig(UNITS)
    weights, inputs = random_weights_and_inputs(config)
    sigma: Callable[[int], Any] = lambda seed: sigma_of(config, weights, inputs, ARITHMETIC["float32"], seed=seed).cell  # noqa: E731  # a name for the test's one call
    np.testing.assert_array_equal(sigma(1), sigma(1))
    assert not np.array_equal(sigma(1), sigma(2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_has_a_sigma_of_one(value: float) -> None:
    """It is compared for being the same; the other rows keep their σ."""
    config = LSTMConfig(UNITS, activation="linear")
    weights, inputs = random_weights_and_inputs(config)
    inputs[1, 3] = value
    with np.errstate(invalid="ignore"):
        sigma = sigma_of(config, weights, inputs, ARITHMETIC["float32"]).cell
    assert set(sigma[1, 4:].ravel()) == {1.0}
    assert np.all((sigma[[0, 2, 3]] > 0) & (sigma[[0, 2, 3]] < 1e-4))


def test_root_mean_square_is_worked_by_hand() -> None:
    """Deviations 3 and -4 of 1/1000 each from 2: √12.5/1000, halved where u is half the disturbance, and what storing 2 loses."""
    replicas = np.array([[2.003], [1.996]])
    narrow, wide = (Arithmetic(unit_roundoff=u, underflow=u / 8) for u in (2.0**-11, 2.0**-31))
    expected = np.sqrt(12.5) / 1000
    found = [root_mean_square(replicas, np.array([2.0]), each)[0] for each in (narrow, wide)]
    np.testing.assert_allclose(found, [expected + 2.125 * 2.0**-11, expected / 2 + 2.125 * 2.0**-31], rtol=1e-9)


def test_root_mean_square_of_what_a_saturated_gate_lets_through() -> None:
    """The deviation of 1e-8 of something near 1e-200 has no square in float64, and is 1e-8 of it all the same."""
    expected, arithmetic = np.array([1e-200]), Arithmetic(unit_roundoff=SMALLEST_DISTURBANCE, underflow=0)
    sigma = root_mean_square(np.array([[1.00000001e-200], [0.99999999e-200]]), expected, arithmetic)
    np.testing.assert_allclose(sigma, (1e-8 + SMALLEST_DISTURBANCE) * expected, rtol=1e-6)


def test_a_replica_starts_from_the_state_that_it_is_given() -> None:
    """An initial state is no result of a rounding: with all gates shut but the forget gate, it changes by one product only."""
    weights = LSTMWeights.from_arrays([[0, 0, 0, 0]], [[0, 0, 0, 0]], [-1000, 1000, 0, 1000])
    lstm = RoundingLSTM(LSTMConfig(1), weights, arithmetic=ARITHMETIC["float32"], random=np.random.default_rng(0))
    cell = lstm.run(np.zeros((1, 1, 1)), State(hidden=np.zeros((1, 1)), cell=np.full((1, 1), 3.0))).cell
    assert cell.item() == pytest.approx(3, rel=4 * 2.0**-24)
