"""Makes a picture of a difference: a part of the array with the largest error, and the gates of the explaining deviation.

Outputs are drawn over timesteps, with a line for each unit. If only the last timestep is returned, and for states, the units of a
row are one line. Gradients of weights keep the layout of the weights.
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

# The largest number of lines and of places in a picture. If there are more places, the picture starts BEFORE the first difference.
LINES, PLACES, BEFORE = 8, 32, 4


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """Two arrays as lines, (lines, places) each.

    Attributes:
        of: name of the arrays.
        call: from 0.
        across, down: names of the axes of places and of lines.
        row: of the batch; None for arrays without a batch.
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
        """The name of a line. The single line of a state is a row of the batch."""
        return f"{self.down} {self.row if self.across == 'unit' else line}"

    @property
    def errors(self) -> Array:
        """Errors in σ; 0 for equal values that are not finite."""
        with np.errstate(invalid="ignore", over="ignore"):
            errors = (self.got.astype(np.float64) - self.expected) / self.sigma
        agree = (self.got == self.expected) | (np.isnan(self.got) & np.isnan(self.expected))
        return np.where(agree, 0.0, errors)


def picture_of(evidence: Evidence, explained_by: Sequence[str]) -> Picture | None:
    """Make the picture of the outputs if they differ, else of the array with the largest error; None if no array can be drawn."""
    views = [view for view in _views(evidence) if view.worst > ELEMENT_LIMIT]
    if not views:
        return None
    view = max(views, key=lambda view: (view.of == "outputs", view.worst))
    sizes = np.nan_to_num(np.abs(view.errors), nan=np.inf)
    largest = sizes.max(axis=1)
    lines = sorted(np.argsort(-largest, kind="stable")[:LINES].tolist())
    places = _places(sizes)
    worst = int(np.argmax(largest))
    gates_of = next(iter(explained_by), "") if view.across == "timestep" and not view.call else ""
    gates = _gates(evidence, combine(gates_of.split("+")), (view.row or 0, worst), places) if gates_of else ()
    call = f" of call {view.call + 1}" if evidence.case.config.stateful else ""
    return Picture(
        of=f"{view.of}{call}" + ("" if view.row is None else f", row {view.row}"),
        across=view.across,
        places=tuple(places),
        lines=tuple(
            _line(view.name(line), *(part[line, places] for part in (view.expected, view.got, view.errors))) for line in lines
        ),
        worst=view.name(worst),
        gates_of=gates_of if gates else "",
        gates=gates,
    )


def _views(evidence: Evidence) -> Iterator[_View]:
    """Yield a view of every array that can be compared element by element; a loss is a single number."""
    calls = zip(evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma, strict=True)
    for number, (got, expected, sigma) in enumerate(calls):
        allowed = sigma.computed
        for name, array in expected.computed.items():
            ours = got.computed.get(name)
            if name != "loss" and ours is not None and ours.shape == array.shape == allowed[name].shape and array.size:
                yield _view(name, number, ours, array, allowed[name])


def _view(name: str, call: int, got: Array, expected: Array, sigma: Array) -> _View:
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
    arrays = {"expected": expected, "got": got, "sigma": sigma}
    return _View(of=name, call=call, across=across, down=down, row=row, worst=gap.worst, **arrays)


def _places(errors: Array) -> list[int]:
    """All places, or those around the first difference if there are more than PLACES."""
    count = errors.shape[1]
    first = int(np.argmax((errors > ELEMENT_LIMIT).any(axis=0)))
    start = max(0, min(first - BEFORE, count - PLACES))
    return list(range(start, min(count, start + PLACES)))


def _line(name: str, expected: Array, got: Array, errors: Array | None = None) -> Line:
    errors = np.zeros(0) if errors is None else errors
    return Line(name=name, expected=tuple(expected.tolist()), got=tuple(got.tolist()), errors=tuple(errors.tolist()))


def _gates(evidence: Evidence, deviation: Deviation, at: tuple[int, int], places: Sequence[int]) -> tuple[Line, ...]:
    """The gates of one row and unit, of the reference and of the deviation; empty if the gates are equal or unknown."""
    case, stimulus = evidence.case, evidence.stimulus
    if case.architecture != "lstm" or case.in_training:
        return ()
    expected = _record_gates(Deviation(name="", summary=""), case, stimulus, at)
    got = _record_gates(deviation, case, stimulus, at)
    if expected.shape != got.shape or np.array_equal(expected, got):
        return ()
    return tuple(_line(f"gate {gate}", expected[places, column], got[places, column]) for column, gate in enumerate(GATE_ORDER))


def _record_gates(deviation: Deviation, case: Case, stimulus: Stimulus, at: tuple[int, int]) -> Array:
    """The gates of all timesteps of the first call, (timesteps, 4), in the order of processing."""
    recorded: list[list[float]] = []

    def build(config: LSTMConfig, weights: LSTMWeights) -> LSTM:
        layer = deviation.build(config, weights)
        gates_of = layer.gates

        def gates(x_t: Array, state: State) -> Gates:
            result = gates_of(x_t, state)
            recorded.append([float(gate[at]) for gate in result])
            return result

        vars(layer)["gates"] = gates
        return layer

    Oracle(build=build, stacked=deviation.stacked, precision=case.precision).observe(case, stimulus)
    return np.array(recorded[: case.timesteps]).reshape(-1, len(GATE_ORDER))
