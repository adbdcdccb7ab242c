"""Power: no case of the documents' matrix is blind to a deviation that can show in it.

A few are too small to show in every one of them; each of those says why it may hide, and is left out here.

Running every deviation on 2,304 cases one by one is more than a test can do; three facts make it cheap and leave nothing out.
Batch 32 holds the rows of batch 3, so what shows in the smaller batch shows in the larger. A case with return_sequences returns
the same final states as the one without, and a stateful case begins with the call that a stateless case makes. And a run over
150 timesteps passes through the final states of all shorter runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from conformance.cases.case import Case, Family
from conformance.cases.stimulus import Stimulus, draw
from conformance.matrix import documents_matrix
from conformance.reference.run import reference_run
from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.running.kill_matrix import kill_matrix
from lstm_ref import GATE_ORDER, LSTM, LSTMConfig
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Deviation, Need

CASES = [case for case in documents_matrix() if case.batch == 3]
FAMILIES = sorted({case.family for case in CASES})

SEEN = [deviation for deviation in DEVIATIONS.values() if not deviation.hides]
# What shows in how the states go from call to call, and what shows in how the results are presented; all others show in the run.
ABOUT_CALLS = [deviation for deviation in SEEN if deviation.needs & {Need.CARRIED_CALL, Need.RESET}]
ABOUT_RESULTS = [
    DEVIATIONS[name]
    for name in (
        "units_reversed", "first_output", "outputs_reversed", "outputs_time_major", "return_sequences_ignored",
        "return_sequences_forced", "states_exchanged", "input_not_cast", "two_biases", "twelve_arrays", "kernels_stacked",
        "weights_transposed",
    )
]  # fmt: skip
# What shows at the end of a sequence, wherever that is, so that a longer run says nothing of a shorter one.
ABOUT_THE_END = [DEVIATIONS[name] for name in ("last_step_skipped", "first_step_only", "read_backwards")]
ABOUT_THE_RUN = [deviation for deviation in SEEN if deviation not in (*ABOUT_CALLS, *ABOUT_RESULTS, *ABOUT_THE_END)]
# Of all LSTMs that are run side by side.
CACHED_UNITS = 512


def members(family: Family) -> list[Case]:
    """The family's cases at batch 3."""
    return [case for case in CASES if case.family == family]


def plain(family: Family) -> list[Case]:
    """Those of one call that returns the last output."""
    return [case for case in members(family) if not case.config.stateful and not case.config.return_sequences]


class SideBySide(LSTM):
    """LSTMs that differ in their weights alone, as one whose batch holds the rows of each, one LSTM after the other."""

    def __init__(self, lstms: Sequence[LSTM]) -> None:
        super().__init__(lstms[0].config, lstms[0].weights)
        by_gate = {gate: [lstm.weights.gate(gate) for lstm in lstms] for gate in GATE_ORDER}
        self.stacked = {gate: [np.stack(arrays) for arrays in zip(*each, strict=True)] for gate, each in by_gate.items()}

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """The rows of each LSTM by its own weights."""
        W, U, b = self.stacked[gate]
        x_t, hidden = (array.reshape(len(W), -1, array.shape[-1]) for array in (x_t, hidden))
        return np.asarray(x_t @ W + hidden @ U + b[:, np.newaxis]).reshape(-1, b.shape[-1])


def together(deviations: Sequence[Deviation], units: int) -> list[list[Deviation]]:
    """Those of the weights alone, so many that their weights stay in a processor's cache; each other on its own."""
    of_weights = [each for each in deviations if each.layer is LSTM and not each.config]
    many = max(1, CACHED_UNITS // units)
    return [of_weights[start : start + many] for start in range(0, len(of_weights), many)] + [
        [each] for each in deviations if each not in of_weights
    ]


def trajectory(deviations: Sequence[Deviation], stimulus: Stimulus) -> tuple[Array, Array]:
    """Hidden and cell states of each, (deviations, batch, timesteps, units)."""
    lstms = [each.build(LSTMConfig(stimulus.family.units), stimulus.weights) for each in deviations]
    lstm = SideBySide(lstms) if len(lstms) > 1 else lstms[0]
    inputs = np.tile(stimulus.inputs.astype(stimulus.precision).astype(np.float64), (len(lstms), 1, 1))
    run = lstm.run(inputs, lstm.zero_state(len(inputs)))
    hidden, cell = (array.reshape(len(lstms), -1, *array.shape[1:]) for array in (run.hidden, run.cell))
    return hidden, cell


def blind_cases(deviations: Sequence[Deviation], cases: list[Case], stimulus: Stimulus) -> dict[str, list[str]]:
    """Of each deviation, the cases where it can show and after which neither final state differs by more than 8σ."""
    reference, blind = reference_run(stimulus), {}
    showing = {each.name: [case for case in cases if each.needs <= case.fulfilled_needs] for each in deviations}
    for group in together([each for each in deviations if showing[each.name]], stimulus.family.units):
        hidden, cell = trajectory(group, stimulus)
        moved = np.maximum(
            np.abs(hidden - reference.trajectory.hidden) / reference.sigma.hidden,
            np.abs(cell - reference.trajectory.cell) / reference.sigma.cell,
        ).max(axis=(1, 3))
        for each, by_timestep in zip(group, moved, strict=True):
            blind[each.name] = [case.id for case in showing[each.name] if by_timestep[case.timesteps - 1] <= ELEMENT_LIMIT]
    return blind


def survivors(cases: list[Case], deviations: Iterable[Deviation]) -> dict[str, tuple[str, ...]]:
    """The deviations that some case accepts where they can show, and those cases."""
    matrix = kill_matrix(cases, [deviation.name for deviation in deviations])
    return {kills.deviation: kills.survived for kills in matrix if kills.survived}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_a_deviation_of_the_run(family: Family) -> None:
    """Weights, activations and equations: each deviation moves a final state beyond its bound, at every number of timesteps."""
    cases = plain(family)
    blind = blind_cases(ABOUT_THE_RUN, cases, draw(cases))
    assert {name: accepted for name, accepted in blind.items() if accepted} == {}


def test_side_by_side_each_runs_as_on_its_own() -> None:
    """What shows of many deviations at once is what each of them does."""
    stimulus = draw(plain(FAMILIES[13]))
    (many, *_) = together(ABOUT_THE_RUN, stimulus.family.units)
    alone = [trajectory([each], stimulus) for each in many]
    for got, expected in zip(trajectory(many, stimulus), zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(got, np.concatenate(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_the_end_of_the_sequence(family: Family) -> None:
    """A step left out at the end, or all but the first, or the wrong end read first, shows at every number of timesteps."""
    assert survivors(plain(family), ABOUT_THE_END) == {}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_stateful_case_is_blind_to_a_lost_state(family: Family) -> None:
    """Carrying and resetting show at every number of timesteps, though only the last output is returned."""
    cases = [case for case in members(family) if case.config.stateful and not case.config.return_sequences]
    assert survivors(cases, ABOUT_CALLS) == {}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_of_one_timestep_is_blind_to_anything(family: Family) -> None:
    """All four kinds of call, every deviation that the run has not shown: where only a second call can show it, it does."""
    cases = [case for case in members(family) if case.timesteps == 1]
    (shown,) = [case.fulfilled_needs for case in plain(family) if case.timesteps == 1]
    assert survivors(cases, [each for each in SEEN if each not in ABOUT_THE_RUN or not each.needs <= shown]) == {}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_results_presented_otherwise(family: Family) -> None:
    """How results are presented does not depend on the number of timesteps beyond one: six stand for all longer ones."""
    assert survivors([case for case in members(family) if case.timesteps == 6], ABOUT_RESULTS) == {}
