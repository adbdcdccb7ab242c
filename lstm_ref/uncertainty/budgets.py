"""How exactly an implementation evaluates an activation: the expected root mean square error, in units of the unit roundoff u.

A framework evaluates an activation by a few elementary functions and operations. Each operation rounds once. So does an elementary
function, as an error of u at random: the worst errors that vector libraries promise are 1 ulp (SLEEF's u10 functions, in PyTorch),
"a couple of ulps" (Eigen's exp and tanh, in TensorFlow and XLA) and 4 ulp (NumPy's), and an error whose worst is 2 ulp = 4u has a
root mean square of 4u/√12 = 1.2u where it is uniformly distributed. The error of an intermediate value is multiplied by the
derivative of the operations after it, and the squares of independent errors add. The budgets hold for the usual formulas, not for
the best ones:

- sigmoid as 1 / (1 + exp(-z)): roundings of exp, sum and quotient, g² ((1 - g)² + 1 + 1).
- tanh, a quotient of two rounded expressions: 3 g².
- silu, z times sigmoid: 4 g².
- A sum or difference whose terms may be larger than itself has the error of its terms: u max(|z|, 1) bounds the terms of
  elu and selu (exp(z) - 1), softplus and log_sigmoid (max(z, 0) + log1p …), squareplus (z + √…), gelu (1 + erf … or tanh …), mish,
  tanh_shrink (z - tanh z), and of the clipped lines (z / 6 + 1/2 …), together with the rounding of the value.
- softmax = exp(z - m) / Σ with m the largest z: the rounding of z - m is an error of u |z - m| in the exponent, thus relative.
- log_softmax = (z - m) - log Σ: roundings of the difference, which may be large where z is small, of the logarithm, of the sum.
- sparsemax adds up to n values below the row's range, in sums of at most n times that.

In addition, each operation may underflow (`uncertainty`). The longest computation of a value that may be tiny is silu's, with four
operations. In a value far above the underflow threshold no underflow counts, and exact activations have none.
"""

import math
from collections.abc import Callable

import numpy as np

from lstm_ref.arrays import Array

# (argument, value) → error in units of u, of the value's shape.
Budget = Callable[[Array, Array], Array]

THREE_ROUNDINGS = math.sqrt(3)
OPERATIONS = 4


def sigmoid(z: Array, value: Array) -> Array:  # noqa: ARG001
    """Roundings of exp, sum and quotient."""
    return np.asarray(value * np.sqrt(2 + (1 - value) ** 2))


def _sum_of_larger_terms(z: Array, value: Array) -> Array:
    return np.hypot(THREE_ROUNDINGS * np.abs(value), np.maximum(np.abs(z), 1))


def _below_largest(z: Array) -> Array:
    return np.asarray(z.max(axis=-1, keepdims=True) - z)


# The value is the argument or a bound: nothing is computed.
EXACT = ("linear", "relu", "relu6", "hard_tanh", "hard_shrink")

BUDGETS: dict[str, Budget] = {
    **dict.fromkeys(EXACT, lambda _, value: np.zeros_like(value)),
    "leaky_relu": lambda _, value: np.abs(value),
    **dict.fromkeys(("tanh", "exponential", "softsign"), lambda _, value: THREE_ROUNDINGS * np.abs(value)),
    "sigmoid": sigmoid,
    **dict.fromkeys(("silu", "swish"), lambda _, value: 2 * np.abs(value)),
    **dict.fromkeys(
        (
            "hard_sigmoid", "hard_sigmoid_keras2", "elu", "celu", "selu", "softplus", "squareplus", "soft_shrink", "tanh_shrink",
            "sparse_plus", "sparse_sigmoid", "hard_silu", "hard_swish", "gelu", "gelu_tanh", "mish",
            "log_sigmoid",
        ),
        _sum_of_larger_terms,
    ),
    "softmax": lambda z, value: value * np.sqrt(3 + _below_largest(z) ** 2),
    "log_softmax": lambda z, value: np.sqrt(_below_largest(z) ** 2 + 1 + np.square(value)),
    "sparsemax": lambda z, value: np.hypot(value, z.shape[-1] * np.maximum(_below_largest(z).max(axis=-1, keepdims=True), 1)),
}  # fmt: skip

# Activations that jump: they are evaluated on both sides of the jump, where the error of the argument reaches it.
JUMPING = {"hard_shrink"}
