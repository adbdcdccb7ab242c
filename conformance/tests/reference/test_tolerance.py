"""The limits' derivations, computed."""

from __future__ import annotations

import math
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from conformance.reference.tolerance import (
    ARITHMETIC,
    ELEMENT_LIMIT,
    RMS_LIMIT,
    ROUNDING_IN_SIGMA,
    TWO_RUNS,
    UNDERFLOW,
    UNIT_ROUNDOFF,
    arithmetic_of,
    rms_limit,
)
from lstm_ref.uncertainty.model import REPLICAS

# The precisions that NumPy knows the limits of; bfloat16 has 8 bits of significand and the exponents of float32.
NUMPYS = [precision for precision in UNIT_ROUNDOFF if precision != "bfloat16"]


@pytest.mark.parametrize("precision", NUMPYS)
def test_unit_roundoff_is_half_the_gap_above_one(precision: str) -> None:
    """As NumPy knows the precision."""
    assert UNIT_ROUNDOFF[precision] == np.finfo(precision).eps / 2


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_results_are_flushed_below_the_smallest_normal_number(precision: str) -> None:
    """As NumPy knows the precision."""
    assert UNDERFLOW[precision] == np.finfo(precision).smallest_normal


def test_half_precision_underflows_gradually() -> None:
    """By half of its smallest subnormal number, which is what a relative rounding of the smallest normal number is, too."""
    limits = np.finfo("float16")
    assert UNDERFLOW["float16"] == float(limits.smallest_subnormal) / 2 == UNIT_ROUNDOFF["float16"] * float(limits.smallest_normal)


def test_the_tables_speak_of_the_same_precisions() -> None:
    """A precision has all its numbers or none."""
    assert UNIT_ROUNDOFF.keys() == UNDERFLOW.keys() == ARITHMETIC.keys()


@pytest.mark.parametrize(("products", "bits"), [("tf32", 11), ("bfloat16", 8)])
def test_operands_round_to_the_bits_that_products_read(products: str, bits: int) -> None:
    """Of float32 alone: the other precisions' products read what they are given."""
    assert arithmetic_of("float32", products) == replace(ARITHMETIC["float32"], operands=2.0**-bits)
    assert arithmetic_of("float32") == ARITHMETIC["float32"]
    assert [arithmetic_of(name, products) for name in ARITHMETIC if name != "float32"] == [
        ARITHMETIC[name] for name in ARITHMETIC if name != "float32"
    ]


def test_element_limit_leaves_three_in_a_hundred_million() -> None:
    """P(|t| > 8) of Student's t with as many degrees of freedom as there are replicas is 3.2e-8.

    The tail is I(ν / (ν + t²); ν/2, 1/2), the regularised incomplete beta function (Abramowitz & Stegun 26.7.1).
    """
    nu, t = REPLICAS, mpmath.mpf(ELEMENT_LIMIT)
    tail = mpmath.betainc(mpmath.mpf(nu) / 2, mpmath.mpf(1) / 2, 0, nu / (nu + t**2), regularized=True)
    assert mpmath.nstr(tail, 2) == "3.2e-8"


def test_the_tail_is_students() -> None:
    """The same probability by integrating the density, so that no formula is taken on trust."""
    nu = mpmath.mpf(REPLICAS)
    scale = mpmath.gamma((nu + 1) / 2) / (mpmath.sqrt(nu * mpmath.pi) * mpmath.gamma(nu / 2))
    tail = 2 * mpmath.quad(lambda t: scale * (1 + t**2 / nu) ** (-(nu + 1) / 2), [ELEMENT_LIMIT, 2 * ELEMENT_LIMIT, mpmath.inf])
    assert mpmath.nstr(tail, 2) == "3.2e-8"


def tail_of_f(n: int, limit: float) -> mpmath.mpf:
    """P(F > limit) for n and as many degrees of freedom as there are replicas (Abramowitz & Stegun 26.6.2)."""
    nu = mpmath.mpf(REPLICAS)
    return mpmath.betainc(nu / 2, mpmath.mpf(n) / 2, 0, nu / (nu + n * limit), regularized=True)


def test_element_limit_gives_one_false_alarm_in_many_runs() -> None:
    """At the size of real roundings: t² is F with 1 degree of freedom, and the matrix compares 134,610,840 elements."""
    tail = tail_of_f(1, (ELEMENT_LIMIT / ROUNDING_IN_SIGMA) ** 2)
    assert mpmath.nstr(tail, 2) == "6.0e-13"
    assert 12_000 < 1 / (tail * 134_610_840) < 13_000


@pytest.mark.parametrize(("n", "tail"), [(3, "5.4e-5"), (32, "1.3e-8")])
def test_root_mean_square_limit_is_rarely_met_by_rounding(n: int, tail: str) -> None:
    """The smallest array of the matrix is one unit in three rows; from 32 rows on the limit is out of rounding's reach."""
    assert mpmath.nstr(tail_of_f(n, (RMS_LIMIT / ROUNDING_IN_SIGMA) ** 2), 2) == tail


@pytest.mark.parametrize(("n", "tail"), [(1, "5.3e-5"), (2, "5.2e-5")])
def test_the_root_mean_square_of_few_numbers_is_met_as_rarely(n: int, tail: str) -> None:
    """A loss is one number: at the limit of three, 2 in 1,000 right ones would fail."""
    assert mpmath.nstr(tail_of_f(n, (rms_limit(n) / ROUNDING_IN_SIGMA) ** 2), 2) == tail
    assert tail_of_f(n, (rms_limit(n) / ROUNDING_IN_SIGMA) ** 2) < tail_of_f(3, (rms_limit(3) / ROUNDING_IN_SIGMA) ** 2)


def test_uniform_rounding_is_a_root_of_three_below_its_bound() -> None:
    """The variance of a uniform number in [-1, 1] is 1/3."""
    assert mpmath.almosteq(mpmath.quad(lambda x: x**2 / 2, [-1, 1]), ROUNDING_IN_SIGMA**2)


def test_two_runs_lie_root_two_sigma_apart() -> None:
    """Variances add."""
    assert math.sqrt(1.0**2 + 1.0**2) == TWO_RUNS
