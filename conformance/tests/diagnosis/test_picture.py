"""A difference has a picture: the numbers of the arrays themselves, few enough to be kept, and the gates that explain it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.diagnosis.picture import BEFORE, LINES, PLACES, picture_of
from conformance.judging.checks import Evidence
from conformance.judging.verdict import Picture, Result, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.running.journal import as_dict
from conformance.running.runner import run
from lstm_ref import GATE_ORDER, LSTM
from lstm_ref.arrays import Array
from lstm_ref.deviations import combine

SEQUENCE = Case.from_id("u3-d2-t5-b4-seq-s0")
LONG = Case.from_id("u10-d5-t50-b2-seq-s0")


@dataclass(frozen=True)
class Late:
    """The reference, whose outputs are wrong from one timestep on, each unit by far more than the one before."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    first: int
    value: float = 1.0

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "late"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation with other outputs."""
        observed = ReferenceAdapter().observe(case, stimulus)
        (call,) = observed.calls
        outputs = call.outputs.copy()
        outputs[:, self.first :] += self.value * 8.0 ** np.arange(outputs.shape[-1])
        return replace(observed, calls=(replace(call, outputs=outputs),))


def result_of(case: Case, adapter: Adapter) -> Result:
    """Judged and pictured; a deviation is known to be one."""
    named = (adapter.deviation,) if isinstance(adapter, ReferenceAdapter) and adapter.deviation else ()
    kept: list[Evidence] = []
    (result,) = run([case], adapter, keep_evidence=kept.append)
    return replace(result, picture=picture_of(kept[0], named) if kept else None)


def drawn_picture(case: Case, adapter: Adapter) -> Picture:
    """The picture that there is."""
    picture = result_of(case, adapter).picture
    assert picture is not None
    return picture


def drawn(picture: Picture, what: str) -> Array:
    """All lines of a picture, (lines, places)."""
    return np.array([getattr(line, what) for line in picture.lines])


@pytest.mark.parametrize("case", [SEQUENCE, LONG, SEQUENCE.replace(stateful=True)], ids=str)
def test_outputs_are_drawn_over_timesteps(case: Case) -> None:
    """What was observed, what was expected, and their distance in σ."""
    adapter, stimulus = ReferenceAdapter("output_tanh_missing"), draw([case])
    picture = drawn_picture(case, adapter)
    number = int(picture.of.partition("call ")[2].partition(",")[0] or 1) - 1
    row = int(picture.of.rpartition("row ")[2])
    units = [int(line.name.removeprefix("unit ")) for line in picture.lines]
    at = np.ix_([row], picture.places, units)
    expected = expected_calls(case, stimulus)
    arrays = (adapter.observe(case, stimulus).calls[number], expected.calls[number], expected.sigma[number])
    got, right, sigma = (array.outputs[at][0].T for array in arrays)
    assert picture.across == "timestep"
    assert np.array_equal(drawn(picture, "got"), got)
    assert np.array_equal(drawn(picture, "expected"), right)
    assert np.allclose(drawn(picture, "errors"), (got - right) / sigma, rtol=1e-12, atol=0)


@pytest.mark.parametrize(
    ("case", "deviation", "of", "across", "shape"),
    [
        ("u3-d2-t5-b4-s0", "output_tanh_missing", "outputs, row", "unit", (1, 3)),
        ("u3-d2-t5-b4-seq-via_gradient-s0", "recurrent_term_missing", "gradient of inputs, row", "timestep", (2, 5)),
        ("u3-d2-t5-b4-s0", "states_exchanged", "hidden, row", "unit", (1, 3)),
        ("u3-d2-t5-b4-seq-via_gradient-s0", "recurrent_kernel_gradient_late", "gradient of recurrent_kernel", "column", (3, 12)),
    ],
)
def test_arrays_are_drawn_as_they_lie(case: str, deviation: str, of: str, across: str, shape: tuple[int, int]) -> None:
    """The units of one row, the timesteps of the inputs' gradient, the columns of weights."""
    picture = drawn_picture(Case.from_id(case), ReferenceAdapter(deviation))
    assert picture.of.startswith(of)
    assert (picture.across, drawn(picture, "got").shape) == (across, shape)


def test_gates_are_those_of_the_reference_and_of_the_deviation() -> None:
    """Of the unit that is furthest off, in every timestep that is drawn."""
    picture, stimulus = drawn_picture(SEQUENCE, ReferenceAdapter("kernel_gates_ifoc")), draw([SEQUENCE])
    at = (int(picture.of.rpartition("row ")[2]), int(picture.worst.removeprefix("unit ")))
    inputs = stimulus.inputs_of(SEQUENCE, SEQUENCE.calls[0]).astype("float32").astype("float64")
    right = LSTM(SEQUENCE.config, stimulus.weights)
    layers = {"expected": right, "got": combine(["kernel_gates_ifoc"]).build(SEQUENCE.config, stimulus.weights)}
    states = {name: layer.run(inputs, layer.zero_state(len(inputs))) for name, layer in layers.items()}
    assert picture.gates_of == "kernel_gates_ifoc"
    assert [line.name for line in picture.gates] == [f"gate {gate}" for gate in GATE_ORDER]
    first = {name: layer.gates(inputs[:, 0], layer.zero_state(len(inputs))) for name, layer in layers.items()}
    assert [line.expected[0] for line in picture.gates] == [gate[at] for gate in first["expected"]]
    assert [line.got[0] for line in picture.gates] == [gate[at] for gate in first["got"]]
    assert {len(line.got) for line in picture.gates} == {len(states["got"].hidden[0])}


def test_nothing_is_said_of_gates_that_no_deviation_explains() -> None:
    """An implementation does not show its gates."""
    picture = drawn_picture(SEQUENCE, Late(2))
    assert (picture.gates_of, picture.gates) == ("", ())


def test_a_picture_is_small_whatever_the_case() -> None:
    """The lines that are furthest off, from a little before the first difference on."""
    case = Case.from_id("u32-d5-t100-b2-seq-s0")
    picture = drawn_picture(case, Late(60))
    assert [line.name for line in picture.lines] == [f"unit {unit}" for unit in range(32 - LINES, 32)]
    assert picture.places == tuple(range(60 - BEFORE, 60 - BEFORE + PLACES))
    assert picture.worst == max(picture.lines, key=lambda line: max(line.errors)).name
    assert len(json.dumps(as_dict(result_of(case, Late(60))))) < 30_000


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_drawn_too(value: float) -> None:
    """And is the worst there is."""
    picture = drawn_picture(SEQUENCE, Late(3, value))
    assert not np.isfinite(drawn(picture, "got")[:, 3:]).any()
    assert np.isfinite(drawn(picture, "errors")[:, :3]).all()


@pytest.mark.parametrize(
    ("case", "deviation"),
    [
        ("u3-d2-t5-b4-seq-via_evaluate-s0", "output_tanh_missing"),
        ("u3-d2-t5-b4-seq-nostate-s0", "return_sequences_ignored"),
        ("u3-d2-t5-b4-seq-s0", "two_biases"),
    ],
)
def test_what_cannot_be_drawn_has_no_picture(case: str, deviation: str) -> None:
    """A single number, an array of another shape, and facts."""
    result = result_of(Case.from_id(case), ReferenceAdapter(deviation))
    assert result.verdict is Verdict.FAIL
    assert result.picture is None
