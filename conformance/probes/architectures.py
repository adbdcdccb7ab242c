"""Layers of every architecture with weights whose outputs are exact on every backend, and the reference with the same weights.

Weights are -1, 0 or 1, inputs are whole numbers, gates are clipped to [-1, 1] and candidates are linear. So all gates are -1, 0 or
1, and every number is a small integer, exact in every precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.probes.model import INITIALIZERS, SEED, Subject
from lstm_ref import LSTM, Bidirectional, LSTMConfig, LSTMWeights, Stacked
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, BATCH, TIMESTEPS, BLOCKS = 3, 2, 4, 5, 2
# One row of each kind: a part is masked at the end, at the start, inside; nothing is masked.
MASK = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], bool)
ACTIVATIONS: Mapping[str, Any] = {"activation": "linear", "recurrent_activation": "hard_tanh"}
# Arguments of the layers that hold a cell, not of the cell.
OF_SEQUENCE = (
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "activity_regularizer",
)


@lru_cache
def integer_weights(units: int, input_dim: int, key: int = 0) -> LSTMWeights:
    """Random weights of -1, 0 and 1."""
    random = np.random.default_rng([SEED, units, input_dim, key])
    shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
    return LSTMWeights(*(random.integers(-1, 2, shape).astype(np.float64) for shape in shapes))


def integer_inputs(*shape: int, key: int = 0) -> Array:
    """Random inputs of ±1 and ±2, in float32. None is 0, so that `Masking` masks none."""
    random = np.random.default_rng([SEED, *shape, key])
    return np.asarray(random.integers(1, 3, shape) * random.choice([-1, 1], shape), np.float32)


def integer_states(count: int, units: int = UNITS, batch: int = BATCH) -> list[Array]:
    """Different random states of -2 to 2, in float32."""
    return [
        np.random.default_rng([SEED, units, batch, key, 3]).integers(-2, 3, (batch, units)).astype(np.float32)
        for key in range(count)
    ]


def cell_of(subject: Subject, units: int = UNITS, **arguments: Any) -> Any:
    """Make a new cell: the one of a new layer."""
    return subject.lstm(units, **arguments).cell


def _split(arguments: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Divide arguments into those of the cell and those of `keras.layers.RNN`."""
    sequence = {name: value for name, value in arguments.items() if name in OF_SEQUENCE}
    return {name: value for name, value in arguments.items() if name not in OF_SEQUENCE}, sequence


def _lstm(subject: Subject, **arguments: Any) -> Any:
    return subject.lstm(UNITS, **arguments)


def _rnn(subject: Subject, **arguments: Any) -> Any:
    cell, sequence = _split(arguments)
    return subject.keras.layers.RNN(cell_of(subject, **cell), **sequence)


def _cells(subject: Subject, **arguments: Any) -> Any:
    cell, sequence = _split(arguments)
    cells = [cell_of(subject, **cell) for _ in range(2)]
    cells[1].name += "_1"  # as Keras names a second `LSTMCell`; the paths of variables must differ
    return subject.keras.layers.RNN(cells, **sequence)


def _bidirectional(subject: Subject, **arguments: Any) -> Any:
    return subject.keras.layers.Bidirectional(subject.lstm(UNITS, **arguments))


def _time_distributed(subject: Subject, **arguments: Any) -> Any:
    return subject.keras.layers.TimeDistributed(subject.lstm(UNITS, **arguments))


def _one(weights: list[LSTMWeights], **flags: Any) -> LSTM:
    return LSTM(LSTMConfig(UNITS, **ACTIVATIONS, **flags), weights[0])


def _stacked(weights: list[LSTMWeights], **flags: Any) -> Stacked:
    below = LSTM(LSTMConfig(UNITS, **ACTIVATIONS, **(flags | {"return_sequences": True, "return_state": False})), weights[0])
    return Stacked([below, LSTM(LSTMConfig(UNITS, **ACTIVATIONS, **flags), weights[1])])


def _halves(weights: list[LSTMWeights], **flags: Any) -> Bidirectional:
    """The halves, whose masked outputs Keras sets to zero if they return sequences."""
    flags = {"zero_output_for_mask": flags.get("return_sequences", False)} | flags
    forward, backward = (_one([half], go_backwards=back, **flags) for half, back in zip(weights, (False, True), strict=True))
    return Bidirectional(forward, backward)


def _for_each_block(weights: list[LSTMWeights], **flags: Any) -> Callable[..., Array]:
    """What TimeDistributed computes: the same for each block of the second axis."""
    lstm = _one(weights, **flags)
    return lambda inputs: np.stack([lstm(inputs[:, block]) for block in range(inputs.shape[1])], axis=1)


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A layer built of LSTMs.

    Attributes:
        make: makes a new layer of the arguments of `keras.layers.LSTM`.
        reference: the reference with weights and the arguments that say what is returned.
        input_dims: the number of features that each of its LSTMs reads.
        input_shape: of the inputs.
    """

    make: Callable[..., Any]
    reference: Callable[..., Any]
    input_dims: tuple[int, ...] = (INPUT_DIM,)
    input_shape: tuple[int, ...] = (BATCH, TIMESTEPS, INPUT_DIM)

    @property
    def weights(self) -> list[LSTMWeights]:
        """The weights of each of its LSTMs, all different."""
        return [integer_weights(UNITS, input_dim, key) for key, input_dim in enumerate(self.input_dims)]

    @property
    def inputs(self) -> Array:
        """Inputs of whole numbers, none of them 0."""
        return integer_inputs(*self.input_shape)

    def built(self, subject: Subject, **arguments: Any) -> Any:
        """Make a new layer, built for the inputs; its weights are zeros, and its activations those that fused kernels have."""
        return load(self.make(subject, **dict.fromkeys(INITIALIZERS, "zeros"), **arguments), self.input_shape)

    def loaded(self, subject: Subject, **arguments: Any) -> Any:
        """Make a new layer with the weights."""
        layer = self.make(subject, **{**dict.fromkeys(INITIALIZERS, "zeros"), **ACTIVATIONS, **arguments})
        return load(layer, self.input_shape, *self.weights)


def predicted(subject: Subject, layer: Any, inputs: Array) -> Array:
    """Return what `predict` of a model of one layer returns, for one batch."""
    inputs_of_model = subject.keras.Input(batch_shape=inputs.shape)
    model = subject.keras.Model(inputs_of_model, layer(inputs_of_model))
    return np.asarray(model.predict(inputs, batch_size=len(inputs), verbose=0), np.float64)


def load(layer: Any, input_shape: tuple[int | None, ...], *weights: LSTMWeights) -> Any:
    """Build a layer for inputs of a shape, give it the weights, and return it."""
    layer.build(input_shape)
    arrays = [array for each in weights for array in each.arrays.values()]
    layer.set_weights(arrays + layer.get_weights()[len(arrays) :])
    return layer


ARCHITECTURES: dict[str, Architecture] = {
    "lstm": Architecture(make=_lstm, reference=_one),
    "rnn": Architecture(make=_rnn, reference=_one),
    "cells2": Architecture(make=_cells, reference=_stacked, input_dims=(INPUT_DIM, UNITS)),
    "bidi": Architecture(make=_bidirectional, reference=_halves, input_dims=(INPUT_DIM, INPUT_DIM)),
    "td": Architecture(make=_time_distributed, reference=_for_each_block, input_shape=(BATCH, BLOCKS, TIMESTEPS, INPUT_DIM)),
}
