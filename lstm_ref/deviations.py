"""Named, small departures from Keras' semantics: one registry with three uses.

As a mutant, a deviation must be rejected by the checks, or a check or its data is blind. As a diagnosis, the deviation that
makes the reference agree with a failing implementation names the implementation's mistake. As a description, another system is
the reference plus its deviations.

Each changes one thing: the weights as read, the configuration, or one method of the layer.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_ref import activations, deviating
from lstm_ref.arrays import Array
from lstm_ref.config import LSTMConfig
from lstm_ref.layer import LSTM
from lstm_ref.weights import GATE_ORDER, LSTMWeights


class Need(StrEnum):
    """What a case must offer before a deviation can show in it; without it the deviation computes the same function."""

    SEVERAL_UNITS = "more than one unit"
    SEVERAL_FEATURES = "more than one input feature"
    SEVERAL_ROWS = "more than one row in the batch"
    SEVERAL_STEPS = "more than one timestep"
    PREVIOUS_STATE = "a timestep that starts from a nonzero state"
    CARRIED_CALL = "a stateful call after a call"
    RESET = "a call after reset_state()"
    FULL_SEQUENCE = "return_sequences=True"
    LAST_OUTPUT = "return_sequences=False"
    BIAS = "use_bias=True"
    WIDE_INPUTS = "inputs wider than the compute dtype"


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A named departure from Keras' semantics.

    Attributes:
        name: stable identifier.
        summary: what a wrong implementation does, completing "matches Keras if …".
        needs: what a case must offer for the deviation to show.
        weights: how the deviating implementation reads Keras' weights.
        config: fields of the configuration that it takes otherwise.
        layer: the reference with one method changed.
    """

    name: str
    summary: str
    needs: frozenset[Need] = frozenset()
    weights: Callable[[LSTMWeights], LSTMWeights] = lambda weights: weights
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    layer: type[LSTM] = LSTM

    def build(self, config: LSTMConfig, weights: LSTMWeights, dtype: str = "float64") -> LSTM:
        """The reference, deviating."""
        return self.layer(replace(config, **self.config), self.weights(weights), dtype)


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


def _gate_orders() -> list[Deviation]:
    """All 23 wrong gate orders: on the kernel only, the recurrent kernel only, the bias only, and on all three."""
    needs = {
        ("kernel",): frozenset[Need](),
        ("recurrent_kernel",): frozenset({Need.PREVIOUS_STATE}),
        ("bias",): frozenset({Need.BIAS}),
        PARTS: frozenset[Need](),
    }
    return [
        Deviation(
            name=f"{'all' if parts == PARTS else parts[0]}_gates_{''.join(order)}",
            summary=f"the gates of {', '.join(parts)} are ordered {', '.join(order)}",
            needs=needed,
            weights=_read_as(order, parts),
        )
        for parts, needed in needs.items()
        for order in itertools.permutations(GATE_ORDER)
        if order != GATE_ORDER
    ]


_PREVIOUS = frozenset({Need.PREVIOUS_STATE})
_RECURRENT = frozenset({Need.PREVIOUS_STATE, Need.SEVERAL_UNITS})

_OTHERS = (
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
        needs=_PREVIOUS,
        weights=lambda weights: replace(weights, recurrent_kernel=0 * weights.recurrent_kernel),
    ),
    Deviation(
        name="features_reversed",
        summary="the kernel reads the features from the last to the first",
        needs=frozenset({Need.SEVERAL_FEATURES}),
        weights=lambda weights: replace(weights, kernel=weights.kernel[::-1]),
    ),
    Deviation(
        name="units_reversed",
        summary="outputs and states number the units from the last to the first",
        needs=frozenset({Need.SEVERAL_UNITS}),
        layer=deviating.UnitsReversed,
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
        needs=_PREVIOUS | {Need.BIAS},
        weights=_bias_plus(f=-1),
    ),
    Deviation(
        name="forget_bias_doubled",
        summary="a forget bias of 1 is added at run time to a bias that holds it already",
        needs=_PREVIOUS | {Need.BIAS},
        weights=_bias_plus(f=1),
    ),
    *(
        Deviation(
            name=f"forget_bias_on_{gate}",
            summary=f"the 1 of unit_forget_bias sits on block {gate} instead of f",
            needs=frozenset({Need.BIAS}),
            weights=_bias_plus(**{"f": -1, gate: 1}),
        )
        for gate in ("i", "c", "o")
    ),
    Deviation(
        name="output_tanh_missing",
        summary="h = o ⊙ c: the cell state is not squashed for the output",
        layer=deviating.OutputTanhMissing,
    ),
    Deviation(name="candidate_tanh_missing", summary="the candidate is not squashed", layer=deviating.CandidateTanhMissing),
    Deviation(
        name="sigmoid_tanh_exchanged",
        summary="activation and recurrent_activation are exchanged",
        config=MappingProxyType({"activation": "sigmoid", "recurrent_activation": "tanh"}),
    ),
    Deviation(
        name="hard_sigmoid",
        summary="the gates use Keras 3's hard_sigmoid, clip(x/6 + 0.5, 0, 1)",
        config=MappingProxyType({"recurrent_activation": activations.hard_sigmoid.__name__}),
    ),
    Deviation(
        name="hard_sigmoid_keras2",
        summary="the gates use the hard_sigmoid of Keras 1 and 2, clip(0.2 x + 0.5, 0, 1)",
        config=MappingProxyType({"recurrent_activation": activations.hard_sigmoid_keras2.__name__}),
    ),
    Deviation(
        name="forget_gate_absent",
        summary="nothing is forgotten, as in the LSTM of 1997",
        needs=_PREVIOUS,
        layer=deviating.ForgetGateAbsent,
    ),
    Deviation(
        name="forget_coupled_to_input",
        summary="the forget gate is 1 - i, coupled to the input gate",
        needs=_PREVIOUS,
        layer=deviating.ForgetCoupledToInput,
    ),
    Deviation(
        name="cell_feeds_gates",
        summary="the gates read the cell state instead of the hidden state",
        needs=_PREVIOUS,
        layer=deviating.CellFeedsGates,
    ),
    Deviation(
        name="batch_rows_mixed",
        summary="each row of the batch reads its neighbour's inputs",
        needs=frozenset({Need.SEVERAL_ROWS}),
        layer=deviating.BatchRowsMixed,
    ),
    Deviation(name="last_step_skipped", summary="the last timestep is not read", layer=deviating.LastStepSkipped),
    Deviation(
        name="first_output",
        summary="the first output is returned instead of the last",
        needs=frozenset({Need.SEVERAL_STEPS, Need.LAST_OUTPUT}),
        layer=deviating.FirstOutput,
    ),
    Deviation(
        name="read_backwards",
        summary="the sequence is read from the last timestep to the first",
        needs=frozenset({Need.SEVERAL_STEPS}),
        config=MappingProxyType({"go_backwards": True}),
    ),
    Deviation(
        name="outputs_reversed",
        summary="the outputs come from the last timestep to the first",
        needs=frozenset({Need.SEVERAL_STEPS, Need.FULL_SEQUENCE}),
        layer=deviating.OutputsReversed,
    ),
    Deviation(
        name="outputs_time_major",
        summary="the outputs have the axes (timesteps, batch, units)",
        needs=frozenset({Need.SEVERAL_STEPS, Need.FULL_SEQUENCE}),
        layer=deviating.TimeMajor,
    ),
    Deviation(
        name="return_sequences_ignored",
        summary="only the last output is returned, whatever return_sequences says",
        needs=frozenset({Need.FULL_SEQUENCE}),
        config=MappingProxyType({"return_sequences": False}),
    ),
    Deviation(
        name="return_sequences_forced",
        summary="all outputs are returned, whatever return_sequences says",
        needs=frozenset({Need.LAST_OUTPUT}),
        config=MappingProxyType({"return_sequences": True}),
    ),
    Deviation(
        name="states_exchanged",
        summary="cell state and hidden state are returned in exchanged places",
        layer=deviating.StatesExchanged,
    ),
    Deviation(
        name="state_not_carried",
        summary="a stateful call starts from zeros",
        needs=frozenset({Need.CARRIED_CALL}),
        layer=deviating.StateNotCarried,
    ),
    Deviation(
        name="state_carried_late",
        summary="a stateful call starts from the state before the last call",
        needs=frozenset({Need.CARRIED_CALL}),
        layer=deviating.StateCarriedLate,
    ),
    Deviation(
        name="reset_ignored", summary="reset_state() resets nothing", needs=frozenset({Need.RESET}), layer=deviating.ResetIgnored
    ),
    Deviation(
        name="cell_not_reset",
        summary="reset_state() leaves the cell state",
        needs=frozenset({Need.RESET}),
        layer=deviating.CellNotReset,
    ),
    Deviation(
        name="hidden_not_reset",
        summary="reset_state() leaves the hidden state",
        needs=frozenset({Need.RESET}),
        layer=deviating.HiddenNotReset,
    ),
    Deviation(
        name="input_not_cast",
        summary="inputs keep their own dtype instead of being cast to the compute dtype",
        needs=frozenset({Need.WIDE_INPUTS}),
        layer=deviating.InputNotCast,
    ),
    Deviation(
        name="two_biases",
        summary="there are two biases per gate, as in cuDNN and PyTorch",
        needs=frozenset({Need.BIAS}),
        layer=deviating.TwoBiases,
    ),
    Deviation(
        name="weights_transposed",
        summary="the weights are stored gates first, as in PyTorch and ONNX",
        layer=deviating.WeightsTransposed,
    ),
)

DEVIATIONS: Mapping[str, Deviation] = MappingProxyType({deviation.name: deviation for deviation in (*_gate_orders(), *_OTHERS)})
