"""Translates a case into a question of protocol 1, and an answer into an observation; see PROTOCOL.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters.observation import CallObservation, Observation, concatenate_states
from conformance.cases.case import Call, Case
from conformance.cases.features import FEATURES
from conformance.cases.stimulus import Stimulus, join_rows, signature_of, split_rows
from lstm_ref import LSTMError
from lstm_ref.arrays import Array


class AnswerError(LSTMError):
    """An answer does not follow the protocol."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer of a worker.

    Attributes:
        fields: of the line that it wrote.
        arrays: that it wrote, by name.
    """

    fields: Mapping[str, Any]
    arrays: Mapping[str, Array]


def question_of(case: Case, stimulus: Stimulus) -> tuple[dict[str, Any], dict[str, Array]]:
    """Return the question for a case, and its arrays."""
    sizes = {"units": case.config.units, **{name: getattr(case, name) for name in ("input_dim", "timesteps", "batch")}}
    features = {feature.name: case.feature(feature) for feature in FEATURES}
    calls = [_call_fields(case, call) for call in case.calls]
    return {**features, **sizes, "calls": calls, "signature": signature_of(case)}, dict(_arrays(case, stimulus))


def observation_of(case: Case, answer: Answer) -> Observation:
    """Return the observation in an answer.

    Raises:
        AnswerError: the answer does not follow the protocol.
    """
    fields = answer.fields
    try:
        return Observation(
            calls=tuple(_call_observation(case, number, call, answer.arrays) for number, call in enumerate(fields["calls"])),
            parameter_count=int(fields["parameter_count"]),
            weight_shapes=tuple(tuple(shape) for shape in fields["weight_shapes"]),
            path=str(fields["path"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerError(f"the answer does not follow the protocol: {type(error).__name__}: {error}") from error


def _call_fields(case: Case, call: Call) -> dict[str, Any]:
    """The fields of a call: whether the states are reset before it, and the numbers of its initial states and gradients."""
    fields = {"after_reset": call.after_reset, "states": 2 * len(case.layer_sizes) if call.initial_state else 0}
    gradients = len(case.gradients_of(call))
    return {**fields, "gradients": gradients} if gradients else fields


def _arrays(case: Case, stimulus: Stimulus) -> Iterator[tuple[str, Array]]:
    for number, weights in enumerate(stimulus.weights_of(case)):
        for name, array in weights.arrays.items():
            yield f"{number}.{name}", array.astype("float64" if case.precision == "float64" else "float32")
    if case.mask_source == "embedding":
        yield "embedding", stimulus.embedding_of(case)
    if case.returns_loss:
        steps = (case.timesteps,) if case.config.return_sequences else ()
        yield "targets", split_rows(case, stimulus.targets_of(case, (case.sequences, *steps, case.outputs_width)))
    if case.execution.route == "gradient":
        yield from ((f"weigh.{position}", array) for position, array in enumerate(_cotangents(case, stimulus)))
    for number, call in enumerate(case.calls):
        inputs = stimulus.ids_of(case, call) if case.mask_source == "embedding" else stimulus.inputs_of(case, call)
        yield f"{number}.inputs", split_rows(case, inputs)
        mask = stimulus.mask_of(case, call)
        if mask is not None and case.mask_source == "argument":
            yield f"{number}.mask", split_rows(case, mask)
        for position, state in enumerate(_states(case, call, stimulus)):
            yield f"{number}.state.{position}", state


def _cotangents(case: Case, stimulus: Stimulus) -> Iterator[Array]:
    """Yield the weights of the returned arrays in the sum whose gradients are computed; they are the same in every call."""
    outputs, states = stimulus.cotangents_of(case, case.calls[0])
    halves = case.architecture == "bidi" and case.merge_mode == "none"
    yield from (split_rows(case, array) for array in (np.split(outputs, [case.config.units], axis=-1) if halves else [outputs]))
    if case.config.return_state:
        yield from (array for state in states for array in (state.hidden, state.cell))


def _states(case: Case, call: Call, stimulus: Stimulus) -> Iterator[Array]:
    dtype = "float64" if case.dtype == "float64" else "float32"
    for state in stimulus.initial_state_of(case, call) or ():
        yield state.hidden.astype(dtype)
        yield state.cell.astype(dtype)


def _call_observation(case: Case, number: int, fields: Mapping[str, Any], arrays: Mapping[str, Array]) -> CallObservation:
    returned = [arrays[f"{number}.returned.{position}"] for position in range(fields["returned"])]
    states: dict[str, Any] = {
        name: arrays.get(f"{number}.{name}") for name in ("stored_hidden", "stored_cell", "reset_hidden", "reset_cell")
    }
    if case.returns_loss:
        return CallObservation(loss=np.asarray(returned[0], np.float64).reshape(1), **states)
    joined = [join_rows(case, array) for array in returned]
    count = 2 if case.architecture == "bidi" and case.merge_mode == "none" else 1
    return CallObservation(
        outputs=np.concatenate(joined[:count], axis=-1),
        hidden=concatenate_states(joined[count::2]),
        cell=concatenate_states(joined[count + 1 :: 2]),
        returned=tuple(array.shape for array in returned),
        dtypes=tuple(fields["dtypes"]),
        gradients={
            name: join_rows(case, arrays[f"{number}.gradient.{position}"])
            if name == "inputs"
            else arrays[f"{number}.gradient.{position}"]
            for position, name in enumerate(case.gradients_of(case.calls[number]))
        },
        **states,
    )
