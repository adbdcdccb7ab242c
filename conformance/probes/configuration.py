"""get_config and from_config: every constructor argument comes back; and every activation's name is accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.probes.judging import equal, verdict
from conformance.probes.model import Probe, Subject
from conformance.verdict import CheckResult
from lstm_ref.activations import ACTIVATIONS, WITHOUT_KERAS_NAME

UNITS, INPUT_DIM = 3, 5


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A constructor argument of `keras.layers.LSTM`.

    Attributes:
        value: one that is not its default, as a user gives it.
        holder: the attribute of the layer that it ends up in; "" for the layer itself.
        shown: what that attribute then looks like.
    """

    value: Any
    holder: str = ""
    shown: Callable[[Any], Any] = repr


def _named(value: Any) -> str:
    """A function by its name, an object by its class and its config."""
    if value is None:
        return "None"
    return str(getattr(value, "__name__", "")) or f"{type(value).__name__}({value.get_config()})"


ARGUMENTS: Mapping[str, Argument] = {
    "units": Argument(value=UNITS),
    "activation": Argument(value="relu", shown=_named),
    "recurrent_activation": Argument(value="hard_sigmoid", shown=_named),
    "use_bias": Argument(value=False),
    "kernel_initializer": Argument(value="he_normal", shown=lambda initializer: type(initializer).__name__),
    "recurrent_initializer": Argument(value="he_uniform", shown=lambda initializer: type(initializer).__name__),
    "bias_initializer": Argument(value="ones", shown=_named),
    "unit_forget_bias": Argument(value=False),
    "kernel_regularizer": Argument(value="l1", shown=_named),
    "recurrent_regularizer": Argument(value="l2", shown=_named),
    "bias_regularizer": Argument(value="l1", shown=_named),
    "activity_regularizer": Argument(value="l2", shown=_named),
    "kernel_constraint": Argument(value="max_norm", shown=_named),
    "recurrent_constraint": Argument(value="unit_norm", shown=_named),
    "bias_constraint": Argument(value="non_neg", shown=_named),
    "dropout": Argument(value=0.25),
    "recurrent_dropout": Argument(value=0.25),
    "seed": Argument(value=7, holder="cell"),
    "return_sequences": Argument(value=True),
    "return_state": Argument(value=True),
    "go_backwards": Argument(value=True),
    "stateful": Argument(value=True),
    "unroll": Argument(value=True),
    "zero_output_for_mask": Argument(value=True),
    "use_cudnn": Argument(value=False),
    "implementation": Argument(value=1, holder="cell"),
    "trainable": Argument(value=False),
    "dtype": Argument(value="float64", holder="cell", shown=str),
    "name": Argument(value="given"),
}


def _attribute(layer: Any, name: str) -> Any:
    argument = ARGUMENTS[name]
    return argument.shown(getattr(getattr(layer, argument.holder) if argument.holder else layer, name))


def _argument(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    layer = subject.lstm(**{"units": UNITS, name: ARGUMENTS[name].value})
    config = layer.get_config()
    rebuilt = subject.layer_class.from_config(config)
    return (
        verdict("config", "" if name in config else f"{name}: got a config without it, expected every constructor argument in it"),
        equal("rebuilt", f"{name} of the layer from the config", _attribute(rebuilt, name), _attribute(layer, name)),
    )


def _round_trip(subject: Subject) -> tuple[CheckResult, ...]:
    layer = subject.lstm(**{name: argument.value for name, argument in ARGUMENTS.items()})
    config = layer.get_config()
    again = subject.layer_class.from_config(config).get_config()
    differing = sorted(key for key in config.keys() | again.keys() if config.get(key) != again.get(key))
    return (equal("config", "what differs in the config of the layer from the config", differing, []),)


def _activation(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    """Accepted, kept under a name that means the same, and computable."""
    results = []
    for argument in ("activation", "recurrent_activation"):
        layer = subject.lstm(UNITS, **{argument: name})
        outputs = subject.read(layer(np.full((2, 1, INPUT_DIM), 0.5, np.float32)))
        kept = getattr(layer, argument)
        results += [
            equal(argument, f"{argument} of the layer", _named(kept), _named(subject.keras.activations.get(name))),
            equal(f"{argument}_outputs", "whether all outputs are finite", bool(np.isfinite(outputs).all()), True),
        ]
    return tuple(results)


def configuration_probes() -> Iterator[Probe]:
    """All of them."""
    yield Probe(trait="config-round-trip", judge=_round_trip, asserts="the config of a layer from a config is that config")
    for name in ARGUMENTS:
        yield Probe(
            trait="config-argument",
            judge=_argument,
            asserts="a constructor argument is in the config and survives the round trip",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
    for name in sorted(ACTIVATIONS.keys() - WITHOUT_KERAS_NAME):
        yield Probe(
            trait="activation-accepted",
            judge=_activation,
            asserts="a layer takes the activation by its name, in both places",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
