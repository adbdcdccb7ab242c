"""The Keras that runs here: stand-alone Keras 1 and 2 on TensorFlow 1 or Theano, tf.keras and tf-keras, Keras 3 on its backends."""

import importlib
from typing import Any, Dict, Tuple

import numpy as np

from .common import version_of


class Keras:
    """A Keras, and what is written differently in its versions.

    Args:
        module: where it is imported from: "keras", "tf_keras" or "tensorflow.keras".

    Attributes:
        module: Keras itself.
        tf: TensorFlow, where it runs on that; else None.
        version, generation: as it says itself, and the first number of it.
        backend: its name.
        is_eager: whether a layer can be called with arrays.
    """

    def __init__(self, module: str) -> None:
        self.tf: Any = importlib.import_module("tensorflow") if module == "tensorflow.keras" else None
        self.module = self.tf.keras if self.tf else importlib.import_module(module)
        self.version = str(getattr(self.module, "__version__", "") or installed_version(module))
        self.generation = int(self.version.split(".")[0])
        self.backend = str(self.module.backend.backend())
        if self.backend == "tensorflow":
            self.tf = self.tf or importlib.import_module("tensorflow")
        self.is_eager = self.generation == 3 or bool(self.tf and version_of(self.tf) >= (2, 0) and self.tf.executing_eagerly())
        self.name = {"tensorflow.keras": "tf.keras.layers.LSTM", "tf_keras": "tf_keras.layers.LSTM"}.get(
            module, "keras.layers.LSTM"
        )
        self.package = {"tensorflow.keras": "tf.keras", "tf_keras": "tf-keras"}.get(module, "keras")

    def hello(self) -> Dict[str, str]:
        """Name and versions."""
        versions = {"implementation": self.name, self.package: self.version, "backend": self.backend}
        if self.backend in ("tensorflow", "theano", "jax", "torch", "openvino"):
            versions[self.backend] = str(importlib.import_module(self.backend).__version__)
        return versions

    def forget(self) -> None:
        """Forget what earlier questions have built."""
        clear = getattr(self.module.backend, "clear_session", None) or getattr(self.module.utils, "clear_session", None)
        if clear:
            clear()

    def reset(self, layer: Any) -> None:
        """Reset the states of a stateful layer, by whichever of its methods there is."""
        (getattr(layer, "reset_state", None) or layer.reset_states)()

    def shape_of(self, weight: Any) -> Tuple[int, ...]:
        """The shape of a variable; Theano knows it only by the value."""
        return tuple(map(int, weight.shape if self.backend != "theano" else self.module.backend.get_value(weight).shape))

    def value(self, variable: Any) -> Any:
        """The value of a variable, eager or not."""
        if self.generation == 3:
            return self.module.ops.copy(variable.value)
        return variable.numpy() if self.is_eager else self.module.backend.get_value(variable)

    def tensor(self, array: Any) -> Any:
        """A tensor of the backend, where layers can be called with arrays."""
        return self.module.ops.convert_to_tensor(array) if self.generation == 3 else self.tf.convert_to_tensor(array)

    def numpy(self, tensor: Any) -> Any:
        """A tensor as an array; bfloat16, which NumPy lacks, as float32."""
        if self.generation == 3 and not isinstance(tensor, np.ndarray):
            tensor = self.module.ops.convert_to_numpy(tensor)
        array = np.asarray(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
        return array.astype("float32") if array.dtype.name == "bfloat16" else array

    def dtype_of(self, tensor: Any) -> str:
        """The name of a tensor's dtype."""
        if self.generation == 3:
            return str(self.module.backend.standardize_dtype(tensor.dtype))
        return str(getattr(tensor.dtype, "name", tensor.dtype))


def installed_version(module: str) -> str:
    """The version of a package that does not say it itself, as TensorFlow's own Keras and tf-keras at times."""
    package = module.split(".", maxsplit=1)[0]
    try:
        return str(importlib.import_module("importlib.metadata").version(package))
    except ImportError:  # before Python 3.8
        return str(importlib.import_module(package).__version__)
