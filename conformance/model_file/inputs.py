"""What a model is asked to predict on: the user's own arrays, or arrays drawn to the shapes and dtypes that its inputs have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conformance.array_files import ArrayFileError, load_arrays
from conformance.model_file.errors import ModelFileError
from lstm_ref.arrays import Array

# Rows that are drawn, the most that are read of a user's own, and sizes that a model leaves open: timesteps, then anything else.
DRAWN_ROWS, MOST_ROWS = 3, 32
OPEN_SIZES = (9, 8)
LARGEST_INPUT = 1 << 24


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """One input of a model: its name, its shape with the batch first, None where it is open, its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def inputs_of(config: Mapping[str, Any]) -> tuple[ModelInput, ...]:
    """The inputs of a model, in its order; none where the configuration does not say."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, Mapping) else inner
    nodes = [layer for layer in layers if isinstance(layer, Mapping)] if isinstance(layers, list) else []
    found = {one.name: one for node in nodes if node.get("class_name") == "InputLayer" and (one := _input_layer(node)) is not None}
    order = inner.get("input_layers") if isinstance(inner, Mapping) else None
    if order is not None:
        return tuple(found[name] for name in _names_in(order) if name in found)
    if found or not isinstance(inner, Mapping):
        return tuple(found.values())
    # A Sequential without one: it was built on what it was given, or its first layer says.
    first = nodes[0].get("config") if nodes else None
    first = first if isinstance(first, Mapping) else {}
    shape = _shape(inner.get("build_input_shape") or first.get("batch_input_shape"))
    dtype = "int32" if nodes and nodes[0].get("class_name") == "Embedding" else "float32"
    return (ModelInput(name=str(inner.get("name", "")), shape=shape, dtype=dtype),) if shape else ()


def _input_layer(node: Mapping[str, Any]) -> ModelInput | None:
    config = node.get("config")
    config = config if isinstance(config, Mapping) else {}
    shape = _shape(config.get("batch_shape") or config.get("batch_input_shape"))
    return ModelInput(name=str(config.get("name", "")), shape=shape, dtype=str(config.get("dtype", "float32"))) if shape else None


def _shape(value: Any) -> tuple[int | None, ...]:
    is_shape = isinstance(value, list) and all(size is None or (isinstance(size, int) and size >= 0) for size in value)
    return tuple(value) if is_shape else ()


def _names_in(tree: Any) -> Iterator[str]:
    """Of [["a", 0, 0], ["b", 0, 0]], ["a", 0, 0] or {"x": ["a", 0, 0]}: a, b."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, list) and tree and isinstance(tree[0], str):
        yield tree[0]
    elif isinstance(tree, list):
        for each in tree:
            yield from _names_in(each)


def read_inputs(path: Path, inputs: tuple[ModelInput, ...]) -> tuple[Array, ...]:
    """The user's own: one array of a .npy file, or those of a .npz file by the inputs' names, else in their order.

    Raises:
        ModelFileError: the file holds something else, or does not fit the model.
    """
    try:
        arrays = load_arrays(path)
    except ArrayFileError as error:
        raise ModelFileError(f"{path} cannot be read ({error}); expected arrays as np.save or np.savez write them") from error
    names = [one.name for one in inputs]
    chosen = [arrays[name] for name in names] if names and set(names) <= arrays.keys() else list(arrays.values())
    if inputs and len(chosen) != len(inputs):
        raise ModelFileError(
            f"{path} has {len(chosen)} arrays ({', '.join(filter(None, arrays)) or 'one without a name'}), the model has "
            f"{len(inputs)} inputs: {', '.join(names)}; save them with np.savez(file, {', '.join(f'{name}=…' for name in names)})"
        )
    for one, array in zip(inputs, chosen, strict=False):
        if not _fits(array, one):
            raise ModelFileError(f"{path}: the array for {one.name!r} has shape {array.shape}, the model reads {one.shape}")
    if len({len(array) if array.ndim else 0 for array in chosen}) != 1:
        raise ModelFileError(f"{path}: its arrays have {[array.shape for array in chosen]}, expected one number of rows")
    return tuple(array[: _rows(inputs)] for array in chosen)


def _rows(inputs: tuple[ModelInput, ...]) -> int:
    """How many rows are read: what the model is built for, or the most."""
    return next((one.shape[0] for one in inputs if one.shape[0]), MOST_ROWS)


def _fits(array: Array, one: ModelInput) -> bool:
    return array.ndim == len(one.shape) and all(
        size in (None, there) for size, there in zip(one.shape[1:], array.shape[1:], strict=True)
    )


def draw_inputs(inputs: tuple[ModelInput, ...], config: Mapping[str, Any]) -> tuple[Array, ...]:
    """Arrays that the model can read: normal numbers, and integers that every Embedding has a row for.

    Raises:
        ModelFileError: what the model reads cannot be drawn.
    """
    if not inputs:
        raise ModelFileError("the configuration does not say what the model reads; give it arrays with --inputs FILE.npy")
    least = min(_embedding_rows(config), default=2)
    return tuple(_drawn(one, least, number) for number, one in enumerate(inputs))


def _drawn(one: ModelInput, least: int, number: int) -> Array:
    open_sizes = iter(OPEN_SIZES)
    sizes = [next(open_sizes, OPEN_SIZES[-1]) if size is None else size for size in one.shape[1:]]
    shape = (one.shape[0] or DRAWN_ROWS, *sizes)
    if np.prod([float(size) for size in shape]) > LARGEST_INPUT:
        raise ModelFileError(f"the input {one.name!r} of shape {one.shape} is too large to draw; give it arrays with --inputs")
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence((number, *shape))))
    if one.dtype.startswith(("int", "uint")):
        return random.randint(0, least, shape).astype(one.dtype)
    if one.dtype == "bool":
        return random.randint(0, 2, shape).astype(bool)
    if one.dtype.startswith(("float", "bfloat")):
        return random.standard_normal(shape).astype("float64" if one.dtype == "float64" else "float32")
    raise ModelFileError(
        f"the input {one.name!r} reads {one.dtype}, of which none can be drawn; give it arrays with --inputs FILE.npz"
    )


def _embedding_rows(config: Mapping[str, Any]) -> Iterator[int]:
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            inner = value.get("config")
            if value.get("class_name") == "Embedding" and isinstance(inner, Mapping) and isinstance(inner.get("input_dim"), int):
                yield max(inner["input_dim"], 1)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
