"""Keras on JAX: `stateless_call` under `jax.jit`."""

import importlib
from typing import Any

from benchmarks.peers import keras_layer
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Calls wait for their results, because JAX returns before they are computed."""
    jax = importlib.import_module("jax")
    layer = keras_layer.build(problem)
    weights = [variable.value for variable in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    mask = None if problem.mask is None else jax.numpy.asarray(problem.mask)
    inputs = [jax.numpy.asarray(array) for array in problem.inputs]

    def stateless(weights: Any, read: Any, *states: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            return layer.stateless_call(weights, others, *arguments, **keywords)[0]

        return keras_layer.caller(call, mask)(read, *states)

    if problem.cotangent is None:
        compiled = jax.jit(stateless)
        return Prepared(
            lambda: jax.block_until_ready(chained(lambda *read: compiled(weights, *read), inputs)), keras_layer.as_arrays
        )
    cotangent = jax.numpy.asarray(problem.cotangent)
    derived = jax.jit(jax.grad(lambda weights, read: (stateless(weights, read)[0] * cotangent).sum(), argnums=(0, 1)))
    return Prepared(
        lambda: jax.block_until_ready(derived(weights, inputs[0])),
        lambda gradients: keras_layer.as_arrays([*gradients[0], gradients[1]]),
    )
