"""Imports Keras and TensorFlow for the claims, which import no framework themselves."""

from __future__ import annotations

import os
from typing import Any

# Set only where the caller has not set them: Keras fixes its backend and TensorFlow its log level at their first import.
# oneDNN's kernels would make the rounding depend on the processor.
_ENVIRONMENT = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}

EXTRA = "pip install 'keras-lstm-conformance[claims]'"


class MissingFrameworkError(ImportError):
    """A framework that a claim needs is not installed; the message says what to install."""


def import_keras() -> Any:
    """Keras 3 on TensorFlow.

    Raises:
        MissingFrameworkError: Keras 3 is not installed, or this process has another Keras or backend.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import keras  # noqa: PLC0415  # listing the claims must import no framework
    except ImportError as error:
        raise MissingFrameworkError(f"claims run Keras 3 on TensorFlow ({error}); install it with: {EXTRA}") from error
    if int(keras.__version__.split(".")[0]) < 3 or keras.backend.backend() != "tensorflow":
        raise MissingFrameworkError(
            f"claims run Keras 3 on TensorFlow; this process has Keras {keras.__version__} on {keras.backend.backend()}: "
            f"install one with: {EXTRA}, and set KERAS_BACKEND=tensorflow"
        )
    return keras


def import_tensorflow() -> Any:
    """TensorFlow as Keras' backend, for gradients and graphs.

    Raises:
        MissingFrameworkError: see import_keras.
    """
    import_keras()
    import tensorflow as tf  # noqa: PLC0415  # listing the claims must import no framework

    return tf
