"""One run of the oracle, and its rounding σ, for a whole family: every case of it is a slice.

The LSTM is causal and treats rows apart, so the run over the longest horizon and the largest batch holds the answer for every
shorter sequence, every smaller batch, both values of return_sequences, and every chain of stateful calls that starts from zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from conformance.case import Case
from conformance.observation import CallObservation
from conformance.stimulus import Stimulus
from conformance.tolerance import FLUSHED_BELOW, UNIT_ROUNDOFF
from lstm_ref import LSTM, LSTMConfig
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty import RoundingSigma, rounding_sigma


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """Hidden and cell state at every timestep from zeros on, and σ of each element, (batch, timesteps, units) each."""

    trajectory: Trajectory
    sigma: RoundingSigma


@lru_cache(maxsize=2)
def reference_run(stimulus: Stimulus) -> ReferenceRun:
    """The run over the whole stimulus, in float64, from inputs rounded to the tested precision as Keras rounds them."""
    config = LSTMConfig(units=stimulus.family.units)
    inputs = stimulus.inputs.astype(stimulus.precision).astype("float64")
    lstm = LSTM(config, stimulus.weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    sigma = rounding_sigma(config, stimulus.weights, inputs, trajectory, UNIT_ROUNDOFF[stimulus.precision])
    floor = FLUSHED_BELOW[stimulus.precision]
    return ReferenceRun(trajectory, RoundingSigma(hidden=sigma.hidden + floor, cell=sigma.cell + floor))


def expected_calls(case: Case, stimulus: Stimulus) -> tuple[CallObservation, ...]:
    """What each call of the case must return."""
    trajectory = reference_run(stimulus).trajectory
    return _slices(case, trajectory.hidden, trajectory.cell)


def expected_sigma(case: Case, stimulus: Stimulus) -> tuple[CallObservation, ...]:
    """σ of every element that each call of the case returns, in the same places."""
    sigma = reference_run(stimulus).sigma
    return _slices(case, sigma.hidden, sigma.cell)


def _slices(case: Case, hidden: Array, cell: Array) -> tuple[CallObservation, ...]:
    """A stateful call starts where the calls since the last reset have stopped, so it returns what the one long run has there."""
    calls = []
    for call in case.calls:
        h, c = (array[: case.batch, call.start : call.stop] for array in (hidden, cell))
        outputs = h if case.config.return_sequences else h[:, -1]
        calls.append(CallObservation(outputs=outputs, hidden=h[:, -1], cell=c[:, -1]))
    return tuple(calls)
