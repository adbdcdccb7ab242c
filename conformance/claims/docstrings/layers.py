"""Layers, inputs and outcomes that the experiments on docstrings share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from conformance.claims.measure import as_arrays, import_keras, random_inputs, random_weights, rounding_limit
from conformance.probes.architectures import OF_SEQUENCE
from conformance.probes.model import INITIALIZERS
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, BATCH, TIMESTEPS = 3, 2, 4, 5
WEIGHTS = random_weights(UNITS, INPUT_DIM)
INPUTS = random_inputs(BATCH, TIMESTEPS, INPUT_DIM)
LIMIT = rounding_limit(WEIGHTS, INPUTS)


def make_layers(units: int = UNITS, **arguments: Any) -> dict[str, Any]:
    """An LSTM and an RNN of an LSTMCell with the same arguments, by the names of their classes; not built."""
    layers = import_keras().layers
    of_sequence = {name: value for name, value in arguments.items() if name in OF_SEQUENCE}
    of_cell = {name: value for name, value in arguments.items() if name not in OF_SEQUENCE}
    return {"LSTM": layers.LSTM(units, **arguments), "RNN(LSTMCell)": layers.RNN(layers.LSTMCell(units, **of_cell), **of_sequence)}


def build(layer: Any, inputs: Array = INPUTS) -> Any:
    """The layer, built for inputs of this shape, with the weights of its initialisers."""
    layer.build(inputs.shape)
    return layer


def loaded_layers(**arguments: Any) -> dict[str, Any]:
    """An LSTM and an RNN of an LSTMCell with `WEIGHTS`, built for `INPUTS`."""
    made = make_layers(**{**dict.fromkeys(INITIALIZERS, "zeros"), **arguments})
    for layer in made.values():
        build(layer).set_weights(list(WEIGHTS.arrays.values()))
    return made


def call_layers(inputs: Array = INPUTS, *, call: Mapping[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """What an LSTM and an RNN of an LSTMCell with `WEIGHTS` return."""
    return {name: as_arrays(layer(inputs, **(call or {}))) for name, layer in loaded_layers(**arguments).items()}


def outcome_of(call: Callable[..., Any], *positional: Any, **named: Any) -> str:
    """The name of the exception that a call raises, or "accepted"."""
    try:
        call(*positional, **named)
    except Exception as error:  # noqa: BLE001  # the outcome is the measurement
        return type(error).__name__
    return "accepted"


def shape_of(call: Callable[..., Any], *positional: Any, **named: Any) -> Any:
    """The shape of what a call returns, or the name of the exception that it raises."""
    try:
        return tuple(np.shape(as_arrays(call(*positional, **named))))
    except Exception as error:  # noqa: BLE001  # the outcome is the measurement
        return type(error).__name__


def cell_calls(layer: Any) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """A list to which the layer's cell adds the arguments of each of its calls from now on."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    computed = layer.cell.call

    def call(*positional: Any, **named: Any) -> Any:
        calls.append((positional, named))
        return computed(*positional, **named)

    layer.cell.call = call
    return calls


def same(first: Sequence[Any] | Array, second: Sequence[Any] | Array) -> bool:
    """Whether all elements are equal, bit for bit."""
    return bool(np.array_equal(np.asarray(first), np.asarray(second)))
