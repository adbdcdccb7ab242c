"""Deviations in the weights: their gates, axes and biases, and the arrays that store them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Deviation, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.weights import GATE_ORDER, LSTMWeights

# The order in which Keras 1 stores the arrays of the gates.
KERAS_1_ORDER = ("i", "c", "f", "o")

PARTS = ("kernel", "recurrent_kernel", "bias")


class TwoBiases(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {
            name: np.concatenate([array, 0 * array]) if name == "bias" else array for name, array in super().weight_arrays.items()
        }


class TwelveArrays(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        blocks = {
            name: dict(zip(GATE_ORDER, np.split(array, 4, axis=-1), strict=True)) for name, array in super().weight_arrays.items()
        }
        return {f"{name}_{gate}": block[gate] for gate in KERAS_1_ORDER for name, block in blocks.items()}


class KernelsStacked(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        arrays = super().weight_arrays
        recurrent = {name: arrays.pop(f"recurrent_{name}") for name in list(arrays) if f"recurrent_{name}" in arrays}
        return {name: np.concatenate([array, recurrent[name]]) if name in recurrent else array for name, array in arrays.items()}


class WeightsTransposed(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {name: array.T for name, array in super().weight_arrays.items()}


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


def _gate_orders() -> list[Deviation]:
    """All 23 wrong gate orders: on the kernel only, the recurrent kernel only, the bias only, and on all three."""
    needs = {
        ("kernel",): step_needs(),
        ("recurrent_kernel",): step_needs(Need.PREVIOUS_STATE),
        ("bias",): step_needs(Need.BIAS),
        PARTS: step_needs(),
    }
    return [
        Deviation(
            name=f"{'all' if parts == PARTS else parts[0]}_gates_{''.join(order)}",
            summary=f"the gates of {', '.join(parts)} are ordered {', '.join(order)}",
            needs=part_needs | ({Need.ACTIVATIONS_APART} if parts == PARTS and order == CANDIDATE_FIRST else set()),
            weights=_read_as(order, parts),
        )
        for parts, part_needs in needs.items()
        for order in itertools.permutations(GATE_ORDER)
        if order != GATE_ORDER
    ]


_RECURRENT = step_needs(Need.PREVIOUS_STATE, Need.SEVERAL_UNITS)

FORGET_BIAS_DOUBLED = Deviation(
    name="forget_bias_doubled",
    summary="a forget bias of 1 is added at run time to a bias that holds it already",
    needs=step_needs(Need.PREVIOUS_STATE, Need.BIAS),
    weights=_bias_plus(f=1),
)

DEVIATIONS = (
    *_gate_orders(),
    Deviation(
        name="recurrent_kernel_transposed",
        summary="the recurrent kernel is transposed within each gate",
        needs=_RECURRENT,
        weights=_recurrent_blocks(np.transpose),
    ),
    Deviation(
        name="recurrent_kernel_diagonal",
        summary="each unit reads its own hidden state only: the recurrent kernel is diagonal within each gate",
        needs=_RECURRENT,
        weights=_recurrent_blocks(lambda block: np.diag(np.diag(block))),
    ),
    Deviation(
        name="recurrent_kernel_rows_reversed",
        summary="the recurrent kernel reads the hidden state from its last unit to its first",
        needs=_RECURRENT,
        weights=lambda weights: replace(weights, recurrent_kernel=weights.recurrent_kernel[::-1]),
    ),
    Deviation(
        name="recurrent_kernel_ignored",
        summary="the hidden state is not fed back",
        needs=step_needs(Need.PREVIOUS_STATE),
        weights=lambda weights: replace(weights, recurrent_kernel=0 * weights.recurrent_kernel),
    ),
    Deviation(
        name="features_reversed",
        summary="the kernel reads the features from the last to the first",
        needs=step_needs(Need.SEVERAL_FEATURES),
        weights=lambda weights: replace(weights, kernel=weights.kernel[::-1]),
    ),
    Deviation(
        name="bias_dropped",
        summary="there is no bias",
        needs=frozenset({Need.BIAS}),
        config=MappingProxyType({"use_bias": False}),
        weights=lambda weights: replace(weights, bias=None),
    ),
    Deviation(
        name="forget_bias_missing",
        summary="the forget gate's bias lacks the 1 of unit_forget_bias",
        needs=step_needs(Need.PREVIOUS_STATE, Need.BIAS),
        weights=_bias_plus(f=-1),
    ),
    FORGET_BIAS_DOUBLED,
    *(
        Deviation(
            name=f"forget_bias_on_{gate}",
            summary=f"the 1 of unit_forget_bias sits on block {gate} instead of f",
            needs=step_needs(Need.BIAS),
            weights=_bias_plus(**{"f": -1, gate: 1}),
        )
        for gate in ("i", "c", "o")
    ),
    Deviation(
        name="two_biases",
        summary="there are two biases per gate, as in cuDNN and PyTorch",
        needs=frozenset({Need.BIAS}),
        layer=TwoBiases,
    ),
    Deviation(
        name="twelve_arrays",
        summary="each gate has a kernel, a recurrent kernel and a bias of its own, in the order i, c, f, o, as in Keras 1",
        needs=frozenset(),
        layer=TwelveArrays,
    ),
    Deviation(
        name="kernels_stacked",
        summary="kernel and recurrent kernel are one array that [x, h] is multiplied by, as in TensorFlow's cells",
        needs=frozenset(),
        layer=KernelsStacked,
    ),
    Deviation(
        name="weights_transposed",
        summary="the weights are stored gates first, as in PyTorch and ONNX",
        needs=frozenset(),
        layer=WeightsTransposed,
    ),
)


def with_forget_bias(value: float) -> Deviation:
    """A forget bias of this value that is added at run time."""
    if value == 1:
        return FORGET_BIAS_DOUBLED
    summary = f"a forget bias of {value:g} is added at run time"
    return replace(FORGET_BIAS_DOUBLED, name=f"forget_bias_of_{value:g}", summary=summary, weights=_bias_plus(f=value))
