"""Weights and inputs of an example, and the values of each timestep of a call.

Every number is a function of its seed, array, gate, row and column. So a weight does not change when the layer grows, and the page,
which has the same function in `explain_equations.js`, has the same numbers to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.explaining.walkthrough.example import Example, InputPattern
from lstm_ref import GATE_ORDER, LSTM, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates

_KERNEL, _RECURRENT, _BIAS, _INPUTS = range(4)
_GOLDEN = np.uint32(0x9E3779B9)

# Scales for pre-activations of about 1 at all sizes, and a forget bias of 1, as in Keras' new layers.
_WEIGHT, _INPUT, _OFFSET, _FORGET_BIAS = 1.5, 2.0, 0.5, 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class CallTrace:
    """The values of one call in processing order, (batch, timesteps, …) each.

    Attributes:
        order: the timestep that each step reads.
        inputs: of each step, (batch, timesteps, input_dim).
        before: the state before each step.
        gates: of each step.
        after: the state after each step.
    """

    order: tuple[int, ...]
    inputs: Array
    before: State
    gates: Gates
    after: State


def draw(seed: int, *parts: Array | int) -> Array:
    """Numbers from -1 to 1, each a pure function of the seed and the integers in `parts`, which are broadcast.

    The mixing of 32 bits is that of C. Wellons' lowbias32 (hash-prospector, 2018).
    """
    with np.errstate(over="ignore"):
        mixed = _mix(np.asarray(seed, np.uint32) + _GOLDEN)
        for part in parts:
            mixed = _mix((mixed ^ np.asarray(part, np.uint32)) + _GOLDEN)
    return np.asarray(mixed / 2.0**31 - 1)


def weights_of(example: Example) -> LSTMWeights:
    """Dense weights of both signs, all different."""
    gate = np.arange(len(GATE_ORDER))[:, np.newaxis]
    unit = np.arange(example.units)

    def block(array: int, rows: int) -> Array:
        row = np.arange(rows)[:, np.newaxis, np.newaxis]
        return np.asarray(_WEIGHT * draw(example.seed, array, gate, row, unit).reshape(rows, -1) / np.sqrt(rows))

    bias = _OFFSET * draw(example.seed, _BIAS, gate, 0, unit)
    bias[GATE_ORDER.index("f")] += _FORGET_BIAS
    kernel, recurrent_kernel = block(_KERNEL, example.input_dim), block(_RECURRENT, example.units)
    return LSTMWeights(kernel, recurrent_kernel, bias.reshape(-1) if example.use_bias else None)


def inputs_of(example: Example, call: int = 1) -> Array:
    """The inputs of a call, (batch, timesteps, input_dim): each call continues the sequence of the call before."""
    row = np.arange(example.batch)[:, np.newaxis, np.newaxis]
    step = np.arange((call - 1) * example.timesteps, call * example.timesteps)[:, np.newaxis]
    inputs = _INPUT * draw(example.seed, _INPUTS, row, step, np.arange(example.input_dim))
    if example.given is InputPattern.FIRST:
        inputs[:, 1:] = 0
    return inputs


def mask_of(example: Example) -> Array | None:
    """The mask of a call, (batch, timesteps), True = use; None where nothing is masked."""
    if example.given is not InputPattern.MASKED:
        return None
    return np.broadcast_to(np.arange(example.timesteps) == 0, (example.batch, example.timesteps))


def trace_call(example: Example, call: int = 1) -> CallTrace:
    """The reference's values of the call; a stateful layer has made the calls before it."""
    lstm = LSTM(example.config, weights_of(example))
    for earlier in range(1, call):
        lstm(inputs_of(example, earlier), mask=mask_of(example))
    return trace(lstm, inputs_of(example, call), lstm.starting_state(None, example.batch), mask_of(example))


def trace(lstm: LSTM, inputs: Array, start: State, mask: Array | None = None) -> CallTrace:
    """The values of a call with inputs (batch, timesteps, input_dim) from a state (batch, units)."""
    passed = lstm.run(inputs, start, mask)
    order = range(inputs.shape[1])[:: -1 if lstm.config.go_backwards else 1]
    read = inputs[:, order]
    before = State(hidden=_behind(start.hidden, passed.hidden), cell=_behind(start.cell, passed.cell))
    after = State(hidden=passed.hidden, cell=passed.cell)
    return CallTrace(order=tuple(order), inputs=read, before=before, gates=lstm.gates(read, before), after=after)


def _behind(start: Array, passed: Array) -> Array:
    """The states before each step, (batch, timesteps, units), from the start and the states after each step."""
    return np.concatenate([start[:, np.newaxis], passed[:, :-1]], axis=1)


def _mix(x: Array) -> Array:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return np.asarray(x ^ (x >> np.uint32(16)))
