"""Stochastic rounding of any run: the reference with a random relative error after every operation.

Where `uncertainty` propagates roundings by the derivative of one special run (forwards, from zeros, tanh and sigmoid), this runs
them: any activation, mask, direction, initial state or composition. Many replicas go through as rows of one batch; the root mean
square of their deviations from the undisturbed run is σ.

The error model is that of `uncertainty`: with u the unit roundoff, each operation's result is multiplied by 1 + u or 1 - u at
random, a dot product of n terms by the summed variance of its products and partial sums, an activation by its budget (`budgets`);
and each result is drawn towards zero by as many times N as operations lead to it: of a product or sum down to zero, which is what a
flush gives; of a dot product beyond, since of terms that cancel one alone may be flushed. Beyond that:

- An activation that jumps (`hard_shrink`) is evaluated at an argument disturbed eight times as much, so that within the limit of
  8 σ around the jump both of its sides are seen.
- A slope is computed as frameworks do: of tanh and sigmoid from their rounded values, 1 - t² and s (1 - s); of others within √3 u
  of itself and u of 1, for those that are differences of terms of that size. Where it jumps, on either side, likewise.
- A product with a dropout mask is one more rounding of what the dot products read.
- A processor may read the operands of float32 matrix products in TensorFloat-32 or bfloat16 and add up in float32. Where that is
  said (`Arithmetic.operands`), each operand has a rounding of that size: what is computed anew has a new one at each reading, while
  a matrix of weights has one rounding for all timesteps and all rows of a replica, so that its errors add up as they do there. The
  rounding of the weight w_kj is the product of a sign of k and one of j: for each j, a random sign for every k.

A chaotic LSTM multiplies errors until they are of the size of its states. Replicas are disturbed at their true size, so that their
spread ends there too. But it is no measure any more of what another run may do: what 24 have in common by chance, a 25th need not.
That 8 σ limits errors holds to first order: a deviation δ of a pre-activation changes the slopes of sigmoid and tanh by factors of
up to e^δ and e^2δ. So where h makes some z of a row differ among the replicas by more than `FIRST_ORDER` = 1/16, which makes 8 σ
a factor of e, the row is lost: from then on, half of its replicas are at either end of what can be, h at -1 or 1 and c at
±(max |c| + 1), timestep after timestep (by the equations |h| < 1 and |c'| < |c| + 1). Two runs differ there by √2 σ at most, so
nothing is judged, and what is computed of them is as unknown. A spread of up to 32 u is no sign of growth, but what roundings of z
itself come to; in bfloat16 alone that is more. Rows are lost only where activations stay within [-1, 1], as the standard ones do.

Errors below 2^-30 would drown in float64's own rounding; they are disturbed by 2^-30, underflow likewise, and scaled back, exact to
first order. Where the replicas deviate by more than `FIRST_ORDER`, they are not scaled back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from lstm_ref import activations
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.config import LSTMConfig
from lstm_ref.derivatives import KINKS, vjp
from lstm_ref.dropout import DropoutMasks
from lstm_ref.gradients import Backpropagation
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State
from lstm_ref.uncertainty.budgets import BUDGETS, EXACT, JUMPING, OPERATIONS
from lstm_ref.uncertainty.model import REPLICAS, SIGNS, Arithmetic, RoundingSigma, dot_product, rounding_sigma
from lstm_ref.weights import GATE_ORDER, LSTMWeights

SMALLEST_DISTURBANCE = 2.0**-30
_SIGNS = SIGNS.astype(np.float64)
FIRST_ORDER = 1 / 16

# Activations with values within [-1, 1].
WITHIN_ONE = frozenset(
    {
        "tanh", "sigmoid", "hard_sigmoid", "hard_sigmoid_keras2", "sparse_sigmoid", "hard_tanh", "softsign", "softmax", "sparsemax",
    }
)  # fmt: skip


class Rounding:
    """Arithmetic in which every operation has a random relative error, and underflows.

    Args:
        arithmetic: of the precision; its errors are scaled up to SMALLEST_DISTURBANCE where they are less.
        random: draws the signs.
        copies: how many replicas go through as one batch, one after the other.
    """

    def __init__(self, arithmetic: Arithmetic, random: np.random.Generator, copies: int = 1) -> None:
        self.disturbance = disturbance_of(arithmetic)
        scale = self.disturbance / arithmetic.unit_roundoff
        self._underflow, self._operands = arithmetic.underflow * scale, arithmetic.operands * scale
        self._random, self.copies = random, copies
        self.first_order = max(FIRST_ORDER, 32 * max(arithmetic.unit_roundoff, arithmetic.operands))
        self._of_weights: dict[bytes, tuple[Array, Array]] = {}

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """Vectors @ matrix, with the roundings of its products and partial sums."""
        total, variance = dot_product(vectors, matrix)
        error = np.sqrt(np.maximum(variance, 0)) * self.noise(total)
        if self._operands:
            error += self._operands * self._rounded_operands(vectors, matrix)
        lost = (2 * matrix.shape[-2] - 1) * self._underflow * np.sign(total)
        return np.asarray(total + error - lost)

    def rounded(self, value: Array, times: float = 1.0) -> Array:
        """The value with a random relative error of `times` the disturbance, and as many underflows."""
        return np.asarray(value * (1 + times * self.noise(value)) - self.underflow(value, times))

    def underflow(self, value: Array, operations: float) -> Array:
        """What the value loses where so many operations on the way to it underflow: all of it at most."""
        most = operations * self._underflow
        return np.clip(value, -most, most)

    def either_end(self, shape: tuple[int, ...]) -> Array:
        """+1 in half of the replicas and -1 in the others, by chance for each row and unit."""
        ends = np.resize([1.0, -1.0], self.copies)[:, np.newaxis, np.newaxis]
        by_copy = (self.copies, shape[0] // self.copies, shape[1])
        return self._random.permuted(np.broadcast_to(ends, by_copy), axis=0).reshape(shape)

    def noise(self, like: Array) -> Array:
        """The disturbance, of random sign, in the shape of an array."""
        return np.asarray(self.disturbance * self.signs(like.shape))

    def _rounded_operands(self, vectors: Array, matrix: Array) -> Array:
        """What rounding both operands by a relative 1 adds to vectors @ matrix."""
        of_vectors = (vectors * self.signs(vectors.shape)) @ matrix
        if matrix.ndim > 2:  # no weights: both are computed anew
            return np.asarray(of_vectors + vectors @ (matrix * self.signs(matrix.shape)))
        key = matrix.tobytes()
        if key not in self._of_weights:
            self._of_weights[key] = self.signs((self.copies, 1, matrix.shape[0])), self.signs((self.copies, 1, matrix.shape[1]))
        rows, columns = self._of_weights[key]
        by_copy = vectors.reshape(self.copies, -1, vectors.shape[-1])
        return np.asarray(of_vectors + (((by_copy * rows) @ matrix) * columns).reshape(of_vectors.shape))

    def signs(self, shape: tuple[int, ...]) -> Array:
        """+1 or -1 at random."""
        size = math.prod(shape)
        drawn = np.take(_SIGNS, np.frombuffer(self._random.bytes(-(-size // 8)), np.uint8), axis=0)
        return np.asarray(drawn.reshape(-1)[:size].reshape(shape))


class RoundingLSTM(LSTM):
    """The reference in float64, each operation with the errors of an arithmetic.

    Args:
        config, weights, dropout: as of `LSTM`.
        arithmetic: of the tested precision.
        random: draws the signs.
        copies: how many replicas a batch holds.
    """

    def __init__(
        self,
        config: LSTMConfig,
        weights: LSTMWeights,
        dropout: DropoutMasks | None = None,
        *,
        arithmetic: Arithmetic,
        random: np.random.Generator,
        copies: int = 1,
    ) -> None:
        super().__init__(config, weights, dropout=dropout)
        self.rounding = Rounding(arithmetic, random, copies)

    def gates_of(self, z: Mapping[str, Array]) -> Gates:
        """The gates of one timestep, each rounded as it is computed."""
        rounded = {
            gate: self.activated(z[gate], self.config.activation if gate == "c" else self.config.recurrent_activation)
            for gate in GATE_ORDER
        }
        return Gates(i=rounded["i"], f=rounded["f"], candidate=rounded["c"], o=rounded["o"])

    def preactivations(self, x_t: Array, hidden: Array) -> dict[str, Array]:
        """Z of all gates: from one product where they read the same."""
        if self.dropout is not None:
            return super().preactivations(x_t, hidden)
        z = self._summed(x_t, hidden, *self.weights.arrays.values())
        return dict(zip(GATE_ORDER, np.split(z, len(GATE_ORDER), axis=-1), strict=True))

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """Z of one gate that reads what dropout leaves, which is one rounding more."""
        x_t, hidden = map(self.rounding.rounded, self.read_by(gate, x_t, hidden))
        return self._summed(x_t, hidden, *self.weights.gate(gate))

    def _summed(self, x_t: Array, hidden: Array, W: Array, U: Array, b: Array | None = None) -> Array:
        """X W + h U + b, with the roundings of its dot products and sums."""
        z = self.rounding.rounded(self.rounding.dot(x_t, W) + self.rounding.dot(hidden, U))
        return z if b is None else self.rounding.rounded(z + b)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep, with the roundings of its products and sum; after a lost one, any state at all."""
        new, lost = super().step(x_t, state), self.lost(state.hidden)
        if not lost.any():
            return new
        end, most = self.rounding.either_end(new.hidden.shape), self._over_copies(np.abs(state.cell), np.max) + 1
        return State(hidden=np.where(lost, end, new.hidden), cell=np.where(lost, end * most, new.cell))

    def new_cell(self, gates: Gates, state: State) -> Array:
        """c_t, with the roundings of its products and sum."""
        return self.rounding.rounded(self.rounding.rounded(gates.f * state.cell) + self.rounding.rounded(gates.i * gates.candidate))

    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        """h_t, with the rounding of its product."""
        return self.rounding.rounded(super().new_hidden(gates, cell))

    def lost(self, hidden: Array) -> Array:
        """Which rows the replicas no longer agree on, (batch, 1)."""
        if self.rounding.copies == 1:
            return np.zeros((len(hidden), 1), bool)
        spread = self._over_copies(hidden @ self.weights.recurrent_kernel, np.std)
        known = {self.config.activation, self.config.recurrent_activation} <= WITHIN_ONE
        return np.asarray((spread > self.rounding.first_order).any(axis=-1, keepdims=True) & known)

    def _over_copies(self, array: Array, summarise: Callable[..., Array]) -> Array:
        """A summary over the replicas, for each of them."""
        copies = self.rounding.copies
        return np.tile(summarise(array.reshape(copies, -1, array.shape[-1]), axis=0), (copies, 1))

    def cell_activation(self, cell: Array) -> Array:
        """What the output gate lets through, rounded as it is computed."""
        return self.activated(cell, self.config.activation)

    def activated(self, z: Array, name: str | None) -> Array:
        """The activation of that name, evaluated within its budget."""
        function = activations.get(name)
        value = function(self.rounding.rounded(z, 8) if name in JUMPING else z)
        known = name or "linear"
        lost = 0 if known in EXACT else self.rounding.underflow(value, OPERATIONS)
        return np.asarray(value + self.rounding.noise(value) * BUDGETS[known](z, value) - lost)


class RoundingBackpropagation(Backpropagation):
    """The chain rule, each operation with a random relative error of the size of its LSTM's."""

    lstm: RoundingLSTM

    def rounded(self, value: Array) -> Array:
        """One rounding."""
        return self.lstm.rounding.rounded(value)

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """With the roundings of its products and partial sums."""
        return self.lstm.rounding.dot(vectors, matrix)

    def derivative(self, activation: str | None, z: Array, cotangent: Array) -> Array:
        """The slope, rounded as it is computed, times the cotangent; on both sides of a kink."""
        rounded, noise, name = self.lstm.rounding.rounded, self.lstm.rounding.noise, activation or "linear"
        if name == "linear":
            return cotangent
        if name == "tanh":
            return rounded(rounded(1 - rounded(self.lstm.activated(z, name) ** 2)) * cotangent)
        if name == "sigmoid":
            s = self.lstm.activated(z, name)
            return rounded(rounded(s * (1 - s)) * cotangent)
        if name in KINKS:
            z = z + 8 * noise(z) * np.maximum(np.abs(z), 1)
        return np.asarray(rounded(vjp(name)(z, cotangent), 2) + noise(z) * np.abs(cotangent))


RoundingLSTM.backpropagation = RoundingBackpropagation


def disturbance_of(arithmetic: Arithmetic) -> float:
    """The size of each rounding in the replicas of a run in that arithmetic."""
    return max(arithmetic.unit_roundoff, SMALLEST_DISTURBANCE)


def root_mean_square(replicas: Array, expected: Array, arithmetic: Arithmetic) -> Array:
    """σ from replicas (replicas, …) of a run in that arithmetic that should give `expected` (…).

    One more rounding of the value is added, and one more underflow, for merging or storing it. Where the run is not finite, σ is 1:
    what is not finite is compared for being the same.
    """
    scale = arithmetic.unit_roundoff / disturbance_of(arithmetic)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(replicas - expected)
        largest = apart.max(axis=0)
        # As parts of the largest: the square of what a saturated gate lets through underflows.
        deviations = largest * np.sqrt(np.mean((apart / np.where(largest == 0, 1, largest)) ** 2, axis=0))
        deviations *= np.where(deviations > FIRST_ORDER, 1.0, scale)
        sigma = deviations + arithmetic.unit_roundoff * np.abs(expected) + arithmetic.underflow
    return np.where(np.isfinite(sigma), sigma, 1.0)


def sigma_of_run(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, trajectory: Trajectory, arithmetic: Arithmetic
) -> RoundingSigma:
    """σ of a run that started from zeros and had no mask: by the derivative where errors stay of first order, else by replicas."""
    if not arithmetic.operands:
        sigma = rounding_sigma(config, weights, inputs, trajectory, arithmetic)
        if np.all(sigma.hidden @ np.abs(weights.recurrent_kernel) <= FIRST_ORDER):
            return sigma
    return replicated_sigma(config, weights, inputs, trajectory, arithmetic)


def replicated_sigma(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, trajectory: Trajectory, arithmetic: Arithmetic, *, seed: int = 0
) -> RoundingSigma:
    """σ of a run that started from zeros and had no mask, as `uncertainty.rounding_sigma` has it, by running the replicas."""
    random = np.random.Generator(np.random.SFC64(seed))
    lstm = RoundingLSTM(config, weights, arithmetic=arithmetic, random=random, copies=REPLICAS)
    many = lstm.run(np.tile(inputs, (REPLICAS, 1, 1)), lstm.zero_state(REPLICAS * len(inputs)))
    return RoundingSigma(
        **{
            name: root_mean_square(getattr(many, name).reshape(REPLICAS, *expected.shape), expected, arithmetic)
            for name, expected in (("hidden", trajectory.hidden), ("cell", trajectory.cell))
        }
    )
