"""TensorFlow: a call is compiled by `tf.function`, and by XLA where `jit_compile` asks for it."""

import importlib

from conformance.adapters.keras.backends.backend import Backend
from conformance.cases.case import Case


def _compiler(case: Case) -> str:
    return "tf.function" if case.execution.compiled else ""


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
    products=_products,
)
