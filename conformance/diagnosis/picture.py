"""What a difference looks like: a corner of the array that is furthest off, and the gates of the deviation that explains it.

Outputs are shown over timesteps, a line for each unit. Where only the last timestep is returned, and of states, the units of a row
are one line; gradients of weights are shown as the weights lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.checks import Evidence
from conformance.judging.compare import measure
from conformance.judging.verdict import Line, Picture
from conformance.reference.oracle import Oracle
from conformance.reference.tolerance import ELEMENT_LIMIT
from lstm_ref import GATE_ORDER, LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations import Deviation, combine

# What a picture holds at most: lines, and places along them; of more places, those from so many before the first difference on.
LINES, PLACES, BEFORE = 8, 32, 4


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sheet:
    """Two arrays as lines: (lines, places) each.

    Attributes:
        of: what they are.
        call: from 0.
        across, down: what places and lines are.
        row: of the batch that is shown; None of arrays that have no batch.
        worst: largest |error| in σ of the whole array.
    """

    of: str
    call: int
    across: str
    down: str
    row: int | None
    worst: float
    expected: Array
    got: Array
    sigma: Array

    def name(self, line: int) -> str:
        """What a line is; the one line of a state is the row of the batch."""
        return f"{self.down} {self.row if self.across == 'unit' else line}"

    @property
    def errors(self) -> Array:
        """In σ; what agrees though it is not finite is 0 apart."""
        with np.errstate(invalid="ignore", over="ignore"):
            errors = (self.got.astype(np.float64) - self.expected) / self.sigma
        agree = (self.got == self.expected) | (np.isnan(self.got) & np.isnan(self.expected))
        return np.where(agree, 0.0, errors)


def picture_of(evidence: Evidence, explained_by: Sequence[str]) -> Picture | None:
    """The outputs where they differ, else the array that is furthest off; None where none differs that can be drawn."""
    sheets = [sheet for sheet in _sheets(evidence) if sheet.worst > ELEMENT_LIMIT]
    if not sheets:
        return None
    sheet = max(sheets, key=lambda sheet: (sheet.of == "outputs", sheet.worst))
    off = np.nan_to_num(np.abs(sheet.errors), nan=np.inf)
    furthest = off.max(axis=1)
    lines = sorted(np.argsort(-furthest, kind="stable")[:LINES].tolist())
    places = _places(off)
    worst = int(np.argmax(furthest))
    gates_of = next(iter(explained_by), "") if sheet.across == "timestep" and not sheet.call else ""
    gates = _gates(evidence, combine(gates_of.split("+")), (sheet.row or 0, worst), places) if gates_of else ()
    call = f" of call {sheet.call + 1}" if evidence.case.config.stateful else ""
    return Picture(
        of=f"{sheet.of}{call}" + ("" if sheet.row is None else f", row {sheet.row}"),
        across=sheet.across,
        places=tuple(places),
        lines=tuple(_line(sheet.name(each), *(part[each, places] for part in _parts(sheet))) for each in lines),
        worst=sheet.name(worst),
        gates_of=gates_of if gates else "",
        gates=gates,
    )


def _parts(sheet: _Sheet) -> tuple[Array, Array, Array]:
    return sheet.expected, sheet.got, sheet.errors


def _sheets(evidence: Evidence) -> Iterator[_Sheet]:
    """Every array that can be compared element by element; a loss is one number."""
    calls = zip(evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma, strict=True)
    for number, (got, expected, sigma) in enumerate(calls):
        allowed = sigma.computed
        for name, array in expected.computed.items():
            ours = got.computed.get(name)
            if name != "loss" and ours is not None and ours.shape == array.shape == allowed[name].shape and array.size:
                yield _sheet(name, number, ours, array, allowed[name])


def _sheet(name: str, call: int, got: Array, expected: Array, sigma: Array) -> _Sheet:
    gap = measure(got, expected, sigma)
    row, across, down = None, "column", "row"
    if expected.ndim == 3:
        row, across, down = gap.where[0], "timestep", "feature" if name == "gradient of inputs" else "unit"
        expected, got, sigma = (array[row].T for array in (expected, got, sigma))
    elif not name.startswith("gradient"):
        across = "unit"
        expected, got, sigma = (array[[gap.where[0]]] for array in (expected, got, sigma))
        row = gap.where[0]
    expected, got, sigma = (np.atleast_2d(array) for array in (expected, got, sigma))
    shown = {"expected": expected, "got": got, "sigma": sigma}
    return _Sheet(of=name, call=call, across=across, down=down, row=row, worst=gap.worst, **shown)


def _places(off: Array) -> list[int]:
    """All, or those around the first difference."""
    count = off.shape[1]
    first = int(np.argmax((off > ELEMENT_LIMIT).any(axis=0)))
    start = max(0, min(first - BEFORE, count - PLACES))
    return list(range(start, min(count, start + PLACES)))


def _line(name: str, expected: Array, got: Array, errors: Array | None = None) -> Line:
    errors = np.zeros(0) if errors is None else errors
    return Line(name=name, expected=tuple(expected.tolist()), got=tuple(got.tolist()), errors=tuple(errors.tolist()))


def _gates(evidence: Evidence, deviation: Deviation, at: tuple[int, int], places: Sequence[int]) -> tuple[Line, ...]:
    """Of one row and unit, as they should be and as the deviation has them; none where no gate is another one, or not known."""
    case, stimulus = evidence.case, evidence.stimulus
    if case.architecture != "lstm" or case.in_training:
        return ()
    right, wrong = (_recorded(each, case, stimulus, at) for each in (Deviation(name="", summary=""), deviation))
    if right.shape != wrong.shape or np.array_equal(right, wrong):
        return ()
    return tuple(_line(f"gate {gate}", right[places, column], wrong[places, column]) for column, gate in enumerate(GATE_ORDER))


def _recorded(deviation: Deviation, case: Case, stimulus: Stimulus, at: tuple[int, int]) -> Array:
    """The gates of all timesteps of the first call, (timesteps, 4), in the order in which they are read."""
    recorded: list[list[float]] = []

    def build(config: LSTMConfig, weights: LSTMWeights) -> LSTM:
        layer = deviation.build(config, weights)
        gates_of = layer.gates

        def gates(x_t: Array, state: State) -> Gates:
            found = gates_of(x_t, state)
            recorded.append([float(gate[at]) for gate in found])
            return found

        vars(layer)["gates"] = gates
        return layer

    Oracle(build=build, stacked=deviation.stacked, precision=case.precision).observe(case, stimulus)
    return np.array(recorded[: case.timesteps]).reshape(-1, len(GATE_ORDER))
