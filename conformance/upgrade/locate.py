"""Finds the first difference of two runs of a case: the timestep, the unit, and the gate where it can be known."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.cases.features import AT_INFERENCE
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Verdict
from conformance.matrix import allowed
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from conformance.upgrade.change import Change, FirstDifference
from conformance.upgrade.gates import DifferingTimestep, gates_by_deviation, gates_by_states
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

Arrays = Mapping[str, Array]
# Runs a case on both sides and returns their arrays; None where a side gives no answer.
ObserveBoth = Callable[[Case], tuple[Arrays, Arrays] | None]


def locate(change: Change, case: Case, observe: ObserveBoth, conventions: Conventions) -> FirstDifference | None:
    """The first difference of a case that returns all timesteps; None where no returned array shows one.

    Args:
        change: of the case.
        case: the smallest case that shows the change.
        observe: runs a case on both sides.
        conventions: of the backend, for σ.
    """
    sequence = _having(case, return_sequences=True)
    if sequence is None or (observed := observe(sequence)) is None:
        return None
    place = _first_place(sequence, *observed, conventions)
    if place is None:
        return None
    gates, because = _gates(change, sequence, place, observe)
    return replace(place, gates=gates, because=because)


def _having(case: Case, **changes: object) -> Case | None:
    """The case with these changes; None where there is no such case, or it returns no outputs to compare."""
    if case.returns_loss or case.dropout not in ("none", *AT_INFERENCE):
        return None
    try:
        changed = case.replace(**changes)
    except LSTMError:
        return None
    return changed if allowed(changed) else None


def _first_place(case: Case, before: Arrays, after: Arrays, conventions: Conventions) -> FirstDifference | None:
    """The earliest timestep at which the two runs differ by more than rounding, and its element with the largest difference."""
    sigma = expected_calls(case, draw([case]), conventions).sigma
    # With one timestep, the final states belong to it.
    names = ("outputs", "hidden", "cell") if case.timesteps == 1 else ("outputs",)
    for (call, call_sigma), name in itertools.product(enumerate(sigma), names):
        spread, key = getattr(call_sigma, name), f"{call}_{name}"
        if key not in before or key not in after or not before[key].shape == after[key].shape == spread.shape:
            continue
        difference = _in_sigma(before[key], after[key], spread).reshape(len(spread), -1, spread.shape[-1])
        timesteps = np.flatnonzero((difference > ELEMENT_LIMIT).any(axis=(0, 2)))
        if timesteps.size:
            first = difference[:, timesteps[0]]
            row, unit = np.unravel_index(int(np.argmax(first)), first.shape)
            timestep = int(timesteps[0]) + 1
            return FirstDifference(case_id=case.id, call=call + 1, timestep=timestep, row=int(row), unit=int(unit))
    return None


def _in_sigma(before: Array, after: Array, sigma: Array) -> Array:
    """|before - after| in σ of two runs; 0 for equal values that are not finite, infinite for other such values."""
    same = (before == after) | (np.isnan(before) & np.isnan(after))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(before - after) / (TWO_RUNS * sigma)
    return np.where(same, 0.0, np.nan_to_num(difference, nan=np.inf))


def _gates(change: Change, case: Case, place: FirstDifference, observe: ObserveBoth) -> tuple[str, str]:
    """The gates that explain the difference, and how they are known."""
    if case.architecture != "lstm" or case.dropout != "none" or place.call > 1:
        return "", "the gate is looked for in the first call of one LSTM only"
    timestep = DifferingTimestep(case=case, timestep=place.timestep - 1)
    deviations = [next(iter(result.explained_by), "") for result in (change.before, change.after)]
    right = [result.verdict is Verdict.PASS for result in (change.before, change.after)]
    if all(deviation or is_right for deviation, is_right in zip(deviations, right, strict=True)):
        return gates_by_deviation(timestep, *deviations)
    # A shorter case has another mask, and reads other inputs where it reads backwards.
    is_cut = case.config.go_backwards or case.mask != "none"
    cut = None if is_cut else _having(case, timesteps=place.timestep, return_state=True)
    if not any(right) or cut is None or (observed := observe(cut)) is None or not all("0_cell" in arrays for arrays in observed):
        return "", "the gate is not known"
    wrong = observed[1] if right[0] else observed[0]
    return gates_by_states(DifferingTimestep(case=cut, timestep=place.timestep - 1), hidden=wrong["0_hidden"], cell=wrong["0_cell"])
