"""Measures the distance of two arrays in units of σ. It does not judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The distance between an array and the expected array.

    Attributes:
        where: index of the element with the largest |got - expected| / σ.
        got: its value.
        expected: its expected value.
        worst: its |got - expected| / σ; infinite if only one of the two values is finite, or if they are different infinities.
        rms: root mean square of (got - expected) / σ over the array.
        size: number of elements compared.
    """

    where: tuple[int, ...]
    got: float
    expected: float
    worst: float
    rms: float
    size: int

    @property
    def error(self) -> float:
        """|got - expected| of the worst element."""
        return abs(self.got - self.expected)


def measure(got: Array, expected: Array, sigma: Array) -> Gap:
    """Measure the gap between two arrays of one shape, with σ > 0 for each element. NaN equals NaN only, infinity itself only.

    Raises:
        ValueError: the shapes differ, or the arrays are empty.
    """
    if not got.shape == expected.shape == sigma.shape or got.size == 0:
        raise ValueError(f"cannot measure a gap between shapes {got.shape} and {expected.shape} with σ of shape {sigma.shape}")
    # Overflow and inf - inf may happen here. Values that are not finite are handled below.
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.asarray(np.subtract(got, expected, dtype=np.float64))  # an array also if both are single numbers
        ratio /= sigma
        square = float(np.vdot(ratio, ratio))
    np.abs(ratio, out=ratio)
    if not np.isfinite(square):
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        ratio = np.where(same, 0.0, np.where(np.isfinite(ratio), ratio, np.inf))
        with np.errstate(over="ignore"):
            square = float(np.sum(ratio**2))
    where = np.unravel_index(int(np.argmax(ratio)), ratio.shape)
    return Gap(
        where=tuple(int(axis) for axis in where),
        got=float(got[where]),
        expected=float(expected[where]),
        worst=float(ratio[where]),
        rms=float(np.sqrt(square / ratio.size)),
        size=int(ratio.size),
    )
