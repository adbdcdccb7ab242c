"""PyTorch: a call is compiled where `jit_compile` asks for it."""

import importlib
from typing import Any

from conformance.adapters.keras.backends.backend import Backend
from conformance.cases.case import Case


def _compiler(case: Case) -> str:
    return "torch.compile" if case.execution.jit_compile else ""


def _products() -> str:
    """As matrix products and recurrent kernels are set on the device that Keras uses: cuDNN's, by default, to TensorFloat-32.

    `fp32_precision` is "tf32", "bf16", "ieee" or "none"; before PyTorch 2.9 there is `allow_tf32`, of CUDA alone.
    """
    torch = importlib.import_module("torch")
    backends = torch.backends
    if torch.cuda.is_available():
        used = [backends.cuda.matmul, backends.cudnn.rnn if hasattr(backends.cudnn.rnn, "fp32_precision") else backends.cudnn]
    else:
        used = [getattr(backends.mkldnn, "matmul", None)]
    return max((_precision_of(one) for one in used), key=("", "tf32", "bfloat16").index)


def _precision_of(setting: Any) -> str:
    if hasattr(setting, "fp32_precision"):
        return {"tf32": "tf32", "bf16": "bfloat16"}.get(setting.fp32_precision, "")
    return "tf32" if getattr(setting, "allow_tf32", False) else ""


BACKEND = Backend(
    package="torch",
    exports=("saved_model", "onnx", "openvino"),
    compiler=_compiler,
    import_line="import torch",
    products=_products,
)
