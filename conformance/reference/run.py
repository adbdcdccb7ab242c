"""One run of the oracle, and its rounding σ, for a whole family. Every plain case of the family is a slice of this run.

An LSTM is causal, and its rows are independent. So the run over the longest horizon and the largest batch contains the result of
every shorter sequence, of every smaller batch, of both values of return_sequences, and of every chain of stateful calls from zeros.
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
    """Hidden and cell state at every timestep of a run from zeros, and σ of each element, (batch, timesteps, units) each."""

    trajectory: Trajectory
    sigma: RoundingSigma


@lru_cache(maxsize=2)
def reference_run(stimulus: Stimulus, products: str = "") -> ReferenceRun:
    """Run the reference over the whole stimulus, in float64, on inputs rounded to the tested precision as Keras rounds them.

    Args:
        stimulus: of the family.
        products: the format of the operands of matrix products, by convention.
    """
    config = LSTMConfig(units=stimulus.family.units)
    inputs = stimulus.inputs.astype(stimulus.precision).astype("float64")
    lstm = LSTM(config, stimulus.weights)
    trajectory = lstm.run(inputs, lstm.zero_state(len(inputs)))
    arithmetic = arithmetic_of(stimulus.precision, products)
    return ReferenceRun(trajectory, sigma_of_run(config, stimulus.weights, inputs, trajectory, arithmetic))


@dataclass(frozen=True, eq=False)
class ExpectedCalls:
    """The expected results of each call of a case, and σ of every element."""

    calls: tuple[CallObservation, ...]
    sigma: tuple[CallObservation, ...]


# Cached, because many implementations are judged and diagnosed with the same expected results.
@lru_cache(maxsize=2)
def expected_calls(
    case: Case, stimulus: Stimulus, conventions: Conventions = DEFAULT_CONVENTIONS, dropout: Masks = ()
) -> ExpectedCalls:
    """Return the oracle's results: for a plain case a slice of the family's run, else those of a run of its own.

    Args:
        case: whose results are expected.
        stimulus: weights and inputs.
        conventions: of the tested backend.
        dropout: the masks that the implementation drew; empty if it drew none.
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
    """Return the oracle for a backend with these conventions that drew these dropout masks."""
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
    """Return σ of every element, from replicas of the case's run with LSTMs of the class `rounding`."""
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
    """Cut the calls of a case out of the long run. A stateful call continues where the last call has stopped."""
    calls = []
    for call in case.calls:
        h, c = (array[: case.batch, call.start : call.stop] for array in (hidden, cell))
        outputs = h if case.config.return_sequences else h[:, -1]
        final = State(hidden=h[:, -1], cell=c[:, -1])
        returned = returned_shapes(case, outputs, [final])
        calls.append(CallObservation(outputs=outputs, **vars(final), returned=returned))
    return tuple(calls)
