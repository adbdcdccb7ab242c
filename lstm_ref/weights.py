"""LSTMWeights: kernel, recurrent kernel and bias, split into the blocks of the gates i, f, c, o."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from lstm_ref.arrays import Array, floating_array
from lstm_ref.errors import DtypeError, LSTMError, ShapeError

# Column blocks of kernel, recurrent_kernel and bias: input gate, forget gate, candidate, output gate.
GATE_ORDER = ("i", "f", "c", "o")


def count_params(units: int, input_dim: int, use_bias: bool = True) -> int:
    """Number of weights of an LSTM: four gates, each of which reads input_dim features, units hidden values and a bias.

    Raises:
        LSTMError: a size is not a positive integer, or use_bias is not a bool.

    >>> count_params(10, 5)
    640
    """
    for name, value in (("units", units), ("input_dim", input_dim)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise LSTMError(f"{name} must be a positive integer; got {value!r}")
    if not isinstance(use_bias, bool):
        raise LSTMError(f"use_bias must be True or False; got {use_bias!r}")
    return len(GATE_ORDER) * int(units) * (int(input_dim) + int(units) + use_bias)


class GateWeights(NamedTuple):
    """One gate's columns: kernel (input_dim, units), recurrent_kernel (units, units), bias (units,) or None; views, not copies."""

    kernel: Array
    recurrent_kernel: Array
    bias: Array | None


@dataclass(frozen=True, eq=False)
class LSTMWeights:
    """The weights of one LSTM in Keras' layout.

    Attributes:
        kernel: (input_dim, 4 * units), multiplies the inputs.
        recurrent_kernel: (units, 4 * units), multiplies the previous hidden state.
        bias: (4 * units,), or None where use_bias is False.

    Raises:
        ShapeError: the shapes of the arrays do not fit each other.
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
        """Weights from anything array-like; floating dtypes are kept, all other real ones become float64 exactly.

        Raises:
            ShapeError, DtypeError: see LSTMWeights.
        """
        arrays = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
        return cls(**{name: None if value is None else floating_array(name, value) for name, value in arrays.items()})  # type: ignore[arg-type]  # only bias can be None

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
        """The arrays by Keras' names, in Keras' order, without the bias where it is None."""
        arrays = {"kernel": self.kernel, "recurrent_kernel": self.recurrent_kernel, "bias": self.bias}
        return {name: array for name, array in arrays.items() if array is not None}

    def gate(self, name: str) -> GateWeights:
        """Views of one gate's columns: writing to them writes to the weights.

        Raises:
            LSTMError: unknown gate.
        """
        if not isinstance(name, str) or name not in GATE_ORDER:
            raise LSTMError(
                f"unknown gate {name!r}; expected one of {', '.join(GATE_ORDER)} (c is the candidate, o the output gate)"
            )
        return self._gates[name]

    @cached_property
    def _gates(self) -> dict[str, GateWeights]:
        """Computed once, because every timestep uses them."""
        blocks = {gate: np.s_[k * self.units : (k + 1) * self.units] for k, gate in enumerate(GATE_ORDER)}
        return {
            gate: GateWeights(
                self.kernel[:, block], self.recurrent_kernel[:, block], None if self.bias is None else self.bias[block]
            )
            for gate, block in blocks.items()
        }

    def astype(self, dtype: Any) -> LSTMWeights:
        """The same weights in another floating dtype.

        Raises:
            DtypeError: not a floating dtype of NumPy.
        """
        if not _is_floating(dtype):
            raise DtypeError(f"weights are of a floating dtype of NumPy's; got {dtype!r}")
        return LSTMWeights(**{name: array.astype(dtype) for name, array in self.arrays.items()})


def _is_floating(dtype: Any) -> bool:
    try:
        return bool(np.issubdtype(np.dtype(dtype), np.floating))
    except TypeError:
        return False
