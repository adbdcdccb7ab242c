"""Reads dropout masks from a layer's outputs, on any route, without access to the layer's internals.

Each of four groups of units reads one gate. In group g, the preactivation of gate g is one masked number, and all other gates are
fixed. So the outputs show, for each gate, row, timestep and feature, whether it was dropped, and its scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.probes.model import Subject
from conformance.reference.tolerance import UNIT_ROUNDOFF
from lstm_ref import GATE_ORDER, LSTM, DropoutMasks, LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array

SIZE, BATCH, TIMESTEPS, CALLS = 16, 64, 3, 4
UNITS = (len(GATE_ORDER) + 1) * SIZE

# Preactivations that fix a gate at 1 and at 0: exactly, or, with sigmoid and tanh, within the rounding of float32.
OPEN_AND_SHUT = {"linear": (1.0, 0.0), "native": (40.0, -40.0)}
ACTIVATIONS = {"linear": ("linear", "linear"), "native": ("tanh", "sigmoid")}

# Number of roundings for an output of one timestep, each of at most u on numbers of at most 1: three for an activation (as in
# `lstm_ref.uncertainty.model`), one for a product or a sum. The source's h needs 15 and is scaled by 2; the reader's h needs 19
# more.
ROUNDINGS = 2 * 15 + 19


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A layer whose outputs show its dropout masks.

    Attributes:
        kind: "input" or "recurrent": the kind of dropout.
        rate: fraction that is dropped.
        activations: "linear", with exact outputs, or "native", tanh and sigmoid, which all fast paths require.
        arguments: further arguments of the layer.
        wrapped: whether the cell runs in a `keras.layers.RNN`.
    """

    kind: str
    rate: float = 0.5
    activations: str = "linear"
    arguments: Mapping[str, Any]
    wrapped: bool = False

    @property
    def weights(self) -> LSTMWeights:
        """Weights: groups i, f, c, o read their gate. The units after them emit a constant h, which recurrent dropout masks."""
        is_open, is_shut = OPEN_AND_SHUT[self.activations]
        identity, shape = np.eye(SIZE), (len(GATE_ORDER) + 1, SIZE, len(GATE_ORDER))
        bias = np.full(shape, is_open)  # (group, unit, gate)
        bias[:, :, GATE_ORDER.index("f")] = is_shut
        bias[GATE_ORDER.index("f"), :, GATE_ORDER.index("i")] = is_shut
        reading = np.zeros((SIZE, *shape))
        for position in range(len(GATE_ORDER)):
            reading[:, position, :, position] = identity
            bias[position, :, position] = 0
        by_gate = np.concatenate(list(np.moveaxis(reading.reshape(SIZE, UNITS, -1), 2, 0)), axis=1)
        recurrent = np.zeros((UNITS, 4 * UNITS))
        kernel = np.zeros((SIZE, 4 * UNITS))
        if self.kind == "input":
            kernel = by_gate
        else:
            recurrent[-SIZE:] = by_gate
        return LSTMWeights(kernel, recurrent, np.moveaxis(bias, 2, 0).reshape(-1))

    @property
    def _activation_arguments(self) -> dict[str, str]:
        return dict(zip(("activation", "recurrent_activation"), ACTIVATIONS[self.activations], strict=True))

    def layer(self, subject: Subject, **further: Any) -> Any:
        """Make a new layer with these weights and a fixed batch size."""
        rates = {"dropout" if self.kind == "input" else "recurrent_dropout": self.rate}
        own = dict(self.arguments)
        sequence = {"return_sequences": True} | {name: own.pop(name) for name in ("unroll", "stateful") if name in own}
        cell = self._activation_arguments | rates | own | further
        layer = subject.lstm(UNITS, **cell, **sequence)
        if self.wrapped:
            layer = subject.keras.layers.RNN(layer.cell, **sequence)
        layer.build((BATCH, TIMESTEPS, SIZE))
        layer.set_weights(list(self.weights.arrays.values()))
        return layer

    def outputs(self, subject: Subject, layer: Any) -> Array:
        """Return the outputs of one call in training, (batch, timesteps, group, feature)."""
        ones = np.ones((BATCH, TIMESTEPS, SIZE), np.float32)
        states = [np.ones((BATCH, UNITS), np.float32) for _ in range(2)]
        outputs = subject.read(layer(ones, initial_state=states, training=True))
        return outputs.reshape(BATCH, TIMESTEPS, -1, SIZE)[:, :, : len(GATE_ORDER)]

    def levels(self) -> tuple[Array, Array]:
        """Return the reference's outputs if all is dropped and if all is kept, (timesteps, group, 1) each."""
        config = LSTMConfig(UNITS, *ACTIVATIONS[self.activations], return_sequences=True)
        ones, states = np.ones((1, TIMESTEPS, SIZE)), [np.ones((1, UNITS))] * 2
        size = SIZE if self.kind == "input" else UNITS
        name = "inputs" if self.kind == "input" else "hidden"
        masks = (DropoutMasks(**{name: np.full((1, 1, size), value)}) for value in (0.0, 1 / (1 - self.rate)))
        outputs = (LSTM(config, self.weights, dropout=mask)(ones, initial_state=states) for mask in masks)
        dropped, kept = (array.reshape(TIMESTEPS, -1, SIZE)[:, : len(GATE_ORDER), :1] for array in outputs)
        return dropped, kept

    @property
    def sigma(self) -> float | None:
        """σ of an output; None if every number is a power of 2 or 0."""
        if self.activations == "linear" and np.log2(1 - self.rate).is_integer():
            return None
        largest = max(1.0, (1 / (1 - self.rate)) ** TIMESTEPS)
        return float(np.sqrt(TIMESTEPS * ROUNDINGS) * UNIT_ROUNDOFF["float32"] * largest)
