"""Stochastic rounding of any run: the reference with a random relative error after every operation.

Where `uncertainty` propagates roundings by the derivative of one special run (forwards, from zeros, tanh and sigmoid), this runs
them: any activation, mask, direction, initial state or composition. Many replicas go through as rows of one batch; the root mean
square of their deviations from the undisturbed run is σ.

The error model is that of `uncertainty`: with u the unit roundoff, each operation's result is multiplied by 1 + u or 1 - u at
random, a dot product of n terms by the summed variance of its products and partial sums, an activation by √3 u (three roundings).
Beyond that:

- An activation that is a difference of larger terms (`tanh_shrink`, `gelu`, `softplus` …) has an absolute error too:
  u · max(|z|, 1).
- One that jumps (`hard_shrink`) is evaluated at an argument disturbed eight times as much, so that within the limit of 8 σ around
  the jump both of its sides are seen.
- A product with a dropout mask is one more rounding of what the dot products read.

Errors below 2^-30 would drown in float64's own rounding; they are disturbed by 2^-30 and scaled back, exact to first order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.uncertainty import dot_product
from lstm_ref.weights import GATE_ORDER, LSTMWeights

SMALLEST_DISTURBANCE = 2.0**-30
_EVALUATION = np.sqrt(3)

# Evaluated without a difference of larger terms, so that their error is relative to their value.
_RELATIVE = {"exponential", "hard_tanh", "leaky_relu", "linear", "relu", "relu6", "sigmoid", "silu", "softmax", "softsign", "tanh"}
_JUMPING = {"hard_shrink"}


class RoundingLSTM(LSTM):
    """The reference in float64, each operation with a random relative error of size `disturbance`.

    Args:
        config, weights, dropout: as of `LSTM`.
        disturbance: relative size of each rounding, at least SMALLEST_DISTURBANCE.
        random: draws the signs.
    """

    def __init__(
        self,
        config: LSTMConfig,
        weights: LSTMWeights,
        dropout: DropoutMasks | None = None,
        *,
        disturbance: float,
        random: np.random.Generator,
    ) -> None:
        super().__init__(config, weights, dropout=dropout)
        self._disturbance = disturbance
        self._random = random

    def gates(self, x_t: Array, state: State) -> Gates:
        """The gates of one timestep, each rounded as it is computed."""
        rounded = {}
        for gate in GATE_ORDER:
            name = self.config.activation if gate == "c" else self.config.recurrent_activation
            rounded[gate] = self._activated(self.preactivation(x_t, state.hidden, gate), name)
        return Gates(i=rounded["i"], f=rounded["f"], candidate=rounded["c"], o=rounded["o"])

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """Z of one gate, with the roundings of its dot products and sums."""
        W, U, b = self.weights.gate(gate)
        x_t, hidden = self.read_by(gate, x_t, hidden)
        if self.dropout is not None:
            x_t, hidden = self._rounded(x_t), self._rounded(hidden)
        z = self._rounded(self._dot(x_t, W) + self._dot(hidden, U))
        return z if b is None else self._rounded(z + b)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep, with the roundings of its products and sum."""
        gates = self.gates(x_t, state)
        c_t = self._rounded(self._rounded(gates.f * state.cell) + self._rounded(gates.i * gates.candidate))
        h_t = self._rounded(gates.o * self._activated(c_t, self.config.activation))
        return State(hidden=h_t, cell=c_t)

    def _activated(self, z: Array, name: str | None) -> Array:
        known = name or "linear"
        function = self._recurrent_activation if name == self.config.recurrent_activation else self._activation
        value = function(self._rounded(z, 8) if known in _JUMPING else z)
        if known == "linear":
            return value
        value = self._rounded(value, _EVALUATION)
        return value if known in _RELATIVE else value + self._disturbance * self._signs(z) * np.maximum(np.abs(z), 1)

    def _dot(self, vectors: Array, matrix: Array) -> Array:
        total, variance = dot_product(vectors, matrix)
        return np.asarray(total + self._disturbance * np.sqrt(np.maximum(variance, 0)) * self._signs(total))

    def _rounded(self, value: Array, times: float = 1.0) -> Array:
        return np.asarray(value * (1 + times * self._disturbance * self._signs(value)))

    def _signs(self, like: Array) -> Any:
        return self._random.integers(0, 2, like.shape, dtype=np.int8) * 2.0 - 1


def root_mean_square(replicas: Array, expected: Array, unit_roundoff: float, disturbance: float) -> Array:
    """σ from replicas (replicas, …) of a run that should give `expected` (…), for roundings of size unit_roundoff.

    One more rounding of the value is added, for merging or storing it. Where the run is not finite, σ is 1: what is not finite is
    compared for being the same.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        deviations = np.sqrt(np.mean((replicas - expected) ** 2, axis=0)) * (unit_roundoff / disturbance)
        sigma = deviations + unit_roundoff * np.abs(expected)
    return np.where(np.isfinite(sigma), sigma, 1.0)
