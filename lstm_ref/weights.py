"""LSTMWeights: kernel, recurrent kernel and bias, split into the blocks of the gates i, f, c, o."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.errors import DtypeError, LSTMError, ShapeError, UnsupportedConfigError

# Column blocks of kernel, recurrent_kernel and bias: input gate, forget gate, candidate, output gate.
GATE_ORDER = ("i", "f", "c", "o")


def count_params(units: int, input_dim: int, use_bias: bool = True) -> int:
    """Number of weights of an LSTM: four gates, each reading input_dim features, units hidden values and a bias.

    Raises:
        LSTMError: a size is not a positive integer.

    >>> count_params(10, 5)
    640
    """
    for name, value in (("units", units), ("input_dim", input_dim)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise LSTMError(f"{name} must be a positive integer; got {value!r}")
    return len(GATE_ORDER) * units * (input_dim + units + bool(use_bias))


class GateWeights(NamedTuple):
    """One gate's columns: kernel (input_dim, units), recurrent_kernel (units, units), bias (units,) or None; views, not copies."""

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None


@dataclass(frozen=True, eq=False)
class LSTMWeights:
    """The weights of one LSTM in Keras' layout.

    Attributes:
        kernel: (input_dim, 4 * units), what the inputs are multiplied by.
        recurrent_kernel: (units, 4 * units), what the previous hidden state is multiplied by.
        bias: (4 * units,), or None where use_bias is False.

    Raises:
        ShapeError: the three do not fit each other.
        DtypeError: an array is not of a real floating dtype.
    """

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None = None

    def __post_init__(self) -> None:
        for name, array, ndim in (
            ("kernel", self.kernel, 2),
            ("recurrent_kernel", self.recurrent_kernel, 2),
            ("bias", self.bias, 1),
        ):
            if array is None and name == "bias":
                continue
            if not isinstance(array, np.ndarray) or not np.issubdtype(array.dtype, np.floating):
                raise DtypeError(f"{name} must be a floating-point array; got {getattr(array, 'dtype', type(array).__name__)}")
            if array.ndim != ndim:
                raise ShapeError(f"{name} must have {ndim} axes; got shape {array.shape}")
        units = self.recurrent_kernel.shape[0]
        expected: dict[str, tuple[int, ...]] = {
            "recurrent_kernel": (units, 4 * units),
            "kernel": (self.kernel.shape[0], 4 * units),
            "bias": (4 * units,),
        }
        for name, shape in expected.items():
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise ShapeError(
                    f"{name} has shape {array.shape}, expected {shape}: recurrent_kernel has {units} rows, so units = {units}, "
                    f"and each gate i, f, c, o owns {units} of 4 * units columns"
                )
        if 0 in self.kernel.shape:
            raise ShapeError(f"input_dim and units must be at least 1; got kernel {self.kernel.shape}, units {units}")

    @classmethod
    def from_arrays(cls, kernel: Any, recurrent_kernel: Any, bias: Any = None) -> LSTMWeights:
        """Weights from anything array-like; integers become float64, floating dtypes are kept.

        Raises:
            ShapeError, DtypeError: see LSTMWeights.
        """
        arrays = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
        return cls(**{name: None if value is None else _as_float_array(name, value) for name, value in arrays.items()})  # type: ignore[arg-type]  # only bias can be None

    @classmethod
    def from_keras(cls, layer: Any) -> LSTMWeights:
        """Copy the weights of a built `keras.layers.LSTM`, `LSTMCell`, or `RNN` over one LSTMCell, of any Keras version ≥ 2.

        Raises:
            UnsupportedConfigError: the layer has no LSTM weights, or is not built yet.
        """
        cell = getattr(layer, "cell", layer)
        kernel, recurrent_kernel = getattr(cell, "kernel", None), getattr(cell, "recurrent_kernel", None)
        if kernel is None or recurrent_kernel is None:
            built = getattr(layer, "built", None)
            hint = (
                "build it or call it once first" if built is False else "expected an LSTM, an LSTMCell or an RNN over one LSTMCell"
            )
            raise UnsupportedConfigError(f"{type(layer).__name__} has no kernel and recurrent_kernel: {hint}")
        return cls.from_arrays(
            *(None if array is None else _to_numpy(array) for array in (kernel, recurrent_kernel, getattr(cell, "bias", None)))
        )

    @property
    def units(self) -> int:
        """Size of output and states."""
        return int(self.recurrent_kernel.shape[0])

    @property
    def input_dim(self) -> int:
        """Features per timestep."""
        return int(self.kernel.shape[0])

    @property
    def count(self) -> int:
        """Number of parameters."""
        return sum(array.size for array in self.arrays.values())

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays that are there, by Keras' names, in Keras' order."""
        named = {"kernel": self.kernel, "recurrent_kernel": self.recurrent_kernel, "bias": self.bias}
        return {name: array for name, array in named.items() if array is not None}

    def gate(self, name: str) -> GateWeights:
        """Views of one gate's columns, so that writing to them writes to the weights.

        Raises:
            LSTMError: no such gate.
        """
        if name not in GATE_ORDER:
            raise LSTMError(
                f"unknown gate {name!r}; expected one of {', '.join(GATE_ORDER)} (c is the candidate, o the output gate)"
            )
        return self._gates[name]

    @cached_property
    def _gates(self) -> dict[str, GateWeights]:
        """Made once, since every timestep asks for them."""
        blocks = {gate: np.s_[k * self.units : (k + 1) * self.units] for k, gate in enumerate(GATE_ORDER)}
        return {
            gate: GateWeights(
                self.kernel[:, block], self.recurrent_kernel[:, block], None if self.bias is None else self.bias[block]
            )
            for gate, block in blocks.items()
        }

    def astype(self, dtype: Any) -> LSTMWeights:
        """The same weights in another floating dtype."""
        return LSTMWeights(**{name: array.astype(dtype) for name, array in self.arrays.items()})


def _as_float_array(name: str, value: Any) -> Array:
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise DtypeError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return array.astype(np.float64) if array.dtype.kind in "iu" else array


def _to_numpy(variable: Any) -> Array:
    """A framework's variable as a NumPy array of our own; torch lets go of its data only when detached from its gradient."""
    tensor = getattr(variable, "value", variable)
    tensor = tensor() if callable(tensor) else tensor
    tensor = tensor.detach().cpu() if hasattr(tensor, "detach") else tensor
    return np.array(tensor.numpy() if hasattr(tensor, "numpy") else tensor)
