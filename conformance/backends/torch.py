"""PyTorch: a call is compiled where `jit_compile` asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from conformance.backends.backend import Apply, Backend, Loss
from conformance.case import Case


def _compiler(case: Case) -> str:
    return "torch.compile" if case.execution.jit_compile else ""


def _compile(apply: Apply, case: Case, signature: Callable[[], Any], as_tensors: Apply) -> tuple[Apply, str]:  # noqa: ARG001
    compiled = importlib.import_module("torch").compile(apply)
    return lambda arrays: compiled(as_tensors(arrays)), "torch.compile"


def _differentiate(loss: Loss, weights: Sequence[Any], arrays: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Any]:
    torch = importlib.import_module("torch")
    leaves = [array.detach().requires_grad_() for array in arrays]
    value, kept = loss(weights, leaves)
    found = torch.autograd.grad(value, [*weights, *leaves], allow_unused=True, materialize_grads=True)
    return found[: len(weights)], found[len(weights) :], kept


BACKEND = Backend(
    package="torch",
    exports=("saved_model", "onnx", "openvino"),
    compiler=_compiler,
    import_line="import torch",
    compile=_compile,
    differentiate=_differentiate,
)
