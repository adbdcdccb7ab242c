"""Metamorphic relations: two different runs of the implementation that must give the same results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from lstm_ref import GATE_ORDER, LSTMWeights, State
from lstm_ref.arrays import Array

Observe = Callable[[Case, Stimulus], Observation]
PADDING = 2


@dataclass(frozen=True, kw_only=True)
class Relation:
    """One metamorphic relation.

    Attributes:
        name: as in a case's `relation`.
        asserts: the equality, in one sentence.
        applies_to: whether a case has the relation.
        run: runs the case in the other way, and returns the results that must be equal.
    """

    name: str
    asserts: str
    applies_to: Callable[[Case], bool]
    run: Callable[[Case, Stimulus, Observe], tuple[CallObservation, ...]]


def observe_relation(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    """Return the results that must equal those of the case by its relation, call by call."""
    return RELATIONS[case.relation].run(case.replace(relation=""), stimulus, observe)


def _with_features(**changes: object) -> Callable[[Case, Stimulus, Observe], tuple[CallObservation, ...]]:
    """Run the same case with other features."""
    return lambda case, stimulus, observe: observe(case.replace(**changes), stimulus).calls


def _other_loop(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    return observe(case.replace(unroll=not case.execution.unroll), stimulus).calls


def _two_calls(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    cut = case.timesteps // 2
    (first,) = observe(case.replace(timesteps=cut), stimulus).calls
    assert first.hidden is not None and first.cell is not None  # noqa: S101, PT018  # for the type checker: holds_for says so
    states = State(first.hidden.astype(np.float64), first.cell.astype(np.float64))
    rest = replace(stimulus, inputs=stimulus.inputs[:, cut:], given_states=(states,))
    (second,) = observe(case.replace(timesteps=case.timesteps - cut, initial_state=True), rest).calls
    if not case.config.return_sequences:
        return (second,)
    pieces = [_outputs(first), _outputs(second)]
    if len({piece.shape[:1] + piece.shape[2:] for piece in pieces}) > 1:
        return (second,)  # the outputs cannot be joined; their shape fails the check
    return (replace(second, outputs=np.concatenate(pieces, axis=1)),)


def _padded(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    rows, steps = case.sequences, case.timesteps
    padding = np.full((len(stimulus.inputs), PADDING, case.input_dim), 0.75)
    longer = np.concatenate([stimulus.inputs[:, :steps], padding], axis=1)
    mask = np.arange(steps + PADDING) < np.full((rows, 1), steps)
    padded = case.replace(timesteps=steps + PADDING, mask="right")
    (call,) = observe(padded, replace(stimulus, inputs=longer, given_mask=mask)).calls
    return (replace(call, outputs=_outputs(call)[:, :steps]) if case.config.return_sequences else call,)


def _rows_permuted(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    rows = case.sequences
    order = np.roll(np.arange(rows), 1)
    changed = replace(stimulus, inputs=stimulus.inputs[:rows][order])
    states, mask = stimulus.initial_state_of(case, case.calls[0]), stimulus.mask_of(case, case.calls[0])
    if states is not None:
        changed = replace(changed, given_states=tuple(State(s.hidden[order], s.cell[order]) for s in states))
    if mask is not None:
        changed = replace(changed, given_mask=mask[order])
    back = np.argsort(order)
    return tuple(_map_arrays(call, lambda array: array[back]) for call in observe(case, changed).calls)


def _units_permuted(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    units = case.config.units
    order = np.roll(np.arange(units), 1)
    (weights,) = stimulus.weights_of(case)
    columns = np.concatenate([order + gate * units for gate in range(len(GATE_ORDER))])
    bias = None if weights.bias is None else weights.bias[columns]
    changed = replace(
        stimulus, given_weights=(LSTMWeights(weights.kernel[:, columns], weights.recurrent_kernel[order][:, columns], bias),)
    )
    states = stimulus.initial_state_of(case, case.calls[0])
    if states is not None:
        changed = replace(changed, given_states=tuple(State(s.hidden[:, order], s.cell[:, order]) for s in states))
    back = np.argsort(order)
    return tuple(_map_arrays(call, lambda array: array[..., back]) for call in observe(case, changed).calls)


def _time_reversed(case: Case, stimulus: Stimulus, observe: Observe) -> tuple[CallObservation, ...]:
    changed = replace(stimulus, inputs=stimulus.inputs[:, case.timesteps - 1 :: -1])
    mask = stimulus.mask_of(case, case.calls[0])
    if mask is not None:
        changed = replace(changed, given_mask=mask[:, ::-1])
    return observe(case.replace(go_backwards=not case.config.go_backwards), changed).calls


def _map_arrays(call: CallObservation, change: Callable[[Array], Array]) -> CallObservation:
    arrays: dict[str, Any] = {name: getattr(call, name) for name in ("outputs", "hidden", "cell")}
    changed: dict[str, Any] = {name: change(array) for name, array in arrays.items() if array is not None}
    return replace(call, **changed)


def _outputs(call: CallObservation) -> Array:
    return np.asarray(call.outputs)


def _single_call(case: Case) -> bool:
    return case.architecture == "lstm" and not case.config.stateful and _has_outputs(case) and case.values == "finite"


def _has_outputs(case: Case) -> bool:
    return not case.returns_loss and case.dropout == "none"


def _takes_any_input(case: Case) -> bool:
    """Whether the layer gets inputs and mask unchanged."""
    return _single_call(case) and case.mask_source == "argument"


_RELATIONS = (
    Relation(
        name="eager_call",
        asserts="the route gives what an eager call gives",
        applies_to=_has_outputs,
        run=_with_features(route="call", compiled=False, jit_compile=False),
    ),
    Relation(
        name="predict",
        asserts="the route gives what predict gives",
        applies_to=lambda case: _has_outputs(case) and case.batch > 0,
        run=_with_features(route="predict"),
    ),
    Relation(
        name="training",
        asserts="without dropout, training=True changes nothing",
        applies_to=_has_outputs,
        run=_with_features(route="training"),
    ),
    Relation(name="loop", asserts="an unrolled loop gives what a loop gives", applies_to=_has_outputs, run=_other_loop),
    Relation(
        name="no_cudnn",
        asserts="use_cudnn='auto' gives what use_cudnn=False gives",
        applies_to=_has_outputs,
        run=_with_features(use_cudnn=False),
    ),
    Relation(
        name="two_calls",
        asserts="one long call gives what two give, the second from the first's states",
        applies_to=lambda case: (
            _takes_any_input(case)
            and case.mask == "none"
            and case.config.return_state
            and case.timesteps > 1
            and not case.initial_state
            and not case.config.go_backwards
        ),
        run=_two_calls,
    ),
    Relation(
        name="padded",
        asserts="masked padding at the end changes nothing",
        applies_to=lambda case: (
            _takes_any_input(case) and case.mask == "none" and not case.config.go_backwards and not case.config.zero_output_for_mask
        ),
        run=_padded,
    ),
    Relation(
        name="rows_permuted",
        asserts="rows in another order give the same rows in that order",
        applies_to=lambda case: _takes_any_input(case) and case.batch > 1,
        run=_rows_permuted,
    ),
    Relation(
        name="units_permuted",
        asserts="units in another order give the same units in that order",
        applies_to=lambda case: _takes_any_input(case) and case.config.units > 1,
        run=_units_permuted,
    ),
    Relation(
        name="time_reversed",
        asserts="go_backwards gives what reversed inputs give",
        applies_to=_takes_any_input,
        run=_time_reversed,
    ),
    Relation(
        name="in_float64",
        asserts="float32 lies near float64",
        applies_to=lambda case: _has_outputs(case) and case.dtype == "float32",
        run=_with_features(dtype="float64"),
    ),
)

RELATIONS = {relation.name: relation for relation in _RELATIONS}
