"""The timed peers, each with the best routes that its users have."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from benchmarks.peers.base import Peer


def _own(name: str, route: str) -> Peer:
    return Peer(name=name, module=f"{__name__}.reference", route=route, group="reference", packages=("numpy",), is_own=True)


def _keras(backend: str, name: str, *packages: str, route: str = "", module: str = "") -> Peer:
    """Keras fixes its backend when it is imported: each backend has a process."""
    return Peer(
        name=f"keras-{name}",
        module=f"{__name__}.{module or 'keras_' + backend}",
        route=route,
        group=f"keras-{backend}",
        packages=("keras", *packages),
        environment={"KERAS_BACKEND": backend},
    )


_ALL = (
    Peer(name="floor", module=f"{__name__}.floor", group="reference", packages=("numpy",), is_own=True, is_floor=True),
    _own("lstm_ref-fused", "fused float32"),
    # The rows of the batch are split among threads, each with a matrix product of one thread.
    replace(_own("lstm_ref-fused-rows", "fused-rows float32"), group="rows", environment={"OPENBLAS_NUM_THREADS": "1"}),
    _own("lstm_ref-float32", "oracle float32"),
    _own("lstm_ref-float64", "oracle float64"),
    # Its sigmoid is p / q + 1/2: onnxruntime/core/mlas/lib/logistic.cpp, MlasLogisticKernel.
    Peer(name="onnxruntime", module=f"{__name__}.onnx_node", group="onnxruntime", packages=("onnxruntime", "onnx"), centred=True),
    Peer(name="torch-nn", module=f"{__name__}.torch_nn", group="torch", packages=("torch",)),
    _keras("tensorflow", "tensorflow-eager", "tensorflow", route="eager"),
    _keras("tensorflow", "tensorflow-function", "tensorflow", route="tf.function"),
    _keras("tensorflow", "tensorflow-xla", "tensorflow", route="XLA"),
    _keras("jax", "jax-jit", "jax"),
    _keras("torch", "torch", "torch"),
    # A model is compiled for bfloat16 where the processor has it; a call of the layer is float32, and compiled each time.
    _keras("openvino", "openvino-predict", "openvino", "scipy", module="keras_inference", route="predict_on_batch"),
    _keras("openvino", "openvino-call", "openvino", "scipy", module="keras_inference", route="call"),
    _keras("numpy", "numpy", "jax", "scipy", module="keras_inference", route="call"),
)

PEERS: Mapping[str, Peer] = MappingProxyType({peer.name: peer for peer in _ALL})
