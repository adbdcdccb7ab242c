"""Deviations in one timestep: its gates, activations and inputs."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_ref import activations
from lstm_ref.activations import Activation
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations.deviation import Deviation, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.state import State


class OutputTanhMissing(LSTM):
    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        return np.asarray(gates.o * cell)


class CandidateTanhMissing(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, state)._replace(candidate=self.preactivation(x_t, state.hidden, "c"))


class ForgetGateAbsent(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=np.ones_like(gates.f))


class ForgetCoupledToInput(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=1 - gates.i)


class CellFeedsGates(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, State(hidden=state.cell, cell=state.cell))


class BatchRowsMixed(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(np.roll(x_t, 1, axis=0), state)


def _with_function(name: str, function: Activation) -> type[LSTM]:
    """The reference with another function in place of the activation of that name."""

    class Changed(LSTM):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            if self.config.activation == name:
                self._activation = function
            if self.config.recurrent_activation == name:
                self._recurrent_activation = function

    return Changed


def sparsemax_sums_added(x: Array) -> Array:
    """Sparsemax whose threshold uses the sum of all cumulative sums over the support, instead of the last one."""
    descending = -np.sort(-x, axis=-1)
    ranks = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    sums = np.cumsum(descending, axis=-1)
    supported = descending - (sums - 1) / ranks > 0
    count = supported.sum(axis=-1, keepdims=True).astype(x.dtype)
    return np.asarray(np.maximum(x - (np.where(supported, sums, 0).sum(axis=-1, keepdims=True) - 1) / count, 0))


DEVIATIONS = (
    Deviation(
        name="output_tanh_missing",
        summary="h = o ⊙ c: the cell state is not squashed for the output",
        needs=step_needs(Need.TANH),
        layer=OutputTanhMissing,
    ),
    Deviation(
        name="candidate_tanh_missing",
        summary="the candidate is not squashed",
        needs=step_needs(Need.TANH),
        layer=CandidateTanhMissing,
    ),
    Deviation(
        name="sigmoid_tanh_exchanged",
        summary="activation and recurrent_activation are exchanged",
        needs=step_needs(Need.TANH, Need.SIGMOID),
        config=MappingProxyType({"activation": "sigmoid", "recurrent_activation": "tanh"}),
    ),
    Deviation(
        name="hard_sigmoid",
        summary="the gates use Keras 3's hard_sigmoid, clip(x/6 + 0.5, 0, 1)",
        needs=step_needs(Need.SIGMOID),
        config=MappingProxyType({"recurrent_activation": activations.hard_sigmoid.__name__}),
    ),
    Deviation(
        name="hard_sigmoid_keras2",
        summary="the gates use the hard_sigmoid of Keras 1 and 2, clip(0.2 x + 0.5, 0, 1)",
        needs=step_needs(Need.SIGMOID),
        config=MappingProxyType({"recurrent_activation": activations.hard_sigmoid_keras2.__name__}),
    ),
    Deviation(
        name="hard_sigmoid_slope",
        summary="hard_sigmoid is that of Keras 1 and 2, clip(0.2 x + 0.5, 0, 1), not clip(x/6 + 0.5, 0, 1)",
        needs=step_needs(Need.HARD_SIGMOID),
        layer=_with_function("hard_sigmoid", activations.hard_sigmoid_keras2),
    ),
    Deviation(
        name="sparsemax_sums_added",
        summary="the threshold of sparsemax is made of the sum of all cumulative sums over its support, as in Keras 3",
        needs=step_needs(Need.SPARSEMAX),
        hides="where one unit takes all, its support has one cumulative sum",
        layer=_with_function("sparsemax", sparsemax_sums_added),
    ),
    Deviation(
        name="forget_gate_absent",
        summary="nothing is forgotten, as in the LSTM of 1997",
        needs=step_needs(Need.PREVIOUS_STATE),
        layer=ForgetGateAbsent,
    ),
    Deviation(
        name="forget_coupled_to_input",
        summary="the forget gate is 1 - i, coupled to the input gate",
        needs=step_needs(Need.PREVIOUS_STATE),
        layer=ForgetCoupledToInput,
    ),
    Deviation(
        name="cell_feeds_gates",
        summary="the gates read the cell state instead of the hidden state",
        needs=step_needs(Need.PREVIOUS_STATE),
        layer=CellFeedsGates,
    ),
    Deviation(
        name="batch_rows_mixed",
        summary="each row of the batch reads its neighbour's inputs",
        needs=step_needs(Need.SEVERAL_ROWS),
        layer=BatchRowsMixed,
    ),
)
