"""Which of the modelled activations a function computes, told by its values: a name says nothing of what a function does.

The function is evaluated on `POINTS`, float32 numbers in rows of eight units: a grid over [-8, 8] that passes every kink of the
modelled activations and meets none, in ascending rows, whose neighbours are close, and in scattered ones, for what acts along the
units; then arguments up to 1000 either way, for what is bent or bounded far out.

A value may be off by 8 σ, as everywhere in the reference: σ² is the square of the activation's `budgets`, which hold for the usual
formulas, and of the rounding of the value, in units of float32's unit roundoff u; four underflows come on top. No two of the
modelled activations that differ are within a hundred times that bound at all points, and no constant of theirs, as a slope,
can be changed by a thousandth of itself unnoticed: a test holds both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lstm_ref.activations import ACTIVATIONS
from lstm_ref.arrays import Array, to_numpy
from lstm_ref.derivatives import ALONG_UNITS
from lstm_ref.errors import UnsupportedConfigError
from lstm_ref.uncertainty.budgets import BUDGETS, OPERATIONS
from lstm_ref.uncertainty.model import ARITHMETIC, ELEMENT_LIMIT

_GRID = (np.arange(-128, 128) + 0.5) / 16
_FAR = np.array([10.0, 12.5, 16.0, 20.0, 30.0, 50.0, 80.0, 1000.0])

# (rows, 8): the grid in order, the same in steps of 101, and what lies beyond.
POINTS: Array = np.concatenate([_GRID, _GRID[np.arange(256) * 101 % 256], -_FAR, _FAR]).reshape(-1, 8).astype(np.float32)


def identified(function: Any, tensor: Callable[[Array], Any] = np.asarray) -> str:
    """The reference's name for what an activation function computes; of two that compute the same, as elu and celu, the first.

    Args:
        function: maps an array or tensor (batch, units) to one of that shape; None is linear, as in Keras.
        tensor: makes a tensor of the function's framework from an array, for functions that take no array of NumPy's.

    Raises:
        UnsupportedConfigError: it computes none of the modelled activations, or cannot be evaluated; the message says which comes
            nearest, how far off the function is, and at which argument.
    """
    if function is None:
        return "linear"
    values = _values(function, tensor)
    with np.errstate(all="ignore"):
        expected = {name: activation(POINTS.astype(np.float64)) for name, activation in ACTIVATIONS.items()}
        for name, value in expected.items():
            if np.all(_difference(values, value) <= bound(name, value)):
                return name
        raise UnsupportedConfigError(_refusal(function, values, expected))


def bound(name: str, value: Array) -> Array:
    """How far a function may lie from an activation's values at POINTS in float32: see the top of this module."""
    u, underflow = ARITHMETIC["float32"].unit_roundoff, ARITHMETIC["float32"].underflow
    budget = BUDGETS[name](POINTS.astype(np.float64), value)
    largest = np.finfo(np.float32).max  # beyond, the value is infinite in float32
    return np.asarray(ELEMENT_LIMIT * u * np.hypot(budget, np.minimum(np.abs(value), largest)) + OPERATIONS * underflow)


def _difference(values: Array, expected: Array) -> Array:
    """|values - expected| as float32 has them: 0 where both are infinite or NaN alike, infinite where one of them is."""
    with np.errstate(over="ignore"):
        expected = expected.astype(np.float32).astype(np.float64)
    same = (values == expected) | (np.isnan(values) & np.isnan(expected))
    return np.where(same, 0.0, np.nan_to_num(np.abs(values - expected), nan=np.inf, posinf=np.inf))


def _values(function: Any, tensor: Callable[[Array], Any]) -> Array:
    """At POINTS, in float64: of NumPy's array where the function takes one, else of a tensor."""
    for argument in (np.copy, lambda points: tensor(points.copy())):
        try:
            with np.errstate(all="ignore"):
                values = to_numpy(function(argument(POINTS))).astype(np.float64)
        except Exception as error:  # noqa: BLE001  # whatever a function raises that is not ours
            failure = error
            continue
        if values.shape != POINTS.shape:
            raise UnsupportedConfigError(
                f"activation {shown(function)} cannot be used in an LSTM: it makes {values.shape} of (batch, units) "
                f"{POINTS.shape}, so that gate and state no longer fit"
            )
        return values
    raise UnsupportedConfigError(
        f"activation {shown(function)} cannot be used in an LSTM: it takes neither an array (batch, units) nor a tensor "
        f"of the layer's framework alone ({type(failure).__name__}: {' '.join(str(failure).split())})"
    )


def _refusal(function: Any, values: Array, expected: dict[str, Array]) -> str:
    def mean(name: str) -> float:
        return float(np.minimum(_difference(values, expected[name]), 1).mean())

    nearest = min(expected, key=mean)
    differences = _difference(values, expected[nearest])
    row, unit = np.unravel_index(np.argmax(differences), differences.shape)
    at = f"x = {POINTS[row, unit]:g}" + (f" of the units {POINTS[row].tolist()}" if nearest in ALONG_UNITS else "")
    return (
        f"activation {shown(function)} computes none of those that the reference models: the nearest, {nearest}, gives "
        f"{expected[nearest][row, unit]:.7g} where it gives {values[row, unit]:.7g}, {differences[row, unit]:.2g} "
        f"off, at {at}; build the layer with one of {__package__}.activations.ACTIVATIONS"
    )


def shown(function: Any) -> str:
    """What a function says of itself, for messages alone."""
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return f"{getattr(function, '__module__', None) or type(function).__module__}.{name}"
