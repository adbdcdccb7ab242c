"""The arrays that a model predicts on: the user's own, or random ones with the shapes and dtypes of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conformance.model_file.errors import ModelFileError
from conformance.model_file.ownership import arguments_of, layers_of, mappings
from conformance.system.array_files import ArrayFileError, load_arrays
from conformance.system.error_messages import counted, file_error_message
from lstm_ref.arrays import Array

# Rows of random arrays, the most rows of the user's arrays, and the sizes of open axes: of timesteps, then of any other axis.
DRAWN_ROWS, MOST_ROWS = 3, 32
OPEN_SIZES = (9, 8)
LARGEST_INPUT = 1 << 24


@dataclass(frozen=True, kw_only=True)
class ModelInput:
    """One input of a model: its name, its shape with the batch first (None for open axes), and its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


def inputs_of(config: Mapping[str, Any]) -> tuple[ModelInput, ...]:
    """The inputs of a model, in its order; empty where the configuration does not give them."""
    nodes = layers_of(config.get("config"))
    input_layers = (_input_layer(node) for node in nodes if node.get("class_name") == "InputLayer")
    inputs = {model_input.name: model_input for model_input in input_layers if model_input is not None}
    order = arguments_of(config).get("input_layers")
    if order is not None:
        return tuple(inputs[name] for name in _names_in(order) if name in inputs)
    if inputs:
        return tuple(inputs.values())
    # A Sequential model without an InputLayer, before Keras 2.2.3 a list: the shape it was built for, else that of its first layer.
    attributes, first = arguments_of(config), arguments_of(nodes[0]) if nodes else {}
    shape = _shape(attributes.get("build_input_shape") or first.get("batch_input_shape"))
    dtype = "int32" if nodes and nodes[0].get("class_name") == "Embedding" else "float32"
    return (ModelInput(name=str(attributes.get("name", "")), shape=shape, dtype=dtype),) if shape else ()


def _input_layer(node: Mapping[str, Any]) -> ModelInput | None:
    config = arguments_of(node)
    shape = _shape(config.get("batch_shape") or config.get("batch_input_shape"))
    return ModelInput(name=str(config.get("name", "")), shape=shape, dtype=str(config.get("dtype", "float32"))) if shape else None


def _shape(value: Any) -> tuple[int | None, ...]:
    is_shape = isinstance(value, list) and all(size is None or (isinstance(size, int) and size >= 0) for size in value)
    return tuple(value) if is_shape else ()


def _names_in(tree: Any) -> Iterator[str]:
    """The names in [["a", 0, 0], ["b", 0, 0]], ["a", 0, 0] or {"x": ["a", 0, 0]}."""
    if isinstance(tree, Mapping):
        tree = list(tree.values())
    if isinstance(tree, list) and tree and isinstance(tree[0], str):
        yield tree[0]
    elif isinstance(tree, list):
        for each in tree:
            yield from _names_in(each)


def read_inputs(path: Path, inputs: tuple[ModelInput, ...]) -> tuple[Array, ...]:
    """The user's arrays: that of a .npy file, or those of a .npz file by the names of the inputs, else in their order.

    Raises:
        ModelFileError: the file has no arrays, or they do not fit the model.
    """
    arrays = _arrays_of(path)
    names = [model_input.name for model_input in inputs]
    chosen = [arrays[name] for name in names] if names and set(names) <= arrays.keys() else list(arrays.values())
    if inputs and len(chosen) != len(inputs):
        held = f"{counted(len(chosen), 'array')} ({', '.join(filter(None, arrays)) or 'without a name'})"
        named = ", ".join(f"{name!r}: …" for name in names)
        raise ModelFileError(
            f"{path} has {held}, the model has {counted(len(inputs), 'input')}: {', '.join(names)}; save one array for each with "
            f"np.savez(file, **{{{named}}})"
        )
    for model_input, array in zip(inputs, chosen, strict=False):
        if not _fits(array, model_input):
            raise ModelFileError(
                f"{path}: the array for {model_input.name!r} has shape {array.shape}, the model reads {model_input.shape}"
            )
    rows = {array.shape[:1] for array in chosen}
    if len(rows) != 1 or () in rows:
        raise ModelFileError(f"{path}: its arrays have {[array.shape for array in chosen]}, expected one number of rows")
    built_for = _batch(inputs)
    if len(chosen[0]) < (built_for or 1):
        needed = f"the model is built for {built_for}" if built_for else "expected at least one"
        raise ModelFileError(f"{path} has {counted(len(chosen[0]), 'row')}; {needed}")
    return tuple(array[: built_for or MOST_ROWS] for array in chosen)


# The first bytes of a .npy file, a .npz file, and a .npz file without arrays.
_MAGIC = (b"\x93NUMPY", b"PK\x03\x04", b"PK\x05\x06")


def _arrays_of(path: Path) -> dict[str, Array]:
    """The arrays of a file by name; the name is "" in a .npy file."""
    try:
        with path.open("rb") as file:
            if not file.read(len(_MAGIC[0])).startswith(_MAGIC):
                raise ModelFileError(f"{path} is neither a .npy nor a .npz file; expected arrays as np.save or np.savez write them")
    except OSError as error:
        raise ModelFileError(file_error_message("read", path, error)) from error
    try:
        arrays = load_arrays(path)
    except ArrayFileError as error:
        raise ModelFileError(f"{path} holds no arrays ({error}); expected them as np.save or np.savez write them") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biufSU":
            raise ModelFileError(f"{path}: the array {name!r} holds {array.dtype}, expected numbers or text")
    return arrays


def _batch(inputs: tuple[ModelInput, ...]) -> int | None:
    """The number of rows that the model is built for; None where any number is possible."""
    return next((model_input.shape[0] for model_input in inputs if model_input.shape[0]), None)


def _fits(array: Array, model_input: ModelInput) -> bool:
    return array.ndim == len(model_input.shape) and all(
        size in (None, there) for size, there in zip(model_input.shape[1:], array.shape[1:], strict=True)
    )


def draw_inputs(inputs: tuple[ModelInput, ...], config: Mapping[str, Any]) -> tuple[Array, ...]:
    """Arrays that the model can read: normal numbers, and integers that every Embedding has a row for.

    Raises:
        ModelFileError: there are no random arrays for the inputs of the model.
    """
    if not inputs:
        raise ModelFileError("the configuration does not say what the model reads; give it arrays with --inputs FILE.npy")
    least = min(_embedding_rows(config), default=2)
    return tuple(_draw_input(model_input, least, number) for number, model_input in enumerate(inputs))


def _draw_input(model_input: ModelInput, least: int, number: int) -> Array:
    open_sizes = iter(OPEN_SIZES)
    sizes = [next(open_sizes, OPEN_SIZES[-1]) if size is None else size for size in model_input.shape[1:]]
    shape = (model_input.shape[0] or DRAWN_ROWS, *sizes)
    if np.prod([float(size) for size in shape]) > LARGEST_INPUT:
        raise ModelFileError(
            f"the input {model_input.name!r} of shape {model_input.shape} is too large to draw; give it arrays with --inputs"
        )
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence((number, *shape))))
    if model_input.dtype.startswith(("int", "uint")):
        return random.randint(0, least, shape).astype(model_input.dtype)
    if model_input.dtype == "bool":
        return random.randint(0, 2, shape).astype(bool)
    if model_input.dtype.startswith(("float", "bfloat")):
        return random.standard_normal(shape).astype("float64" if model_input.dtype == "float64" else "float32")
    raise ModelFileError(
        f"the input {model_input.name!r} reads {model_input.dtype}, of which none can be drawn; "
        "give it arrays with --inputs FILE.npz"
    )


def _embedding_rows(config: Mapping[str, Any]) -> Iterator[int]:
    arguments = (arguments_of(node) for node in mappings(config) if node.get("class_name") == "Embedding")
    return (max(each["input_dim"], 1) for each in arguments if isinstance(each.get("input_dim"), int))
