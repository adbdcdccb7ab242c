"""Each activation against its definition in high precision, from the names' sources and not from the reference's formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from lstm_ref.activations import ACTIVATIONS, get, hard_sigmoid, hard_sigmoid_keras2

mp = mpmath.mp
# tanh_shrink(1e-300) = 3e-901 is a difference of numbers of size 1e-300: 601 digits cancel.
DIGITS = 700
U = 2.0**-53
# The smallest float64: what a result or an intermediate below the normal range may be off by, up to the factors it meets.
SMALLEST = 2.0**-1074

SELU_ALPHA, SELU_SCALE = mpmath.mpf("1.67326324235437728481704299167"), mpmath.mpf("1.05070098735548049341933498529")


def sigma(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    return 1 / (1 + mp.exp(-x))


def between(low: float, x: Any, high: float) -> Any:
    """X, no less than low and no more than high."""
    return min(max(x, mpmath.mpf(low)), mpmath.mpf(high))


def gelu_argument(x: Any) -> Any:
    """√(2/π) (x + 0.044715 x³), of a high-precision number or an array of float64."""
    root = mp.sqrt(2 / mp.pi)
    return float(root) * (x + 0.044715 * x**3) if isinstance(x, np.ndarray) else root * (x + mpmath.mpf("0.044715") * x**3)


DEFINITIONS: dict[str, Callable[[Any], Any]] = {
    "linear": lambda x: x,
    "tanh": lambda x: mp.sinh(x) / mp.cosh(x),
    "sigmoid": sigma,
    "hard_sigmoid": lambda x: between(0, x / 6 + mpmath.mpf("0.5"), 1),
    "hard_sigmoid_keras2": lambda x: between(0, x / 5 + mpmath.mpf("0.5"), 1),
    "relu": lambda x: max(x, mpmath.mpf(0)),
    "leaky_relu": lambda x: x if x > 0 else x / 5,
    "relu6": lambda x: between(0, x, 6),
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "celu": lambda x: max(x, mpmath.mpf(0)) + min(mpmath.mpf(0), mp.expm1(x)),
    "selu": lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "softsign": lambda x: x / (abs(x) + 1),
    "squareplus": lambda x: (x + mp.sqrt(x * x + 4)) / 2,
    "soft_shrink": lambda x: x - mpmath.mpf("0.5") if x > 0.5 else x + mpmath.mpf("0.5") if x < -0.5 else mpmath.mpf(0),
    "hard_shrink": lambda x: x if abs(x) > 0.5 else mpmath.mpf(0),
    "tanh_shrink": lambda x: x - mp.tanh(x),
    "sparse_plus": lambda x: mpmath.mpf(0) if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4,
    "sparse_sigmoid": lambda x: mpmath.mpf(0) if x <= -1 else mpmath.mpf(1) if x >= 1 else (x + 1) / 2,
    "silu": lambda x: x * sigma(x),
    "swish": lambda x: x / (1 + mp.exp(-x)),
    "hard_silu": lambda x: x * between(0, x + 3, 6) / 6,
    "hard_swish": lambda x: x * between(0, x + 3, 6) / 6,
    "gelu": lambda x: x * mp.erfc(-x / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * (1 + mp.tanh(gelu_argument(x))) / 2,
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "exponential": mp.exp,
    "hard_tanh": lambda x: between(-1, x, 1),
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)),
}


def precise_sparsemax(row: list[Any]) -> list[Any]:
    """max(x - τ, 0) with the τ that makes it sum to 1, by bisection: the sum falls as τ rises."""
    low, high = max(row) - 1, max(row)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(max(x - middle, 0) for x in row) > 1 else (low, middle)
    return [max(x - low, mpmath.mpf(0)) for x in row]


ROW_DEFINITIONS: dict[str, Callable[[list[Any]], list[Any]]] = {
    "softmax": lambda row: [mp.exp(x) / sum(mp.exp(y) for y in row) for x in row],
    "log_softmax": lambda row: [mp.log(mp.exp(x) / sum(mp.exp(y) for y in row)) for x in row],
    "sparsemax": precise_sparsemax,
}

MAGNITUDES = [
    1e-300, 1e-20, 1e-9, 1e-3, 0.05, 0.0999, 0.1, 0.3, 0.5, 0.75, 0.999, 1.0, 1.001, 1.5, 2.0, 2.4, 2.5, 2.625, 2.75, 2.999,
    3.0, 3.1, 5.0, 6.0, 8.0, 15.0, 20.0, 36.0, 37.5, 50.0, 100.0, 708.0, 740.0, 1e4,
]  # fmt: skip
GRID = np.array([0.0, *MAGNITUDES, *(-magnitude for magnitude in MAGNITUDES)])
ROWS = np.array(
    [[0, 0, 0, 0], [1, 2, 3, 4], [1e4, -1e4, 0, 3], [1e4, 1e4 - 1, 1e4 - 0.25, 0], [-2.5, -7, -2.4, -2.45], [1e-9, -1e-9, 0.3, 0.1]]
)


def gap(got: Any, precise: list[Any]) -> Any:
    """|got - precise|, the difference taken in high precision."""
    return np.array([float(abs(mpmath.mpf(float(a)) - b)) for a, b in zip(got, precise, strict=True)])


def tolerance(name: str, x: Any, want: Any) -> Any:
    """How far a careful float64 evaluation may lie from the truth.

    No formula calls more than three functions (8u each, the 4 ulp of NumPy's vector library) or makes more than eight roundings
    (tanh_shrink's series makes 18, but halves the weight of each at every turn), and none but gelu amplifies an error that came
    before: 3 * 8u + 8u = 32u. gelu's erfc multiplies the error 2u of its argument z = x / sqrt 2 by up to 2z² + 1 = x² + 1.
    gelu_tanh's exp multiplies the error 8u of its argument 2a by |2a|.
    """
    amplified = {"gelu": 2 * (x**2 + 1), "gelu_tanh": 16 * np.abs(gelu_argument(x))}.get(name, 0)
    return (32 + amplified) * U * np.abs(want) + 8 * (1 + np.abs(x)) * SMALLEST


@pytest.mark.parametrize("name", DEFINITIONS)
def test_an_activation_equals_its_definition_from_tiny_to_huge_arguments(name: str) -> None:
    """Every value is within a derived few units in the last place, and nothing on the way warns but for underflow."""
    with np.errstate(all="raise", under="ignore"):
        got = get(name)(GRID)
    with mpmath.workdps(DIGITS):
        precise = [DEFINITIONS[name](mpmath.mpf(float(x))) for x in GRID]
        want = np.array([float(value) for value in precise])
        finite = np.isfinite(want)
        gaps = gap(got[finite], [value for value, ok in zip(precise, finite, strict=True) if ok])
    np.testing.assert_array_equal(got[~finite], want[~finite])
    assert (gaps <= tolerance(name, GRID, want)[finite]).all()


def test_only_the_exponential_leaves_the_range_of_float64() -> None:
    """At ±1e4 all activations are finite, except exp(1e4), which is infinite."""
    assert [name for name in DEFINITIONS if not np.isfinite(get(name)(np.array([-1e4, 1e4]))).all()] == ["exponential"]


@pytest.mark.parametrize("name", ROW_DEFINITIONS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_activation_equals_its_definition(name: str, row: Any) -> None:
    """Each row of units is mapped as its definition says.

    With d = max(x) - x, rounding x - max(x) costs u d, which exp turns into a relative error; sums of four terms below 1 cost 4u
    more, functions 8u each. sparsemax is absolute: sums of four terms of size below 1, times ranks up to four, cost 4 * 4u.
    """
    with np.errstate(all="raise", under="ignore"):
        got = get(name)(row[np.newaxis])[0]
    with mpmath.workdps(DIGITS):
        precise = ROW_DEFINITIONS[name]([mpmath.mpf(float(x)) for x in row])
        want, gaps = np.array([float(value) for value in precise]), gap(got, precise)
    distance = row.max() - row
    scale = want if name == "softmax" else 1 + np.abs(want)
    assert (gaps <= (distance + 32) * U * scale + SMALLEST).all()


@pytest.mark.parametrize("name", ROW_DEFINITIONS)
def test_a_row_activation_acts_along_the_last_axis(name: str) -> None:
    """Rows are mapped one by one: a batch of them is the stack of what each gives alone."""
    activation = get(name)
    np.testing.assert_array_equal(activation(ROWS.reshape(2, 3, 4)), np.stack([activation(row) for row in ROWS]).reshape(2, 3, 4))


def test_every_modelled_name_has_a_definition_here() -> None:
    """No activation escapes the comparison."""
    assert set(ACTIVATIONS) == set(DEFINITIONS) | set(ROW_DEFINITIONS)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_activation_keeps_dtype_shape_and_its_argument(name: str, dtype: str) -> None:
    """What comes back has the shape and dtype that went in, and what went in is not written to."""
    x = np.linspace(-5, 5, 12, dtype=dtype).reshape(3, 4)
    before = x.copy()
    got = get(name)(x)
    assert (got.dtype, got.shape) == (x.dtype, x.shape)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_an_activation_maps_an_empty_batch_to_an_empty_batch(name: str) -> None:
    """Shape (0, 3) stays (0, 3)."""
    assert get(name)(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_nan_stays_where_it_is(name: str) -> None:
    """NaN gives NaN, and leaves its neighbours alone."""
    assert np.isnan(get(name)(np.array([0.3, np.nan, -0.7]))).tolist() == [False, True, False]


@pytest.mark.parametrize("name", ROW_DEFINITIONS)
def test_nan_fills_its_row_and_no_other(name: str) -> None:
    """Along the units everything hangs on everything; other rows of the batch do not."""
    got = get(name)(np.array([[0.3, np.nan, -0.7], [0.3, 0.1, -0.7]]))
    assert np.isnan(got).all(axis=-1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("name", "at_minus_infinity", "at_infinity"),
    [
        ("linear", -np.inf, np.inf),
        ("tanh", -1, 1),
        ("sigmoid", 0, 1),
        ("hard_sigmoid", 0, 1),
        ("hard_sigmoid_keras2", 0, 1),
        ("relu", 0, np.inf),
        ("leaky_relu", -np.inf, np.inf),
        ("relu6", 0, 6),
        ("elu", -1, np.inf),
        ("celu", -1, np.inf),
        ("selu", -1.7580993408473768, np.inf),  # -scale * alpha
        ("softplus", 0, np.inf),
        ("softsign", np.nan, np.nan),  # inf / inf
        ("squareplus", 0, np.inf),
        ("soft_shrink", -np.inf, np.inf),
        ("hard_shrink", -np.inf, np.inf),
        ("tanh_shrink", -np.inf, np.inf),
        ("sparse_plus", 0, np.inf),
        ("sparse_sigmoid", 0, 1),
        ("silu", np.nan, np.inf),  # -inf * 0
        ("hard_silu", np.nan, np.inf),  # -inf * 0
        ("gelu", np.nan, np.inf),  # -inf * 0
        ("mish", np.nan, np.inf),  # -inf * 0
        ("exponential", 0, np.inf),
        ("hard_tanh", -1, 1),
        ("log_sigmoid", -np.inf, 0),
    ],
)
def test_infinity_gives_what_the_formula_gives(name: str, at_minus_infinity: float, at_infinity: float) -> None:
    """An infinite argument takes the limit, or NaN where the formula multiplies or divides infinity by zero or itself."""
    with np.errstate(invalid="ignore"):
        got = get(name)(np.array([-np.inf, np.inf]))
    # 2u: selu's limit is a product of two rounded constants.
    np.testing.assert_allclose(got, [at_minus_infinity, at_infinity], rtol=4 * U, atol=0)


@pytest.mark.parametrize("name", ["softmax", "sparsemax"])
def test_minus_infinity_gets_no_share_of_a_row(name: str) -> None:
    """A unit at -inf gets exactly 0, and the others share as if it were not there."""
    activation = get(name)
    np.testing.assert_array_equal(activation(np.array([1.0, -np.inf, 1.25])), np.insert(activation(np.array([1.0, 1.25])), 1, 0))


@pytest.mark.parametrize("name", ROW_DEFINITIONS)
def test_plus_infinity_makes_its_row_nan(name: str) -> None:
    """The formula divides infinity by itself."""
    with np.errstate(invalid="ignore"):
        assert np.isnan(get(name)(np.array([1.0, np.inf, 0.5]))).all()


@pytest.mark.parametrize(
    ("x", "keras3", "keras2"), [(2.75, 23 / 24, 1), (-2.75, 1 / 24, 0), (1.5, 3 / 4, 4 / 5), (-1.5, 1 / 4, 1 / 5)]
)
def test_the_two_hard_sigmoids_differ(x: float, keras3: float, keras2: float) -> None:
    """Keras 3 saturates at ±3 with slope 1/6, Keras 1 and 2 at ±2.5 with slope 1/5; (2.75 + 3) / 6 = 23/24."""
    array = np.array([x])
    # Two roundings each: an addition and a division.
    assert hard_sigmoid(array).item() == pytest.approx(keras3, rel=2 * U)
    assert hard_sigmoid_keras2(array).item() == pytest.approx(keras2, rel=2 * U)


@pytest.mark.parametrize("x", [0.0, 3.0, -3.0, 4.0, -4.0])
def test_the_two_hard_sigmoids_agree_at_zero_and_beyond_three(x: float) -> None:
    """At 0 both are 1/2, and beyond ±3 both are saturated, exactly."""
    assert hard_sigmoid(np.array([x])).item() == hard_sigmoid_keras2(np.array([x])).item() in {0.0, 0.5, 1.0}


def test_squareplus_and_its_kin_stay_finite_up_to_the_largest_float() -> None:
    """(x + sqrt(x² + 4)) / 2 neither overflows nor cancels at ±1.7e308."""
    with np.errstate(all="raise", under="ignore"):
        assert get("squareplus")(np.array([1.7e308])).item() == 1.7e308
        # One rounding of 1 / x, in the subnormal range.
        assert get("squareplus")(np.array([-1.7e308])).item() == pytest.approx(1 / 1.7e308, abs=SMALLEST, rel=0)
