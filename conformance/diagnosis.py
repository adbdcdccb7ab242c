"""Which deviation explains a failing implementation: the one that turns the reference into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.conventions import USUAL
from conformance.observation import ARRAYS, CallObservation, Observation
from conformance.reference_run import answer
from conformance.stimulus import Stimulus
from conformance.tolerance import ELEMENT_LIMIT
from lstm_ref.deviations import DEVIATIONS, Deviation, Need, combined


@dataclass
class Diagnostician:
    """Searches the registry for deviations that explain a failing case.

    A full search runs the reference once per deviation, so it is made for the first few failing cases only; the others are tried
    with what explained those.

    Attributes:
        searches_left: full searches still to be made.
        known: deviations that have explained a case.
        described: names of those that the implementation is described by, joined by +; tried before all others, on every case.
    """

    described: str = ""
    searches_left: int = 8
    known: list[Deviation] = field(default_factory=list)

    def explain(self, case: Case, stimulus: Stimulus, observed: Observation) -> tuple[str, ...]:
        """Names of the deviations that leave no difference, the closest first; none where nothing in the registry explains it."""
        if can_show(self.described, case) and _left(self.described, case, stimulus, observed) <= ELEMENT_LIMIT:
            return (self.described,)
        found = list(_explanations(self.known, case, stimulus, observed))
        if not found and self.searches_left > 0:
            self.searches_left -= 1
            found = list(_explanations(DEVIATIONS.values(), case, stimulus, observed))
            self.known += [deviation for _, deviation in found]
        return tuple(deviation.name for _, deviation in sorted(found, key=lambda pair: pair[0]))


def can_show(described: str, case: Case) -> bool:
    """Whether any deviation of a description can show in a case; else it would explain what is no mistake."""
    return any(combined([name]).needs <= case.offers for name in described.split("+") if name)


def _explanations(
    deviations: Iterable[Deviation], case: Case, stimulus: Stimulus, observed: Observation
) -> Iterator[tuple[float, Deviation]]:
    for deviation in deviations:
        # One that may hide is near the reference itself, and would explain what is no mistake.
        if deviation.needs <= case.offers and not deviation.hides:
            left = _left(deviation.name, case, stimulus, observed, gradients=Need.GRADIENTS in deviation.needs)
            if left <= ELEMENT_LIMIT:
                yield left, deviation


def _left(name: str, case: Case, stimulus: Stimulus, observed: Observation, *, gradients: bool = False) -> float:
    predicted = ReferenceAdapter(name).observe(case, stimulus)
    return _difference_left(case, stimulus, observed, predicted, gradients=gradients)


def _difference_left(case: Case, stimulus: Stimulus, observed: Observation, predicted: Observation, *, gradients: bool) -> float:
    """Largest |observed - predicted| of any array in units of its largest σ; infinite where a shape, dtype or count differs.

    A deviation's own σ is not derived; the largest σ of the undisturbed array stands for it. What is computed forwards explains
    the gradients too, but only deviations of the gradients say what they are.
    """
    facts = [(run.parameter_count, run.weight_shapes) for run in (observed, predicted)]
    if facts[0] != facts[1]:
        return np.inf
    sigma = answer(case, stimulus, USUAL, observed.dropout).sigma
    calls = zip(observed.calls, predicted.calls, sigma, strict=True)
    return max(_arrays_apart(got, expected, sigma, gradients=gradients) for got, expected, sigma in calls)


# σ where nothing is finite, so that what is not finite there must be the same.
_LEAST = float(np.finfo(np.float64).tiny)


def _arrays_apart(got: CallObservation, expected: CallObservation, sigma: CallObservation, *, gradients: bool) -> float:
    largest = 0.0
    scales = {name: getattr(sigma, name.removeprefix("stored_").removeprefix("reset_")) for name in ARRAYS}
    pairs = [(getattr(got, name), getattr(expected, name), scale) for name, scale in scales.items()]
    if gradients:
        pairs += [(got.gradients.get(name), expected.gradients.get(name), scale) for name, scale in sigma.gradients.items()]
    for ours, theirs, scale in pairs:
        if (ours is None and theirs is None) or scale is None or not scale.size:
            continue
        if ours is None or theirs is None or ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            return np.inf
        finite = np.isfinite(theirs) if theirs.shape == scale.shape else np.full(scale.shape, fill_value=True)
        with np.errstate(invalid="ignore"):  # NaN - 1 is NaN, which counts as infinitely far below
            apart = np.abs(ours.astype(np.float64) - theirs) / scale.max(where=finite, initial=_LEAST)
        apart[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0
        largest = max(largest, float(np.nan_to_num(apart, nan=np.inf).max()))
    return largest
