"""Finds the deviation that explains a failing implementation: it turns the reference into this implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.adapters.observation import ARRAYS, CallObservation, Observation
from conformance.cases.case import Case
from conformance.judging.checks import Evidence
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.tolerance import ELEMENT_LIMIT, UNIT_ROUNDOFF
from lstm_ref.arrays import Array
from lstm_ref.deviations import Deviation, Need, combine


@dataclass(frozen=True, kw_only=True)
class Diagnostician:
    """Names the expected deviations that explain a failing case: those of its description and of known differences.

    Attributes:
        description: deviations that describe the implementation, joined by +. They are tried first, on every case.
        expected_deviations: case id → deviations that explain known differences of the case. They are tried next, with the
            conventions and the dropout masks of the implementation.
        sigma_factor: case id → the factor by which known differences of precision enlarge σ.
    """

    description: str = ""
    expected_deviations: Callable[[str], Sequence[str]] = lambda case_id: ()  # noqa: ARG005  # no known differences
    sigma_factor: Callable[[str], float] = lambda case_id: 1.0  # noqa: ARG005  # no known differences

    def explain(self, evidence: Evidence) -> tuple[str, ...]:
        """Return the names of the expected deviations that leave no difference, the closest first; empty if none does."""
        if can_show(self.description, evidence.case) and _remaining_difference(self.description, evidence) <= ELEMENT_LIMIT:
            return (self.description,)
        return _explaining((name, self._expected_difference(name, evidence)) for name in self.expected_deviations(evidence.case.id))

    def _expected_difference(self, name: str, evidence: Evidence) -> float:
        adapter = ReferenceAdapter(name, evidence.conventions, evidence.observed.dropout)
        predicted = adapter.observe(evidence.case, evidence.stimulus)
        return _largest_difference(evidence, predicted, dtypes=False) / self.sigma_factor(evidence.case.id)


def can_show(description: str, case: Case) -> bool:
    """Whether any deviation of a description can show in a case. Otherwise the description would explain a correct result."""
    return any(combine([name]).needs <= case.fulfilled_needs for name in description.split("+") if name)


def search(candidates: Iterable[Deviation], evidence: Evidence) -> tuple[str, ...]:
    """Return the names of the candidates that leave no difference, the closest first. The reference runs once for each."""
    return _explaining(
        (deviation.name, _remaining_difference(deviation.name, evidence, gradients=Need.GRADIENTS in deviation.needs))
        for deviation in candidates
        # A deviation that may hide is close to the reference, and would explain a correct result.
        if deviation.needs <= evidence.case.fulfilled_needs and not deviation.hides
    )


def _explaining(differences: Iterable[tuple[str, float]]) -> tuple[str, ...]:
    """The names with a difference within the limit, the closest first."""
    within = [(left, name) for name, left in differences if left <= ELEMENT_LIMIT]
    return tuple(name for _, name in sorted(within, key=lambda pair: pair[0]))


def _remaining_difference(name: str, evidence: Evidence, *, gradients: bool = False) -> float:
    predicted = ReferenceAdapter(name).observe(evidence.case, evidence.stimulus)
    return _largest_difference(evidence, predicted, gradients=gradients)


def _largest_difference(evidence: Evidence, predicted: Observation, *, gradients: bool = False, dtypes: bool = True) -> float:
    """Largest |observed - predicted| of any array in units of its largest σ; infinite if a shape, a count or a dtype differs.

    The σ of a deviation is not derived. The largest σ of the reference's array is used in its place, or one rounding of the largest
    predicted number if that is larger, for example if the reference's array is exact. Gradients are compared only for deviations of
    the gradients.
    """
    observed = evidence.observed
    facts = [(run.parameter_count, run.weight_shapes) for run in (observed, predicted)]
    if facts[0] != facts[1]:
        return np.inf
    rounding = UNIT_ROUNDOFF[evidence.conventions.compute_dtype(evidence.case.precision)]
    calls = zip(observed.calls, predicted.calls, evidence.expected.sigma, strict=True)
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
