"""Keras on PyTorch, eager: `torch.compile` takes minutes and is then no faster."""

import importlib
from typing import Any

from benchmarks.peers import keras_layer
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # the process has its threads
    """Without gradients, in `torch.inference_mode`."""
    torch = importlib.import_module("torch")
    layer = keras_layer.build(problem)
    inputs = [torch.from_numpy(array) for array in problem.inputs]
    call = keras_layer.caller(layer, None if problem.mask is None else torch.from_numpy(problem.mask))
    if problem.cotangent is None:
        return Prepared(torch.inference_mode()(lambda: chained(call, inputs)), _as_arrays)
    cotangent = torch.from_numpy(problem.cotangent)
    leaves = [*(variable.value for variable in layer.trainable_variables), inputs[0].requires_grad_()]
    return Prepared(lambda: torch.autograd.grad((call(inputs[0])[0] * cotangent).sum(), leaves), _as_arrays)


def _as_arrays(tensors: Any) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]
