"""Finds the deviation that explains a failing implementation: it turns the reference into this implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import ARRAYS, CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, UNIT_ROUNDOFF
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Deviation, Need, combine


@dataclass
class Diagnostician:
    """Searches the registry for deviations that explain a failing case.

    A full search runs the reference once per deviation. So only the first failing cases get a full search. For the other cases only
    deviations are tried that have explained a case before.

    Attributes:
        description: deviations that describe the implementation, joined by +. They are tried first, on every case.
        expected_deviations: case id → deviations that explain known differences of the case. They are tried next, with the
            conventions and the dropout masks of the implementation.
        sigma_factor: case id → the factor by which known differences of precision enlarge σ.
        conventions: of the implementation.
        searches_left: number of full searches that may still be made.
        explaining: deviations that have explained a case.
    """

    description: str = ""
    expected_deviations: Callable[[str], Sequence[str]] = lambda case_id: ()  # noqa: ARG005  # no known differences
    sigma_factor: Callable[[str], float] = lambda case_id: 1.0  # noqa: ARG005  # no known differences
    conventions: Conventions = DEFAULT_CONVENTIONS
    searches_left: int = 8
    explaining: list[Deviation] = field(default_factory=list)

    def explain(self, case: Case, stimulus: Stimulus, observed: Observation) -> tuple[str, ...]:
        """Return the names of the deviations that leave no difference, the closest first; empty if no deviation does."""
        if can_show(self.description, case) and _remaining_difference(self.description, case, stimulus, observed) <= ELEMENT_LIMIT:
            return (self.description,)
        differences = {
            name: self._expected_difference(name, case, stimulus, observed) for name in self.expected_deviations(case.id)
        }
        expected = sorted((name for name, left in differences.items() if left <= ELEMENT_LIMIT), key=differences.__getitem__)
        if expected:
            return tuple(expected)
        found = list(_explanations(self.explaining, case, stimulus, observed))
        if not found and self.searches_left > 0:
            self.searches_left -= 1
            found = list(_explanations(DEVIATIONS.values(), case, stimulus, observed))
            self.explaining += [deviation for _, deviation in found]
        return tuple(deviation.name for _, deviation in sorted(found, key=lambda pair: pair[0]))

    def _expected_difference(self, name: str, case: Case, stimulus: Stimulus, observed: Observation) -> float:
        predicted = ReferenceAdapter(name, self.conventions, observed.dropout).observe(case, stimulus)
        left = _largest_difference(case, stimulus, observed, predicted, self.conventions, dtypes=False)
        return left / self.sigma_factor(case.id)


def can_show(description: str, case: Case) -> bool:
    """Whether any deviation of a description can show in a case. Otherwise the description would explain a correct result."""
    return any(combine([name]).needs <= case.fulfilled_needs for name in description.split("+") if name)


def _explanations(
    deviations: Iterable[Deviation], case: Case, stimulus: Stimulus, observed: Observation
) -> Iterator[tuple[float, Deviation]]:
    for deviation in deviations:
        # A deviation that may hide is close to the reference, and would explain a correct result.
        if deviation.needs <= case.fulfilled_needs and not deviation.hides:
            left = _remaining_difference(deviation.name, case, stimulus, observed, gradients=Need.GRADIENTS in deviation.needs)
            if left <= ELEMENT_LIMIT:
                yield left, deviation


def _remaining_difference(name: str, case: Case, stimulus: Stimulus, observed: Observation, *, gradients: bool = False) -> float:
    predicted = ReferenceAdapter(name).observe(case, stimulus)
    return _largest_difference(case, stimulus, observed, predicted, gradients=gradients)


def _largest_difference(
    case: Case,
    stimulus: Stimulus,
    observed: Observation,
    predicted: Observation,
    conventions: Conventions = DEFAULT_CONVENTIONS,
    *,
    gradients: bool = False,
    dtypes: bool = True,
) -> float:
    """Largest |observed - predicted| of any array in units of its largest σ; infinite if a shape, a count or a dtype differs.

    The σ of a deviation is not derived. The largest σ of the reference's array is used in its place, or one rounding of the largest
    predicted number if that is larger, for example if the reference's array is exact. Gradients are compared only for deviations of
    the gradients.
    """
    facts = [(run.parameter_count, run.weight_shapes) for run in (observed, predicted)]
    if facts[0] != facts[1]:
        return np.inf
    sigma = expected_calls(case, stimulus, conventions, observed.dropout).sigma
    rounding = UNIT_ROUNDOFF[conventions.compute_dtype(case.precision)]
    calls = zip(observed.calls, predicted.calls, sigma, strict=True)
    return max(
        _call_difference(got, expected, sigma, rounding, gradients=gradients, dtypes=dtypes) for got, expected, sigma in calls
    )


# σ if no element is finite. Then the other elements must be equal.
_SMALLEST_SIGMA = float(np.finfo(np.float64).tiny)


def _call_difference(
    got: CallObservation, expected: CallObservation, sigma: CallObservation, rounding: float, *, gradients: bool, dtypes: bool
) -> float:
    scales = {name: getattr(sigma, name.removeprefix("stored_").removeprefix("reset_")) for name in ARRAYS}
    pairs = [(getattr(got, name), getattr(expected, name), scale) for name, scale in scales.items()]
    if gradients:
        pairs += [(got.gradients.get(name), expected.gradients.get(name), scale) for name, scale in sigma.gradients.items()]
    compared = [
        (ours, theirs, scale)
        for ours, theirs, scale in pairs
        if not (ours is None and theirs is None) and scale is not None and scale.size
    ]
    # A loss is a Python float for every compute dtype.
    if any(
        ours is None
        or theirs is None
        or ours.shape != theirs.shape
        or (dtypes and ours.dtype != theirs.dtype and ours is not got.loss)
        for ours, theirs, _ in compared
    ):
        return np.inf
    # Returned outputs may be masked at places where the deviation's hidden states are not.
    hidden = 0.0 if sigma.hidden is None else float(sigma.hidden.max(where=np.isfinite(sigma.hidden), initial=0.0))
    return max(
        (
            _array_difference(ours, theirs, scale, rounding, hidden if ours is got.outputs else 0.0)
            for ours, theirs, scale in compared
        ),
        default=0.0,
    )


def _array_difference(ours: Array, theirs: Array, scale: Array, rounding: float, least: float) -> float:
    """Largest |ours - theirs| in units of the largest of: σ in `scale`, `least`, and one rounding of the largest of `theirs`."""
    finite = np.isfinite(theirs)
    met = finite if theirs.shape == scale.shape else np.full(scale.shape, fill_value=True)
    largest = float(np.abs(theirs, dtype=np.float64).max(where=finite, initial=0.0))
    sigma = max(float(scale.max(where=met, initial=_SMALLEST_SIGMA)), rounding * largest, least)
    with np.errstate(invalid="ignore"):  # NaN - 1 is NaN, which counts as infinite below
        differences = np.abs(ours.astype(np.float64) - theirs) / sigma
    differences[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0
    return float(np.nan_to_num(differences, nan=np.inf).max())
