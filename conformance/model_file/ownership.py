"""Whose a class, a function or an activation of a configuration is, and what it computes: by what the file says of it.

A name alone is no evidence. From Keras 2.13 on, a file says of a class which module it is from, null for one of the user's own; an
earlier file, and the outermost layers of every `.h5` file, say the name and nothing else. A function has its name alone in every
version: what it then means is what loading the file makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lstm_ref import LSTMError
from lstm_ref.activations import ACTIVATIONS, UNUSABLE, WITHOUT_KERAS_NAME

Node = Mapping[str, Any]

_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")

# What the LSTM and the LSTMCell of some version of Keras write into their configurations, Keras 2.0 to 3.15.
ARGUMENTS = frozenset({
    "name", "trainable", "dtype", "input_dtype", "batch_input_shape", "batch_shape", "input_shape", "input_dim", "input_length",
    "autocast", "weights", "sparse", "ragged", "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
    "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
    "recurrent_dropout", "implementation", "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
    "time_major", "zero_output_for_mask", "use_cudnn", "quantization_config", "build_config",
})  # fmt: skip


def is_keras_own(node: Node) -> bool:
    """Whether a class or a function is Keras' own, as far as the file says."""
    module = node.get("module", "keras")
    own = isinstance(module, str) and any(module == name or module.startswith(f"{name}.") for name in _MODULES)
    return own and ">" not in str(node.get("class_name", "")) and ">" not in str(node.get("registered_name") or "")


def class_of(node: Node) -> str:
    """A class by all that the file says of it: "Mine>LSTM", "my_code.LSTM", "LSTM (module null)"."""
    name, module, registered = (str(node.get(key) or "") for key in ("class_name", "module", "registered_name"))
    if ">" in registered:
        return registered
    return f"{module}.{name}" if module else f"{name} (module null)" if "module" in node and ">" not in name else name


def foreign_arguments(node: Node) -> str:
    """Why a class that is named alone is no LSTM of Keras', for all that its name says; "" where nothing speaks against it."""
    config = node.get("config")
    if not isinstance(config, Mapping) or "module" in node or "output_dim" in config:  # which is Keras 1's
        return ""
    strange = sorted(config.keys() - ARGUMENTS)
    if not strange:
        return ""
    return (
        f"its class has the name {node.get('class_name')!r} and the argument{'s' * (len(strange) > 1)} {', '.join(strange)}, which "
        "the LSTM of no Keras has that is known here: it is of the user's own, or of a later Keras"
    )


# --- activations -----------------------------------------------------------------------------------------------------------------


def activation_of(value: Any, keras_version: str) -> str | None:
    """The reference's name for what an activation in a file computes; None is linear, as in Keras.

    Args:
        value: as the configuration has it: a name, a function, or a layer that is used as a function.
        keras_version: that wrote it; "" where the file does not say.

    Raises:
        LSTMError: the file does not say what it computes, or the reference does not model it.
    """
    if not isinstance(value, Mapping):
        return None if value is None else _of_name(value, keras_version)
    name, config = str(value.get("class_name") or ""), value.get("config")
    if name.startswith("__lambda") or is_bytecode(value):
        raise LSTMError(
            "its activation is a lambda: the file holds Python bytecode, which is not run, so what it computes is unknown"
        )
    if name == "function":
        if not is_keras_own(value):
            raise LSTMError(_named_only(config))
        return _of_name(config, keras_version)
    if not is_keras_own(value):
        raise LSTMError(
            f"its activation is of the class {class_of(value)!r}, none of Keras': its code, which computes, is no part of a file"
        )
    arguments = config if isinstance(config, Mapping) else {}
    if name == "Activation":
        return activation_of(arguments.get("activation"), keras_version)
    modelled = _LAYERS[name](arguments) if name in _LAYERS else ""
    if not modelled:
        given = ", ".join(f"{key}={arguments[key]!r}" for key in _DECIDING if key in arguments)
        raise LSTMError(f"its activation is Keras' layer {name}({given}), which the reference does not model")
    return modelled


def is_bytecode(value: Node) -> bool:
    """Whether an object is what Keras writes of a lambda that is an activation: its bytecode, defaults and closure."""
    held = value.get("value") if value.keys() == {"value"} else None
    return isinstance(held, list) and len(held) == len(("code", "defaults", "closure")) and isinstance(held[0], str)


def _of_name(name: Any, keras_version: str) -> str:
    if not isinstance(name, str) or name not in (ACTIVATIONS.keys() | UNUSABLE.keys()) - WITHOUT_KERAS_NAME:
        raise LSTMError(_named_only(name))
    if name != "hard_sigmoid":
        return name
    if not keras_version:
        raise LSTMError(
            "its activation is 'hard_sigmoid', and the file does not say which Keras wrote it: that is x / 6 + 1/2 in Keras 3 and "
            "0.2 x + 1/2 before"
        )
    return name if keras_version.startswith("3") else "hard_sigmoid_keras2"


def _named_only(name: Any) -> str:
    return (
        f"its activation is a function of which the file has the name alone, {name!r}, and Keras has none of that name for an LSTM"
    )


_DECIDING = ("negative_slope", "alpha", "max_value", "threshold", "axis")


def _relu(arguments: Node) -> str:
    slope = _number(arguments.get("negative_slope", 0.0))
    if _number(arguments.get("threshold", 0.0)) != 0:
        return ""
    limit = arguments.get("max_value")
    return {(0.0, None): "relu", (0.0, 6.0): "relu6", (_number(0.2), None): "leaky_relu"}.get(
        (slope, None if limit is None else _number(limit)), ""
    )


def _leaky_relu(arguments: Node) -> str:
    slope = _number(arguments.get("negative_slope", arguments.get("alpha", 0.3)))
    return {0.0: "relu", _number(0.2): "leaky_relu"}.get(slope, "")


def _elu(arguments: Node) -> str:
    return "elu" if _number(arguments.get("alpha", 1.0)) == 1 else ""


def _softmax(arguments: Node) -> str:
    return "softmax" if arguments.get("axis", -1) in (-1, 1, [-1], [1]) else ""


def _number(value: Any) -> float:
    """As it was in float32, of which Keras 2 writes all digits."""
    return float(np.float32(value)) if isinstance(value, int | float) else float("nan")


# Layers without weights that a user can give as an activation: the reference's name for them, "" where their arguments have none.
_LAYERS: Mapping[str, Callable[[Node], str]] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "Identity": lambda _: "linear",
}
