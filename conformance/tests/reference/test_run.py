"""One long run, sliced, is what the reference returns call by call."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.adapters.observation import CallObservation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.matrix import documents_matrix, select
from conformance.reference.run import ReferenceRun, expected_calls, reference_run
from conformance.reference.tolerance import ARITHMETIC, ELEMENT_LIMIT, TWO_RUNS
from conformance.running.runner import families
from lstm_ref import LSTM, LSTMConfig
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import rounding_sigma

MATRIX = list(documents_matrix())
# Both batch sizes and all four kinds of call, of two sizes; each family's longest case makes the run from which the others are cut.
CASES = select(MATRIX, ["u2-d2-t1-*", "u2-d2-t6-*", "u2-d2-t28-*", "u10-d5-t1-*", "u10-d5-t13-*"])
STIMULI = {members[0].family: draw(members) for members in families(CASES)}


def call_by_call(case: Case, stimulus: Stimulus) -> list[tuple[Array, Array, Array]]:
    """Outputs, hidden and cell state of each call of the reference, in float64, as a user would call it."""
    lstm = LSTM(case.config, stimulus.weights)
    returned = []
    for call in case.calls:
        if call.after_reset:
            lstm.reset_state()
        returned.append(lstm(stimulus.inputs_of(case, call).astype(case.precision)))
    return returned


def float64_run(stimulus: Stimulus) -> ReferenceRun:
    """The same run with the σ of float64 instead of the tested precision's."""
    config, inputs = LSTMConfig(stimulus.family.units), stimulus.inputs.astype(stimulus.precision).astype(np.float64)
    trajectory = reference_run(stimulus).trajectory
    return ReferenceRun(trajectory, rounding_sigma(config, stimulus.weights, inputs, trajectory, ARITHMETIC["float64"]))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_slices_are_what_the_reference_returns_call_by_call(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs and both states, of every call.

    BLAS may sum another number of rows in another order: two float64 runs, each within 8σ of the truth by float64's own σ.
    """
    stimulus = STIMULI[case.family]
    exact = float64_run(stimulus)
    expected = expected_calls(case, stimulus).calls
    monkeypatch.setattr("conformance.reference.run.reference_run", lambda *_: exact)
    sigma = expected_calls(case, stimulus).sigma
    for returned, sliced, limit in zip(call_by_call(case, stimulus), expected, sigma, strict=True):
        for got, name in zip(returned, ("outputs", "hidden", "cell"), strict=True):
            assert got.shape == getattr(sliced, name).shape
            assert np.all(np.abs(got - getattr(sliced, name)) <= ELEMENT_LIMIT * TWO_RUNS * getattr(limit, name))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_sigma_has_the_shape_of_what_is_expected(case: Case) -> None:
    """An element, a σ."""

    def shapes(calls: tuple[CallObservation, ...]) -> list[tuple[tuple[int, ...], ...]]:
        return [(call.outputs.shape, call.hidden.shape, call.cell.shape) for call in calls]

    stimulus = STIMULI[case.family]
    assert shapes(expected_calls(case, stimulus).sigma) == shapes(expected_calls(case, stimulus).calls)


@pytest.mark.parametrize("size", ["u1-d1", "u1-d64", "u2-d2", "u10-d5", "u32-d64", "u128-d1"])
def test_sigma_is_positive_everywhere(size: str) -> None:
    """No element is asked to be exact, and none may be anything."""
    sigma = reference_run(draw(select(MATRIX, [f"{size}-t50-b3-stateful-s0"]))).sigma
    for array in (sigma.hidden, sigma.cell):
        assert np.all(array > 0)
        assert np.all(np.isfinite(array))


def test_inputs_are_rounded_to_the_tested_precision_first() -> None:
    """As Keras casts them: the run over unrounded inputs lies further away than float64's rounding."""
    stimulus = STIMULI[Case.from_id("u2-d2-t6-b3-s0").family]
    lstm = LSTM(LSTMConfig(2), stimulus.weights)
    unrounded = lstm.run(stimulus.inputs, lstm.zero_state(len(stimulus.inputs)))
    exact = float64_run(stimulus)
    assert np.max(np.abs(unrounded.cell - exact.trajectory.cell) / exact.sigma.cell) > 1000 * ELEMENT_LIMIT


def test_a_stimulus_is_run_once() -> None:
    """All cases of a family read the one run."""
    stimulus = STIMULI[Case.from_id("u2-d2-t6-b3-s0").family]
    assert reference_run(stimulus) is reference_run(stimulus)
