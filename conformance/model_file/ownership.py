"""Reads the nodes of a configuration: whether a class, a function or an activation is Keras' own, and what it computes.

A name alone is no evidence. From Keras 2.13 on, a file has the module of each class, null for a user's class. Older files, and the
outermost layers of every `.h5` file, have the name only. Every file has the name only of a function: its meaning depends on the
Keras that loads the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from lstm_ref import LSTMError
from lstm_ref.activations import ACTIVATIONS, UNUSABLE, WITHOUT_KERAS_NAME

Node = Mapping[str, Any]

_MODULES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "builtins")

# All keys that the LSTM and the LSTMCell of Keras 2.0 to 3.15 write into their configurations.
ARGUMENTS = frozenset({
    "name", "trainable", "dtype", "input_dtype", "batch_input_shape", "batch_shape", "input_shape", "input_dim", "input_length",
    "autocast", "weights", "sparse", "ragged", "units", "activation", "recurrent_activation", "use_bias", "kernel_initializer",
    "recurrent_initializer", "bias_initializer", "unit_forget_bias", "kernel_regularizer", "recurrent_regularizer",
    "bias_regularizer", "activity_regularizer", "kernel_constraint", "recurrent_constraint", "bias_constraint", "dropout",
    "recurrent_dropout", "implementation", "seed", "return_sequences", "return_state", "go_backwards", "stateful", "unroll",
    "time_major", "zero_output_for_mask", "use_cudnn", "quantization_config", "build_config",
})  # fmt: skip


def mappings(config: Any, without: str = "") -> Iterator[Node]:
    """All mappings in a configuration, but not those below the key `without`."""
    waiting = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            yield value
            waiting += [child for key, child in value.items() if key != without]
        elif isinstance(value, list):
            waiting += value


def arguments_of(node: Any) -> Node:
    """The configuration of a node; empty where it has none."""
    config = node.get("config") if isinstance(node, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def layers_of(config: Any) -> list[Node]:
    """The layers of a model's configuration; of a Sequential of Keras before 2.2.3, the configuration itself."""
    layers = config.get("layers") if isinstance(config, Mapping) else config
    return [layer for layer in layers if isinstance(layer, Mapping)] if isinstance(layers, list) else []


def is_keras_own(node: Node) -> bool:
    """Whether a class or a function is Keras' own according to the file."""
    module = node.get("module", "keras")
    own = isinstance(module, str) and any(module == name or module.startswith(f"{name}.") for name in _MODULES)
    return own and ">" not in str(node.get("class_name", "")) and ">" not in str(node.get("registered_name") or "")


def class_of(node: Node) -> str:
    """The name of a class, as complete as the file has it: "Mine>LSTM", "my_code.LSTM", "LSTM (module null)"."""
    name, module, registered = (str(node.get(key) or "") for key in ("class_name", "module", "registered_name"))
    if ">" in registered:
        return registered
    return f"{module}.{name}" if module else f"{name} (module null)" if "module" in node and ">" not in name else name


def foreign_arguments(node: Node) -> str:
    """Why a class without a module is not Keras' LSTM, although it has its name; "" where it may be."""
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
    """The reference's name of an activation in a file; None is linear, as in Keras.

    Args:
        value: of the configuration: a name, a function, or a layer that is used as a function.
        keras_version: that wrote the file; "" where the file does not say.

    Raises:
        LSTMError: the file does not define the activation, or the reference does not model it.
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
            raise LSTMError(_unknown_function(config))
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
    """Whether an object is a lambda as Keras writes it: its bytecode, defaults and closure."""
    parts = value.get("value") if value.keys() == {"value"} else None
    return isinstance(parts, list) and len(parts) == len(("code", "defaults", "closure")) and isinstance(parts[0], str)


def _of_name(name: Any, keras_version: str) -> str:
    if not isinstance(name, str) or name not in (ACTIVATIONS.keys() | UNUSABLE.keys()) - WITHOUT_KERAS_NAME:
        raise LSTMError(_unknown_function(name))
    if name != "hard_sigmoid":
        return name
    if not keras_version:
        raise LSTMError(
            "its activation is 'hard_sigmoid', and the file does not say which Keras wrote it: that is x / 6 + 1/2 in Keras 3 and "
            "0.2 x + 1/2 before"
        )
    return name if keras_version.startswith("3") else "hard_sigmoid_keras2"


def _unknown_function(name: Any) -> str:
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
    """The float32 number, of which Keras 2 writes all digits."""
    return float(np.float32(value)) if isinstance(value, int | float) else float("nan")


# Layers without weights that can be an activation: the reference's name, "" where it has none for their arguments.
_LAYERS: Mapping[str, Callable[[Node], str]] = {
    "ReLU": _relu,
    "LeakyReLU": _leaky_relu,
    "ELU": _elu,
    "Softmax": _softmax,
    "Identity": lambda _: "linear",
}
