"""The systems that the documents name: the environments that stand for each, the claims that run it, and its recorded answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from packaging.version import Version

from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import FOLDER, recording_path
from conformance.environments.spec import INSTALLED


@dataclass(frozen=True, kw_only=True)
class System:
    """A system that the documents name.

    Attributes:
        name: of the system.
        documents: that name it.
        environments: specs of the environments that are verified for it; with claims, those that the claims run or read.
        claims: ids of the claims that test it, where it is no LSTM that can run cases.
    """

    name: str
    documents: tuple[str, ...]
    environments: tuple[str, ...]
    claims: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.environments:
            raise ValueError(f"{self.name} needs an environment that stands for it")


KERAS_3_ON = {
    "": "TensorFlow",
    " --backend jax": "JAX",
    " --backend torch": "PyTorch",
    " --backend openvino": "OpenVINO",
    " --backend numpy": "NumPy",
}

# The last versions that have one of the differences in earlier_differences.toml.
EARLIER_FILE = {"NumPy": ("3.14.1", "3.13.2", "3.6.0", "3.2.1", "3.1.1"), "PyTorch": ("3.13.2",)}

TF_KERAS = (
    "tf-keras==2.21.0",
    "tensorflow==2.15.1",
    "tensorflow==2.14.1",
    "tensorflow==2.13.1",
    "tensorflow==2.12.1",
    "tensorflow==2.4.4",
    "tensorflow==2.0.4",
)
KERAS_2 = tuple(f"keras=={version}{on}" for version in ("2.0.0", "2.0.6", "2.2.4", "2.3.1") for on in ("", " --backend theano"))
KERAS_1 = ("keras==1.2.2",)

SYSTEMS: tuple[System, ...] = (
    *(
        System(
            name=f"keras.layers.LSTM of Keras 3 on {name}",
            documents=("D0", "D1", "D2", "D3"),
            environments=tuple(f"keras=={version}{backend}" for version in ("3.15.1", *EARLIER_FILE.get(name, ()))),
        )
        for backend, name in KERAS_3_ON.items()
    ),
    System(name="tf.keras.layers.LSTM of Keras 2", documents=("D3",), environments=TF_KERAS),
    System(name="stand-alone Keras 2.0 to 2.3 with the printed signature", documents=("D0",), environments=KERAS_2),
    System(name="Keras 1.x", documents=("D0",), environments=KERAS_1),
    System(name="BasicLSTMCell of TensorFlow 1", documents=("D1",), environments=("basic-lstm-cell",)),
    System(name="LSTMCell of TensorFlow 1, with and without projection", documents=("D1",), environments=("lstm-cell",)),
    System(name="the operation BlockLSTM of TensorFlow 1", documents=("D1",), environments=("block-lstm",)),
    System(name="the operation BlockLSTMV2 of TensorFlow 2", documents=("D1",), environments=("block-lstm-v2",)),
    System(
        name="the blog's equations",
        documents=("D1", "D2", "D3"),
        environments=(INSTALLED, "keras==2.0.6", "keras==2.2.4"),
        claims=("colah-consistent",),
    ),
    System(
        name="model.summary()",
        documents=("D2", "D3"),
        environments=(INSTALLED, *TF_KERAS, *KERAS_2, *KERAS_1),
        claims=("summary-table",),
    ),
    System(
        name="Sequential of LSTM and Dense",
        documents=("D2",),
        environments=(INSTALLED,),
        claims=("last-step-feeds-dense",),
    ),
)

SIGNATURES = FOLDER / "signatures"


@cache
def recorded_adapter(spec: str) -> EnvironmentAdapter:
    """The recording of an environment, as a started adapter."""
    adapter = EnvironmentAdapter(str(recording_path(spec)))
    adapter.start()
    return adapter


@cache
def signatures() -> Mapping[Version, Mapping[str, Any]]:
    """The recorded interfaces of the layer in versions of stand-alone Keras, in the order of versions."""
    interfaces = {}
    for path in SIGNATURES.glob("*.npz"):
        adapter = EnvironmentAdapter(str(path))
        version = Version(adapter.start()["keras"])
        interfaces[version] = adapter.describe()
    return dict(sorted(interfaces.items()))
