"""Keras on TensorFlow: eager, in a `tf.function`, or in one that XLA compiles."""

import importlib
from typing import Any

from benchmarks.peers import keras_layer
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Inputs are constants, so that shapes are static."""
    tf = importlib.import_module("tensorflow")

    def compiled(function: Any) -> Any:
        return function if route == "eager" else tf.function(function, autograph=False, jit_compile=route == "XLA" or None)

    layer = keras_layer.build(problem)
    inputs = [tf.constant(array) for array in problem.inputs]
    call = keras_layer.caller(layer, None if problem.mask is None else tf.constant(problem.mask))
    if problem.cotangent is None:
        compiled_call = compiled(call)
        return Prepared(lambda: chained(compiled_call, inputs), keras_layer.as_arrays)
    cotangent = tf.constant(problem.cotangent)

    def gradients(read: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(read)
            loss = tf.reduce_sum(call(read)[0] * cotangent)
        return tape.gradient(loss, [*(variable.value for variable in layer.trainable_variables), read])

    derived = compiled(gradients)
    return Prepared(lambda: derived(inputs[0]), keras_layer.as_arrays)
