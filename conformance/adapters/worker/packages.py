"""Which packages are installed, and which a system lacks: known before NumPy is imported, which may be one of these."""

import importlib.util
import os
from typing import List

# What has to be installed for each backend of Keras; a backend that is not here is imported as a package of its name.
PACKAGES_OF = {
    "tensorflow": ["tensorflow"],
    "jax": ["jax"],
    "torch": ["torch"],
    "openvino": ["openvino", "scipy"],
    "numpy": ["jax", "scipy"],
    "theano": ["theano"],
}


def is_installed(package: str) -> bool:
    """Whether a package is installed, whatever becomes of its import."""
    return importlib.util.find_spec(package) is not None


def module_of_keras() -> str:
    """The module by which an interpreter has Keras: before 2.4, TensorFlow brings its own alone."""
    return "keras" if is_installed("keras") or not is_installed("tensorflow") else "tensorflow.keras"


def missing_packages(system: str, error: ImportError) -> List[str]:
    """What is not installed of all that a system needs, Keras first; none where the error has another cause."""
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    own = {"keras": ["keras", *PACKAGES_OF.get(backend, [])], "tf-keras": ["tf_keras", "tensorflow"]}
    needed = [*own.get(system, ["tensorflow"]), "numpy"]
    named = (error.name or "").partition(".")[0]
    if named and named not in needed:
        return [] if is_installed(named) else [named]
    return [package for package in needed if not is_installed(package)]


def installed_backends() -> List[str]:
    """The backends of Keras whose packages are installed."""
    return [backend for backend, packages in PACKAGES_OF.items() if all(map(is_installed, packages))]
