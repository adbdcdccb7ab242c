"""Power: no case of the documents' matrix is blind to a deviation that can show in it.

A few are too small to show in every one of them; each of those says why it may hide, and is left out here.

Running every deviation on 2,304 cases one by one is more than a test can do; three facts make it cheap and leave nothing out.
Batch 32 holds the rows of batch 3, so what shows in the smaller batch shows in the larger. A case with return_sequences returns
the same final states as the one without, and a stateful case begins with the call that a stateless case makes. And a run over
150 timesteps passes through the final states of all shorter runs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from conformance.case import Case, Family
from conformance.kill_matrix import kill_matrix
from conformance.matrix import documents_matrix
from conformance.reference_run import reference_run
from conformance.stimulus import Stimulus, draw
from conformance.tolerance import ELEMENT_LIMIT
from lstm_ref import LSTMConfig
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
ABOUT_THE_END = [DEVIATIONS[name] for name in ("last_step_skipped", "read_backwards")]
ABOUT_THE_RUN = [deviation for deviation in SEEN if deviation not in (*ABOUT_CALLS, *ABOUT_RESULTS, *ABOUT_THE_END)]


def members(family: Family) -> list[Case]:
    """The family's cases at batch 3."""
    return [case for case in CASES if case.family == family]


def plain(family: Family) -> list[Case]:
    """Those of one call that returns the last output."""
    return [case for case in members(family) if not case.config.stateful and not case.config.return_sequences]


def blind_cases(deviation: Deviation, cases: list[Case], stimulus: Stimulus) -> list[str]:
    """The cases after which neither final state differs by more than 8σ, of those where the deviation can show."""
    showing = [case for case in cases if deviation.needs <= case.offers]
    if not showing:
        return []
    reference = reference_run(stimulus)
    lstm = deviation.build(LSTMConfig(stimulus.family.units), stimulus.weights)
    inputs = stimulus.inputs.astype(stimulus.precision).astype(np.float64)
    run = lstm.run(inputs, lstm.zero_state(len(inputs)))
    moved = np.maximum(
        np.abs(run.hidden - reference.trajectory.hidden) / reference.sigma.hidden,
        np.abs(run.cell - reference.trajectory.cell) / reference.sigma.cell,
    ).max(axis=(0, 2))
    return [case.id for case in showing if moved[case.timesteps - 1] <= ELEMENT_LIMIT]


def survivors(cases: list[Case], deviations: Iterable[Deviation]) -> dict[str, tuple[str, ...]]:
    """The deviations that some case accepts where they can show, and those cases."""
    matrix = kill_matrix(cases, [deviation.name for deviation in deviations])
    return {kills.deviation: kills.survived for kills in matrix if kills.survived}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_a_deviation_of_the_run(family: Family) -> None:
    """Weights, activations and equations: each deviation moves a final state beyond its bound, at every number of timesteps."""
    cases = plain(family)
    stimulus = draw(cases)
    assert {deviation.name: blind for deviation in ABOUT_THE_RUN if (blind := blind_cases(deviation, cases, stimulus))} == {}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_the_end_of_the_sequence(family: Family) -> None:
    """A step left out at the end, or the wrong end read first, shows at every number of timesteps."""
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
    (shown,) = [case.offers for case in plain(family) if case.timesteps == 1]
    assert survivors(cases, [each for each in SEEN if each not in ABOUT_THE_RUN or not each.needs <= shown]) == {}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_no_case_is_blind_to_results_presented_otherwise(family: Family) -> None:
    """How results are presented does not depend on the number of timesteps beyond one: six stand for all longer ones."""
    assert survivors([case for case in members(family) if case.timesteps == 6], ABOUT_RESULTS) == {}
