"""Weights and inputs of an example, and what a call on it passes through.

Every number is drawn by itself, from what it is: seed, array, gate, row and column. So a weight stays what it is while the layer
around it grows, and the page, which draws in `explain_equations.js` by the same lines, has the same numbers to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from conformance.explaining.walkthrough.example import Example, Given
from lstm_ref import GATE_ORDER, LSTM, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates

_KERNEL, _RECURRENT, _BIAS, _INPUTS = range(4)
_GOLDEN = np.uint32(0x9E3779B9)

# Pre-activations of about unit size, whatever the sizes; a cell that keeps most of what it holds, as Keras' new layers do.
_WEIGHT, _INPUT, _OFFSET, _FORGET_BIAS = 1.5, 2.0, 0.5, 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Walk:
    """One call in processing order, (batch, timesteps, …) each.

    Attributes:
        order: which timestep is read at each step.
        inputs: what is read, (batch, timesteps, input_dim).
        before: the state that each step starts from.
        gates: what the gates let through.
        after: the state that each step leaves.
    """

    order: tuple[int, ...]
    inputs: Array
    before: State
    gates: Gates
    after: State


def draw(seed: int, *parts: Array | int) -> Array:
    """Numbers from -1 to 1, each a pure function of the integers that name it; the parts are broadcast.

    The mixing of 32 bits is that of C. Wellons' lowbias32 (hash-prospector, 2018).
    """
    with np.errstate(over="ignore"):
        mixed = _mix(np.asarray(seed, np.uint32) + _GOLDEN)
        for part in parts:
            mixed = _mix((mixed ^ np.asarray(part, np.uint32)) + _GOLDEN)
    return np.asarray(mixed / 2.0**31 - 1)


def weights_of(example: Example) -> LSTMWeights:
    """Dense, of either sign, and different for every gate, unit and what it reads."""
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
    """What a call is given, (batch, timesteps, input_dim): each call reads on where the one before ended."""
    row = np.arange(example.batch)[:, np.newaxis, np.newaxis]
    step = np.arange((call - 1) * example.timesteps, call * example.timesteps)[:, np.newaxis]
    inputs = _INPUT * draw(example.seed, _INPUTS, row, step, np.arange(example.input_dim))
    if example.given is Given.FIRST:
        inputs[:, 1:] = 0
    return inputs


def mask_of(example: Example) -> Array | None:
    """Which timesteps a call uses, (batch, timesteps); None where nothing is masked."""
    if example.given is not Given.MASKED:
        return None
    return np.broadcast_to(np.arange(example.timesteps) == 0, (example.batch, example.timesteps))


def walk(example: Example, call: int = 1) -> Walk:
    """What the call passes through, by the reference; a stateful layer has made the calls before."""
    lstm = LSTM(example.config, weights_of(example))
    for earlier in range(1, call):
        lstm(inputs_of(example, earlier), mask=mask_of(example))
    inputs = inputs_of(example, call)
    start = lstm.starting_state(None, example.batch)
    passed = lstm.trajectory(inputs, mask=mask_of(example))
    order = range(example.timesteps)[:: -1 if example.go_backwards else 1]
    read = inputs[:, order]
    before = State(hidden=_behind(start.hidden, passed.hidden), cell=_behind(start.cell, passed.cell))
    return Walk(
        order=tuple(order),
        inputs=read,
        before=before,
        gates=lstm.gates(read, before),
        after=State(hidden=passed.hidden, cell=passed.cell),
    )


def _behind(start: Array, passed: Array) -> Array:
    """One step late, (batch, timesteps, units): what each step finds."""
    return np.concatenate([start[:, np.newaxis], passed[:, :-1]], axis=1)


def _mix(x: Array) -> Array:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return np.asarray(x ^ (x >> np.uint32(16)))
