"""Deviations in one timestep: its gates, activations and inputs."""

from typing import Any

import numpy as np

from lstm_ref import activations
from lstm_ref.activations import Activation
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations.deviation import Chapter, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.state import State


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


DEVIATIONS = Chapter()


@DEVIATIONS.layer("output_tanh_missing", "h = o ⊙ c: the cell state is not squashed for the output", step_needs(Need.TANH))
class OutputTanhMissing(LSTM):
    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        return np.asarray(gates.o * cell)


@DEVIATIONS.layer("candidate_tanh_missing", "the candidate is not squashed", step_needs(Need.TANH))
class CandidateTanhMissing(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, state)._replace(candidate=self.preactivation(x_t, state.hidden, "c"))


DEVIATIONS.add(
    "sigmoid_tanh_exchanged",
    "activation and recurrent_activation are exchanged",
    step_needs(Need.TANH, Need.SIGMOID),
    config={"activation": "sigmoid", "recurrent_activation": "tanh"},
)
DEVIATIONS.add(
    "hard_sigmoid",
    "the gates use Keras 3's hard_sigmoid, clip(x/6 + 0.5, 0, 1)",
    step_needs(Need.SIGMOID),
    config={"recurrent_activation": activations.hard_sigmoid.__name__},
)
DEVIATIONS.add(
    "hard_sigmoid_keras2",
    "the gates use the hard_sigmoid of Keras 1 and 2, clip(0.2 x + 0.5, 0, 1)",
    step_needs(Need.SIGMOID),
    config={"recurrent_activation": activations.hard_sigmoid_keras2.__name__},
)
DEVIATIONS.add(
    "hard_sigmoid_slope",
    "hard_sigmoid is that of Keras 1 and 2, clip(0.2 x + 0.5, 0, 1), not clip(x/6 + 0.5, 0, 1)",
    step_needs(Need.HARD_SIGMOID),
    layer=_with_function("hard_sigmoid", activations.hard_sigmoid_keras2),
)
DEVIATIONS.add(
    "sparsemax_sums_added",
    "the threshold of sparsemax is made of the sum of all cumulative sums over its support, as in Keras 3",
    step_needs(Need.SPARSEMAX),
    hides="where one unit takes all, its support has one cumulative sum",
    layer=_with_function("sparsemax", sparsemax_sums_added),
)


@DEVIATIONS.layer("forget_gate_absent", "nothing is forgotten, as in the LSTM of 1997", step_needs(Need.PREVIOUS_STATE))
class ForgetGateAbsent(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=np.ones_like(gates.f))


@DEVIATIONS.layer("forget_coupled_to_input", "the forget gate is 1 - i, coupled to the input gate", step_needs(Need.PREVIOUS_STATE))
class ForgetCoupledToInput(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=1 - gates.i)


@DEVIATIONS.layer("cell_feeds_gates", "the gates read the cell state instead of the hidden state", step_needs(Need.PREVIOUS_STATE))
class CellFeedsGates(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, State(hidden=state.cell, cell=state.cell))


@DEVIATIONS.layer("batch_rows_mixed", "each row of the batch reads its neighbour's inputs", step_needs(Need.SEVERAL_ROWS))
class BatchRowsMixed(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(np.roll(x_t, 1, axis=0), state)
