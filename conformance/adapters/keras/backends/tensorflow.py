"""TensorFlow: a call is compiled by `tf.function`, and by XLA where `jit_compile` asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from conformance.adapters.keras.backends.backend import Apply, Backend, Loss
from conformance.cases.case import Case


def _compiler(case: Case) -> str:
    return "tf.function" if case.execution.compiled else ""


def _compile(apply: Apply, case: Case, signature: Callable[[], Any], as_tensors: Apply) -> tuple[Apply, str]:  # noqa: ARG001
    tensorflow = importlib.import_module("tensorflow")
    function = tensorflow.function(
        lambda *arrays: apply(arrays),
        input_signature=[tensorflow.TensorSpec(shape, dtype) for shape, dtype in signature()],
        autograph=False,
        jit_compile=case.execution.jit_compile or None,
    )
    static = "static" if case.execution.static_time else "dynamic"
    jit = ", XLA" if case.execution.jit_compile else ""
    return lambda arrays: function(*arrays), f"tf.function{jit}, {static} time"


def _differentiate(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Any]:
    tensorflow = importlib.import_module("tensorflow")
    with tensorflow.GradientTape() as tape:
        tape.watch(list(arrays))
        value, kept = loss(weights, arrays)
    return *tape.gradient(value, [list(weights), list(arrays)], unconnected_gradients="zero"), kept


def _products() -> str:
    """On a GPU, in TensorFloat-32 unless that is switched off (`tf.config.experimental.enable_tensor_float_32_execution`)."""
    config = importlib.import_module("tensorflow").config
    narrow = bool(config.list_physical_devices("GPU")) and config.experimental.tensor_float_32_execution_enabled()
    return "tf32" if narrow else ""


BACKEND = Backend(
    package="tensorflow",
    exports=("saved_model", "onnx", "openvino"),
    compiler=_compiler,
    import_line="import tensorflow as tf",
    compile=_compile,
    differentiate=_differentiate,
    products=_products,
)
