"""One case, number by number: what is printed is what was computed, and it adds up."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.adapters.keras.steps import observe_steps
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.explaining.explain import View, _side_by_side, explain
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF
from lstm_ref import LSTMError

pytestmark = pytest.mark.xdist_group("keras")

PLAIN, STATEFUL = Case.from_id("u2-d2-t6-b3-s0"), Case.from_id("u2-d2-t6-b3-seq-stateful-s0")
# Nine decimals are printed, so that a printed number is off by half of the last.
PRINTED = 0.5e-9
U = UNIT_ROUNDOFF["float32"]

_TITLE = re.compile(r"timestep (\d+), row (\d+), unit (\d+)")
_LINE = re.compile(r" *(i|f|candidate|o|c'|h') +(.*?) +([\d.e+-]+)(?: ulp)? *")


@dataclass(frozen=True)
class Table:
    """One printed timestep: its number, row and unit, and the numbers of each line, without their distance."""

    timestep: int
    row: int
    unit: int
    lines: dict[str, list[float]]


def explained(case: Case, adapter: KerasLayerAdapter, **view: int) -> str:
    """What is printed of a case."""
    console = Console(file=io.StringIO(), width=110)
    explain(case, adapter, View(**view), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def tables(text: str) -> list[Table]:
    """The printed timesteps, in order."""
    found: list[Table] = []
    for line in text.splitlines():
        if title := _TITLE.match(line):
            timestep, row, unit = (int(part) for part in title.groups())
            found.append(Table(timestep, row, unit, {}))
        elif found and (numbers := _LINE.fullmatch(line)):
            found[-1].lines[numbers[1]] = [float(number) for number in numbers[2].split()]
    return found


@pytest.mark.parametrize("column", [-2, -1], ids=["reference", "Keras"])
@pytest.mark.parametrize(("row", "unit"), [(0, 0), (2, 1)])
def test_printed_gates_make_the_printed_states(row: int, unit: int, column: int, keras_adapter: KerasLayerAdapter) -> None:
    """They satisfy c' = f c + i candidate and h' = o tanh(c'), from one timestep to the next, in either column.

    Each factor is off by the last printed decimal, and Keras' sums, products and tanh by roundings of float32: three of the state,
    and for h' those of tanh, which may be off by 4 units in the last place.
    """
    previous = 0.0
    for table in tables(explained(PLAIN, keras_adapter, steps=0, row=row, unit=unit)):
        i, f, candidate, o, c, h = (table.lines[name][column] for name in ("i", "f", "candidate", "o", "c'", "h'"))
        terms = abs(f * previous) + abs(i * candidate)
        assert c == pytest.approx(
            f * previous + i * candidate, abs=PRINTED * (abs(previous) + f + abs(candidate) + i + 1) + 3 * U * terms
        )
        assert h == pytest.approx(o * math.tanh(c), abs=PRINTED * (1 + o + 1) + 10 * U * abs(h))
        previous = c


def test_printed_parts_make_the_printed_gates(keras_adapter: KerasLayerAdapter) -> None:
    """σ(x·W + h·U + b) of the reference, tanh for the candidate; the parts have six decimals."""
    for table in tables(explained(PLAIN, keras_adapter, steps=0)):
        for gate in ("i", "f", "o"):
            x, h, b, reference, _ = table.lines[gate]
            assert reference == pytest.approx(1 / (1 + math.exp(-(x + h + b))), abs=0.25 * 3 * 0.5e-6 + PRINTED)
        x, h, b, reference, _ = table.lines["candidate"]
        assert reference == pytest.approx(math.tanh(x + h + b), abs=3 * 0.5e-6 + PRINTED)


def test_head_says_what_is_run(keras_adapter: KerasLayerAdapter) -> None:
    """Configuration, shapes, parameter count with its formula, path and equations."""
    head = explained(STATEFUL, keras_adapter).splitlines()[:5]
    assert head[0] == STATEFUL.id
    assert (
        head[1] == "LSTM(units=2, return_sequences=True, stateful=True) on inputs (3, 6, 2): outputs (3, 6, 2), states (3, 2) each"
    )
    assert head[2] == "40 parameters = 4 × (2 + 2 + 1) × 2, run as tf.function, dynamic time; loop"
    assert "c' = f c + i candidate" in head[4]


@pytest.mark.parametrize(("steps", "shown"), [(1, [1, 6]), (3, [1, 2, 3, 6]), (5, [1, 2, 3, 4, 5, 6]), (0, [1, 2, 3, 4, 5, 6])])
def test_first_and_last_timesteps_are_shown(steps: int, shown: list[int], keras_adapter: KerasLayerAdapter) -> None:
    """As many as asked for, and the last; all for 0."""
    assert [table.timestep for table in tables(explained(PLAIN, keras_adapter, steps=steps))] == shown


def test_row_and_unit_are_those_asked_for(keras_adapter: KerasLayerAdapter) -> None:
    """Every table says so."""
    assert {(table.row, table.unit) for table in tables(explained(PLAIN, keras_adapter, row=2, unit=1))} == {(2, 1)}


def test_stateful_case_shows_four_calls_and_the_reset(keras_adapter: KerasLayerAdapter) -> None:
    """The second call goes on from the first; the one after the reset starts as the first did."""
    text = explained(STATEFUL, keras_adapter, steps=0)
    calls = re.findall(r"^call \d: timesteps \d+ to \d+ of the stimulus(?:, after a reset)?", text, re.MULTILINE)
    assert calls == [
        "call 1: timesteps 1 to 6 of the stimulus",
        "call 2: timesteps 7 to 12 of the stimulus",
        "call 3: timesteps 13 to 18 of the stimulus",
        "call 4: timesteps 1 to 12 of the stimulus, after a reset",
    ]
    found = tables(text)
    assert [table.timestep for table in found] == [*range(1, 7)] * 3 + [*range(1, 13)]
    assert found[0].lines["i"][1] == 0.0 != found[6].lines["i"][1]
    assert found[18].lines == found[0].lines
    assert found[11].lines == found[29].lines


def test_returned_states_and_every_check_are_shown(keras_adapter: KerasLayerAdapter) -> None:
    """What the layer returned is what the cell ended with; all nine checks, with their margins."""
    text = explained(STATEFUL, keras_adapter)
    returned = re.findall(
        r"returned h = ([+-][\d.]+) \(reference ([+-][\d.]+)\), c = ([+-][\d.]+) \(reference ([+-][\d.]+)\)", text
    )
    last = [table for table in tables(text) if table.timestep == 6]
    assert len(returned) == 4
    assert [float(part) for part in returned[0]][1::2] == [last[0].lines["h'"][0], last[0].lines["c'"][0]]
    assert len(re.findall(r"^PASS ", text, re.MULTILINE)) == 9
    assert re.search(r"^PASS outputs worst [\d.]+ σ, rms [\d.]+ σ of 180 numbers$", text, re.MULTILINE)


@pytest.mark.parametrize("case", [PLAIN, STATEFUL], ids=lambda case: case.id)
def test_steps_of_the_cell_are_the_layers(case: Case, keras_adapter: KerasLayerAdapter) -> None:
    """The cell, driven step by step, and the layer in one call are two runs of Keras: each within 8σ of the truth."""
    stimulus = draw([case])
    observed = keras_adapter.observe(case, stimulus)
    calls = zip(observed.calls, observe_steps(keras_adapter, case, stimulus), expected_calls(case, stimulus).sigma, strict=True)
    for returned, steps, sigma in calls:
        limit = TWO_RUNS * ELEMENT_LIMIT
        assert np.all(np.abs(steps[-1].hidden - returned.hidden) <= limit * sigma.hidden)
        assert np.all(np.abs(steps[-1].cell - returned.cell) <= limit * sigma.cell)
        hidden = np.stack([step.hidden for step in steps], axis=1) if case.config.return_sequences else steps[-1].hidden
        assert np.all(np.abs(hidden - returned.outputs) <= limit * sigma.outputs)
        assert {name: gate.shape for name, gate in steps[0].gates.items()} == dict.fromkeys(("i", "f", "candidate", "o"), (3, 2))


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ({"row": 3}, "has 3 rows, 0 to 2; got row 3"),
        ({"row": -1}, "has 3 rows, 0 to 2; got row -1"),
        ({"unit": 2}, "has 2 units, 0 to 1; got unit 2"),
        ({"steps": -1}, "steps must be 0 (all) or more; got -1"),
    ],
)
def test_view_of_nothing_is_refused(view: dict[str, Any], message: str) -> None:
    """With what there is; before anything is loaded or run."""
    with pytest.raises(LSTMError, match=re.escape(message)):
        explain(PLAIN, KerasLayerAdapter(), View(**view), Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("steps", "shown"), [(3, [0, 1, 2, 5]), (5, [0, 1, 2, 3, 4, 5]), (6, [0, 1, 2, 3, 4, 5]), (0, [*range(6)])]
)
def test_view_shows_the_first_timesteps_and_the_last(steps: int, shown: list[int]) -> None:
    """Counted from the call's start; none twice."""
    assert View(steps=steps).timesteps(6) == shown


def test_distance_from_zero_is_no_ulp() -> None:
    """Where the reference is 0 there is no unit in its last place."""
    assert _side_by_side(0.0, 0.0, "float32")[2] == "0.0e+00"
    assert _side_by_side(0.5, 0.5 + 2.0**-24, "float32")[2] == "1.0 ulp"
