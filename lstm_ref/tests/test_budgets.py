"""The budgets of the activations, against evaluations in float32 by the usual formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lstm_ref.activations import ACTIVATIONS, get
from lstm_ref.arrays import Array
from lstm_ref.derivatives import KINKS
from lstm_ref.uncertainty.budgets import BUDGETS, JUMPING

U = 2.0**-24

# What frameworks write, where it is not what the reference does.
USUAL: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "squareplus": lambda z: (z + np.sqrt(z * z + 4)) / 2,
    "tanh_shrink": lambda z: z - np.tanh(z),
    "hard_sigmoid": lambda z: np.clip(z / 6 + np.float32(0.5), 0, 1),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "log_softmax": lambda z: np.log(
        np.exp(z - z.max(axis=-1, keepdims=True)) / np.exp(z - z.max(-1, keepdims=True)).sum(-1, keepdims=True)
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_usual_evaluation_stays_within_its_budget(name: str) -> None:
    """Of 40,000 arguments of an LSTM's size, the root mean square is below the budget, and the largest within the limit of 8."""
    z = np.random.default_rng(3).uniform(-6, 6, (10_000, 4)).astype(np.float32)
    value = get(name)(z.astype(np.float64))
    got = USUAL.get(name, get(name))(z)
    assert got.dtype == np.float32
    error, budget = np.abs(got - value) / U, BUDGETS[name](z.astype(np.float64), value)
    assert budget.shape == value.shape
    assert (error <= 8 * budget).all()
    assert np.sqrt(np.mean(error**2)) <= np.sqrt(np.mean(budget**2))


def test_every_activation_has_a_budget() -> None:
    """And no other name has one."""
    assert BUDGETS.keys() == ACTIVATIONS.keys()
    assert KINKS.keys() >= JUMPING
