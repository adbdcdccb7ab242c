"""Each derivative against that of the activation's definition in high precision."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from lstm_ref.activations import ACTIVATIONS
from lstm_ref.derivatives import ALONG_UNITS, KINKS, SLOPES, vjp
from lstm_ref.tests.test_activations import DEFINITIONS, ROW_DEFINITIONS, U

MAGNITUDES = [1e-9, 0.05, 0.3, 0.45, 0.55, 0.9, 1.1, 1.7, 2.4, 2.6, 2.9, 3.1, 5.5, 6.5, 15.0, 36.0, 100.0]
GRID = np.array([*MAGNITUDES, *(-magnitude for magnitude in MAGNITUDES)])
ROWS = [[0.1, 0.4, -0.3, 0.2], [1.0, 2.0, 3.0, 3.5], [-2.5, -7.0, -2.4, -2.45]]
DIGITS = 60


def slope_of(name: str, x: float) -> Any:
    """By a difference quotient in high precision, on one side of the kinks, none of which the grid comes near."""
    return mpmath.diff(DEFINITIONS[name], mpmath.mpf(x), h=mpmath.mpf(10) ** -20)


@pytest.mark.parametrize("name", SLOPES)
def test_a_slope_is_that_of_the_definition(name: str) -> None:
    """Within 64u of itself, or of 1 where it is a difference of terms of that size.

    No formula calls more than four functions (8u each, the 4 ulp of NumPy's vector library) or makes more than eight roundings,
    and erfc's argument is amplified by x² + 1, as for gelu itself.
    """
    with mpmath.workdps(DIGITS):
        want = np.array([float(slope_of(name, x)) for x in GRID])
    amplified = GRID**2 + 1 if name == "gelu" else 1
    assert (np.abs(SLOPES[name](GRID) - want) <= 64 * U * amplified * np.maximum(np.abs(want), 1)).all()


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "exponential", "elu", "celu", "softsign", "squareplus"])
def test_a_tail_keeps_its_relative_accuracy(name: str) -> None:
    """Where the slope is tiny it is still known to 64u."""
    with mpmath.workdps(DIGITS):
        want = np.array([float(slope_of(name, x)) for x in GRID])
    # By the difference quotient of 1e-20, what is below 1e-35 is not known.
    known = np.abs(want) > 1e-35
    np.testing.assert_allclose(SLOPES[name](GRID)[known], want[known], rtol=64 * U, atol=0)


@pytest.mark.parametrize("name", ROW_DEFINITIONS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_derivative_is_that_of_the_definition(name: str, row: list[float]) -> None:
    """The cotangent of each argument is the sum of all values' derivatives, weighed; within 64u of terms of size 1."""
    cotangent = [0.7, -1.3, 0.2, 1.9]

    def weighed(*values: Any) -> Any:
        return sum(weight * value for weight, value in zip(cotangent, ROW_DEFINITIONS[name](list(values)), strict=True))

    with mpmath.workdps(DIGITS):
        at = tuple(mpmath.mpf(x) for x in row)
        orders = [tuple(int(k == n) for k in range(4)) for n in range(4)]
        want = [float(mpmath.diff(weighed, at, order, h=mpmath.mpf(10) ** -20)) for order in orders]
    got = vjp(name)(np.array([row]), np.array([cotangent]))[0]
    assert (np.abs(got - want) <= 64 * U * np.maximum(np.abs(want), 1)).all()


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_jump_at_the_kinks_and_nowhere_else(name: str) -> None:
    """From one side of a kink to the other the slope changes; elsewhere on a fine grid it does not."""
    step = 1e-9
    grid = np.arange(-14, 15) / 2
    jumps = grid[np.abs(SLOPES[name](grid + step) - SLOPES[name](grid - step)) > 1e-3]
    assert jumps.tolist() == sorted(KINKS.get(name, ()))


def test_every_activation_has_a_derivative() -> None:
    """Elementwise or along the units, never both."""
    assert SLOPES.keys() | ALONG_UNITS.keys() == ACTIVATIONS.keys()
    assert not SLOPES.keys() & ALONG_UNITS.keys()


@pytest.mark.parametrize("name", [None, *ACTIVATIONS])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_derivative_keeps_dtype_and_shape(name: str | None, dtype: str) -> None:
    """And is linear in the cotangent: of zeros, zeros."""
    z = np.linspace(-4, 4, 12, dtype=dtype).reshape(3, 4)
    got = vjp(name)(z, np.zeros_like(z))
    assert (got.dtype, got.shape) == (z.dtype, z.shape)
    assert not got.any()
