"""Chaos: a correct run is accepted though it differs by the size of its states, and a wrong gate is seen while it can be."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import PREDICTABLE_STEPS, Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.judging.verdict import Verdict
from conformance.matrix.exclusions import exclusion_of
from conformance.matrix.grid import BASE
from conformance.matrix.grids import GRIDS
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import ExpectedCalls, expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.running.runner import run
from lstm_ref import LSTM, DropoutMasks, LSTMConfig, LSTMWeights
from lstm_ref.deviations import DEVIATIONS, Deviation, Need

(GRID,) = (grid for grid in GRIDS if grid.name == "chaotic sequences")
CASES = list(GRID.cases(Case.from_id(BASE)))
LONG = [case for case in CASES if case.timesteps > PREDICTABLE_STEPS]
SHORT = [case for case in CASES if case not in LONG]
RANGE = 2.0  # of a hidden state, which lies between -1 and 1
# The beginning of the longest run, by its outputs alone.
EARLY = LONG[0].replace(timesteps=60, return_state=False)

# What shows in what a timestep computes, and is no small matter of precision.
SEEN = [
    name
    for name, deviation in DEVIATIONS.items()
    if deviation.needs <= LONG[0].fulfilled_needs and not deviation.hides and not deviation.needs & {Need.GRADIENTS}
]


class InFloat32(LSTM):
    """The reference in NumPy's float32."""

    def __init__(
        self, config: LSTMConfig, weights: LSTMWeights, dtype: str = "float32", dropout: DropoutMasks | None = None
    ) -> None:
        super().__init__(config, weights, "float32" if dtype else dtype, dropout)


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> ReferenceAdapter:
    """A correct implementation."""
    known = MappingProxyType({"single": Deviation(name="single", summary="", layer=InFloat32)})
    monkeypatch.setattr("lstm_ref.deviations.DEVIATIONS", known)
    return ReferenceAdapter("single")


@pytest.fixture(scope="module")
def answers() -> Callable[[Case], tuple[Stimulus, ExpectedCalls]]:
    """Stimulus and answer of a case, found once."""
    found: dict[str, tuple[Stimulus, ExpectedCalls]] = {}

    def of(case: Case) -> tuple[Stimulus, ExpectedCalls]:
        if case.id not in found:
            stimulus = draw([case])
            found[case.id] = stimulus, expected_calls(case, stimulus)
        return found[case.id]

    return of


Answers = Callable[[Case], tuple[Stimulus, ExpectedCalls]]


def blind(sigma: Any) -> float:
    """The part of the elements that no value between -1 and 1 could make fail."""
    return float(np.mean(ELEMENT_LIMIT * sigma >= RANGE))


# --- a correct run


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_correct_run_in_float32_is_accepted(case: Case, in_float32: ReferenceAdapter) -> None:
    """Within the limits, and not so far within that nothing is compared."""
    (result,) = run([case], in_float32)
    assert result.verdict is Verdict.PASS
    assert max(check.rms or 0.0 for check in result.checks) > 0.1


@pytest.mark.parametrize("seed", [6, 11])
def test_a_correct_run_is_accepted_where_rows_are_lost_early(seed: int, in_float32: ReferenceAdapter) -> None:
    """Two of the seeds whose first row is lost within two hundred timesteps."""
    (result,) = run([LONG[0].replace(timesteps=300, seed=seed)], in_float32)
    assert result.verdict is Verdict.PASS


def test_a_real_layer_is_accepted(keras_adapter: KerasLayerAdapter) -> None:
    """Over a thousand timesteps, of which the last are as unlike the reference as can be."""
    (result,) = run(LONG[:1], keras_adapter)
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert {check.check for check in result.checks if check.worst is not None} == {"outputs", "hidden_state", "cell_state"}


def test_errors_of_a_correct_run_are_of_the_size_of_its_states(answers: Answers) -> None:
    """So no σ that stays small could be right, and the one there is fills the range and no more."""
    stimulus, expected = answers(LONG[0])
    (weights,) = stimulus.weights_of(LONG[0])
    outputs = InFloat32(LONG[0].config, weights)(stimulus.inputs_of(LONG[0], LONG[0].calls[0]))[0]
    assert np.abs(outputs - expected.calls[0].outputs).max() > 1
    assert all(np.isfinite(sigma).all() for call in expected.sigma for sigma in call.computed.values())
    assert np.asarray(expected.sigma[0].outputs).max() <= RANGE


# --- a wrong one


@pytest.fixture
def verdict_on(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Callable[[Case, str], Verdict]:
    """On a deviation in a case, whose answer is found once."""

    def verdict_of(case: Case, name: str) -> Verdict:
        monkeypatch.setattr("conformance.judging.checks.expected_calls", lambda *_: answers(case)[1])
        (result,) = run([case], ReferenceAdapter(name))
        return result.verdict

    return verdict_of


def test_the_beginning_of_a_long_run_is_that_of_a_short_one(answers: Answers) -> None:
    """Its outputs and their σ, to the bit: what the short one rejects by its outputs, the long one does."""
    (short,), (long,) = (answers(case)[1].sigma for case in (EARLY, LONG[0]))
    np.testing.assert_array_equal(short.outputs, np.asarray(long.outputs)[:, : EARLY.timesteps])
    assert (short.hidden, short.cell) == (None, None)


@pytest.mark.parametrize("name", SEEN)
def test_a_wrong_run_shows_before_chaos_hides_it(name: str, verdict_on: Callable[[Case, str], Verdict]) -> None:
    """All gate orders, wrong candidates, and whatever else shows in a timestep."""
    assert verdict_on(EARLY, name) is Verdict.FAIL


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.id)
def test_short_of_chaos_a_last_output_shows_a_wrong_run(case: Case, verdict_on: Callable[[Case, str], Verdict]) -> None:
    """Every ninth of what shows in a timestep."""
    assert [name for name in SEEN[::9] if verdict_on(case, name) is not Verdict.FAIL] == []


# --- what is blind


def test_the_last_output_of_a_long_run_is_blind_and_no_case(answers: Answers) -> None:
    """No exclusion without a reason: this one would accept a wrong gate."""
    case = LONG[0].replace(return_sequences=False)
    assert exclusion_of(case) is not None
    stimulus, expected = answers(case)
    assert blind(expected.sigma[0].outputs) == 1
    (result,) = run([case], ReferenceAdapter("recurrent_kernel_gates_fico"))
    assert result.verdict is Verdict.PASS
    assert stimulus.precision == "float32"


def test_a_long_run_offers_nothing_at_its_end() -> None:
    """What shows there alone is not asked of it."""
    assert not LONG[0].fulfilled_needs & {Need.STATES, Need.LAST_STEP, Need.LAST_OUTPUT}
    assert {Need.STATES, Need.LAST_STEP} <= LONG[0].replace(weights="drawn").fulfilled_needs
    assert {Need.STATES, Need.LAST_STEP, Need.LAST_OUTPUT} <= SHORT[0].fulfilled_needs


def test_how_much_of_each_case_is_blind(answers: Answers, record_property: Callable[[str, object], None]) -> None:
    """Most of a long run, whose first hundred timesteps see; nothing of a short one."""
    parts = {case.id: [blind(call.outputs) for call in answers(case)[1].sigma] for case in CASES}
    record_property("shown", "\n".join(f"{case_id}: {max(each):.0%} of the outputs are blind" for case_id, each in parts.items()))
    assert all(0 < max(parts[case.id]) < 0.9 for case in LONG)
    assert all(max(parts[case.id]) == 0 for case in SHORT)
    assert blind(np.asarray(answers(LONG[0])[1].sigma[0].outputs)[:, :PREDICTABLE_STEPS]) == 0
