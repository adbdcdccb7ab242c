"""Which deviation explains a failing implementation: the one that turns the reference into it."""

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

    A full search runs the reference once per deviation, so it is made for the first few failing cases only; the others are tried
    with what explained those.

    Attributes:
        searches_left: full searches still to be made.
        known: deviations that have explained a case.
        described: names of those that the implementation is described by, joined by +; tried before all others, on every case.
        expected: names of those that known differences of a case are explained by; tried next, on every case that they cover, with
            the conventions and the dropout masks of the implementation.
        wider: by how much known differences of precision make σ of a case larger.
        conventions: of the implementation.
    """

    described: str = ""
    expected: Callable[[str], Sequence[str]] = lambda case_id: ()  # noqa: ARG005  # nothing is known
    wider: Callable[[str], float] = lambda case_id: 1.0  # noqa: ARG005  # nothing is known
    conventions: Conventions = DEFAULT_CONVENTIONS
    searches_left: int = 8
    known: list[Deviation] = field(default_factory=list)

    def explain(self, case: Case, stimulus: Stimulus, observed: Observation) -> tuple[str, ...]:
        """Names of the deviations that leave no difference, the closest first; none where nothing in the registry explains it."""
        if can_show(self.described, case) and _left(self.described, case, stimulus, observed) <= ELEMENT_LIMIT:
            return (self.described,)
        named = {name: self._left_of(name, case, stimulus, observed) for name in self.expected(case.id)}
        explaining = sorted((name for name, left in named.items() if left <= ELEMENT_LIMIT), key=named.__getitem__)
        if explaining:
            return tuple(explaining)
        found = list(_explanations(self.known, case, stimulus, observed))
        if not found and self.searches_left > 0:
            self.searches_left -= 1
            found = list(_explanations(DEVIATIONS.values(), case, stimulus, observed))
            self.known += [deviation for _, deviation in found]
        return tuple(deviation.name for _, deviation in sorted(found, key=lambda pair: pair[0]))

    def _left_of(self, name: str, case: Case, stimulus: Stimulus, observed: Observation) -> float:
        predicted = ReferenceAdapter(name, self.conventions, observed.dropout).observe(case, stimulus)
        left = _difference_left(case, stimulus, observed, predicted, self.conventions, dtypes=False)
        return left / self.wider(case.id)


def can_show(described: str, case: Case) -> bool:
    """Whether any deviation of a description can show in a case; else it would explain what is no mistake."""
    return any(combine([name]).needs <= case.fulfilled_needs for name in described.split("+") if name)


def _explanations(
    deviations: Iterable[Deviation], case: Case, stimulus: Stimulus, observed: Observation
) -> Iterator[tuple[float, Deviation]]:
    for deviation in deviations:
        # One that may hide is near the reference itself, and would explain what is no mistake.
        if deviation.needs <= case.fulfilled_needs and not deviation.hides:
            left = _left(deviation.name, case, stimulus, observed, gradients=Need.GRADIENTS in deviation.needs)
            if left <= ELEMENT_LIMIT:
                yield left, deviation


def _left(name: str, case: Case, stimulus: Stimulus, observed: Observation, *, gradients: bool = False) -> float:
    predicted = ReferenceAdapter(name).observe(case, stimulus)
    return _difference_left(case, stimulus, observed, predicted, gradients=gradients)


def _difference_left(
    case: Case,
    stimulus: Stimulus,
    observed: Observation,
    predicted: Observation,
    conventions: Conventions = DEFAULT_CONVENTIONS,
    *,
    gradients: bool = False,
    dtypes: bool = True,
) -> float:
    """Largest |observed - predicted| of any array in units of its largest σ; infinite where a shape, count or dtype differs.

    A deviation's own σ is not derived; the largest σ of the undisturbed array stands for it, or one rounding of the largest number
    that the deviation predicts where that is more, as it is where the undisturbed array is known exactly. What is computed forwards
    explains the gradients too, but only deviations of the gradients say what they are.
    """
    facts = [(run.parameter_count, run.weight_shapes) for run in (observed, predicted)]
    if facts[0] != facts[1]:
        return np.inf
    sigma = expected_calls(case, stimulus, conventions, observed.dropout).sigma
    rounding = UNIT_ROUNDOFF[conventions.compute_dtype(case.precision)]
    calls = zip(observed.calls, predicted.calls, sigma, strict=True)
    return max(_arrays_apart(got, expected, sigma, rounding, gradients=gradients, dtypes=dtypes) for got, expected, sigma in calls)


# σ where nothing is finite, so that what is not finite there must be the same.
_LEAST = float(np.finfo(np.float64).tiny)


def _arrays_apart(
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
    # A loss is a number of Python's, whatever it was computed in.
    if any(
        ours is None
        or theirs is None
        or ours.shape != theirs.shape
        or (dtypes and ours.dtype != theirs.dtype and ours is not got.loss)
        for ours, theirs, _ in compared
    ):
        return np.inf
    # What is returned of outputs may be masked where the hidden states that a deviation shows are not.
    hidden = 0.0 if sigma.hidden is None else float(sigma.hidden.max(where=np.isfinite(sigma.hidden), initial=0.0))
    return max(
        (_apart(ours, theirs, scale, rounding, hidden if ours is got.outputs else 0.0) for ours, theirs, scale in compared),
        default=0.0,
    )


def _apart(ours: Array, theirs: Array, scale: Array, rounding: float, least: float) -> float:
    """Largest |ours - theirs| in units of the largest σ in `scale`, of `least`, or of one rounding of the largest of `theirs`."""
    finite = np.isfinite(theirs)
    met = finite if theirs.shape == scale.shape else np.full(scale.shape, fill_value=True)
    largest = float(np.abs(theirs, dtype=np.float64).max(where=finite, initial=0.0))
    sigma = max(float(scale.max(where=met, initial=_LEAST)), rounding * largest, least)
    with np.errstate(invalid="ignore"):  # NaN - 1 is NaN, which counts as infinitely far below
        apart = np.abs(ours.astype(np.float64) - theirs) / sigma
    apart[(ours == theirs) | (np.isnan(ours) & np.isnan(theirs))] = 0
    return float(np.nan_to_num(apart, nan=np.inf).max())
