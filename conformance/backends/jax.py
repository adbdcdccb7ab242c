"""JAX: what is compiled must change nothing, so a compiled case runs `Model.stateless_call` under `jax.jit`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from conformance.backends.backend import Backend, Loss
from conformance.case import Case
from conformance.conventions import Conventions


def _compiler(case: Case) -> str:
    """What Keras' stateless calls lose of a stateful layer's state is shown by the route of that name, and not everywhere."""
    return "jax.jit" if case.execution.compiled and not case.config.stateful else ""


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    compiled: Callable[..., Any] = importlib.import_module("jax").jit(function, static_argnames=("training",))
    return compiled


def _differentiate(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Any]:
    gradient = importlib.import_module("jax").grad(loss, argnums=(0, 1), has_aux=True)
    (of_weights, of_arrays), kept = gradient(list(weights), list(arrays))
    return of_weights, of_arrays, kept


BACKEND = Backend(
    package="jax",
    conventions=Conventions(float64="float32", float64_returned="float32", first_masked_output="initial_state"),
    exports=("saved_model", "onnx", "openvino"),
    compiler=_compiler,
    import_line="import jax",
    differentiate=_differentiate,
    jit=_jit,
)
