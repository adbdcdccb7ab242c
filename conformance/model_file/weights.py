"""Finds the weights of each LSTM of a model file, and checks their shapes and values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import h5py
import numpy as np

from conformance.cases.features import POLICIES
from conformance.model_file.archive import ModelFile
from conformance.model_file.hdf5 import array_at, descend, names_of
from conformance.model_file.layers import ForeignLayer, LSTMLayer, ModelLSTM
from lstm_ref import LSTMError, LSTMWeights
from lstm_ref.arrays import Array

_NAMES = ("kernel", "recurrent_kernel", "bias")
_FLOAT16_MAX = float(np.finfo(np.float16).max)

# The name of the folder "layers" in an archive of TensorFlow 2.12 and 2.13.
_FORMER_FOLDER = "_layer_checkpoint_dependencies"


def with_weights(file: ModelFile, found: Sequence[LSTMLayer], foreign: Sequence[ForeignLayer]) -> tuple[ModelLSTM, ...]:
    """Each LSTM with its weights."""
    if file.is_archive:
        placed = [(each, _from_archive(file.weights, each)) for each in found]
        return tuple(_with_arrays(each if arrays else _refuse_renamed_attribute(each, foreign), arrays) for each, arrays in placed)
    found = [_refuse_foreign_weights(file.weights, each) for each in found]
    layers = dict(_from_layers(file.weights, found))
    return tuple(_with_arrays(each, layers.get(id(each), [])) for each in found)


def _refuse_foreign_weights(root: h5py.Group, found: LSTMLayer) -> LSTMLayer:
    """Refuse an LSTM with weights that Keras' LSTM does not have: a `.h5` file has the name of a class, but not its module."""
    group = descend(root, found.place.top) if found.written_as == "LSTM" and found.place.path.count("/") == 1 else None
    names = names_of(group, "weight_names") if isinstance(group, h5py.Group) else []
    own = [name for cell in _cells_of(group) for name in cell] if names else []
    strange = [name for name in names if name not in own]
    if not own or not strange or found.reason:
        return found
    reason = f"its class has the name 'LSTM' and weights that Keras' has not, {', '.join(strange)}: it is of the user's own"
    return replace(found, config=None, reason=reason)


def _refuse_renamed_attribute(found: LSTMLayer, foreign: Sequence[ForeignLayer]) -> LSTMLayer:
    """Refuse an LSTM that is an argument of a user's layer, which keeps it in an attribute of another name."""
    around = _enclosing_layer(foreign, stored=found.place.stored.strip("/"))
    inside = found.place.stored.removeprefix(around.place.stored) if around else ""
    if around is None or not around.place.stored or inside.startswith("/layers/"):
        return found
    reason = (
        f"it is an argument of {around.place.path}, whose class {around.class_name!r} is none of Keras' and keeps it under another "
        "name: which weights are its own cannot be told"
    )
    return replace(found, config=None, reason=reason)


def _with_arrays(found: LSTMLayer, arrays: list[Array] | str) -> ModelLSTM:
    """The LSTM with the arrays as its weights, or with a fault; an LSTM that is not verified is recognised by them in calls."""
    is_verified = found.config is not None
    try:
        weights = _checked_weights(found, arrays)
    except LSTMError as error:
        return ModelLSTM(layer=found, weights=None, faults=(str(error),) if is_verified else ())
    return ModelLSTM(layer=found, weights=weights, faults=tuple(_faults(weights, POLICIES[found.policy])) if is_verified else ())


def _checked_weights(found: LSTMLayer, arrays: list[Array] | str) -> LSTMWeights:
    """The arrays as weights of the LSTM.

    Raises:
        LSTMError: they do not fit; the message is the fault. A text in place of arrays is the fault.
    """
    if isinstance(arrays, str):
        raise LSTMError(arrays)
    if not arrays:
        raise LSTMError(
            "the file has no weights where Keras keeps those of this layer: it was saved before it was built, or it is not whole"
        )
    expected = (2, 3) if found.config is None else (3,) if found.config.use_bias else (2,)
    if len(arrays) not in expected:
        has_bias = f"use_bias is {found.config is not None and found.config.use_bias}"
        raise LSTMError(
            f"the file has {len(arrays)} weights for it, expected {expected[-1]} ({has_bias}): it is damaged, or was edited"
        )
    try:
        weights = LSTMWeights.from_arrays(*arrays)
    except LSTMError as error:
        raise LSTMError(f"its weights are no LSTM's: {error}") from error
    if found.config is not None and weights.units != found.config.units:
        raise LSTMError(f"its weights are those of {weights.units} units, the configuration says {found.config.units}")
    return weights


def _faults(weights: LSTMWeights, precision: str) -> Iterator[str]:
    """NaN, infinite and too large values, array by array."""
    for name, array in weights.arrays.items():
        for what, where in (("NaN", np.isnan(array)), ("infinite", np.isinf(array))):
            if where.any():
                first = [int(axis) for axis in np.argwhere(where)[0]]
                yield (
                    f"{name}{first} is {what}, with {np.count_nonzero(where):,} of {array.size:,} values: the training diverged, "
                    "or the file is damaged; go back to an earlier checkpoint"
                )
        over = np.isfinite(array) & (np.abs(array) > _FLOAT16_MAX)
        if precision == "float16" and over.any():
            first = [int(axis) for axis in np.argwhere(over)[0]]
            yield (
                f"{name}{first} is {array[tuple(first)]:.6g}, beyond float16's largest number {_FLOAT16_MAX:g}: it becomes "
                "infinite where the layer computes; use the policy bfloat16 or float32"
            )


def unclaimed_weights(file: ModelFile, lstms: Sequence[LSTMLayer], foreign: Sequence[ForeignLayer]) -> tuple[str, ...]:
    """Places of weights with an LSTM's shapes that belong to no LSTM of the configuration, and why."""
    if not file.is_archive:
        claimed = {each.place.top for each in lstms}
        groups = {top: descend(file.weights, top) for top in names_of(file.weights, "layer_names") if top not in claimed}
        tops = [top for top, group in groups.items() if isinstance(group, h5py.Group) and any(_cells_of(group))]
        return tuple(_unclaimed(top, _enclosing_layer(foreign, top=top)) for top in tops)
    claimed = {_path_in(file.weights, each) for each in lstms}
    unknown: list[str] = []

    def visit(name: str, held: h5py.Group | h5py.Dataset) -> None:
        if name.endswith("/vars") and isinstance(held, h5py.Group) and name not in claimed and _looks_like_lstm(held):
            unknown.append(name.removesuffix("/vars").removesuffix("cell").rstrip("/\\"))

    file.weights.visititems(visit)
    places = [name for name in unknown if not name.startswith("optimizer/")]
    return tuple(_unclaimed(place, _enclosing_layer(foreign, stored=place)) for place in places)


def _enclosing_layer(foreign: Sequence[ForeignLayer], *, top: str = "", stored: str = "") -> ForeignLayer | None:
    """The innermost user's layer that contains a place; None where there is none."""
    inside = f"/{stored}/".replace("\\", "/").replace(f"/{_FORMER_FOLDER}/", "/layers/")
    holding = [
        each
        for each in foreign
        if (each.place.top in ("", top) if top else inside.startswith(f"{each.place.stored.removesuffix('/cell')}/"))
    ]
    return max(holding, key=lambda each: len(each.place.stored), default=None)


def _unclaimed(place: str, layer: ForeignLayer | None) -> str:
    what = f"{place} has weights of an LSTM's shapes"
    if layer is None:
        return f"{what}, and no layer of the configuration has its weights there"
    where = "/".join(layer.place.path.split("/")[:2]) if layer.place.top == place else layer.place.path
    return (
        f"{what}, in {where}, where the class {layer.class_name!r} is none of Keras': its configuration is in the file, the code "
        "that computes with them is not"
    )


def _looks_like_lstm(group: h5py.Group) -> bool:
    shapes = [getattr(descend(group, str(k)), "shape", None) for k in range(3)]
    kernel, recurrent, bias = shapes
    if kernel is None or recurrent is None or len(kernel) != 2 or len(recurrent) != 2:
        return False
    return bool(kernel[1] == recurrent[1] == 4 * recurrent[0] and bias in (None, (recurrent[1],)))


# --- .keras --------------------------------------------------------------------------------------------------------------------


def name_of_windows(file: ModelFile) -> str:
    """A name of weights in an archive with the separators of Windows; "" where there is none."""
    return next((name for name in file.weights if "\\" in name), "") if file.is_archive else ""


def _path_in(root: h5py.Group, found: LSTMLayer) -> str:
    path = f"{found.place.stored.strip('/')}/vars"
    if descend(root, "layers") is None and descend(root, _FORMER_FOLDER) is not None:
        return path.replace("layers", _FORMER_FOLDER)
    on_windows = path.removesuffix("/vars").replace("/", "\\") + "/vars"
    return path if descend(root, on_windows) is None else on_windows


def _from_archive(root: h5py.Group, found: LSTMLayer) -> list[Array]:
    """The arrays at the place of the LSTM: an archive numbers the layers of one class, and the variables of a layer."""
    path = _path_in(root, found)
    return _arrays_at(root, [f"{path}/{k}" for k in range(len(_NAMES))])


def _arrays_at(group: h5py.Group, paths: Sequence[str]) -> list[Array]:
    """The arrays at the paths, up to the first that is missing."""
    found = itertools.takewhile(lambda array: array is not None, (array_at(group, path) for path in paths))
    return [array for array in found if array is not None]


# --- .h5 -----------------------------------------------------------------------------------------------------------------------


def _from_layers(root: h5py.Group, found: Sequence[LSTMLayer]) -> Iterator[tuple[int, list[Array] | str]]:
    """The weights of the LSTMs in each direct layer of the model: (id of the LSTM, arrays or a fault).

    A layer lists the names of its weights, those of trainable layers first, else in the order of the configuration. The names end
    in kernel, recurrent_kernel and bias; their first parts are not reliably the name of a layer.
    """
    for top in dict.fromkeys(each.place.top for each in found):
        members = sorted((each for each in found if each.place.top == top), key=lambda each: not each.place.trainable)
        group = descend(root, top)
        if not isinstance(group, h5py.Group):
            continue
        cells = list(_cells_of(group))
        if len(cells) != len(members):
            cells = [_cell_by_name(each, cells) for each in members]
        recurrent = [names[1] for names in cells if names]
        for each, names in zip(members, cells, strict=True):
            if not names:
                yield id(each), f"its weights cannot be told from others of {top!r}; save the model as .keras"
            elif recurrent.count(names[1]) > 1:
                lost = f"its weights have the names of another layer's ({', '.join(names)}), so that one of the two is lost"
                yield id(each), f"{lost}: Keras 3.0 writes .h5 so; save the model as .keras"
            else:
                yield id(each), _arrays_at(group, names)


def _cells_of(group: h5py.Group) -> Iterator[list[str]]:
    """The names of the weights of each LSTM cell, in their order."""
    names = names_of(group, "weight_names")
    for position, name in enumerate(names):
        stem, _, last = name.rpartition("/")
        if not last.startswith("recurrent_kernel") or not position:
            continue
        shape: tuple[int, ...] = getattr(descend(group, name), "shape", ())
        if len(shape) == 2 and shape[1] == 4 * shape[0]:
            following = names[position + 1 : position + 2]
            bias = [
                other for other in following if other.rpartition("/")[0] == stem and other.rpartition("/")[2].startswith("bias")
            ]
            yield [names[position - 1], name, *bias]


def _cell_by_name(found: LSTMLayer, cells: Sequence[list[str]]) -> list[str]:
    """The cell whose names contain that of the layer; empty where none or several do."""
    named = [names for names in cells if found.name in names[0].split("/")]
    return named[0] if len(named) == 1 else []
