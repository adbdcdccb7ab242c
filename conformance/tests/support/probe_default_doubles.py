"""Layers, cells and stacks that are wrong on purpose in what nobody gave them, one sentence each."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.tests.support.probe_doubles import Double, LayerDouble
from conformance.tests.support.probe_wrapper_doubles import MaskingDouble

OTHER_DEFAULTS = {"recurrent_activation": "hard_sigmoid", "dropout": 0.25}


class OtherDefaults(Double):
    """The defaults of a layer are others."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return OTHER_DEFAULTS | arguments


class OtherDefaultsOfCell(Double):
    """The defaults of a cell are others."""

    def double_cell(self, cell: Any) -> None:
        kind = type(cell)

        class OtherCell(kind):  # type: ignore[misc, valid-type]  # Keras is Any
            def __init__(self, units: int, **arguments: Any) -> None:
                super().__init__(units, **(OTHER_DEFAULTS | arguments))

        cell.__class__ = OtherCell


class NoneIsDefault(Double):
    """An activation that is None is one that is not given."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in arguments.items() if "activation" not in name or value is not None}


class AlwaysHalf(Double):
    """Whatever the rates, they are one half."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"dropout": 0.5, "recurrent_dropout": 0.5}


class StartsFromIntegers(Double):
    """A cell's initial states are ones, and integers."""

    def double_cell(self, cell: Any) -> None:
        cell.get_initial_state = lambda batch_size=None: [np.ones((batch_size, size), np.int32) for size in cell.state_size]


class TrainsStates(Double):
    """State variables are trained, and are of another dtype than any policy's."""

    def build(self, *given: Any, **named: Any) -> None:
        """Build, and replace the states."""
        super().build(*given, **named)  # type: ignore[misc]  # Keras' layer comes next
        self.states = [self.double_keras.Variable(np.zeros((1, 1)), dtype="uint8", trainable=True) for _ in range(2)]


class StartsFromOnes(LayerDouble):
    """An RNN whose cell has no initial state of its own starts from ones."""

    double_of = "RNN"

    def get_initial_state(self, batch_size: Any) -> list[Any]:
        """Ones."""
        return self.double_keras.tree.map_structure(lambda state: state + 1, super().get_initial_state(batch_size))  # type: ignore[misc, no-any-return]  # Keras' layer comes next


class NameLost(LayerDouble):
    """An RNN from a config has another name."""

    double_of = "RNN"

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The layer, by a name of its own."""
        return super().from_config(config | {"name": "other"}, custom_objects=custom_objects)  # type: ignore[misc]  # Keras' layer comes next


class ConfigDependent(Double):
    """A layer that goes backwards says in its config that it is not stateful."""

    def get_config(self) -> dict[str, Any]:
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # Keras' layer comes next
        return config | {"stateful": config["stateful"] and not config["go_backwards"]}


class CellsLost(LayerDouble):
    """A stack from a config has other cells."""

    double_of = "StackedRNNCells"

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:  # noqa: ARG003  # Keras' signature
        """A stack of LSTM cells."""
        return cls([cls.double_keras.layers.LSTMCell(1) for _ in config["cells"]])


class HalvesExchanged(LayerDouble):
    """The halves of a Bidirectional are each named as the other, states come in that order, and from_config empties the config."""

    double_of = "Bidirectional"
    forward_layer: Any
    backward_layer: Any

    def __init__(self, layer: Any, **arguments: Any) -> None:
        super().__init__(layer, **arguments)
        names = [half.name for half in (self.forward_layer, self.backward_layer)]
        self.backward_layer.name, self.forward_layer.name = names

    @property
    def states(self) -> Any:
        """The backward half's first."""
        return (*self.backward_layer.states, *self.forward_layer.states)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The layer, and no config."""
        layer = super().from_config(config, custom_objects=custom_objects)  # type: ignore[misc]  # Keras' layer comes next
        config.clear()
        return layer


class MasksNear(MaskingDouble):
    """What is within 1/100 of the mask value is taken for it."""

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002  # Keras' signature
        """The mask."""
        ops = self.double_keras.ops
        return ops.any(ops.abs(inputs - self.mask_value) > 0.01 * max(1.0, abs(self.mask_value)), axis=-1)

    def call(self, inputs: Any) -> Any:
        """The inputs, and the mask that Keras adds."""
        ops = self.double_keras.ops
        return ops.where(ops.expand_dims(self.compute_mask(inputs), -1), inputs, 0)


class MasksUnsupported(LayerDouble):
    """A layer says that it supports no mask."""

    def __init__(self, *first: Any, **arguments: Any) -> None:
        super().__init__(*first, **arguments)
        self.supports_masking = False
