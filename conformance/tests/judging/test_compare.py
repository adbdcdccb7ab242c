"""The gap between two arrays, by numbers worked by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conformance.judging.compare import measure
from lstm_ref.arrays import Array

NAN, INF = math.nan, math.inf


def array(*values: float) -> Array:
    """Of float64."""
    return np.array(values, dtype=np.float64)


def test_gap_is_in_units_of_sigma() -> None:
    """Errors 0, 1, 3, 2 over σ 1, 1, 2, 0.5 are 0, 1, 1.5, 4: the worst is the last, though another error is larger."""
    got = np.array([[1.0, 2.0], [7.0, 6.0]])
    gap = measure(got, np.array([[1.0, 1.0], [4.0, 4.0]]), np.array([[1.0, 1.0], [2.0, 0.5]]))
    assert gap.where == (1, 1)
    assert (gap.got, gap.expected, gap.error) == (6.0, 4.0, 2.0)
    assert gap.worst == 4.0
    assert gap.rms == math.sqrt((0 + 1 + 2.25 + 16) / 4)
    assert gap.size == 4


def test_gap_of_equal_arrays_is_zero() -> None:
    """Nothing is off, wherever that is said to be."""
    gap = measure(array(1, 2, 3), array(1, 2, 3), array(1, 1, 1))
    assert (gap.worst, gap.rms, gap.error, gap.size) == (0.0, 0.0, 0.0, 3)


def test_sign_of_an_error_does_not_matter() -> None:
    """Too small is as wrong as too large."""
    assert measure(array(0, 1), array(3, 0), array(1, 1)).where == (0,)


def test_difference_is_taken_in_float64() -> None:
    """1 + 2^-23 in float32 is 2^-23 away from 1 in float64: none of it is lost in the subtraction."""
    gap = measure(np.array([1 + 2.0**-23], dtype=np.float32), array(1.0), array(2.0**-30))
    assert gap.worst == 128.0


def test_index_is_made_of_plain_integers() -> None:
    """As messages and JSON need them."""
    assert [type(axis) for axis in measure(np.ones((2, 3, 4)), np.zeros((2, 3, 4)), np.ones((2, 3, 4))).where] == [int] * 3


@pytest.mark.parametrize(
    ("got", "expected", "worst"),
    [
        (NAN, 1.0, INF),
        (1.0, NAN, INF),
        (NAN, NAN, 0.0),
        (INF, INF, 0.0),
        (-INF, -INF, 0.0),
        (INF, -INF, INF),
        (-INF, INF, INF),
        (INF, 1.0, INF),
        (1.0, -INF, INF),
        (NAN, INF, INF),
        (INF, NAN, INF),
    ],
)
def test_what_is_not_finite_agrees_with_itself_only(got: float, expected: float, worst: float) -> None:
    """Beside a number that is off by half a σ; no warning is given."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gap = measure(array(0.5, got), array(0.0, expected), array(1.0, 1.0))
    assert gap.worst == max(worst, 0.5)
    assert gap.where == ((1,) if worst else (0,))
    assert gap.rms == (INF if worst else math.sqrt(0.125))


def test_ratio_beyond_float64_is_infinite() -> None:
    """1e300 over 1e-300 is no number; the gap is infinite, not lost."""
    gap = measure(array(1e300, 0.0), array(0.0, 0.0), array(1e-300, 1.0))
    assert (gap.worst, gap.rms, gap.where) == (INF, INF, (0,))


def test_squares_beyond_float64_leave_the_worst_finite() -> None:
    """1e200 can be said, its square cannot: only the root mean square is infinite."""
    gap = measure(array(0.0, 1e200), array(0.0, 0.0), array(1.0, 1.0))
    assert (gap.worst, gap.rms, gap.where) == (1e200, INF, (1,))


@pytest.mark.parametrize(
    ("got", "expected", "sigma"),
    [((2, 3), (3, 2), (2, 3)), ((2, 3), (2, 3), (3,)), ((1, 3), (2, 3), (2, 3)), ((0, 3), (0, 3), (0, 3))],
)
def test_shapes_that_differ_or_are_empty_are_refused(
    got: tuple[int, ...], expected: tuple[int, ...], sigma: tuple[int, ...]
) -> None:
    """Nothing is broadcast, and nothing at all has no gap."""
    with pytest.raises(ValueError, match="cannot measure a gap between shapes"):
        measure(np.zeros(got), np.zeros(expected), np.ones(sigma))


def test_arguments_are_left_alone() -> None:
    """Measuring writes into no array of the caller."""
    arrays = [array(1, NAN), array(2, 3), array(1, 1)]
    before = [one.copy() for one in arrays]
    measure(*arrays)
    for one, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, copy)


shapes = hnp.array_shapes(max_dims=3, max_side=4)
moderate = st.floats(-1e6, 1e6)


@given(st.data(), shapes)
def test_gap_is_that_of_its_definition(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """On any arrays: the largest and the root mean square of |got - expected| / σ."""
    got, expected = (data.draw(hnp.arrays(np.float64, shape, elements=moderate)) for _ in range(2))
    sigma = data.draw(hnp.arrays(np.float64, shape, elements=st.floats(1e-6, 1e6)))
    gap = measure(got, expected, sigma)
    ratio = np.abs(got - expected) / sigma
    assert gap.worst == ratio.max() == ratio[gap.where]
    # A sum of n ≤ 64 squares and a root, each rounded once: less than n + 3 roundings of 2^-53; tiny squares may underflow.
    assert gap.rms == pytest.approx(math.sqrt(np.mean(ratio**2)), rel=2 * 67 * 2.0**-53, abs=1e-150)


@given(st.data(), shapes)
def test_gap_does_not_depend_on_which_side_is_expected(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Whatever the numbers: NaN, infinities and the largest floats too."""
    got, expected = (data.draw(hnp.arrays(np.float64, shape, elements=st.floats())) for _ in range(2))
    sigma = np.ones(shape)
    one, other = measure(got, expected, sigma), measure(expected, got, sigma)
    assert (one.worst, one.where, one.size) == (other.worst, other.where, other.size)
    # Squares of what is below 1e-154 underflow.
    assert one.worst >= one.rms * (1 - 2.0**-40) - 1e-150 or one.rms == INF
