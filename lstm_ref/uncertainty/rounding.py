"""Stochastic rounding of any run: the reference with a random relative error after every operation.

`model` propagates roundings by the derivative of one special run (forwards, from zeros, tanh and sigmoid). This module adds them to
the values of a run instead, with any activation, mask, direction, initial state or composition. Many replicas run as the rows of
one batch; σ is the root mean square of their deviations from the undisturbed run.

The error model is that of `model`. With u the unit roundoff, each operation's result is multiplied by 1 + u or 1 - u at random. A
dot product of n terms gets the summed variance of its products and partial sums, an activation its budget (`budgets`). Each result
is moved towards zero by N times the number of operations that lead to it. A product or sum moves to zero at most, as a flush does;
a dot product may move beyond, because one of two terms that cancel may be flushed. In addition:

- An activation that jumps (`hard_shrink`) is evaluated at an argument with eight times the disturbance, so that within the limit of
  8 σ around the jump the replicas take both of its sides.
- A slope is computed as in frameworks: of tanh and sigmoid from their rounded values, 1 - t² and s (1 - s). The others have an
  error of √3 u of themselves and of u, because some are differences of terms of size 1. Where a slope jumps, both sides are taken
  too.
- A product with a dropout mask is one more rounding of the vectors in the dot products.
- A processor may round the operands of float32 matrix products to TensorFloat-32 or bfloat16 and add in float32. With
  `Arithmetic.operands`, each operand has a rounding of that size. A computed operand has a new rounding each time it is read. A
  matrix of weights has one rounding for all timesteps and all rows of a replica, so that its errors add as they do on the
  processor. The rounding of the weight w_kj is the product of a sign of k and one of j: for each j, a random sign for every k.

A chaotic LSTM multiplies errors until they have the size of its states. The disturbances of the replicas have their true size, so
their spread stops there too. But then the spread no longer predicts another run: 24 replicas may agree by chance where a 25th does
not. The limit of 8 σ holds to first order: a deviation δ of a pre-activation changes the slopes of sigmoid and tanh by factors of
up to e^δ and e^2δ. If h makes some z of a row differ among the replicas by more than `FIRST_ORDER` = 1/16, so that 8 σ is a factor
of e, the row has diverged. From then on, half of its replicas are at one end of the possible states and half at the other: h at -1
or 1 and c at ±(max |c| + 1), at every timestep (by the equations |h| < 1 and |c'| < |c| + 1). Two runs differ there by √2 σ at
most, so that nothing computed from them is judged. A spread of up to 32 u is no sign of divergence: the roundings of z itself are
that large, and only in bfloat16 is 32 u more than 1/16. Rows diverge only where activations stay within [-1, 1], as the standard
ones do.

Errors below 2^-30 would be lost in float64's own rounding. Replicas are then disturbed by 2^-30, their underflow is enlarged
likewise, and the deviations are scaled back, which is exact to first order. Deviations of more than `FIRST_ORDER` are not scaled
back.
"""

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
        arithmetic: of the precision; errors smaller than SMALLEST_DISTURBANCE are scaled up to it.
        random: draws the signs.
        copies: number of replicas in one batch, one after the other.
    """

    def __init__(self, arithmetic: Arithmetic, random: np.random.Generator, copies: int = 1) -> None:
        self.disturbance = disturbance_of(arithmetic)
        scale = self.disturbance / arithmetic.unit_roundoff
        self._underflow, self._operands = arithmetic.underflow * scale, arithmetic.operands * scale
        self._random, self.copies = random, copies
        self.first_order = max(FIRST_ORDER, 32 * max(arithmetic.unit_roundoff, arithmetic.operands))
        self._weight_signs: dict[bytes, tuple[Array, Array]] = {}

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """Vectors @ matrix, with the roundings of its products and partial sums."""
        total, variance = dot_product(vectors, matrix)
        error = np.sqrt(np.maximum(variance, 0)) * self.noise(total)
        if self._operands:
            error += self._operands * self._rounded_operands(vectors, matrix)
        underflow = (2 * matrix.shape[-2] - 1) * self._underflow * np.sign(total)
        return np.asarray(total + error - underflow)

    def rounded(self, value: Array, times: float = 1.0) -> Array:
        """The value with a random relative error of `times` the disturbance, and as many underflows."""
        return np.asarray(value * (1 + times * self.noise(value)) - self.underflow(value, times))

    def underflow(self, value: Array, operations: float) -> Array:
        """The loss of the value where that number of operations underflow: the whole value at most."""
        most = operations * self._underflow
        return np.clip(value, -most, most)

    def random_extremes(self, shape: tuple[int, ...]) -> Array:
        """+1 in one half of the replicas and -1 in the other, at random for each row and unit."""
        ends = np.resize([1.0, -1.0], self.copies)[:, np.newaxis, np.newaxis]
        by_copy = (self.copies, shape[0] // self.copies, shape[1])
        return self._random.permuted(np.broadcast_to(ends, by_copy), axis=0).reshape(shape)

    def noise(self, like: Array) -> Array:
        """The disturbance with random signs, of the shape of an array."""
        return np.asarray(self.disturbance * self.signs(like.shape))

    def _rounded_operands(self, vectors: Array, matrix: Array) -> Array:
        """The error of vectors @ matrix where both operands have relative errors of ±1."""
        vector_error = (vectors * self.signs(vectors.shape)) @ matrix
        if matrix.ndim > 2:  # not weights: both operands have new roundings
            return np.asarray(vector_error + vectors @ (matrix * self.signs(matrix.shape)))
        key = matrix.tobytes()
        if key not in self._weight_signs:
            self._weight_signs[key] = self.signs((self.copies, 1, matrix.shape[0])), self.signs((self.copies, 1, matrix.shape[1]))
        rows, columns = self._weight_signs[key]
        by_copy = vectors.reshape(self.copies, -1, vectors.shape[-1])
        return np.asarray(vector_error + (((by_copy * rows) @ matrix) * columns).reshape(vector_error.shape))

    def signs(self, shape: tuple[int, ...]) -> Array:
        """+1 or -1 at random."""
        size = math.prod(shape)
        drawn = np.take(_SIGNS, np.frombuffer(self._random.bytes(-(-size // 8)), np.uint8), axis=0)
        return np.asarray(drawn.reshape(-1)[:size].reshape(shape))


class RoundingLSTM(LSTM):
    """The reference in float64, with the errors of an arithmetic in each operation.

    Args:
        config, weights, dropout: as of `LSTM`.
        arithmetic: of the tested precision.
        random: draws the signs.
        copies: number of replicas in a batch.
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

    def activate_gates(self, z: Mapping[str, Array]) -> Gates:
        """The gates of one timestep, each with the rounding of its activation."""
        values = {
            gate: self.activate(z[gate], self.config.activation if gate == "c" else self.config.recurrent_activation)
            for gate in GATE_ORDER
        }
        return Gates(i=values["i"], f=values["f"], candidate=values["c"], o=values["o"])

    def preactivations(self, x_t: Array, hidden: Array) -> dict[str, Array]:
        """Z of all gates, from one product where they all read the same inputs."""
        if self.dropout is not None:
            return super().preactivations(x_t, hidden)
        z = self._rounded_preactivation(x_t, hidden, *self.weights.arrays.values())
        return dict(zip(GATE_ORDER, np.split(z, len(GATE_ORDER), axis=-1), strict=True))

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """Z of one gate under dropout, whose product is one more rounding."""
        x_t, hidden = map(self.rounding.rounded, self.gate_inputs(gate, x_t, hidden))
        return self._rounded_preactivation(x_t, hidden, *self.weights.gate(gate))

    def _rounded_preactivation(self, x_t: Array, hidden: Array, W: Array, U: Array, b: Array | None = None) -> Array:
        """X W + h U + b, with the roundings of its dot products and sums."""
        z = self.rounding.rounded(self.rounding.dot(x_t, W) + self.rounding.dot(hidden, U))
        return z if b is None else self.rounding.rounded(z + b)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep, with the roundings of its products and sum; a diverged row gets extreme states."""
        new, diverged = super().step(x_t, state), self.diverged_rows(state.hidden)
        if not diverged.any():
            return new
        sign, largest = self.rounding.random_extremes(new.hidden.shape), self._over_copies(np.abs(state.cell), np.max) + 1
        return State(hidden=np.where(diverged, sign, new.hidden), cell=np.where(diverged, sign * largest, new.cell))

    def new_cell(self, gates: Gates, state: State) -> Array:
        """c_t, with the roundings of its products and sum."""
        return self.rounding.rounded(self.rounding.rounded(gates.f * state.cell) + self.rounding.rounded(gates.i * gates.candidate))

    def new_hidden(self, gates: Gates, cell: Array) -> Array:
        """h_t, with the rounding of its product."""
        return self.rounding.rounded(super().new_hidden(gates, cell))

    def diverged_rows(self, hidden: Array) -> Array:
        """The rows whose replicas no longer agree, (batch, 1)."""
        if self.rounding.copies == 1:
            return np.zeros((len(hidden), 1), bool)
        spread = self._over_copies(hidden @ self.weights.recurrent_kernel, np.std)
        is_bounded = {self.config.activation, self.config.recurrent_activation} <= WITHIN_ONE
        return np.asarray((spread > self.rounding.first_order).any(axis=-1, keepdims=True) & is_bounded)

    def _over_copies(self, array: Array, summarise: Callable[..., Array]) -> Array:
        """A summary over the replicas, repeated for each of them."""
        copies = self.rounding.copies
        return np.tile(summarise(array.reshape(copies, -1, array.shape[-1]), axis=0), (copies, 1))

    def cell_activation(self, cell: Array) -> Array:
        """g(c_t), with the rounding of the activation."""
        return self.activate(cell, self.config.activation)

    def activate(self, z: Array, name: str | None) -> Array:
        """The activation of that name, evaluated within its budget."""
        function = activations.get(name)
        value = function(self.rounding.rounded(z, 8) if name in JUMPING else z)
        name = name or "linear"
        underflow = 0 if name in EXACT else self.rounding.underflow(value, OPERATIONS)
        return np.asarray(value + self.rounding.noise(value) * BUDGETS[name](z, value) - underflow)


class RoundingBackpropagation(Backpropagation):
    """The chain rule with the rounding errors of its LSTM in each operation."""

    lstm: RoundingLSTM

    def rounded(self, value: Array) -> Array:
        """One rounding."""
        return self.lstm.rounding.rounded(value)

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """With the roundings of its products and partial sums."""
        return self.lstm.rounding.dot(vectors, matrix)

    def derivative(self, activation: str | None, z: Array, cotangent: Array) -> Array:
        """The rounded slope times the cotangent; replicas take both sides of a kink."""
        rounded, noise, name = self.lstm.rounding.rounded, self.lstm.rounding.noise, activation or "linear"
        if name == "linear":
            return cotangent
        if name == "tanh":
            return rounded(rounded(1 - rounded(self.lstm.activate(z, name) ** 2)) * cotangent)
        if name == "sigmoid":
            s = self.lstm.activate(z, name)
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

    One more rounding and one more underflow are added for merging or storing the value. Where the run is not finite, σ is 1: such
    values are compared for equality.
    """
    scale = arithmetic.unit_roundoff / disturbance_of(arithmetic)
    with np.errstate(invalid="ignore", over="ignore"):
        differences = np.abs(replicas - expected)
        largest = differences.max(axis=0)
        # Relative to the largest: the square of a value behind a saturated gate underflows.
        deviations = largest * np.sqrt(np.mean((differences / np.where(largest == 0, 1, largest)) ** 2, axis=0))
        deviations *= np.where(deviations > FIRST_ORDER, 1.0, scale)
        sigma = deviations + arithmetic.unit_roundoff * np.abs(expected) + arithmetic.underflow
    return np.where(np.isfinite(sigma), sigma, 1.0)


def sigma_of_run(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, trajectory: Trajectory, arithmetic: Arithmetic
) -> RoundingSigma:
    """σ of a run that started from zeros and had no mask: by the derivative where errors are of first order, else by replicas."""
    if not arithmetic.operands:
        sigma = rounding_sigma(config, weights, inputs, trajectory, arithmetic)
        if np.all(sigma.hidden @ np.abs(weights.recurrent_kernel) <= FIRST_ORDER):
            return sigma
    return replicated_sigma(config, weights, inputs, trajectory, arithmetic)


def replicated_sigma(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, trajectory: Trajectory, arithmetic: Arithmetic, *, seed: int = 0
) -> RoundingSigma:
    """σ of a run that started from zeros and had no mask, from replicas."""
    random = np.random.Generator(np.random.SFC64(seed))
    lstm = RoundingLSTM(config, weights, arithmetic=arithmetic, random=random, copies=REPLICAS)
    replicas = lstm.run(np.tile(inputs, (REPLICAS, 1, 1)), lstm.zero_state(REPLICAS * len(inputs)))
    return RoundingSigma(
        **{
            name: root_mean_square(getattr(replicas, name).reshape(REPLICAS, *expected.shape), expected, arithmetic)
            for name, expected in (("hidden", trajectory.hidden), ("cell", trajectory.cell))
        }
    )
