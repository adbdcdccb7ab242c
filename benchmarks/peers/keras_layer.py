"""The code that all Keras backends share: the layer, and calls of it that can be compiled."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.problem import Problem


def build(problem: Problem) -> Any:
    """`keras.layers.LSTM`, or a Bidirectional over it, with the problem's weights."""
    keras, config = importlib.import_module("keras"), problem.config
    layer = keras.layers.LSTM(
        config.units,
        return_sequences=config.return_sequences,
        return_state=config.return_state,
        zero_output_for_mask=config.zero_output_for_mask,
    )
    if problem.is_bidirectional:
        layer = keras.layers.Bidirectional(layer, merge_mode="concat")
    layer.build(problem.inputs[0].shape)
    layer.set_weights([array for weights in problem.weights for array in weights.arrays.values()])
    return layer


def caller(layer: Any, mask: Any) -> Callable[..., tuple[Any, ...]]:
    """A function of (inputs, h, c) or (inputs) that returns a tuple of the layer's results."""
    mask_argument = {} if mask is None else {"mask": mask}

    def call(inputs: Any, *states: Any) -> tuple[Any, ...]:
        state_argument = {"initial_state": list(states)} if states else {}
        returned = layer(inputs, training=False, **mask_argument, **state_argument)
        return tuple(returned) if isinstance(returned, list | tuple) else (returned,)

    return call


def as_arrays(tensors: Any) -> list[Any]:
    """Tensors of JAX or TensorFlow as NumPy arrays."""
    return [np.asarray(tensor) for tensor in tensors]
