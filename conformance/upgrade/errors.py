"""What a wrong answer is, in a few numbers that stay the same on another processor and change when the answer does.

Of the errors e = got - expected of an array: the largest |e|, and the means of w e for MEANS fixed sequences of weights w in
[-1, 1], which tell one place from another. Two runs that are wrong in the same way differ by rounding only: as two right runs, by
no more than d = ELEMENT_LIMIT √2 σ at any element, with the largest σ of the array, since that of a wrong element is not known;
and, where wrong values are larger than right ones, by as many times more, since rounding is relative. None of these numbers then
differs by more than d: the largest |e| by the triangle inequality, a mean of w e since no |w| is above 1. They are written to that
precision.

Of what is not kept as arrays (stored states, relations, and all where dropout draws masks anew), the largest |e| that the check met
is held to its order of magnitude.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Result, Verdict
from conformance.reference.run import answer
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from lstm_ref.arrays import Array

MEANS = 3
# By how many times two errors of one order of magnitude differ at most.
ORDER = 10.0
# Checks whose arrays are kept; of others, the check's own figure is all there is.
_OF_ARRAYS = ("outputs", "hidden_state", "cell_state", "loss", "gradients")


@dataclass(frozen=True, kw_only=True)
class Errors:
    """The errors of an array, or of a check.

    Attributes:
        largest: |e|, of the elements that are finite.
        means: of w e; empty for a check.
        not_finite: elements of which just one of the two is finite, or that are infinite of other signs.
    """

    largest: float
    means: tuple[float, ...] = ()
    not_finite: int = 0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The errors of a run.

    Attributes:
        errors: what they are.
        tolerance: by how much another run of the same may differ.
        fails: whether they are more than rounding.
    """

    errors: Errors
    tolerance: float
    fails: bool

    @property
    def written(self) -> Errors:
        """To the precision that is justified."""
        if not self.errors.means:
            return Errors(largest=float(f"{self.errors.largest:.2g}"))
        digits = -math.floor(math.log10(self.tolerance))
        means = tuple(round(mean, digits) for mean in self.errors.means)
        return Errors(largest=round(self.errors.largest, digits), means=means, not_finite=self.errors.not_finite)

    def is_as(self, recorded: Errors | None) -> bool:
        """Whether these are the errors that were recorded; what was not, was within rounding."""
        if not self.errors.means:
            sizes = sorted((self.errors.largest, recorded.largest)) if recorded else (0.0, math.inf)
            return sizes[0] == sizes[1] or sizes[1] <= ORDER * sizes[0]
        was = recorded or Errors(largest=0.0, means=(0.0,) * MEANS)
        pairs = zip((self.errors.largest, *self.errors.means), (was.largest, *was.means), strict=False)
        # What is written is rounded by half its last digit, which is at most half the tolerance.
        near = all(now == then or abs(now - then) <= 1.5 * self.tolerance for now, then in pairs)
        return near and len(was.means) == MEANS and self.errors.not_finite == was.not_finite


def measured(result: Result, arrays: Mapping[str, Array] | None, conventions: Conventions) -> dict[str, Measured]:
    """The errors of a wrong answer, by what they are of; of any other result, none.

    Args:
        result: of the case.
        arrays: what it returned, by number of the call and name; None where that is not kept.
        conventions: of its backend.
    """
    if result.verdict is not Verdict.FAIL:
        return {}
    found = dict(_of_arrays(Case.from_id(result.case_id), arrays, conventions)) if arrays is not None else {}
    for check in result.checks:
        if check.verdict is Verdict.FAIL and check.worst is not None and not (found and check.check in _OF_ARRAYS):
            errors = Errors(largest=check.largest)
            found[f"check {check.check}"] = Measured(errors=errors, tolerance=math.inf, fails=True)
    return found


def _of_arrays(case: Case, arrays: Mapping[str, Array], conventions: Conventions) -> Iterator[tuple[str, Measured]]:
    """Of each array that has the shape that was asked for; another shape is said in words by its check."""
    expected = answer(case, draw([case]), conventions)
    for number, (call, sigma) in enumerate(zip(expected.calls, expected.sigma, strict=True)):
        for name, wanted in call.computed.items():
            got = arrays.get(f"{number}_{name}")
            if got is not None and got.shape == np.shape(wanted) and got.size:
                yield f"{name}{f' of call {number + 1}' * bool(number)}", _measured(got, wanted, np.asarray(sigma.computed[name]))


def _measured(got: Array, wanted: Array, sigma: Array) -> Measured:
    wanted = np.asarray(wanted, np.float64)
    finite = np.isfinite(got) & np.isfinite(wanted)
    same = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    errors = np.where(finite, got - np.where(finite, wanted, 0.0), 0.0).ravel()
    sizes = [float(np.abs(array).max(where=finite, initial=0.0)) for array in (got, wanted)]
    usual = float(sigma.max(where=np.isfinite(sigma), initial=np.finfo(np.float64).tiny))
    grown = max(usual, usual / sizes[1] * sizes[0]) if sizes[1] else usual
    not_finite = int(np.count_nonzero(~finite & ~same))
    means = tuple(float(np.sum(_weights(number, errors.size) * (errors / errors.size))) for number in range(MEANS))
    largest = float(np.abs(errors).max())
    return Measured(
        errors=Errors(largest=largest, means=means, not_finite=not_finite),
        tolerance=min(ELEMENT_LIMIT * TWO_RUNS * grown, float(np.finfo(np.float64).max)),
        fails=bool(not_finite) or bool((np.abs(errors) > ELEMENT_LIMIT * sigma.ravel()).any()),
    )


def _weights(number: int, size: int) -> Array:
    """Numbers in [-1, 1], no two alike: multiples of an irrational number, without their integer parts."""
    irrational = (math.sqrt(2), math.sqrt(3), math.sqrt(5))[number]
    return 2 * ((np.arange(1, size + 1) * irrational) % 1.0) - 1
