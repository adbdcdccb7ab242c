"""How other systems lay out an LSTM: the order of gates, how kernels and biases are stored, and the order of the states.

Vendors mislabel layouts, so each row says whether the system itself was run, with weights that no two gates share, or only its
documentation was read.

>>> weights = LSTMWeights.from_arrays([[1, 2, 3, 4]], [[5, 6, 7, 8]], [0, 1, 0, 0])
>>> {name: array.tolist() for name, array in LAYOUTS["basic-lstm-cell"].write(weights).items()}
{'kernel': [[1.0, 3.0, 2.0, 4.0], [5.0, 7.0, 6.0, 8.0]], 'bias': [0.0, 0.0, 0.0, 0.0]}
>>> LAYOUTS["basic-lstm-cell"].description().name
'all_gates_icfo+forget_bias_doubled+states_exchanged+initial_states_exchanged+zero_output_forced+kernels_stacked'
"""

from __future__ import annotations

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
    """One system's.

    Attributes:
        system: in words.
        settled: whether it was run, or its documentation read.
        source: where it says so itself.
        form: in which arrays the weights are stored.
        gates: order of the gates' blocks within an array, by Keras' letters.
        states: in which order states are given and returned.
        forget_bias: what is added to the forget gate's bias at run time.
        cell_clip: limit to the cell state that is there by default; None for none.
        others: names of further deviations that it has by default.
    """

    system: str
    evidence: str
    source: str
    form: Form
    gates: tuple[str, ...] = GATE_ORDER
    states: tuple[str, str] = ("h", "c")
    forget_bias: float = 0.0
    cell_clip: float | None = None
    others: tuple[str, ...] = ()

    def write(self, weights: LSTMWeights) -> Arrays:
        """The arrays with which the system computes what Keras computes with these weights; no bias is a bias of zeros.

        Raises:
            LSTMError: these are no weights.
        """
        if not isinstance(weights, LSTMWeights):
            raise LSTMError(f"weights must be LSTMWeights; got {weights!r}")
        bias = np.zeros(4 * weights.units, weights.kernel.dtype) if weights.bias is None else weights.bias
        given = with_forget_bias(-self.forget_bias).weights(replace(weights, bias=bias))
        return self.form.pack(_ordered(given, GATE_ORDER, self.gates))

    def read(self, arrays: Mapping[str, Array]) -> LSTMWeights:
        """The weights with which Keras computes what the system computes with these arrays.

        Args:
            arrays: by the system's names, all of them and no others; where the system may lack biases, they may be missing.
                Peepholes and a projection of TensorFlow's cells may be there: what Keras has not is left to `description`.

        Raises:
            LSTMError: an array is missing, or there is one that the system has not.
            ShapeError: an array has not the shape that the others ask for.
            DtypeError: one holds no real numbers.
        """
        stored = _ordered(self.form.read(arrays), self.gates, GATE_ORDER)
        return with_forget_bias(self.forget_bias).weights(stored)

    def description(self, arrays: Mapping[str, Array] = MappingProxyType({}), output_clip: float = np.inf) -> Deviation:
        """The system as Keras plus deviations: how it reads Keras' blocks when they are given to it as they are.

        Args:
            arrays: of the system's own; peepholes and projection of TensorFlow's cells are taken from them.
            output_clip: limit to what the projection gives.

        Raises:
            LSTMError: one of three peepholes is missing.
            ShapeError, DtypeError: peepholes or projection are none.
        """
        order = "".join(self.gates)
        named = [f"all_gates_{order}"] if self.gates != GATE_ORDER else []
        biased = [with_forget_bias(self.forget_bias)] if self.forget_bias else []
        exchanged = ["states_exchanged", "initial_states_exchanged"] if self.states == ("c", "h") else []
        clipped = [] if self.cell_clip is None else [with_cell_clip(self.cell_clip)]
        own = _extras_of(arrays, output_clip)
        return combine([*named, *biased, *exchanged, *clipped, *own, *self.others, *self.form.deviations])


def _ordered(weights: LSTMWeights, now: tuple[str, ...], then: tuple[str, ...]) -> LSTMWeights:
    """Blocks that lie in one order, in another."""
    order = [now.index(gate) for gate in then]
    return LSTMWeights(
        **{
            name: np.concatenate([np.split(array, len(now), axis=-1)[block] for block in order], axis=-1)
            for name, array in weights.arrays.items()
        }
    )


def _extras_of(arrays: Mapping[str, Array], output_clip: float) -> list[Deviation]:
    """What TensorFlow's cells may have beside kernel and bias."""
    own: list[Deviation] = []
    for names in PEEPHOLES:
        missing = [name for name in names if name not in arrays]
        if len(missing) < len(names):
            if missing:
                raise LSTMError(f"of the peepholes {', '.join(names)}, {', '.join(missing)} is missing")
            peepholes = [_of_axes(1, name, arrays[name]) for name in names]
            if len({array.shape for array in peepholes}) > 1:
                shapes = ", ".join(str(array.shape) for array in peepholes)
                raise ShapeError(f"the peepholes {', '.join(names)} must have the same shape, (units,); got {shapes}")
            own.append(with_peepholes(*peepholes))
    if PROJECTION in arrays:
        own.append(with_projection(_of_axes(2, PROJECTION, arrays[PROJECTION]), output_clip))
    return own


def _of_axes(axes: int, name: str, value: Array) -> Array:
    array = real_array(name, value)
    if array.ndim != axes:
        raise ShapeError(f"{name} must have {axes} axes; got shape {array.shape}")
    return array


_ICFO = ("i", "c", "f", "o")
_CELL_HOLDS = ("c", "h")

LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "keras": Layout(
            system="keras.layers.LSTM of Keras 2 and 3, and of tf.keras",
            evidence=BY_RUNNING,
            source="keras/src/layers/rnn/lstm.py",
            form=APART,
        ),
        "keras-1": Layout(
            system="keras.layers.LSTM of Keras 1 with consume_less='cpu' or 'mem'; 'gpu' has the arrays of Keras 2",
            evidence=BY_RUNNING,
            source="keras 1.2.2, keras/layers/recurrent.py",
            form=PER_GATE,
            others=("hard_sigmoid_keras2",),
        ),
        "basic-lstm-cell": Layout(
            system="tf.compat.v1.nn.rnn_cell.BasicLSTMCell in dynamic_rnn",
            evidence=BY_RUNNING,
            source="tf_keras/src/layers/rnn/legacy_cells.py",
            form=OF_A_CELL,
            gates=_ICFO,
            states=_CELL_HOLDS,
            forget_bias=1.0,
            others=("zero_output_forced",),
        ),
        "lstm-cell": Layout(
            system="tf.compat.v1.nn.rnn_cell.LSTMCell in dynamic_rnn",
            evidence=BY_RUNNING,
            source="tf_keras/src/layers/rnn/legacy_cells.py",
            form=OF_A_CELL,
            gates=_ICFO,
            states=_CELL_HOLDS,
            forget_bias=1.0,
            others=("zero_output_forced",),
        ),
        "block-lstm": Layout(
            system="tf.raw_ops.BlockLSTM",
            evidence=BY_RUNNING,
            source="tensorflow/core/ops/rnn_ops.cc",
            form=OF_AN_OPERATION,
            gates=_ICFO,
            states=_CELL_HOLDS,
            forget_bias=1.0,
            cell_clip=3.0,
        ),
        "block-lstm-v2": Layout(
            system="tf.raw_ops.BlockLSTMV2",
            evidence=BY_RUNNING,
            source="tensorflow/core/ops/rnn_ops.cc",
            form=OF_AN_OPERATION,
            states=_CELL_HOLDS,
        ),
        "pytorch": Layout(
            system="torch.nn.LSTM of one layer", evidence=BY_RUNNING, source="documentation of torch.nn.LSTM", form=GATES_FIRST
        ),
        "onnx": Layout(
            system="operator LSTM of ONNX, forwards",
            evidence=BY_RUNNING,
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
