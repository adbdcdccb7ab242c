"""Deviations in the weights: their gates, axes and biases, and the arrays that store them."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Chapter, Deviation, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.weights import GATE_ORDER, LSTMWeights

# The order in which Keras 1 stores the arrays of the gates.
KERAS_1_ORDER = ("i", "c", "f", "o")

PARTS = ("kernel", "recurrent_kernel", "bias")


def _by_gate(weights: LSTMWeights, part: str, change: Callable[[dict[str, Array]], list[Array]]) -> LSTMWeights:
    """The same weights with the gates' blocks of one part replaced by `change({gate: block})`, in the order i, f, c, o."""
    array = getattr(weights, part)
    if array is None:
        return weights
    blocks = dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True))
    return replace(weights, **{part: np.concatenate(change(blocks), axis=-1)})


def _read_as(order: tuple[str, ...], parts: tuple[str, ...]) -> Callable[[LSTMWeights], LSTMWeights]:
    def read(weights: LSTMWeights) -> LSTMWeights:
        for part in parts:
            weights = _by_gate(weights, part, lambda blocks: [blocks[GATE_ORDER[order.index(gate)]] for gate in GATE_ORDER])
        return weights

    return read


def _bias_plus(**added: float) -> Callable[[LSTMWeights], LSTMWeights]:
    return lambda weights: _by_gate(weights, "bias", lambda blocks: [blocks[gate] + added.get(gate, 0.0) for gate in GATE_ORDER])


def _recurrent_blocks(change: Callable[[Array], Array]) -> Callable[[LSTMWeights], LSTMWeights]:
    return lambda weights: _by_gate(weights, "recurrent_kernel", lambda blocks: [change(block) for block in blocks.values()])


# The product of input gate and candidate is the same with both exchanged, unless their activations differ.
CANDIDATE_FIRST = ("c", "f", "i", "o")


_RECURRENT = step_needs(Need.PREVIOUS_STATE, Need.SEVERAL_UNITS)

_READERS = {
    ("kernel",): step_needs(),
    ("recurrent_kernel",): step_needs(Need.PREVIOUS_STATE),
    ("bias",): step_needs(Need.BIAS),
    PARTS: step_needs(),
}

DEVIATIONS = Chapter()

# All 23 wrong gate orders: on the kernel only, the recurrent kernel only, the bias only, and on all three.
for (_parts, _needs), _order in itertools.product(_READERS.items(), itertools.permutations(GATE_ORDER)):
    if _order != GATE_ORDER:
        DEVIATIONS.add(
            f"{'all' if _parts == PARTS else _parts[0]}_gates_{''.join(_order)}",
            f"the gates of {', '.join(_parts)} are ordered {', '.join(_order)}",
            _needs | ({Need.ACTIVATIONS_APART} if _parts == PARTS and _order == CANDIDATE_FIRST else set()),
            weights=_read_as(_order, _parts),
        )
DEVIATIONS.add(
    "recurrent_kernel_transposed",
    "the recurrent kernel is transposed within each gate",
    _RECURRENT,
    weights=_recurrent_blocks(np.transpose),
)
DEVIATIONS.add(
    "recurrent_kernel_diagonal",
    "each unit reads its own hidden state only: the recurrent kernel is diagonal within each gate",
    _RECURRENT,
    weights=_recurrent_blocks(lambda block: np.diag(np.diag(block))),
)
DEVIATIONS.add(
    "recurrent_kernel_rows_reversed",
    "the recurrent kernel reads the hidden state from its last unit to its first",
    _RECURRENT,
    weights=lambda weights: replace(weights, recurrent_kernel=weights.recurrent_kernel[::-1]),
)
DEVIATIONS.add(
    "recurrent_kernel_ignored",
    "the hidden state is not fed back",
    step_needs(Need.PREVIOUS_STATE),
    weights=lambda weights: replace(weights, recurrent_kernel=0 * weights.recurrent_kernel),
)
DEVIATIONS.add(
    "features_reversed",
    "the kernel reads the features from the last to the first",
    step_needs(Need.SEVERAL_FEATURES),
    weights=lambda weights: replace(weights, kernel=weights.kernel[::-1]),
)
DEVIATIONS.add(
    "bias_dropped",
    "there is no bias",
    frozenset({Need.BIAS}),
    config={"use_bias": False},
    weights=lambda weights: replace(weights, bias=None),
)
DEVIATIONS.add(
    "forget_bias_missing",
    "the forget gate's bias lacks the 1 of unit_forget_bias",
    step_needs(Need.PREVIOUS_STATE, Need.BIAS),
    weights=_bias_plus(f=-1),
)
FORGET_BIAS_DOUBLED = DEVIATIONS.add(
    "forget_bias_doubled",
    "a forget bias of 1 is added at run time to a bias that holds it already",
    step_needs(Need.PREVIOUS_STATE, Need.BIAS),
    weights=_bias_plus(f=1),
)
for _gate in ("i", "c", "o"):
    DEVIATIONS.add(
        f"forget_bias_on_{_gate}",
        f"the 1 of unit_forget_bias sits on block {_gate} instead of f",
        step_needs(Need.BIAS),
        weights=_bias_plus(**{"f": -1, _gate: 1}),
    )


@DEVIATIONS.layer("two_biases", "there are two biases per gate, as in cuDNN and PyTorch", frozenset({Need.BIAS}))
class TwoBiases(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {
            name: np.concatenate([array, 0 * array]) if name == "bias" else array for name, array in super().weight_arrays.items()
        }


@DEVIATIONS.layer(
    "twelve_arrays",
    "each gate has a kernel, a recurrent kernel and a bias of its own, in the order i, c, f, o, as in Keras 1",
    frozenset(),
)
class TwelveArrays(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        blocks = {
            name: dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True)) for name, array in super().weight_arrays.items()
        }
        return {f"{name}_{gate}": block[gate] for gate in KERAS_1_ORDER for name, block in blocks.items()}


@DEVIATIONS.layer(
    "kernels_stacked",
    "kernel and recurrent kernel are one array that [x, h] is multiplied by, as in TensorFlow's cells",
    frozenset(),
)
class KernelsStacked(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        arrays = super().weight_arrays
        recurrent = {name: arrays.pop(f"recurrent_{name}") for name in list(arrays) if f"recurrent_{name}" in arrays}
        return {name: np.concatenate([array, recurrent[name]]) if name in recurrent else array for name, array in arrays.items()}


@DEVIATIONS.layer("weights_transposed", "the weights are stored gates first, as in PyTorch and ONNX", frozenset())
class WeightsTransposed(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {name: array.T for name, array in super().weight_arrays.items()}


def with_forget_bias(value: float) -> Deviation:
    """A forget bias of this value that is added at run time."""
    if value == 1:
        return FORGET_BIAS_DOUBLED
    summary = f"a forget bias of {value:g} is added at run time"
    return replace(FORGET_BIAS_DOUBLED, name=f"forget_bias_of_{value:g}", summary=summary, weights=_bias_plus(f=value))
