"""Keras on OpenVINO and on NumPy, which compute no gradients: a call of the layer, or of a model's `predict_on_batch`."""

import importlib
from typing import Any

import numpy as np

from benchmarks.errors import UnsupportedError
from benchmarks.peers import keras_layer
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Where the backend compiles, a model is compiled once for its shapes."""
    keras = importlib.import_module("keras")
    if problem.cotangent is not None:
        raise UnsupportedError(f"Keras computes no gradients on {keras.backend.backend()}")
    layer = keras_layer.build(problem)
    if route == "call":
        call = keras_layer.caller(layer, problem.mask)
        # OpenVINO computes only when the result is converted.
        return Prepared(lambda: [keras.ops.convert_to_numpy(output) for output in chained(call, problem.inputs)], list)
    predict = _model(keras, layer, problem).predict_on_batch
    mask = [] if problem.mask is None else [problem.mask]
    states = [np.zeros((len(problem.inputs[0]), problem.config.units), np.float32)] * 2 if problem.is_carried else []

    def call_model(read: Any, *carried: Any) -> Any:
        returned = predict([read, *mask, *(carried or states)])
        return returned if isinstance(returned, list | tuple) else (returned,)

    return Prepared(lambda: chained(call_model, problem.inputs), list)


def _model(keras: Any, layer: Any, problem: Problem) -> Any:
    """A model of the layer with sequences, a mask and states as inputs."""
    read = keras.Input(batch_shape=problem.inputs[0].shape)
    mask = None if problem.mask is None else keras.Input(batch_shape=problem.mask.shape, dtype="bool")
    state = (len(problem.inputs[0]), problem.config.units)
    states = [keras.Input(batch_shape=state) for _ in range(2)] if problem.is_carried else []
    outputs = keras_layer.caller(layer, mask)(read, *states)
    return keras.Model([read, *([] if mask is None else [mask]), *states], list(outputs))
