"""A wrong answer in a few numbers, which are the same on another processor and differ for another wrong answer.

The errors of an array are e = got - expected. The numbers are the largest |e|, and the means of w e for MEANS fixed sequences of
weights w in [-1, 1], so that errors at other places give other means. Two runs that are wrong in the same way differ by rounding
only. Like two right runs, they differ by at most d = ELEMENT_LIMIT √2 σ at any element. The σ of a wrong element is not known, so
the largest σ of the array is used; where wrong values are larger than right ones, d grows by the same factor, since rounding is
relative. None of the numbers then differs by more than d: the largest |e| by the triangle inequality, a mean of w e because no |w|
is above 1. They are written with that precision.

Some values are not kept as arrays: stored states, relations, and everything where dropout draws new masks. Of these only the
check's largest |e| is known, and only its order of magnitude is compared.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Result, Verdict
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from lstm_ref.arrays import Array

MEANS = 3
# The largest ratio of two errors of one order of magnitude.
ORDER = 10.0
# Checks whose arrays are kept; for other checks only the largest error is known.
_ARRAY_CHECKS = ("outputs", "hidden_state", "cell_state", "loss", "gradients")


@dataclass(frozen=True, kw_only=True)
class Errors:
    """The errors of an array, or of a check.

    Attributes:
        largest: the largest |e| of the finite elements.
        means: of w e; empty for a check.
        not_finite: number of elements where only one value is finite, or both are infinite with other signs.
    """

    largest: float
    means: tuple[float, ...] = ()
    not_finite: int = 0


@dataclass(frozen=True, kw_only=True)
class MeasuredErrors:
    """The errors of one run.

    Attributes:
        errors: the numbers.
        tolerance: the largest difference to another run with the same mistake.
        fails: whether the errors are more than rounding.
    """

    errors: Errors
    tolerance: float
    fails: bool

    @property
    def rounded(self) -> Errors:
        """The errors with as many digits as the tolerance justifies."""
        if not self.errors.means:
            return Errors(largest=float(f"{self.errors.largest:.2g}"))
        digits = -math.floor(math.log10(self.tolerance))
        means = tuple(round(mean, digits) for mean in self.errors.means)
        return Errors(largest=round(self.errors.largest, digits), means=means, not_finite=self.errors.not_finite)

    def matches(self, recorded: Errors | None) -> bool:
        """Whether these errors equal the recorded ones; errors that were not recorded were within rounding."""
        if not self.errors.means:
            sizes = sorted((self.errors.largest, recorded.largest)) if recorded else (0.0, math.inf)
            return sizes[0] == sizes[1] or sizes[1] <= ORDER * sizes[0]
        was = recorded or Errors(largest=0.0, means=(0.0,) * MEANS)
        pairs = zip((self.errors.largest, *self.errors.means), (was.largest, *was.means), strict=False)
        # Recorded numbers are rounded by half their last digit, which is at most half the tolerance.
        close = all(now == then or abs(now - then) <= 1.5 * self.tolerance for now, then in pairs)
        return close and len(was.means) == MEANS and self.errors.not_finite == was.not_finite


def measure_errors(result: Result, arrays: Mapping[str, Array] | None, conventions: Conventions) -> dict[str, MeasuredErrors]:
    """The errors of a wrong answer by array or check; empty for any other result.

    Args:
        result: of the case.
        arrays: that the case returned, by number of the call and name; None where they are not kept.
        conventions: of the backend.
    """
    if result.verdict is not Verdict.FAIL:
        return {}
    measured = dict(_array_errors(Case.from_id(result.case_id), arrays, conventions)) if arrays is not None else {}
    for check in result.checks:
        if check.verdict is Verdict.FAIL and check.worst is not None and not (measured and check.check in _ARRAY_CHECKS):
            errors = Errors(largest=check.largest)
            measured[f"check {check.check}"] = MeasuredErrors(errors=errors, tolerance=math.inf, fails=True)
    return measured


def _array_errors(case: Case, arrays: Mapping[str, Array], conventions: Conventions) -> Iterator[tuple[str, MeasuredErrors]]:
    """The errors of each array of the expected shape; a check reports another shape."""
    expected = expected_calls(case, draw([case]), conventions)
    for number, (call, sigma) in enumerate(zip(expected.calls, expected.sigma, strict=True)):
        for name, right in call.computed.items():
            got = arrays.get(f"{number}_{name}")
            if got is not None and got.shape == np.shape(right) and got.size:
                yield f"{name}{f' of call {number + 1}' * bool(number)}", _measure(got, right, np.asarray(sigma.computed[name]))


def _measure(got: Array, expected: Array, sigma: Array) -> MeasuredErrors:
    expected = np.asarray(expected, np.float64)
    finite = np.isfinite(got) & np.isfinite(expected)
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    errors = np.where(finite, got - np.where(finite, expected, 0.0), 0.0).ravel()
    got_size, expected_size = (float(np.abs(array).max(where=finite, initial=0.0)) for array in (got, expected))
    largest_sigma = float(sigma.max(where=np.isfinite(sigma), initial=np.finfo(np.float64).tiny))
    scaled = max(largest_sigma, largest_sigma / expected_size * got_size) if expected_size else largest_sigma
    not_finite = int(np.count_nonzero(~finite & ~same))
    means = tuple(float(np.sum(_weights(number, errors.size) * (errors / errors.size))) for number in range(MEANS))
    largest = float(np.abs(errors).max())
    return MeasuredErrors(
        errors=Errors(largest=largest, means=means, not_finite=not_finite),
        tolerance=min(ELEMENT_LIMIT * TWO_RUNS * scaled, float(np.finfo(np.float64).max)),
        fails=bool(not_finite) or bool((np.abs(errors) > ELEMENT_LIMIT * sigma.ravel()).any()),
    )


def _weights(number: int, size: int) -> Array:
    """Numbers in [-1, 1], all different: multiples of an irrational number without their integer parts."""
    irrational = (math.sqrt(2), math.sqrt(3), math.sqrt(5))[number]
    return 2 * ((np.arange(1, size + 1) * irrational) % 1.0) - 1
