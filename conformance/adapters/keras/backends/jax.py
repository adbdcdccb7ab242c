"""JAX: what is compiled must change nothing, so a compiled case runs `Model.stateless_call` under `jax.jit`."""

import importlib

from conformance.adapters.conventions import Conventions
from conformance.adapters.keras.backends.backend import Backend
from conformance.cases.case import Case


def _compiler(case: Case) -> str:
    """What Keras' stateless calls lose of a stateful layer's state is shown by the route of that name, and not everywhere."""
    return "jax.jit" if case.execution.compiled and not case.config.stateful else ""


def _forget() -> None:
    """The functions of layers that are no more, and operations on their shapes: some megabytes a case."""
    importlib.import_module("jax").clear_caches()


def _products() -> str:
    """What `jax_default_matmul_precision` means on the device: see `jax.lax.Precision` and `jax.lax.DotAlgorithmPreset`.

    Full float32 on a CPU. Three passes of bfloat16, on a TPU or by name, keep some 16 bits: no worse than TensorFloat-32.
    """
    jax = importlib.import_module("jax")
    requested, chosen = str(jax.config.jax_default_matmul_precision or "default"), jax.config.jax_default_device
    device = getattr(chosen, "platform", chosen) or jax.default_backend()
    if requested in _ALGORITHMS:
        return _ALGORITHMS[requested]
    if device == "cpu" or requested in ("highest", "float32") or requested.isupper():
        return ""
    return "tf32" if device != "tpu" or requested in ("high", "tensorfloat32", "bfloat16_3x") else "bfloat16"


# Those that read float32 in fewer bits; the others compute as float32 does, or in what the suite does not know.
_ALGORITHMS = {"BF16_BF16_F32": "bfloat16", "BF16_BF16_F32_X3": "tf32", "TF32_TF32_F32": "tf32"}

BACKEND = Backend(
    package="jax",
    conventions=Conventions(float64="float32", float64_returned="float32", first_masked_output="initial_state"),
    exports=("saved_model", "onnx", "openvino"),
    compiler=_compiler,
    import_line="import jax",
    is_functional=True,
    products=_products,
    forget=_forget,
)
