"""One timestep of the LSTM.

The equations::

    i_t = σ(x_t W_i + h_{t-1} U_i + b_i)        input gate
    f_t = σ(x_t W_f + h_{t-1} U_f + b_f)        forget gate
    c̃_t = g(x_t W_c + h_{t-1} U_c + b_c)        candidate
    o_t = σ(x_t W_o + h_{t-1} U_o + b_o)        output gate
    c_t = f_t ⊙ c_{t-1} + i_t ⊙ c̃_t             cell state
    h_t = o_t ⊙ g(c_t)                          hidden state, and the output of the step

σ is recurrent_activation, g is activation; W, U, b are a gate's columns of kernel, recurrent_kernel and bias.

Hochreiter & Schmidhuber, Long Short-Term Memory, 1997 (i, o, c); Gers, Schmidhuber & Cummins, Learning to Forget, 2000 (f).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lstm_ref import activations
from lstm_ref.arrays import Array
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER, LSTMWeights


class Gates(NamedTuple):
    """The values of the gates at one timestep, (batch, units) each."""

    i: Array
    f: Array
    candidate: Array
    o: Array


class LSTMCell:
    """The equations of one timestep.

    Args:
        config: its activations are used.
        weights: kernel (input_dim, 4 * units), recurrent_kernel (units, 4 * units), bias (4 * units,) or None.
        dropout: masks of the inputs and of the hidden state; None at inference.
    """

    def __init__(self, config: LSTMConfig, weights: LSTMWeights, dropout: DropoutMasks | None = None) -> None:
        self.config, self.weights, self.dropout = config, weights, dropout
        self._activation = activations.get(config.activation)
        self._recurrent_activation = activations.get(config.recurrent_activation)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep; x_t: (batch, input_dim)."""
        gates = self.gates(x_t, state)
        c_t = self.new_cell(gates, state)
        return State(hidden=self.new_hidden(gates, c_t), cell=c_t)

    def gates(self, x_t: Array, state: State) -> Gates:
        """The gates of one timestep; x_t: (batch, input_dim)."""
        return self.activate_gates(self.preactivations(x_t, state.hidden))

    def preactivations(self, x_t: Array, hidden: Array) -> dict[str, Array]:
        """The argument of each gate's activation; x_t: (batch, input_dim), hidden and the results: (batch, units)."""
        return {gate: self.preactivation(x_t, hidden, gate) for gate in GATE_ORDER}

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """x_t W + h_{t-1} U + b of one gate; x_t: (batch, input_dim), hidden and the result: (batch, units)."""
        x_t, hidden = self.gate_inputs(gate, x_t, hidden)
        W, U, b = self.weights.gate(gate)
        z = x_t @ W + hidden @ U
        return np.asarray(z if b is None else z + b)

    def gate_inputs(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        """The inputs and the hidden state as a gate reads them, after dropout."""
        return (x_t, hidden) if self.dropout is None else self.dropout.apply(gate, x_t, hidden)

    def activate_gates(self, z: Mapping[str, Array]) -> Gates:
        """The gates of one timestep from their pre-activations z, (batch, units) each."""
        i, f, o = (self._recurrent_activation(z[gate]) for gate in ("i", "f", "o"))
        return Gates(i=i, f=f, candidate=self._activation(z["c"]), o=o)

    def new_cell(self, gates: Gates, state: State) -> Array:
        """c_t from the gates and the state before, (batch, units) each."""
        return np.asarray(gates.f * state.cell + gates.i * gates.candidate)

    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        """h_t from the gates and c_t, (batch, units) each."""
        return np.asarray(gates.o * self.cell_activation(cell))

    def cell_activation(self, cell: Array) -> Array:
        """g(c_t), (batch, units)."""
        return self._activation(cell)
