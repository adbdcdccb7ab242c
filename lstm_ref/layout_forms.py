"""In which arrays systems store the weights of an LSTM, whatever the order of their gates; a bias is always there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.weights import GATE_ORDER, LSTMWeights

Arrays = dict[str, Array]


@dataclass(frozen=True, kw_only=True)
class Form:
    """In which arrays the weights are stored, whatever the order of their gates.

    Attributes:
        pack: the arrays by the system's names, in its order.
        unpack: the other way round.
        deviations: names of what the form departs from Keras in.
    """

    pack: Callable[[LSTMWeights], Arrays]
    unpack: Callable[[Mapping[str, Array]], LSTMWeights]
    deviations: tuple[str, ...] = ()


def _apart(weights: LSTMWeights) -> Arrays:
    return weights.arrays


def _from_apart(arrays: Mapping[str, Array]) -> LSTMWeights:
    return LSTMWeights(**arrays)


PROJECTION = "projection/kernel"


def _stacked(names: tuple[str, str], weights: LSTMWeights) -> Arrays:
    kernel, recurrent_kernel, bias = weights.arrays.values()
    return dict(zip(names, (np.concatenate([kernel, recurrent_kernel]), bias), strict=True))


def _from_stacked(names: tuple[str, str], arrays: Mapping[str, Array]) -> LSTMWeights:
    """Of [x, h]; rows for a projected h are followed by zeros for the values that it lacks."""
    kernel, bias = (arrays[name] for name in names)
    units = kernel.shape[1] // 4
    values = arrays[PROJECTION].shape[1] if PROJECTION in arrays else units
    return LSTMWeights(kernel[:-values], np.pad(kernel[-values:], ((0, units - values), (0, 0))), bias)


# In which order Keras 1 lists the gates that have arrays of their own.
_KERAS_1_GATES = ("i", "c", "f", "o")
_KERAS_1_NAMES = {"W": "kernel", "U": "recurrent_kernel", "b": "bias"}


def _per_gate(weights: LSTMWeights) -> Arrays:
    blocks = {letter: np.split(weights.arrays[name], 4, axis=-1) for letter, name in _KERAS_1_NAMES.items()}
    return {f"{letter}_{gate}": blocks[letter][GATE_ORDER.index(gate)] for gate in _KERAS_1_GATES for letter in _KERAS_1_NAMES}


def _from_per_gate(arrays: Mapping[str, Array]) -> LSTMWeights:
    return LSTMWeights(
        **{
            name: np.concatenate([arrays[f"{letter}_{gate}"] for gate in GATE_ORDER], axis=-1)
            for letter, name in _KERAS_1_NAMES.items()
        }
    )


_PYTORCH_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def _gates_first(weights: LSTMWeights) -> Arrays:
    kernel, recurrent_kernel, bias = weights.arrays.values()
    return dict(zip(_PYTORCH_NAMES, (kernel.T, recurrent_kernel.T, bias, 0 * bias), strict=True))


def _from_gates_first(arrays: Mapping[str, Array]) -> LSTMWeights:
    kernel, recurrent_kernel, *biases = (arrays[name] for name in _PYTORCH_NAMES)
    return LSTMWeights(kernel.T, recurrent_kernel.T, np.sum(biases, axis=0))


def _onnx(weights: LSTMWeights) -> Arrays:
    kernel, recurrent_kernel, *biases = _gates_first(weights).values()
    return {"W": kernel[np.newaxis], "R": recurrent_kernel[np.newaxis], "B": np.concatenate(biases)[np.newaxis]}


def _from_onnx(arrays: Mapping[str, Array]) -> LSTMWeights:
    (kernel,), (recurrent_kernel,), (biases,) = (arrays[name] for name in "WRB")
    return LSTMWeights(kernel.T, recurrent_kernel.T, biases.reshape(2, -1).sum(axis=0))


def _flat(weights: LSTMWeights) -> Arrays:
    flat = np.concatenate([array.ravel() for array in _gates_first(weights).values()])
    return {"weightSpace": flat, "hiddenSize": np.asarray(weights.units)}


def _from_flat(arrays: Mapping[str, Array]) -> LSTMWeights:
    flat, units = arrays["weightSpace"], int(arrays["hiddenSize"])
    input_dim = flat.size // (4 * units) - units - 2
    blocks = np.split(flat, np.cumsum([4 * units * input_dim, 4 * units * units, 4 * units]))
    shapes = ((4 * units, input_dim), (4 * units, units), (4 * units,), (4 * units,))
    parts = (block.reshape(shape) for block, shape in zip(blocks, shapes, strict=True))
    return _from_gates_first(dict(zip(_PYTORCH_NAMES, parts, strict=True)))


_AS_PYTORCH = ("weights_transposed", "two_biases")
_CELL, _OPERATION = ("kernel", "bias"), ("w", "b")

APART = Form(pack=_apart, unpack=_from_apart)
OF_A_CELL = Form(pack=partial(_stacked, _CELL), unpack=partial(_from_stacked, _CELL), deviations=("kernels_stacked",))
OF_AN_OPERATION = Form(
    pack=partial(_stacked, _OPERATION), unpack=partial(_from_stacked, _OPERATION), deviations=("kernels_stacked",)
)
PER_GATE = Form(pack=_per_gate, unpack=_from_per_gate, deviations=("twelve_arrays",))
GATES_FIRST = Form(pack=_gates_first, unpack=_from_gates_first, deviations=_AS_PYTORCH)
ONNX = Form(pack=_onnx, unpack=_from_onnx, deviations=_AS_PYTORCH)
FLAT = Form(pack=_flat, unpack=_from_flat, deviations=_AS_PYTORCH)
