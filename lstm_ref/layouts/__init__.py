"""Layouts of LSTMs in other systems: the order of the gates, the arrays of kernels and biases, and the order of the states.

It imports `deviations`, which describe those systems, and `weights`.

Vendors mislabel layouts. So each row states its evidence: a run of the system itself, with different weights for each gate, or only
its documentation.

>>> weights = LSTMWeights.from_arrays([[1, 2, 3, 4]], [[5, 6, 7, 8]], [0, 1, 0, 0])
>>> {name: array.tolist() for name, array in LAYOUTS["basic-lstm-cell"].write(weights).items()}
{'kernel': [[1.0, 3.0, 2.0, 4.0], [5.0, 7.0, 6.0, 8.0]], 'bias': [0.0, 0.0, 0.0, 0.0]}
>>> LAYOUTS["basic-lstm-cell"].description().name
'all_gates_icfo+forget_bias_doubled+states_exchanged+initial_states_exchanged+zero_output_forced+kernels_stacked'
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from lstm_ref.arrays import Array, real_array
from lstm_ref.deviations import Deviation, combine
from lstm_ref.deviations.cells import with_cell_clip, with_peepholes, with_projection
from lstm_ref.deviations.weights import with_forget_bias
from lstm_ref.errors import LSTMError, ShapeError
from lstm_ref.layouts.forms import (
    APART,
    FLAT,
    GATES_FIRST,
    OF_A_CELL,
    OF_AN_OPERATION,
    ONNX,
    PEEPHOLES,
    PER_GATE,
    PROJECTION,
    Arrays,
    Form,
)
from lstm_ref.weights import GATE_ORDER, LSTMWeights

BY_RUNNING = "by running"
FROM_DOCUMENTATION = "from its documentation"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The layout of one system.

    Attributes:
        system: its name.
        source: the file or page of the system that defines the layout.
        form: the arrays that store the weights.
        evidence: `BY_RUNNING` or `FROM_DOCUMENTATION`.
        gates: order of the gates' blocks within an array, by Keras' letters.
        states: order in which states are given and returned.
        forget_bias: added to the bias of the forget gate at run time.
        cell_clip: default limit of the cell state; None for none.
        further_deviations: names of its other default deviations.
    """

    system: str
    source: str
    form: Form
    evidence: str = BY_RUNNING
    gates: tuple[str, ...] = GATE_ORDER
    states: tuple[str, str] = ("h", "c")
    forget_bias: float = 0.0
    cell_clip: float | None = None
    further_deviations: tuple[str, ...] = ()

    def write(self, weights: LSTMWeights) -> Arrays:
        """The arrays with which the system computes the same as Keras with these weights; without a bias, zeros are written.

        Raises:
            LSTMError: not LSTMWeights.
        """
        if not isinstance(weights, LSTMWeights):
            raise LSTMError(f"weights must be LSTMWeights; got {weights!r}")
        bias = np.zeros(4 * weights.units, weights.kernel.dtype) if weights.bias is None else weights.bias
        adjusted = with_forget_bias(-self.forget_bias).weights(replace(weights, bias=bias))
        return self.form.pack(_reordered(adjusted, GATE_ORDER, self.gates))

    def read(self, arrays: Mapping[str, Array]) -> LSTMWeights:
        """The weights with which Keras computes the same as the system with these arrays.

        Args:
            arrays: by the system's names, without others; biases may be missing where they are optional in the system. Peepholes
                and a projection of TensorFlow's cells may be included; they are used by `description` only.

        Raises:
            LSTMError: an array is missing or unknown.
            ShapeError: the shape of an array does not fit the others.
            DtypeError: an array does not hold real numbers.
        """
        return with_forget_bias(self.forget_bias).weights(_reordered(self.form.read(arrays), self.gates, GATE_ORDER))

    def description(self, arrays: Mapping[str, Array] = MappingProxyType({}), output_clip: float = np.inf) -> Deviation:
        """The system as Keras plus deviations: its computation on unchanged blocks of Keras' weights.

        Args:
            arrays: the system's arrays, of which the peepholes and the projection of TensorFlow's cells are used.
            output_clip: limit of the projection's result.

        Raises:
            LSTMError: one of three peepholes is missing.
            ShapeError, DtypeError: invalid peepholes or projection.
        """
        gates = [f"all_gates_{''.join(self.gates)}"] if self.gates != GATE_ORDER else []
        bias = [with_forget_bias(self.forget_bias)] if self.forget_bias else []
        states = ["states_exchanged", "initial_states_exchanged"] if self.states == ("c", "h") else []
        clip = [] if self.cell_clip is None else [with_cell_clip(self.cell_clip)]
        extras = _extra_deviations(arrays, output_clip)
        return combine([*gates, *bias, *states, *clip, *extras, *self.further_deviations, *self.form.deviations])


def _reordered(weights: LSTMWeights, old: tuple[str, ...], new: tuple[str, ...]) -> LSTMWeights:
    """The weights with the gates' blocks in another order."""
    order = [old.index(gate) for gate in new]
    return LSTMWeights(
        **{
            name: np.concatenate([np.split(array, len(old), axis=-1)[block] for block in order], axis=-1)
            for name, array in weights.arrays.items()
        }
    )


def _extra_deviations(arrays: Mapping[str, Array], output_clip: float) -> list[Deviation]:
    """The peepholes and the projection of TensorFlow's cells, as deviations."""
    deviations: list[Deviation] = []
    for names in PEEPHOLES:
        missing = [name for name in names if name not in arrays]
        if len(missing) < len(names):
            if missing:
                raise LSTMError(f"of the peepholes {', '.join(names)}, {', '.join(missing)} is missing")
            peepholes = [_array_of_axes(1, name, arrays[name]) for name in names]
            if len({array.shape for array in peepholes}) > 1:
                shapes = ", ".join(str(array.shape) for array in peepholes)
                raise ShapeError(f"the peepholes {', '.join(names)} must have the same shape, (units,); got {shapes}")
            deviations.append(with_peepholes(*peepholes))
    if PROJECTION in arrays:
        deviations.append(with_projection(_array_of_axes(2, PROJECTION, arrays[PROJECTION]), output_clip))
    return deviations


def _array_of_axes(axes: int, name: str, value: Array) -> Array:
    array = real_array(name, value)
    if array.ndim != axes:
        raise ShapeError(f"{name} must have {axes} axes; got shape {array.shape}")
    return array


_ICFO = ("i", "c", "f", "o")
_CELL_FIRST = ("c", "h")

_BASIC_LSTM_CELL = Layout(
    system="tf.compat.v1.nn.rnn_cell.BasicLSTMCell in dynamic_rnn",
    source="tf_keras/src/layers/rnn/legacy_cells.py",
    form=OF_A_CELL,
    gates=_ICFO,
    states=_CELL_FIRST,
    forget_bias=1.0,
    further_deviations=("zero_output_forced",),
)

_BLOCK_LSTM_V2 = Layout(
    system="tf.raw_ops.BlockLSTMV2", source="tensorflow/core/ops/rnn_ops.cc", form=OF_AN_OPERATION, states=_CELL_FIRST
)

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "keras": Layout(
            system="keras.layers.LSTM of Keras 2 and 3, and of tf.keras",
            source="keras/src/layers/rnn/lstm.py",
            form=APART,
        ),
        "keras-1": Layout(
            system="keras.layers.LSTM of Keras 1 with consume_less='cpu' or 'mem'; 'gpu' has the arrays of Keras 2",
            source="keras 1.2.2, keras/layers/recurrent.py",
            form=PER_GATE,
            further_deviations=("hard_sigmoid_keras2",),
        ),
        "basic-lstm-cell": _BASIC_LSTM_CELL,
        "lstm-cell": replace(_BASIC_LSTM_CELL, system="tf.compat.v1.nn.rnn_cell.LSTMCell in dynamic_rnn"),
        "block-lstm": replace(_BLOCK_LSTM_V2, system="tf.raw_ops.BlockLSTM", gates=_ICFO, forget_bias=1.0, cell_clip=3.0),
        "block-lstm-v2": _BLOCK_LSTM_V2,
        "pytorch": Layout(system="torch.nn.LSTM of one layer", source="documentation of torch.nn.LSTM", form=GATES_FIRST),
        "onnx": Layout(
            system="operator LSTM of ONNX, forwards",
            source="onnx/docs/Operators.md, LSTM",
            form=ONNX,
            gates=("i", "o", "f", "c"),
        ),
        "cudnn": Layout(
            system="CUDNN_LSTM with two biases",
            evidence=FROM_DOCUMENTATION,
            source="cuDNN's cudnnRNNMode_t and cudnnGetRNNWeightParams",
            form=FLAT,
        ),
    }
)
