"""Why a model file does not load in a version of Keras, and what to do: from what that Keras raised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from conformance.model_file.archive import ModelFile

# What the message holds, the reason, and the mend; {0} is what the expression found.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"time_major",
        "Keras 3's LSTM has no argument time_major, which Keras 2 writes into every .h5 and .keras file",
        "remove time_major from the layers' configuration where it is False (it says nothing then), or load the model with "
        "tf-keras (TF_USE_LEGACY_KERAS=1)",
    ),
    (
        r"Unrecognized keyword arguments: \['batch_shape'\]",
        "Keras 2's InputLayer calls Keras 3's batch_shape batch_input_shape: no file of Keras 3 loads in Keras 2",
        "load the weights alone into the model's own code: model.load_weights",
    ),
    (
        r"parent module (?:tf_)?keras\.src\.models\.functional|'module': 'tf_keras\.src\.engine\.functional'|tf_keras\.src",
        "Keras 2 and Keras 3 keep the class Functional in modules of different names, and the file names one of them",
        "load it with the generation of Keras that wrote it, and save it there as .h5",
    ),
    (
        r"Could not interpret initializer identifier: \{'module': 'keras\.initializers', 'class_name': '(\w+)'",
        "this Keras does not know the initialiser {0} by that name",
        "load it in a later version of Keras; initialisers play no part once there are weights",
    ),
    (
        r"(quantization_config|input_axes|output_axes|optional)\b.*[Uu]nrecognized|"
        r"[Uu]nrecognized keyword arguments? (?:passed to \w+)?:? ?\{?\[?'(?:quantization_config|input_axes|optional)|"
        r"unexpected keyword argument '(input_axes|output_axes|optional|quantization_config)'",
        "the file is of a later Keras, whose layers have arguments that this one has not",
        "load it in the version that wrote it or a later one",
    ),
    (
        r"unsafe|disallowed by default|safe_mode",
        "the file holds Python code (a Lambda layer), which Keras refuses to run",
        "replace the Lambda by a layer of Keras' own, in the version that wrote the file",
    ),
    (
        r"Unknown layer: '?([\w>]+)|register_keras_serializable|custom_object",
        "the file names a class that Keras has not",
        "its LSTMs are verified with their own weights all the same",
    ),
    (
        r"expected \d+ variables?, but received 0 variables",
        "this Keras looks for weights that the file does not have: Keras 3.0 to 3.4 write and want a third copy of the LSTM in a "
        "Bidirectional, without weights",
        "load it in Keras 3.5 or later",
    ),
    (
        r"Weight count mismatch|expects? \d+ weight\(?s?\)?",
        "this Keras counts other weights in a layer than the file has",
        "load it in the version that wrote it, and save it as .keras there",
    ),
    (
        r"Unrecognized keyword arguments passed to (\w+): \{'(\w+)'",
        "this Keras' {0} has no argument {1}, which the file has",
        "remove it from the configuration, or load the file with a version that has it",
    ),
)


def raised(message: str) -> str:
    """What Keras complains of, without the configuration that it quotes around it."""
    message = message.rpartition("Exception encountered: ")[2]
    message = re.sub(r"\{.{200,}", "{…}", message)
    return message if len(message) <= 300 else message[:300] + " …"


def reason_and_mend(message: str, file: ModelFile, described: Mapping[str, Any]) -> tuple[str, str]:
    """Why the file does not load, and what to do; from the arguments that this Keras' LSTM has, where the message is not known."""
    for pattern, reason, mend in _KNOWN:
        if (found := re.search(pattern, message)) is not None:
            groups = [group or "" for group in found.groups()]
            return (reason.format(*groups) if groups else reason), mend
    known = described.get("arguments", {})
    strange = sorted({key for arguments in _lstm_arguments(file.config) for key in arguments} - set(known) - _OF_EVERY_LAYER)
    if known and strange:
        names = ", ".join(strange)
        return f"this Keras' LSTM has no argument {names}, which the file has", f"remove {names} from the layers' configuration"
    version = file.keras_version or "an unknown version"
    return f"it was written by Keras {version}", "load it in the version that wrote it, and save it again from there"


_OF_EVERY_LAYER = {"name", "trainable", "dtype", "units", "batch_input_shape", "build_config", "weights", "input_dim", "input_length"}


def _lstm_arguments(config: Any) -> list[Mapping[str, Any]]:
    found, waiting = [], [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if value.get("class_name") == "LSTM" and isinstance(value.get("config"), Mapping):
                found.append(value["config"])
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
