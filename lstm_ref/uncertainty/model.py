"""How far a correct run in lower precision may lie from the float64 oracle.

Stochastic rounding, to first order. Let u be the unit roundoff of the tested precision (2^-24 for float32), and N the largest
error of a result that underflows. Every floating-point operation returns fl(a ∘ b) = (a ∘ b)(1 + δ) + η with |δ| ≤ u and |η| ≤ N
(Higham, Accuracy and Stability of Numerical Algorithms, 2002, equation 2.8). We run 24 replicas of the oracle in which each δ is +u
or -u at random, and take the replicas' root mean square deviation at every element. Because u is tiny, the deviations are
propagated by the oracle's own derivative instead of being added to its values: exact to first order in u, valid for float64 too
(where 1 ± u cannot be stored), and free of transcendental functions. In units of u², one timestep adds the variances:

- a dot product of n terms p_1 … p_n, summed one after the other in random order: n product roundings, together Q = Σ p_k², and a
  rounding of each partial sum s_2 … s_n. For a random order E s_k² = (k/n)² S² + k(n-k)/(n(n-1)) (Q - S²/n), with S = Σ p_k, so
  Σ_{k=2..n} E s_k² = (n+1)(2n+1)/(6n) S² + (n+1)/6 (Q - S²/n) - Q/n. Blocked or fused summation, which BLAS uses, errs less.
- z = (xW + hU) + b: a rounding of the sum xW + hU, another of z.
- σ(z) and tanh(z): the squares of their `budgets`.
- c' = f c + i c̃: (f c)² + (i c̃)² + c'².
- h' = o tanh(c'): 3 (o tanh c')² + h'².

The propagation is δz = δh U, δg = g'(z) δz, δc' = f δc + c δf + i δc̃ + c̃ δi, δh' = o (1 - tanh² c') δc' + tanh(c') δo.

Underflow. Where results below the smallest normal number are flushed to zero, N is that number; with gradual underflow, it is
half the distance of subnormal numbers. These errors are not random: a flush goes towards zero at every timestep, so that the errors
add where others cancel (a cell with an open forget gate that adds a thousand flushed products misses all of them). So each
operation that leads to a result v has η = -N sign(v) in every replica: 2n - 1 operations of a dot product, the two sums of z, at
most `OPERATIONS` of an activation, and one for each product and sum after it. A result that is exactly zero does not underflow.

σ of an element = u · RMS of the replicas + u/2 · |reference| + N, the last terms for storing the result.

This is of first order in u. For the errors of a chaotic run, which are not, `rounding.sigma_of_run` uses replicas.

This is an upper estimate:

- A fused multiply-add rounds once, and underflows once, where this model has two roundings.
- Sums in another order, by blocks, lanes or trees, have fewer roundings for each term than one long sum. The random order
  represents the unknown order.
- Mixed precision casts weights and inputs once to the compute dtype, before the first operation. The oracle reads the cast values,
  so that these casts are no errors of the run. The result has the compute dtype; the last terms count its cast, where there is one.

Why 24 replicas and a limit of 8σ: if the deviations were normal with the true σ, err/σ would follow Student's t with 24 degrees
of freedom, and P(|t| > 8) = 3e-8 per element. The sum over all operations is an upper estimate of real rounding (|δ| ≤ u, not
= u), so the real rate is far lower: `verify` reports the largest margin err/σ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.config import LSTMConfig
from lstm_ref.errors import ShapeError, UnsupportedConfigError
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.budgets import BUDGETS, OPERATIONS
from lstm_ref.uncertainty.budgets import sigmoid as sigmoid_budget
from lstm_ref.weights import LSTMWeights

REPLICAS = 24
BLOCK = 16  # timesteps whose arrays stay in a processor's cache

# Byte to eight signs: the cheapest way to draw ±1.
SIGNS = (2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) - 1).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """How exactly a precision computes.

    Attributes:
        unit_roundoff: u, the largest relative error of an operation.
        underflow: N, the largest absolute error beside it.
        operands: unit roundoff to which matrix products round their operands before they multiply; 0 where they do not.
    """

    unit_roundoff: float
    underflow: float
    operands: float = 0.0


# u: half the gap between 1 and the next number of the precision.
UNIT_ROUNDOFF = MappingProxyType({"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53})

# N: the largest error of a result that underflows. "Tensorflow always flushes denormals to zero" (openxla/xla, llvm_util.cc; its
# threads set FTZ and DAZ, tsl/platform/denormal.h): everything below the smallest normal number. bfloat16 is computed in float32
# and has its exponents. float16 is computed in float32 too, far from underflow there, and each result converted: VCVTPS2PH gives
# subnormal numbers ("MXCSR.FTZ is ignored") and VCVTPH2PS reads them ("MXCSR.DAZ is ignored"; Intel 64 and IA-32 Architectures
# Software Developer's Manual, volume 2). So its error is half the distance of its subnormal numbers.
UNDERFLOW = MappingProxyType({"float16": 2.0**-25, "bfloat16": 2.0**-126, "float32": 2.0**-126, "float64": 2.0**-1022})

ARITHMETIC = MappingProxyType(
    {name: Arithmetic(unit_roundoff=UNIT_ROUNDOFF[name], underflow=UNDERFLOW[name]) for name in UNIT_ROUNDOFF}
)

# Largest |error| / σ of one element. σ is estimated from 24 replicas, so normal errors of size σ would exceed it with
# P(|t_24| > 8) = 3e-8, real ones with P(|t_24| > 8√3) = 6e-13: one false alarm in 12,000 runs of the documents' matrix.
ELEMENT_LIMIT = 8.0


@dataclass(frozen=True, eq=False)
class RoundingSigma:
    """σ of every element of a trajectory, (batch, timesteps, units) each."""

    hidden: Array
    cell: Array


class _LinearStep(NamedTuple):
    """The derivative of one timestep and the size of its errors in units of u; the gates i, f, c̃, o are along the last axis."""

    slope: Array  # ∂gate/∂z, (batch, 4 * units)
    gate_noise: Array  # (batch, 4 * units)
    into_cell: Array  # ∂c'/∂i, ∂c'/∂f, ∂c'/∂c̃, (3, batch, units)
    forget: Array  # ∂c'/∂c, (batch, units), as all below
    cell_noise: Array
    cell_to_hidden: Array  # ∂h'/∂c'
    output_to_hidden: Array  # ∂h'/∂o
    hidden_noise: Array
    cell_underflow: Array  # the same in each replica
    hidden_underflow: Array


def rounding_sigma(
    config: LSTMConfig, weights: LSTMWeights, inputs: Array, trajectory: Trajectory, arithmetic: Arithmetic, *, seed: int = 0
) -> RoundingSigma:
    """σ of a run that started from zeros, went forwards and had no mask.

    Args:
        config: of the run; activation "tanh" and recurrent_activation "sigmoid" only.
        weights: of the run, rounded to the tested precision.
        inputs: (batch, timesteps, input_dim), rounded to the tested precision.
        trajectory: the oracle's run over them.
        arithmetic: of the tested precision. Replicas are float32, which cannot represent float64's N; it counts in the last term
            only.
        seed: of the random signs.

    Raises:
        UnsupportedConfigError: other activations, or rounded operands, for which `rounding` has replicas.
        ShapeError: the weights or the trajectory do not fit the inputs.
    """
    if (config.activation, config.recurrent_activation) != ("tanh", "sigmoid") or config.go_backwards:
        raise UnsupportedConfigError(
            f"the rounding σ is derived for forward runs with activation tanh and recurrent_activation sigmoid; got "
            f"{config.activation}, {config.recurrent_activation}, go_backwards={config.go_backwards}"
        )
    if arithmetic.operands:
        raise UnsupportedConfigError("the rounding σ is derived for products that read their operands as they are")
    units = weights.units
    expected = (*inputs.shape[:2], units)
    if inputs.ndim != 3 or inputs.shape[2] != weights.input_dim or config.units != units or trajectory.hidden.shape != expected:
        raise ShapeError(
            f"a run over inputs {inputs.shape} of an LSTM of {weights.input_dim} features and {units} units passes through states "
            f"{expected}; got {trajectory.hidden.shape}, and {config.units} units in the configuration"
        )
    u, stored = arithmetic.unit_roundoff, arithmetic.underflow
    with np.errstate(over="ignore", invalid="ignore"):
        hidden, cell = u * _replicate(weights.astype(np.float32), inputs, trajectory, stored / u, seed)
    # |h| < 1 and |c| < t, also where the derivative of a chaotic run is larger or infinite: two runs differ by 2 σ at most.
    largest_cell = np.arange(1.0, inputs.shape[1] + 1)[:, np.newaxis]
    return RoundingSigma(
        hidden=np.fmin(hidden + u / 2 * np.abs(trajectory.hidden) + stored, 1.0),
        cell=np.fmin(cell + u / 2 * np.abs(trajectory.cell) + stored, largest_cell),
    )


def _replicate(weights: LSTMWeights, inputs: Array, trajectory: Trajectory, underflow: float, seed: int) -> Array:
    """RMS deviation of the replicas of h and of c in units of u, (2, batch, timesteps, units).

    Large arrays are allocated once and written in place: fresh ones of this size cost more than the arithmetic.
    """
    generator = np.random.Generator(np.random.SFC64(seed))
    batch, steps, units = trajectory.hidden.shape
    rms = np.empty((2, batch, steps, units))
    d_hidden, d_cell, term = np.zeros((3, REPLICAS, batch, units), np.float32)
    d_gates = np.empty((REPLICAS, batch, 4 * units), np.float32)
    by_gate = [d_gates[..., k * units : (k + 1) * units] for k in range(4)]
    signs = np.empty((-(-REPLICAS * batch * 6 * units // 8), 8), np.float32)
    noise = signs.reshape(-1)[: REPLICAS * batch * 6 * units].reshape(REPLICAS, batch, 6 * units)
    gate_noise, cell_noise, hidden_noise = np.split(noise, [4 * units, 5 * units], axis=-1)
    for t, step in enumerate(_linearise(weights, inputs, trajectory, underflow)):
        np.take(SIGNS, np.frombuffer(generator.bytes(len(signs)), np.uint8), axis=0, out=signs, mode="clip")
        np.matmul(d_hidden.reshape(-1, units), weights.recurrent_kernel, out=d_gates.reshape(-1, 4 * units))
        d_gates *= step.slope
        d_gates += np.multiply(gate_noise, step.gate_noise, out=gate_noise)
        d_cell *= step.forget
        for partial, d_gate in zip(step.into_cell, by_gate[:3], strict=True):
            d_cell += np.multiply(d_gate, partial, out=term)
        d_cell += np.multiply(cell_noise, step.cell_noise, out=term)
        d_cell += step.cell_underflow
        np.multiply(d_cell, step.cell_to_hidden, out=d_hidden)
        d_hidden += np.multiply(by_gate[3], step.output_to_hidden, out=term)
        d_hidden += np.multiply(hidden_noise, step.hidden_noise, out=term)
        d_hidden += step.hidden_underflow
        for k, deviation in enumerate((d_hidden, d_cell)):
            rms[k, :, t] = np.sqrt(np.einsum("rbu,rbu->bu", deviation, deviation, dtype=np.float64) / REPLICAS)
    return rms


def _linearise(weights: LSTMWeights, inputs: Array, trajectory: Trajectory, underflow: float) -> Iterator[_LinearStep]:
    """The derivative and errors of each timestep, computed a block of timesteps at a time."""
    batch, steps, units = trajectory.hidden.shape
    x, h, c = (np.swapaxes(array, 0, 1).astype(np.float32) for array in (inputs, trajectory.hidden, trajectory.cell))
    zeros = np.zeros((1, batch, units), np.float32)
    previous_h, previous_c = (np.concatenate([zeros, array[:-1]]) for array in (h, c))
    for start in range(0, steps, BLOCK):
        block = np.s_[start : start + BLOCK]
        z, z_variance = _preactivation(x[block], previous_h[block], weights)
        z_i, z_f, z_c, z_o = np.split(z, 4, axis=-1)
        # float32 can represent exp(80), and a gate of exp(-80) is closed.
        i, f, o = (1 / (1 + np.exp(-np.clip(gate, -80, 80))) for gate in (z_i, z_f, z_o))
        candidate, tanh_c = np.tanh(z_c), np.tanh(c[block])
        slope = np.concatenate([i * (1 - i), f * (1 - f), 1 - candidate**2, o * (1 - o)], axis=-1)
        of_i, of_f, of_o = (sigmoid_budget(z_gate, gate) for z_gate, gate in ((z_i, i), (z_f, f), (z_o, o)))
        evaluation = np.concatenate([of_i, of_f, BUDGETS["tanh"](z_c, candidate), of_o], axis=-1)
        yield from map(
            _LinearStep,
            slope,
            # hypot, not the root of a sum of squares: a closed gate's square is below the smallest float32.
            np.hypot(slope * np.sqrt(z_variance), evaluation),
            np.stack([candidate, previous_c[block], i], axis=1),
            f,
            np.hypot(np.hypot(f * previous_c[block], i * candidate), c[block]),
            o * (1 - tanh_c**2),
            tanh_c,
            2 * np.abs(h[block]),
            *(-underflow * count for count in _underflows(weights, z, (i, candidate, o), slope, (previous_c[block], c[block]))),
        )


def _underflows(
    weights: LSTMWeights, z: Array, gates: tuple[Array, Array, Array], slope: Array, cells: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The loss of c' and of h' in one timestep in which every operation underflows, in units of N.

    z and slope are of all gates, (timesteps, batch, 4 * units); gates are i, c̃ and o, and cells c and c'.
    """
    (i, candidate, o), (cell, new_cell) = gates, cells
    in_z = 2 * (weights.input_dim + weights.units) * np.sign(z)
    d_i, d_f, d_c, d_o = np.split(slope * in_z, 4, axis=-1)
    of_products = np.sign(cell) + np.sign(candidate) + np.sign(new_cell)
    of_gates = candidate * (d_i + OPERATIONS) + cell * (d_f + OPERATIONS) + i * (d_c + OPERATIONS * np.sign(candidate))
    of_hidden = np.tanh(new_cell) * (d_o + OPERATIONS) + (OPERATIONS * o + 1) * np.sign(new_cell)
    return of_products + of_gates, of_hidden


def _preactivation(x: Array, hidden: Array, weights: LSTMWeights) -> tuple[Array, Array]:
    """Z of all gates and the variance of its roundings in units of u², (timesteps, batch, 4 * units) each."""
    from_inputs, inputs_variance = dot_product(x, weights.kernel)
    from_hidden, hidden_variance = dot_product(hidden, weights.recurrent_kernel)
    z = from_inputs + from_hidden
    variance = inputs_variance + hidden_variance + z**2
    if weights.bias is None:
        return z, variance
    z = z + weights.bias
    return z, variance + z**2


def dot_product(vectors: Array, matrix: Array) -> tuple[Array, Array]:
    """Vectors @ matrix and the variance of its roundings in units of u²: the formula at the top, product and sum roundings."""
    n = max(matrix.shape[-2], 1)
    total = vectors @ matrix
    squares = vectors**2 @ matrix**2
    sums = (n + 1) * (2 * n + 1) / (6 * n) * total**2 + (n + 1) / 6 * (squares - total**2 / n) - squares / n
    return total, squares + sums
