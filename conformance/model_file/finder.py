"""Finds every LSTM in a model's configuration, as Keras 1, 2 and 3 write it, without building layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.cases.features import POLICIES
from conformance.model_file.layers import ForeignLayer, LSTMLayer, Place
from conformance.model_file.ownership import Node, activation_of, arguments_of, class_of, foreign_arguments, is_keras_own, layers_of
from lstm_ref import LSTMConfig, LSTMError

_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
_STACK = "StackedRNNCells"
# Keras 2.0.0 does not load such a file, and no later Keras than 2.3 does.
FROM_KERAS_1 = "load it in Keras 2.0.1 to 2.3 and save it again"


def find_lstms(config: Node, keras_version: str) -> tuple[LSTMLayer, ...]:
    """The LSTMs of a model's configuration, in its order; a shared layer appears once."""
    shared: dict[Any, LSTMLayer] = {}
    for position, (identity, found) in enumerate(_Walk(keras_version).through(config, Place(path="model", stored=""))):
        if isinstance(found, ForeignLayer):
            continue
        key = position if identity is None else identity
        if key in shared:
            place = shared[key].place
            found = replace(shared[key], place=replace(place, uses=place.uses + found.place.uses))  # noqa: PLW2901  # the two are one
        shared[key] = found
    return tuple(shared.values())


def find_foreign(config: Node) -> tuple[ForeignLayer, ...]:
    """The layers and cells of a model's configuration, and the model itself, whose classes are not Keras' own."""
    return tuple(found for _, found in _Walk("").through(config, Place(path="model", stored="")) if isinstance(found, ForeignLayer))


_Occurrence = tuple[Any, LSTMLayer | ForeignLayer]


@dataclass(frozen=True)
class _Walk:
    """A walk through a configuration.

    Attributes:
        keras_version: that wrote the file; "" where the file does not say.
    """

    keras_version: str

    def through(self, node: Node, place: Place) -> Iterator[_Occurrence]:
        """Each LSTM and foreign layer at or below a node, with the identity that its other occurrences share, or None."""
        name, config = str(node.get("class_name", "")), node.get("config")
        arguments = arguments_of(node)
        place = replace(place, trainable=place.trainable and arguments.get("trainable", True) is not False)
        is_own = is_keras_own(node)
        if not is_own:
            yield None, ForeignLayer(place=place, class_name=class_of(node))
        if layers := layers_of(config):
            yield from self._children(layers, place)
        elif is_own and name == "Bidirectional":
            yield from self._halves(arguments, place)
        elif is_own and name in ("LSTM", "RNN", "CuDNNLSTM"):
            yield from ((_identity_of(node, place), found) for found in self._recurrent(node, arguments, place))
        else:
            yield from self._wrapped(name, arguments, place, is_own=is_own)

    def _children(self, layers: list[Node], place: Place) -> Iterator[_Occurrence]:
        """The layers of a model, in their order; an archive names them by class and number."""
        for unique, node in _numbered(layers):
            name = _name_of(node) or unique
            calls = node.get("inbound_nodes")
            uses = len(calls) if isinstance(calls, list) and calls else 1
            yield from self.through(
                node,
                replace(
                    place,
                    path=f"{place.path}/{name}",
                    stored=f"{place.stored}/layers/{unique}",
                    top=place.top or name,
                    uses=place.uses * uses,
                ),
            )

    def _halves(self, arguments: Node, place: Place) -> Iterator[_Occurrence]:
        """The forward and the backward layer; where the file has no backward layer, it follows from the forward layer."""
        forward, backward = arguments.get("layer"), arguments.get("backward_layer")
        if not isinstance(forward, Mapping):
            return
        if not isinstance(backward, Mapping):
            inner = arguments_of(forward)
            mirrored = {**inner, "go_backwards": not inner.get("go_backwards", False), "name": f"backward_{inner.get('name', '')}"}
            backward = {**forward, "config": mirrored}
            backward.pop("shared_object_id", None)
        for half, node in (("forward", forward), ("backward", backward)):
            for identity, found in self.through(node, _below(place, half, f"{half}_layer")):
                yield identity, found if isinstance(found, ForeignLayer) else _as_half_of_bidirectional(found)

    def _wrapped(self, name: str, arguments: Node, place: Place, *, is_own: bool) -> Iterator[_Occurrence]:
        """Layers among the arguments of another layer, alone or in a list: of TimeDistributed, or of a user's layer."""
        for key, value in arguments.items():
            if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
                label = _name_of(value) if is_own else f"{name}.{key}"
                yield from self.through(value, _below(place, label or key, key))
            elif isinstance(value, list) and not is_own:
                for position, (unique, each) in enumerate(_numbered(value)):
                    yield from self.through(each, _below(place, f"{name}.{key}[{position}]", f"{key}/{unique}"))

    def _recurrent(self, node: Node, arguments: Node, place: Place) -> Iterator[LSTMLayer | ForeignLayer]:
        """An LSTM, or the LSTM cells of an RNN."""
        name = node["class_name"]
        if name == "CuDNNLSTM":
            reason = (
                "a CuDNNLSTM of Keras 2 runs on a GPU alone and orders its weights as cuDNN does; build the model with "
                "LSTM(…, recurrent_activation='sigmoid') in its place, in Keras 2.0.9 to 2.3 or tf.keras 2, give it this file with "
                "load_weights, which converts them, and save it"
            )
            yield self._lstm(name, arguments, arguments, place, reason)
        elif name == "LSTM":
            yield self._lstm(name, arguments, arguments, _below(place, "", "cell"), foreign_arguments(node))
        else:
            cell = arguments.get("cell")
            cell = {"class_name": _STACK, "config": {"cells": cell}} if isinstance(cell, list) else cell
            if not isinstance(cell, Mapping) or not isinstance(cell.get("config"), Mapping):
                return
            if not is_keras_own(cell):
                yield ForeignLayer(place=_below(place, "cell", "cell"), class_name=class_of(cell))
            elif cell.get("class_name") == "LSTMCell":
                yield self._lstm("RNN(LSTMCell)", arguments, cell["config"], _below(place, "", "cell"), foreign_arguments(cell))
            elif cell.get("class_name") == _STACK:
                yield from self._stacked(arguments, cell["config"].get("cells"), place)

    def _stacked(self, arguments: Node, cells: Any, place: Place) -> Iterator[LSTMLayer | ForeignLayer]:
        for position, (unique, cell) in enumerate(_numbered(cells if isinstance(cells, list) else [])):
            below = _below(place, f"cell {position}", f"cell/cells/{unique}")
            if not is_keras_own(cell):
                yield ForeignLayer(place=below, class_name=class_of(cell))
            elif cell.get("class_name") == "LSTMCell" and isinstance(cell.get("config"), Mapping):
                yield self._lstm(_STACK, arguments, cell["config"], below, foreign_arguments(cell))

    def _lstm(self, written_as: str, layer: Node, cell: Node, place: Place, reason: str = "") -> LSTMLayer:
        config, policy = None, _policy_of(cell)
        try:
            config = None if reason else self._config(layer, cell)
        except LSTMError as error:
            reason = str(error)
        if not reason and policy not in POLICIES:
            config, reason = None, f"its dtype policy {policy!r} is none of {', '.join(POLICIES)}"
        name = str(layer.get("name", ""))
        return LSTMLayer(
            place=place, name=name, written_as=written_as, config=config, policy=policy, arguments=layer, reason=reason
        )

    def _config(self, layer: Node, cell: Node) -> LSTMConfig:
        if "output_dim" in cell or "inner_activation" in cell:
            raise LSTMError(f"written by Keras 1, with its twelve arrays; {FROM_KERAS_1}")
        if layer.get("time_major"):
            raise LSTMError("time_major=True, which Keras 3 has not and the reference does not model; transpose the inputs")
        flags = {flag: layer.get(flag, False) for flag in _FLAGS}
        return LSTMConfig(
            cell.get("units", 0),
            activation=activation_of(cell.get("activation", "tanh"), self.keras_version),
            recurrent_activation=activation_of(cell.get("recurrent_activation", "sigmoid"), self.keras_version),
            use_bias=cell.get("use_bias", True),
            **flags,
        )


def snake_case(name: str) -> str:
    """A class's name as archives write it (keras/src/utils/naming.py)."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _numbered(nodes: list[Any]) -> Iterator[tuple[str, Node]]:
    """The layers of a list, each with its name in an archive: that of its class, with a number from the second one on."""
    counts: dict[str, int] = {}
    for node in nodes:
        if isinstance(node, Mapping):
            stored = snake_case(str(node.get("class_name", "")))
            counts[stored] = counts.get(stored, -1) + 1
            yield f"{stored}_{counts[stored]}" if counts[stored] else stored, node


def _name_of(node: Node) -> str:
    return str(arguments_of(node).get("name") or node.get("name") or "")


def _below(place: Place, name: str, stored: str) -> Place:
    return replace(place, path=f"{place.path}/{name}" if name else place.path, stored=f"{place.stored}/{stored}")


def _as_half_of_bidirectional(found: LSTMLayer) -> LSTMLayer:
    """The LSTM with the zero_output_for_mask that Keras' Bidirectional sets; Keras 2 does not write it to the file."""
    if found.config is None:
        return found
    return replace(found, config=replace(found.config, zero_output_for_mask=found.config.return_sequences))


def _identity_of(node: Node, place: Place) -> Any:
    shared = node.get("shared_object_id")
    return None if shared is None else (shared, place.path.rpartition("/")[2])


def _policy_of(cell: Node) -> str:
    policy = cell.get("dtype") or "float32"
    return str(arguments_of(policy).get("name", "") if isinstance(policy, Mapping) else policy)
