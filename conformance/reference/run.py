"""One run of the oracle, and its rounding σ, for a whole family: every case of it is a slice.

The LSTM is causal and treats rows apart, so the run over the longest horizon and the largest batch holds the answer for every
shorter sequence, every smaller batch, both values of return_sequences, and every chain of stateful calls that starts from zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import CallObservation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.reference.oracle import Masks, Oracle, returned_shapes
from conformance.reference.tolerance import arithmetic_of
from lstm_ref import LSTM, LSTMConfig, State
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic, RoundingSigma
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square, sigma_of_run


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """Hidden and cell state at every timestep from zeros on, and σ of each element, (batch, timesteps, units) each."""

    trajectory: Trajectory
    sigma: RoundingSigma


@lru_cache(maxsize=2)
def reference_run(stimulus: Stimulus, products: str = "") -> ReferenceRun:
    """The run over the whole stimulus, in float64, from inputs rounded to the tested precision as Keras rounds them.

    Args:
        stimulus: of the family.
        products: what the operands of matrix products are read in, by convention.
    """
    config = LSTMConfig(units=stimulus.family.units)
    inputs = stimulus.inputs.astype(stimulus.precision).astype("float64")
    lstm = LSTM(config, stimulus.weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    arithmetic = arithmetic_of(stimulus.precision, products)
    return ReferenceRun(trajectory, sigma_of_run(config, stimulus.weights, inputs, trajectory, arithmetic))


@dataclass(frozen=True, eq=False)
class ExpectedCalls:
    """What each call of a case must return, and σ of every element in the same places."""

    calls: tuple[CallObservation, ...]
    sigma: tuple[CallObservation, ...]


# Many implementations are judged by one answer, and then explained by it.
@lru_cache(maxsize=2)
def expected_calls(
    case: Case, stimulus: Stimulus, conventions: Conventions = DEFAULT_CONVENTIONS, dropout: Masks = ()
) -> ExpectedCalls:
    """The oracle's answer: a slice of the family's one run where the case is plain, else a run of its own.

    Args:
        case: what is asked.
        stimulus: with what.
        conventions: of the backend that is tested.
        dropout: the masks that the implementation drew; empty where it drew none.
    """
    if case.is_plain:
        run = reference_run(stimulus, conventions.products)
        hidden, cell = run.trajectory.hidden, run.trajectory.cell
        return ExpectedCalls(calls=_slices(case, hidden, cell), sigma=_slices(case, run.sigma.hidden, run.sigma.cell))
    oracle = oracle_of(case, conventions, dropout)
    calls = oracle.observe(case, stimulus)
    arithmetic = arithmetic_of(oracle.precision, conventions.products)
    return ExpectedCalls(calls=calls, sigma=replicated_sigma(case, stimulus, calls, oracle, arithmetic))


def oracle_of(case: Case, conventions: Conventions, dropout: Masks) -> Oracle:
    """What answers a case of its own, for a backend of these conventions that drew these dropout masks."""
    precision, emits_initial_state = conventions.compute_dtype(case.precision), conventions.emits_initial_state(case)
    return Oracle(precision=precision, dropout=dropout, emits_initial_state=emits_initial_state)


def replicated_sigma(
    case: Case,
    stimulus: Stimulus,
    calls: Sequence[CallObservation],
    oracle: Oracle,
    arithmetic: Arithmetic,
    *,
    rounding: type[RoundingLSTM] = RoundingLSTM,
) -> tuple[CallObservation, ...]:
    """σ of every element from replicas of the case's own run, each an LSTM that rounds so."""
    build = partial(rounding, arithmetic=arithmetic, random=np.random.Generator(np.random.SFC64(0)), copies=REPLICAS)
    replicas = oracle.repeated(REPLICAS, build).observe(case, stimulus)
    return tuple(_spread(*pair, arithmetic) for pair in zip(calls, replicas, strict=True))


def _spread(expected: CallObservation, replicas: CallObservation, arithmetic: Arithmetic) -> CallObservation:
    def sigma_of(array: Array, disturbed: Array) -> Array:
        return root_mean_square(disturbed.reshape(REPLICAS, *array.shape), array, arithmetic)

    values = ("outputs", "hidden", "cell", "loss")
    sigma: dict[str, Any] = {
        name: None if (array := getattr(expected, name)) is None else sigma_of(array, getattr(replicas, name)) for name in values
    }
    gradients = {name: sigma_of(array, replicas.gradients[name]) for name, array in expected.gradients.items()}
    return CallObservation(**sigma, gradients=gradients)


def _slices(case: Case, hidden: Array, cell: Array) -> tuple[CallObservation, ...]:
    """A stateful call starts where the calls since the last reset have stopped, so it returns what the one long run has there."""
    calls = []
    for call in case.calls:
        h, c = (array[: case.batch, call.start : call.stop] for array in (hidden, cell))
        outputs = h if case.config.return_sequences else h[:, -1]
        final = State(hidden=h[:, -1], cell=c[:, -1])
        returned = returned_shapes(case, outputs, [final])
        calls.append(CallObservation(outputs=outputs, **vars(final), returned=returned))
    return tuple(calls)
