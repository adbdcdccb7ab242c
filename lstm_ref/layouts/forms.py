"""The arrays in which systems store the weights of an LSTM, for any order of the gates; they always have a bias."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from lstm_ref.arrays import Array, floating_array
from lstm_ref.errors import LSTMError, ShapeError
from lstm_ref.weights import GATE_ORDER, LSTMWeights

Arrays = dict[str, Array]
Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class Form:
    """The arrays that store the weights, for any order of the gates.

    Attributes:
        pack: makes the arrays, by the system's names and in its order.
        unpack: the inverse, from arrays with the shapes of the form.
        shapes: of the arrays, from the numbers of features and units.
        sizes: the numbers of features and units, from arrays with the right numbers of axes.
        biases: arrays that may all be missing, for biases of zeros.
        extras: names of further arrays, for functions that Keras does not have.
        plain: changes arrays with extras to the shapes without.
        deviations: names of the form's deviations from Keras.
    """

    pack: Callable[[LSTMWeights], Arrays]
    unpack: Callable[[Mapping[str, Array]], LSTMWeights]
    shapes: Callable[[int, int], Shapes]
    sizes: Callable[[Mapping[str, Array]], tuple[int, int]]
    biases: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    plain: Callable[[Mapping[str, Array]], Mapping[str, Array]] = lambda arrays: arrays
    deviations: tuple[str, ...] = ()

    def read(self, arrays: Mapping[str, Array]) -> LSTMWeights:
        """The weights in the arrays, with blocks in the system's order.

        Raises:
            LSTMError, ShapeError, DtypeError: see `Layout.read`.
        """
        if not isinstance(arrays, Mapping):
            raise LSTMError(f"expected arrays by name, {', '.join(self.shapes(1, 1))}; got one {type(arrays).__name__}")
        self._check_names(list(arrays))
        plain = self.plain({name: floating_array(name, array) for name, array in arrays.items()})
        for name, shape in self.shapes(1, 1).items():
            if name in plain and plain[name].ndim != len(shape):
                raise ShapeError(f"{name} must have {len(shape)} axes; got shape {plain[name].shape}")
        input_dim, units = self.sizes(plain)
        for name, shape in self.shapes(input_dim, units).items():
            if name in plain and (plain[name].shape != shape or min(input_dim, units) < 1):
                raise ShapeError(
                    f"{name} has shape {plain[name].shape}, expected {shape}: by their shapes, the arrays are those of {input_dim} "
                    f"features and {units} units"
                )
        return self.unpack(plain)

    def _check_names(self, names: list[str]) -> None:
        known = list(self.shapes(1, 1))
        optional = () if any(name in names for name in self.biases) else self.biases
        missing = [name for name in known if name not in names and name not in optional]
        unexpected = [name for name in names if name not in known and name not in self.extras]
        if missing or unexpected:
            errors = [*(f"{name!r} is missing" for name in missing), *(f"{name!r} is none of them" for name in unexpected)]
            is_reverse = any(str(name).endswith("_reverse") for name in unexpected)
            hint = (
                "; the other direction is an LSTM of its own: read its arrays apart, by the names of the first"
                if is_reverse
                else ""
            )
            raise LSTMError(f"expected the arrays {', '.join(known)}; {', '.join(errors)}{hint}")


PROJECTION = "projection/kernel"

# The names of the peepholes in TensorFlow's LSTMCell, and in BlockLSTM.
PEEPHOLES = (("w_i_diag", "w_f_diag", "w_o_diag"), ("wci", "wcf", "wco"))


def _stacked(names: tuple[str, str], weights: LSTMWeights) -> Arrays:
    kernel, recurrent_kernel, bias = weights.arrays.values()
    return dict(zip(names, (np.concatenate([kernel, recurrent_kernel]), bias), strict=True))


def _from_stacked(names: tuple[str, str], arrays: Mapping[str, Array]) -> LSTMWeights:
    """From a kernel of [x, h]."""
    kernel, bias = (arrays[name] for name in names)
    units = kernel.shape[1] // 4
    return LSTMWeights(kernel[:-units], kernel[-units:], bias)


def _without_projection(names: tuple[str, str], arrays: Mapping[str, Array]) -> Mapping[str, Array]:
    """A kernel whose rows for a projected h are padded with zeros to one row per unit."""
    kernel = arrays[names[0]]
    if PROJECTION not in arrays or kernel.ndim != 2:
        return arrays
    projection, units = arrays[PROJECTION], kernel.shape[1] // 4
    if projection.ndim != 2 or len(projection) != units or not 0 < projection.shape[1] <= units:
        raise ShapeError(f"{PROJECTION} must have shape ({units}, values), of 1 to {units} values; got {projection.shape}")
    return {**arrays, names[0]: np.pad(kernel, ((0, units - projection.shape[1]), (0, 0)))}


def _stacked_shapes(names: tuple[str, str], input_dim: int, units: int) -> Shapes:
    return dict(zip(names, ((input_dim + units, 4 * units), (4 * units,)), strict=True))


def _stacked_sizes(names: tuple[str, str], arrays: Mapping[str, Array]) -> tuple[int, int]:
    rows, columns = arrays[names[0]].shape
    return rows - columns // 4, columns // 4


# The order of the gates' arrays in Keras 1.
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
    kernel, recurrent_kernel = (arrays[name] for name in _PYTORCH_NAMES[:2])
    zeros = np.zeros(len(kernel), kernel.dtype)
    return LSTMWeights(kernel.T, recurrent_kernel.T, np.sum([arrays.get(name, zeros) for name in _PYTORCH_NAMES[2:]], axis=0))


def _onnx(weights: LSTMWeights) -> Arrays:
    kernel, recurrent_kernel, *biases = _gates_first(weights).values()
    return {"W": kernel[np.newaxis], "R": recurrent_kernel[np.newaxis], "B": np.concatenate(biases)[np.newaxis]}


def _from_onnx(arrays: Mapping[str, Array]) -> LSTMWeights:
    (kernel,), (recurrent_kernel,) = (arrays[name] for name in "WR")
    biases = arrays.get("B", np.zeros((1, 2 * len(kernel)), kernel.dtype))
    return LSTMWeights(kernel.T, recurrent_kernel.T, biases.reshape(2, -1).sum(axis=0))


def _flat(weights: LSTMWeights) -> Arrays:
    flat = np.concatenate([array.ravel() for array in _gates_first(weights).values()])
    return {"weightSpace": flat, "hiddenSize": np.asarray(weights.units)}


def _from_flat(arrays: Mapping[str, Array]) -> LSTMWeights:
    flat, (input_dim, units) = arrays["weightSpace"], _flat_sizes(arrays)
    blocks = np.split(flat, np.cumsum([4 * units * input_dim, 4 * units * units, 4 * units]))
    shapes = ((4 * units, input_dim), (4 * units, units), (4 * units,), (4 * units,))
    parts = (block.reshape(shape) for block, shape in zip(blocks, shapes, strict=True))
    return _from_gates_first(dict(zip(_PYTORCH_NAMES, parts, strict=True)))


def _flat_sizes(arrays: Mapping[str, Array]) -> tuple[int, int]:
    units = float(arrays["hiddenSize"])
    if not units.is_integer() or units < 1:
        raise ShapeError(f"hiddenSize must be a positive integer, the number of units; got {units:g}")
    return arrays["weightSpace"].size // (4 * int(units)) - int(units) - 2, int(units)


_AS_PYTORCH = ("weights_transposed", "two_biases")
_CELL, _OPERATION = ("kernel", "bias"), ("w", "b")

APART = Form(
    pack=lambda weights: weights.arrays,
    unpack=lambda arrays: LSTMWeights(**arrays),
    shapes=lambda n, units: {"kernel": (n, 4 * units), "recurrent_kernel": (units, 4 * units), "bias": (4 * units,)},
    sizes=lambda arrays: (len(arrays["kernel"]), len(arrays["recurrent_kernel"])),
    biases=("bias",),
)
OF_A_CELL, OF_AN_OPERATION = (
    Form(
        pack=partial(_stacked, names),
        unpack=partial(_from_stacked, names),
        shapes=partial(_stacked_shapes, names),
        sizes=partial(_stacked_sizes, names),
        extras=(*(name for peepholes in PEEPHOLES for name in peepholes), PROJECTION),
        plain=partial(_without_projection, names),
        deviations=("kernels_stacked",),
    )
    for names in (_CELL, _OPERATION)
)
PER_GATE = Form(
    pack=_per_gate,
    unpack=_from_per_gate,
    shapes=lambda n, units: {
        f"{letter}_{gate}": shape
        for gate in _KERAS_1_GATES
        for letter, shape in (("W", (n, units)), ("U", (units, units)), ("b", (units,)))
    },
    sizes=lambda arrays: (len(arrays["W_i"]), len(arrays["U_i"])),
    deviations=("twelve_arrays",),
)
GATES_FIRST = Form(
    pack=_gates_first,
    unpack=_from_gates_first,
    shapes=lambda n, units: dict(
        zip(_PYTORCH_NAMES, ((4 * units, n), (4 * units, units), (4 * units,), (4 * units,)), strict=True)
    ),
    sizes=lambda arrays: (arrays["weight_ih_l0"].shape[1], arrays["weight_hh_l0"].shape[1]),
    biases=_PYTORCH_NAMES[2:],
    deviations=_AS_PYTORCH,
)
ONNX = Form(
    pack=_onnx,
    unpack=_from_onnx,
    shapes=lambda n, units: {"W": (1, 4 * units, n), "R": (1, 4 * units, units), "B": (1, 8 * units)},
    sizes=lambda arrays: (arrays["W"].shape[2], arrays["R"].shape[2]),
    biases=("B",),
    deviations=_AS_PYTORCH,
)
FLAT = Form(
    pack=_flat,
    unpack=_from_flat,
    shapes=lambda n, units: {"weightSpace": (4 * units * (n + units + 2),), "hiddenSize": ()},
    sizes=_flat_sizes,
    deviations=_AS_PYTORCH,
)
