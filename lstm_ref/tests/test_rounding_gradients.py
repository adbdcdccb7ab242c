"""σ of gradients: it covers back-propagation in NumPy's own float32, is no wider than it must be, and sees both sides of a kink."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.gradients import Gradients
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square

FLOAT32 = Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126)
UNITS, INPUT_DIM, BATCH, STEPS = 6, 4, 5, 9

Read = tuple[Array, Array, State, State, Array | None]


def random_call(config: LSTMConfig, seed: int, *, mask: bool = False) -> tuple[LSTMWeights, Read]:
    """Weights, and what is read and weighed, of values that float32 holds."""
    random = np.random.default_rng(seed)

    def values(*shape: int) -> Array:
        return random.standard_normal(shape).astype(np.float32).astype(np.float64)

    weights = LSTMWeights(0.5 * values(INPUT_DIM, 4 * UNITS), values(UNITS, 4 * UNITS), values(4 * UNITS))
    outputs = (STEPS, UNITS) if config.return_sequences else (UNITS,)
    used = random.integers(0, 2, (BATCH, STEPS)).astype(bool) if mask else None
    states = [State(values(BATCH, UNITS), values(BATCH, UNITS)) for _ in range(2)]
    return weights, (values(BATCH, STEPS, INPUT_DIM), values(BATCH, *outputs), states[0], states[1], used)


def arrays(found: Gradients) -> list[Array]:
    """All of them."""
    return [found.inputs, found.initial_state.hidden, found.initial_state.cell, *found.weights.values()]


def sigma_of(config: LSTMConfig, weights: LSTMWeights, read: Read, expected: list[Array]) -> list[Array]:
    """From replicas that go through as one batch."""
    lstm = RoundingLSTM(config, weights, arithmetic=FLOAT32, random=np.random.default_rng(1))

    def tiled(array: Array) -> Array:
        return np.tile(array, (REPLICAS,) + (1,) * (array.ndim - 1))

    def state(one: State) -> State:
        return State(tiled(one.hidden), tiled(one.cell))

    inputs, d_outputs, d_final, initial, mask = read
    many = lstm.gradients(
        tiled(inputs), tiled(d_outputs), state(d_final), state(initial), None if mask is None else tiled(mask), copies=REPLICAS
    )
    return [
        root_mean_square(each.reshape(REPLICAS, *one.shape), one, FLOAT32) for each, one in zip(arrays(many), expected, strict=True)
    ]


CONFIGS: dict[str, tuple[dict[str, Any], bool]] = {
    "plain": ({}, False),
    "all outputs": ({"return_sequences": True}, False),
    "masked": ({"return_sequences": True}, True),
    "zero outputs": ({"return_sequences": True, "zero_output_for_mask": True, "go_backwards": True}, True),
    "no bias": ({"use_bias": False}, False),
    **{
        name: ({"activation": name, "return_sequences": True}, True)
        for name in ("linear", "softsign", "hard_tanh", "softmax", "gelu")
    },
    **{
        f"{name} gates": ({"recurrent_activation": name, "return_sequences": True}, False)
        for name in ("tanh", "hard_sigmoid", "softmax", "mish")
    },
}


@pytest.mark.parametrize("name", CONFIGS)
def test_sigma_covers_float32_and_is_no_wider_than_it_must_be(name: str) -> None:
    """Over 20 draws: no error beyond the limit of 8 σ, and a root mean square between 0.1 and 1 σ."""
    flags, masked = CONFIGS[name]
    config = LSTMConfig(UNITS, **flags)
    ratios: list[Array] = []
    for seed in range(20):
        weights, read = random_call(config, seed, mask=masked)
        weights = weights if config.use_bias else LSTMWeights(weights.kernel, weights.recurrent_kernel)
        inputs, d_outputs, d_final, initial, mask = read
        expected, got = (
            arrays(LSTM(config, weights, dtype).gradients(inputs, d_outputs, d_final, initial, mask))
            for dtype in ("float64", "float32")
        )
        sigma = sigma_of(config, weights, read, expected)
        # Where nothing flows, both are zero.
        ratios += [(np.abs(a - b) / (s + 2.0**-126)).ravel() for a, b, s in zip(got, expected, sigma, strict=True)]
    together = np.concatenate(ratios)
    assert together.max() <= 8
    assert 0.1 <= np.sqrt(np.mean(together**2)) <= 1


def test_both_sides_of_a_kink_are_seen() -> None:
    """At c = 1, where hard_tanh bends, the slope is 0 or 1: σ is of the size of the gradient; a little beside it is not."""
    config = LSTMConfig(1, activation="hard_tanh", recurrent_activation="hard_sigmoid")
    weights = LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), np.array([-9.0, 9.0, 0.0, 9.0]))  # c_1 = c_0, h_1 = hard_tanh(c_1)
    read = partial(np.full, (1, 1))

    def sigma(cell: float) -> float:
        lstm = RoundingLSTM(config, weights, arithmetic=FLOAT32, random=np.random.default_rng(2))
        many = lstm.gradients(
            np.zeros((REPLICAS, 1, 1)), np.ones((REPLICAS, 1)), None, [np.zeros((REPLICAS, 1)), np.full((REPLICAS, 1), cell)]
        )
        one = LSTM(config, weights).gradients(np.zeros((1, 1, 1)), np.ones((1, 1)), None, [read(0.0), read(cell)])
        each = many.initial_state.cell.reshape(REPLICAS, 1, 1)
        return float(root_mean_square(each, one.initial_state.cell, FLOAT32)[0, 0])

    assert sigma(1.0) > 0.1
    assert sigma(0.999) < 1e-5
