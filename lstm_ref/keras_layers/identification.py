"""Identifies which of the modelled activations a function computes, by its values; the function's name is not used.

The function is evaluated on `POINTS`, float32 numbers in rows of eight units. They are a grid over [-8, 8] with points on both
sides of every kink of the modelled activations and none on it. The grid comes once in ascending rows, whose neighbours are close,
and once in scattered rows, for activations along the units. Arguments up to ±1000 follow, for functions that bend or are bounded
far out.

The error of a value may be 8 σ, as everywhere in the reference. σ² is the sum of the squares of the activation's budget
(`budgets`), which holds for the usual formulas, and of the rounding of the value, in units of float32's unit roundoff u; four
underflows are added. Tests hold two properties: any two different activations differ by more than a hundred times this bound at
some point, and a change of a constant, such as a slope, by a thousandth of itself is found.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from lstm_ref import activations
from lstm_ref.arrays import Array, to_numpy
from lstm_ref.derivatives import ALONG_UNITS
from lstm_ref.errors import UnsupportedConfigError
from lstm_ref.uncertainty.budgets import BUDGETS, OPERATIONS
from lstm_ref.uncertainty.model import ARITHMETIC, ELEMENT_LIMIT

_GRID = (np.arange(-128, 128) + 0.5) / 16
_FAR = np.array([10.0, 12.5, 16.0, 20.0, 30.0, 50.0, 80.0, 1000.0])

# (rows, 8): the grid in order, the grid in steps of 101, and the far arguments.
POINTS: Array = np.concatenate([_GRID, _GRID[np.arange(256) * 101 % 256], -_FAR, _FAR]).reshape(-1, 8).astype(np.float32)


def identify_activation(function: Any, tensor: Callable[[Array], Any] = np.asarray) -> str:
    """The reference's name of the activation that a function computes; the first of two that are equal, such as elu and celu.

    Args:
        function: maps an array or tensor (batch, units) to one of that shape; None is linear, as in Keras.
        tensor: makes a tensor of the function's framework from an array, for functions that take no NumPy arrays.

    Raises:
        UnsupportedConfigError: it computes none of the modelled activations, or cannot be evaluated; the message names the nearest
            activation, the largest difference from it, and its argument.
    """
    if function is None:
        return "linear"
    values = _values(function, tensor)
    with np.errstate(all="ignore"):
        expected = {name: activation(POINTS.astype(np.float64)) for name, activation in activations.ACTIVATIONS.items()}
        for name, value in expected.items():
            if np.all(_difference(values, value) <= bound(name, value)):
                return name
        raise UnsupportedConfigError(_mismatch_message(function, values, expected))


def bound(name: str, value: Array) -> Array:
    """The largest allowed difference from an activation's values at POINTS in float32: see the top of this module."""
    u, underflow = ARITHMETIC["float32"].unit_roundoff, ARITHMETIC["float32"].underflow
    budget = BUDGETS[name](POINTS.astype(np.float64), value)
    largest = np.finfo(np.float32).max  # beyond, the value is infinite in float32
    return np.asarray(ELEMENT_LIMIT * u * np.hypot(budget, np.minimum(np.abs(value), largest)) + OPERATIONS * underflow)


def _difference(values: Array, expected: Array) -> Array:
    """|values - expected| in float32: 0 where both are the same infinity or NaN, infinite where only one is."""
    with np.errstate(over="ignore"):
        expected = expected.astype(np.float32).astype(np.float64)
    same = (values == expected) | (np.isnan(values) & np.isnan(expected))
    return np.where(same, 0.0, np.nan_to_num(np.abs(values - expected), nan=np.inf, posinf=np.inf))


def _values(function: Any, tensor: Callable[[Array], Any]) -> Array:
    """The function's values at POINTS, in float64; it is called with a NumPy array and, where that fails, with a tensor."""
    for argument in (np.copy, lambda points: tensor(points.copy())):
        try:
            with np.errstate(all="ignore"):
                values = to_numpy(function(argument(POINTS))).astype(np.float64)
        except Exception as error:  # noqa: BLE001  # the function may raise anything
            failure = error
            continue
        if values.shape != POINTS.shape:
            raise UnsupportedConfigError(
                f"activation {_qualified_name(function)} cannot be used in an LSTM: it makes {values.shape} of (batch, units) "
                f"{POINTS.shape}, so that gate and state no longer fit"
            )
        return values
    raise UnsupportedConfigError(
        f"activation {_qualified_name(function)} cannot be used in an LSTM: it takes neither an array (batch, units) nor a tensor "
        f"of the layer's framework alone ({type(failure).__name__}: {' '.join(str(failure).split())})"
    )


def _mismatch_message(function: Any, values: Array, expected: dict[str, Array]) -> str:
    def mean(name: str) -> float:
        return float(np.minimum(_difference(values, expected[name]), 1).mean())

    nearest = min(expected, key=mean)
    differences = _difference(values, expected[nearest])
    row, unit = np.unravel_index(np.argmax(differences), differences.shape)
    at = f"x = {POINTS[row, unit]:g}" + (f" of the units {POINTS[row].tolist()}" if nearest in ALONG_UNITS else "")
    return (
        f"activation {_qualified_name(function)} computes none of those that the reference models: the nearest, {nearest}, gives "
        f"{expected[nearest][row, unit]:.7g} where it gives {values[row, unit]:.7g}, {differences[row, unit]:.2g} "
        f"off, at {at}; build the layer with one of {activations.__name__}.ACTIVATIONS"
    )


def _qualified_name(function: Any) -> str:
    """A function's module and name, for messages."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"
