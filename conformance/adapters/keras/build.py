"""A case's architecture out of Keras' own layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conformance.cases.case import Call, Case
from conformance.cases.stimulus import Stimulus, split_rows
from lstm_ref import LSTMConfig
from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What was built.

    Attributes:
        front: layers before the LSTM: a Masking, an Embedding, or none.
        layers: the layers that hold the LSTMs, each called on the outputs of the one before.
        recurrent: the RNN layers within, which keep states, in the order of their states.
        cells: the LSTMCells within, likewise.
    """

    front: tuple[Any, ...]
    layers: tuple[Any, ...]
    recurrent: tuple[Any, ...]
    cells: tuple[Any, ...]


def build_parts(keras: Any, case: Case, stimulus: Stimulus) -> Parts:
    """The layers of a case, not built yet: they have no weights before they are called or `build` is."""
    layers, recurrent, cells = _ARCHITECTURES[case.architecture](keras, case)
    front = []
    if case.mask_source == "masking":
        front.append(keras.layers.Masking(mask_value=0.0, dtype=case.dtype))
    elif case.mask_source == "embedding":
        table = stimulus.embedding_of(case)
        front.append(keras.layers.Embedding(*table.shape, mask_zero=True, dtype=case.dtype))
    return Parts(front=tuple(front), layers=tuple(layers), recurrent=tuple(recurrent), cells=tuple(cells))


def load_weights(parts: Parts, case: Case, stimulus: Stimulus) -> None:
    """Give every cell, and the embedding, the stimulus' weights."""
    for cell, weights in zip(parts.cells, stimulus.weights_of(case), strict=True):
        cell.set_weights(
            [array.astype("float32" if case.precision != "float64" else "float64") for array in weights.arrays.values()]
        )
    if case.mask_source == "embedding":
        parts.front[0].set_weights([stimulus.embedding_of(case).astype("float32")])


def apply_parts(
    keras: Any, parts: Parts, case: Case, arrays: Sequence[Any], *, with_mask: bool, training: bool | None = False
) -> list[Any]:
    """What the layers return, flat, of [inputs, mask if with_mask, initial states …]; symbolic, traced or eager."""
    inputs, *rest = arrays
    mask = rest.pop(0) if with_mask else None
    for layer in parts.front:
        inputs = layer(inputs)
    states: list[Any] = []
    for position, layer in enumerate(parts.layers):
        keywords: dict[str, Any] = {"training": training} if training is not None else {}
        if mask is not None:
            keywords["mask"] = mask
        if rest:
            given = rest if len(parts.layers) == 1 else rest[2 * position : 2 * position + 2]
            keywords["initial_state"] = _nested(case, given)
        returned = layer(inputs, **keywords)
        inputs, *further = keras.tree.flatten(returned) if isinstance(returned, list | tuple) else [returned]
        states += further
        if mask is not None and case.config.go_backwards and position + 1 < len(parts.layers):
            mask = keras.ops.flip(mask, axis=1)  # its caller's task: a layer cannot know what its mask belongs to
    return [inputs, *states]


def _nested(case: Case, states: Sequence[Any]) -> list[Any]:
    """States as the layer wants them: of several cells, or of a list of one, a pair each."""
    if case.architecture == "cells2" or case.execution.layer == "rnnlist":
        return [list(states[k : k + 2]) for k in range(0, len(states), 2)]
    return list(states)


def _cell_arguments(config: LSTMConfig) -> dict[str, Any]:
    names = ("units", "activation", "recurrent_activation", "use_bias")
    return {name: getattr(config, name) for name in names}


def _layer_arguments(config: LSTMConfig) -> dict[str, Any]:
    names = ("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask")
    return {name: getattr(config, name) for name in names}


def _activation(keras: Any, case: Case, name: str | None) -> Any:
    if case.execution.activation_as == "name":
        return name
    function = keras.activations.get(name)
    if case.execution.activation_as == "function":
        return function
    return lambda x: function(x)  # noqa: PLW0108  # what is asked: a function that is none of Keras' own


def _cell_keywords(keras: Any, case: Case) -> dict[str, Any]:
    rates = dict(zip(("dropout", "recurrent_dropout"), case.dropout_rates, strict=True))
    return {
        **_cell_arguments(case.config),
        **{name: _activation(keras, case, getattr(case.config, name)) for name in ("activation", "recurrent_activation")},
        **(rates if case.dropout != "none" else {}),
        "implementation": case.execution.implementation,
        # The weights are set; what initialisers do is tested on its own.
        "kernel_initializer": "zeros",
        "recurrent_initializer": "zeros",
        "seed": case.seed,
        "dtype": case.dtype,
    }


def _recurrent_layer(keras: Any, case: Case, **changes: Any) -> tuple[Any, Any]:
    """One LSTM layer and its cell, written as the case wants it."""
    execution = case.execution
    cell = _cell_keywords(keras, case) | {key: changes.pop(key) for key in ("units",) if key in changes}
    layer = {**_layer_arguments(case.config), "unroll": execution.unroll, **changes}
    if execution.layer == "lstm":
        made = keras.layers.LSTM(**cell, **layer, use_cudnn=execution.use_cudnn)
        return made, made.cell
    one = keras.layers.LSTMCell(**cell)
    made = keras.layers.RNN([one] if execution.layer == "rnnlist" else one, **layer, dtype=case.dtype)
    return made, one


def _one(keras: Any, case: Case) -> tuple[list[Any], list[Any], list[Any]]:
    layer, cell = _recurrent_layer(keras, case)
    return [layer], [layer], [cell]


def _two_layers(keras: Any, case: Case) -> tuple[list[Any], list[Any], list[Any]]:
    pairs = [_recurrent_layer(keras, case, return_sequences=True), _recurrent_layer(keras, case)]
    layers = [layer for layer, _ in pairs]
    return layers, layers, [cell for _, cell in pairs]


def _two_cells(keras: Any, case: Case) -> tuple[list[Any], list[Any], list[Any]]:
    cells = [keras.layers.LSTMCell(**_cell_keywords(keras, case)) for _ in range(2)]
    layer = keras.layers.RNN(cells, **_layer_arguments(case.config), unroll=case.execution.unroll, dtype=case.dtype)
    return [layer], [layer], cells


def _two_directions(keras: Any, case: Case) -> tuple[list[Any], list[Any], list[Any]]:
    forward, _ = _recurrent_layer(keras, case)
    behind = (
        {"backward_layer": _recurrent_layer(keras, case, units=case.config.units + 1, go_backwards=True)[0]} if case.unequal else {}
    )
    merge_mode = None if case.merge_mode == "none" else case.merge_mode
    layer = keras.layers.Bidirectional(forward, merge_mode=merge_mode, dtype=case.dtype, **behind)
    halves = [layer.forward_layer, layer.backward_layer]
    return [layer], halves, [_cell_of(half) for half in halves]


def _cell_of(layer: Any) -> Any:
    return layer.cell.cells[0] if hasattr(layer.cell, "cells") else layer.cell


def _distributed(keras: Any, case: Case) -> tuple[list[Any], list[Any], list[Any]]:
    layer, cell = _recurrent_layer(keras, case)
    return [keras.layers.TimeDistributed(layer, dtype=case.dtype)], [layer], [cell]


_ARCHITECTURES = {"lstm": _one, "layers2": _two_layers, "cells2": _two_cells, "bidi": _two_directions, "td": _distributed}


def arrays_of(case: Case, call: Call, stimulus: Stimulus) -> list[Array]:
    """What one call is given: inputs or ids, the mask where it is an argument, initial states where they are given."""
    read = stimulus.ids_of(case, call) if case.mask_source == "embedding" else stimulus.inputs_of(case, call)
    arrays = [split_rows(case, read)]
    mask = stimulus.mask_of(case, call)
    if mask is not None and case.mask_source == "argument":
        arrays.append(split_rows(case, mask))
    dtype = "float64" if case.dtype == "float64" else "float32"
    for state in stimulus.initial_state_of(case, call) or ():
        arrays += [state.hidden.astype(dtype), state.cell.astype(dtype)]
    return arrays
