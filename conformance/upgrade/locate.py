"""Where two runs of a case part: the first timestep that differs, the unit, and the gate where that can be known."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from conformance.adapters.conventions import Conventions
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.verdict import Verdict
from conformance.matrix import allowed
from conformance.reference.run import answer
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS
from conformance.upgrade.change import Change, Locus
from conformance.upgrade.gates import Parting, gates_by_deviation, gates_by_states
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

Arrays = Mapping[str, Array]
# Runs a case on both sides, and what they returned; None where one gave no answer.
ObserveBoth = Callable[[Case], tuple[Arrays, Arrays] | None]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A first difference: the number of the call, and the index in its outputs."""

    call: int
    row: int
    timestep: int
    unit: int


def locate(change: Change, case: Case, observe: ObserveBoth, conventions: Conventions) -> Locus | None:
    """Where a change shows first, in a case run step by step; None where nothing that is returned shows it.

    Args:
        change: as the case shows it.
        case: the smallest one that does.
        observe: asks both sides.
        conventions: of the backend, by which σ is known.
    """
    whole = _asked(case, return_sequences=True)
    if whole is None or (both := observe(whole)) is None:
        return None
    place = _first_difference(whole, *both, conventions)
    if place is None:
        return None
    gates, because = _gates(change, whole, place, observe)
    return Locus(
        case_id=whole.id,
        call=place.call + 1,
        timestep=place.timestep + 1,
        row=place.row,
        unit=place.unit,
        gates=gates,
        because=because,
    )


def _asked(case: Case, **changes: object) -> Case | None:
    """The case with these changes, where that is one whose outputs can be seen."""
    if case.returns_loss or case.dropout not in ("none", "inference"):
        return None
    try:
        changed = case.having(**changes)
    except LSTMError:
        return None
    return changed if allowed(changed) else None


def _first_difference(case: Case, ours: Arrays, theirs: Arrays, conventions: Conventions) -> _Place | None:
    """The earliest timestep at which the two differ by more than two runs may; the element that does most."""
    sigma = answer(case, draw([case]), conventions).sigma
    # What a single timestep leaves is of that timestep.
    names = ("outputs", "hidden", "cell") if case.timesteps == 1 else ("outputs",)
    for (call, each), name in itertools.product(enumerate(sigma), names):
        expected, key = getattr(each, name), f"{call}_{name}"
        if key not in ours or key not in theirs or not ours[key].shape == theirs[key].shape == expected.shape:
            continue
        apart = _in_sigma(ours[key], theirs[key], expected).reshape(len(expected), -1, expected.shape[-1])
        steps = np.flatnonzero((apart > ELEMENT_LIMIT).any(axis=(0, 2)))
        if steps.size:
            row, unit = np.unravel_index(int(np.argmax(apart[:, steps[0]])), apart[:, steps[0]].shape)
            return _Place(call=call, row=int(row), timestep=int(steps[0]), unit=int(unit))
    return None


def _in_sigma(ours: Array, theirs: Array, sigma: Array) -> Array:
    """|ours - theirs| in σ of two runs; what is not finite is equal or infinitely far apart."""
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(ours - theirs) / (TWO_RUNS * sigma)
    return np.where(same, 0.0, np.nan_to_num(apart, nan=np.inf))


def _gates(change: Change, case: Case, place: _Place, observe: ObserveBoth) -> tuple[str, str]:
    """The gates that explain it, and how that is known."""
    if case.architecture != "lstm" or case.dropout != "none" or place.call:
        return "", "the gate is looked for in the first call of one LSTM only"
    parting = Parting(case=case, timestep=place.timestep)
    named = [result.explained_by[:1] for result in (change.before, change.after)]
    right = [result.verdict is Verdict.PASS for result in (change.before, change.after)]
    if all(names or is_right for names, is_right in zip(named, right, strict=True)):
        return gates_by_deviation(parting, *(names[0] if names else "" for names in named))
    # Cut short, a sequence that is read backwards is another one, and so is a mask.
    cut = None if case.config.go_backwards or case.mask != "none" else _asked(case, timesteps=place.timestep + 1, return_state=True)
    if not any(right) or cut is None or (both := observe(cut)) is None or "0_cell" not in both[0] or "0_cell" not in both[1]:
        return "", "the gate is not known"
    wrong = both[1] if right[0] else both[0]
    return gates_by_states(Parting(case=cut, timestep=place.timestep), hidden=wrong["0_hidden"], cell=wrong["0_cell"])
