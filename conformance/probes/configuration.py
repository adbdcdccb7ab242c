"""Probes of get_config and from_config, which must keep every constructor argument, and of the names of activations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import OF_SEQUENCE
from conformance.probes.checks import check_equal, check_message
from conformance.probes.model import Probe, Subject
from lstm_ref.activations import ACTIVATIONS, WITHOUT_KERAS_NAME

UNITS, INPUT_DIM = 3, 5


@dataclass(frozen=True, kw_only=True)
class Argument:
    """A constructor argument of `keras.layers.LSTM`.

    Attributes:
        value: a value that is not the default, as a user gives it.
        holder: the attribute of the layer that stores it; "" for the layer itself.
        compared: makes the value that is compared, from the stored one.
    """

    value: Any
    holder: str = ""
    compared: Callable[[Subject, Any], Any] = lambda _, value: repr(value)


# The inputs at which activations, regularisers and constraints are compared. All those of Keras differ there.
POINTS = np.linspace(-8, 8, 33, dtype=np.float32).reshape(3, 11)


def _computed(subject: Subject, function: Any) -> list[Any]:
    """The values of a function, a regulariser or a constraint at the points. Its name would prove nothing."""
    points = subject.keras.ops.convert_to_tensor(POINTS)
    returned: list[Any] = subject.read(points if function is None else function(points)).tolist()
    return returned


def _drawn(subject: Subject, initializer: Any) -> list[Any]:
    """The values of an initialiser that is not random."""
    returned: list[Any] = subject.read(initializer((2,), dtype="float32")).tolist()
    return returned


def _class_of(_: Subject, initializer: Any) -> type:
    """The class of a random initialiser. Other probes test the numbers that it draws."""
    return type(initializer)


ARGUMENTS: Mapping[str, Argument] = {
    "units": Argument(value=UNITS),
    "activation": Argument(value="relu", compared=_computed),
    "recurrent_activation": Argument(value="hard_sigmoid", compared=_computed),
    "use_bias": Argument(value=False),
    "kernel_initializer": Argument(value="he_normal", compared=_class_of),
    "recurrent_initializer": Argument(value="he_uniform", compared=_class_of),
    "bias_initializer": Argument(value="ones", compared=_drawn),
    "unit_forget_bias": Argument(value=False),
    "kernel_regularizer": Argument(value="l1", compared=_computed),
    "recurrent_regularizer": Argument(value="l2", compared=_computed),
    "bias_regularizer": Argument(value={"class_name": "L1L2", "config": {"l1": 0.5, "l2": 0.25}}, compared=_computed),
    "activity_regularizer": Argument(value={"class_name": "L2", "config": {"l2": 0.5}}, compared=_computed),
    "kernel_constraint": Argument(value="max_norm", compared=_computed),
    "recurrent_constraint": Argument(value="unit_norm", compared=_computed),
    "bias_constraint": Argument(value="non_neg", compared=_computed),
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
    "dtype": Argument(value="float64", holder="cell", compared=lambda _, policy: str(policy)),
    "name": Argument(value="given"),
}


# The modules of Keras whose `get` returns the object that a name stands for, by the last word of an argument.
_MODULES = {
    "activation": "activations",
    "initializer": "initializers",
    "regularizer": "regularizers",
    "constraint": "constraints",
}


def value_of(subject: Subject, name: str, value: Any) -> Any:
    """What a layer must have that is given an argument, in a form that can be compared."""
    module = _MODULES.get(name.rpartition("_")[2])
    return ARGUMENTS[name].compared(subject, getattr(subject.keras, module).get(value) if module else value)


def attribute_of(subject: Subject, layer: Any, name: str, *, is_cell: bool = False) -> Any:
    """What a layer, or a cell, has of an argument, in the same form."""
    argument = ARGUMENTS[name]
    holder = getattr(layer, argument.holder) if argument.holder and not is_cell else layer
    return argument.compared(subject, getattr(holder, name))


def _argument(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    layer = subject.lstm(**{"units": UNITS, name: ARGUMENTS[name].value})
    config = layer.get_config()
    rebuilt = subject.layer_class.from_config(config)
    given = value_of(subject, name, ARGUMENTS[name].value)
    return (
        check_message(
            "config", "" if name in config else f"{name}: got a config without it, expected every constructor argument in it"
        ),
        check_equal("stored", f"{name} of the layer", attribute_of(subject, layer, name), given),
        check_equal("rebuilt", f"{name} of the layer from the config", attribute_of(subject, rebuilt, name), given),
    )


def _argument_of_cell(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    """Judge the cell of a layer, which has a config of its own."""
    argument, cell = ARGUMENTS[name], subject.lstm(**{"units": UNITS, name: ARGUMENTS[name].value}).cell
    config = cell.get_config()
    if name not in config:
        return (check_message("config", f"{name}: got a config without it, expected every constructor argument in it"),)
    stored, expected = (argument.compared(subject, getattr(each, name)) for each in (type(cell).from_config(config), cell))
    return check_message("config", ""), check_equal("rebuilt", f"{name} of the cell from the config", stored, expected)


def _trainable(subject: Subject, *, trainable: bool, way: str) -> tuple[CheckResult, ...]:
    """Judge a layer that is made with `trainable`, or made with the opposite and set, before it is built or after."""
    layer = subject.lstm(UNITS, trainable=trainable if way == "made" else not trainable)
    if way == "set":
        layer.trainable = trainable
    layer.build((None, None, INPUT_DIM))
    if way == "set-built":
        layer.trainable = trainable
    numbers = [len(each.trainable_variables) for each in (layer, layer.cell)]
    return (
        check_equal(
            "trainable", "trainable of the layer and of its cell", [layer.trainable, layer.cell.trainable], [trainable] * 2
        ),
        check_equal("variables", "the numbers of trainable variables of the layer and of its cell", numbers, [3 * trainable] * 2),
    )


def _round_trip(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge a layer that is given every argument: an entry may depend on another."""
    layer = subject.lstm(**{name: argument.value for name, argument in ARGUMENTS.items()})
    config = layer.get_config()
    copy = subject.layer_class.from_config(config)
    rebuilt = copy.get_config()
    differing = sorted(key for key in config.keys() | rebuilt.keys() if config.get(key) != rebuilt.get(key))
    changed = [
        name for name in ARGUMENTS if name in config and attribute_of(subject, copy, name) != attribute_of(subject, layer, name)
    ]
    return (
        check_equal("config", "what differs in the config of the layer from the config", differing, []),
        check_equal("stored", "the arguments in which the layer from the config differs", changed, []),
    )


def _rate(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    """Judge rates beyond 0 and 1. They may be refused."""
    results = []
    for given, expected in ((-0.5, 0.0), (1.5, 1.0)):
        try:
            layer = subject.lstm(UNITS, **{name: given})
        except ValueError:
            results.append(check_message("stored", ""))
            continue
        rates = [getattr(layer, name), layer.get_config()[name]]
        results.append(check_equal("stored", f"{name} of LSTM({name}={given}), and in its config", rates, [expected] * 2))
    return tuple(results)


def _activation(subject: Subject, *, name: str) -> tuple[CheckResult, ...]:
    """A layer accepts the name, stores the named activation, and computes with it."""
    results = []
    for argument in ("activation", "recurrent_activation"):
        layer = subject.lstm(UNITS, **{argument: name})
        outputs = subject.read(layer(np.full((2, 1, INPUT_DIM), 0.5, np.float32)))
        stored = getattr(layer, argument)
        results += [
            check_equal(
                argument,
                f"what {argument} of the layer computes",
                _computed(subject, stored),
                _computed(subject, subject.keras.activations.get(name)),
            ),
            check_equal(f"{argument}_outputs", "whether all outputs are finite", bool(np.isfinite(outputs).all()), True),
        ]
    return tuple(results)


def configuration_probes() -> Iterator[Probe]:
    """Yield all probes of configuration."""
    yield Probe(trait="config-round-trip", judge=_round_trip, asserts="the config of a layer from a config is that config")
    for name in ARGUMENTS:
        yield Probe(
            trait="config-argument",
            judge=_argument,
            asserts="a constructor argument is in the config and survives the round trip",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
    for name in sorted(ARGUMENTS.keys() - {*OF_SEQUENCE, "name", "use_cudnn"}):
        yield Probe(
            trait="config-argument-of-cell",
            judge=_argument_of_cell,
            asserts="an argument of a cell is in its config and survives the round trip",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
    for name in ("dropout", "recurrent_dropout"):
        yield Probe(
            trait="rate-beyond",
            judge=_rate,
            asserts="a rate of dropout beyond 0 or 1 is that number, or is refused",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
    for way, trainable in itertools.product(("made", "set", "set-built"), (True, False)):
        yield Probe(
            trait="trainable-of-cell",
            judge=_trainable,
            asserts="trainable of a layer is that of its cell, and decides which variables of both are trained",
            parameters={"trainable": trainable, "way": way},
            label=f"{way}-{str(trainable).lower()}",
        )
    for name in sorted(ACTIVATIONS.keys() - WITHOUT_KERAS_NAME):
        yield Probe(
            trait="activation-accepted",
            judge=_activation,
            asserts="a layer takes the activation by its name, in both places",
            parameters={"name": name},
            label=name.replace("_", "-"),
        )
