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

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lstm_ref.activations import Activation
from lstm_ref.arrays import Array
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights


class Gates(NamedTuple):
    """What the gates of one timestep let through, (batch, units) each."""

    i: Array
    f: Array
    candidate: Array
    o: Array


def preactivation(x_t: Array, hidden: Array, weights: LSTMWeights, gate: str) -> Array:
    """x_t W + h_{t-1} U + b of one gate; x_t: (batch, input_dim), hidden and the result: (batch, units)."""
    W, U, b = weights.gate(gate)
    z = x_t @ W + hidden @ U
    return np.asarray(z if b is None else z + b)


def lstm_gates(z: Mapping[str, Array], activation: Activation, recurrent_activation: Activation) -> Gates:
    """The four gates of one timestep from their pre-activations z, (batch, units) each."""
    return Gates(
        i=recurrent_activation(z["i"]), f=recurrent_activation(z["f"]), candidate=activation(z["c"]), o=recurrent_activation(z["o"])
    )


def new_cell(gates: Gates, state: State) -> Array:
    """c_t from the gates and the state before, (batch, units) each."""
    return np.asarray(gates.f * state.cell + gates.i * gates.candidate)


def new_hidden(gates: Gates, cell: Array, activation: Activation) -> Array:
    """h_t from the gates and c_t, (batch, units) each."""
    return np.asarray(gates.o * activation(cell))
