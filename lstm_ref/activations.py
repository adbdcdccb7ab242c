"""The activations that Keras accepts by name, each from its definition.

Every function maps an array to an array of the same shape, keeps a float dtype, and is finite wherever the true value is finite.
NaN and infinity give what the formula gives (`silu(-inf)` is `-inf * 0`, so NaN). `softmax`, `log_softmax` and `sparsemax` act
along the last axis, which in an LSTM is the units axis; all others act elementwise.
"""

import math
from collections.abc import Callable

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.errors import UnsupportedConfigError

Activation = Callable[[Array], Array]

# Klambauer et al. 2017 (arXiv:1706.02515), equation 14.
SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946

# Hendrycks & Gimpel 2016 (arXiv:1606.08415), section 2: the coefficient of x³ in the approximation.
GELU_CUBE = 0.044715


def linear(x: Array) -> Array:
    """X."""
    return x


def tanh(x: Array) -> Array:
    """Hyperbolic tangent."""
    return np.asarray(np.tanh(x))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), as exp(min(x, 0)) / (1 + exp(-|x|)), so that no tail overflows or loses its relative accuracy."""
    return np.asarray(np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))))


def hard_sigmoid(x: Array) -> Array:
    """clip(x / 6 + 1/2, 0, 1): the form of Keras 3, as relu6(x + 3) / 6, which keeps its relative accuracy near 0."""
    return np.asarray(np.clip(x + 3, 0, 6) / 6)


def hard_sigmoid_keras2(x: Array) -> Array:
    """clip(0.2 x + 1/2, 0, 1): `hard_sigmoid` of Keras 1 and 2. Keras does not accept this name."""
    return np.asarray(np.clip(x + 2.5, 0, 5) / 5)


def relu(x: Array) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def leaky_relu(x: Array) -> Array:
    """X for x >= 0, else 0.2 x (Keras' default slope)."""
    return np.asarray(np.where(x < 0, 0.2 * x, x))


def relu6(x: Array) -> Array:
    """min(max(x, 0), 6)."""
    return np.clip(x, 0, 6)


def elu(x: Array) -> Array:
    """X for x > 0, else exp(x) - 1 (Clevert et al. 2016, alpha = 1)."""
    return np.asarray(np.where(x > 0, x, np.expm1(np.minimum(x, 0))))


def celu(x: Array) -> Array:
    """max(x, 0) + min(0, exp(x) - 1) (Barron 2017; with alpha = 1 it equals elu)."""
    return elu(x)


def selu(x: Array) -> Array:
    """Scale * elu(x, alpha) (Klambauer et al. 2017)."""
    return SELU_SCALE * np.asarray(np.where(x > 0, x, SELU_ALPHA * np.expm1(np.minimum(x, 0))))


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def softsign(x: Array) -> Array:
    """X / (1 + |x|)."""
    return np.asarray(x / (1 + np.abs(x)))


def squareplus(x: Array) -> Array:
    """(x + sqrt(x² + 4)) / 2 (Barron 2021), as 2 / (sqrt(x² + 4) - x) left of zero, where the sum would cancel."""
    half = np.abs(x) / 2 + np.hypot(x / 2, 1)
    return np.asarray(np.where(x < 0, 1 / half, half))


def soft_shrink(x: Array) -> Array:
    """X - 1/2 above 1/2, x + 1/2 below -1/2, else 0."""
    return np.sign(x) * np.maximum(np.abs(x) - 0.5, 0)


def hard_shrink(x: Array) -> Array:
    """0 where |x| <= 1/2, else x."""
    return np.asarray(np.where(np.abs(x) <= 0.5, 0, x))


def tanh_shrink(x: Array) -> Array:
    """X - tanh(x), as (x cosh(x) - sinh(x)) / cosh(x) where the difference would cancel, its numerator by the power series."""
    # x cosh(x) - sinh(x) = Σ 2n x^(2n+1) / (2n+1)! has terms of one sign; for |x| <= 1 those after n = 9 are below 2e-18 of it.
    small = np.clip(x, -1, 1)
    series = np.zeros_like(small)
    for n in range(9, 0, -1):
        series = series * np.square(small) + 2 * n / math.factorial(2 * n + 1)
    return np.asarray(np.where(np.abs(x) < 1, small * np.square(small) * series / np.cosh(small), x - np.tanh(x)))


def sparse_plus(x: Array) -> Array:
    """0 below -1, (x + 1)² / 4 between, x above 1."""
    middle = np.square(np.clip(x, -1, 1) + 1) / 4
    return np.asarray(np.where(x > 1, x, middle))


def sparse_sigmoid(x: Array) -> Array:
    """clip((x + 1) / 2, 0, 1) (Blondel et al. 2019)."""
    return np.clip((x + 1) / 2, 0, 1)


def silu(x: Array) -> Array:
    """X * sigmoid(x) (Ramachandran et al. 2017), also called swish."""
    return x * sigmoid(x)


def hard_silu(x: Array) -> Array:
    """X * hard_sigmoid(x) (Howard et al. 2019), also called hard_swish."""
    return x * hard_sigmoid(x)


def gelu(x: Array) -> Array:
    """X * Phi(x) = x/2 * erfc(-x / sqrt 2) (Hendrycks & Gimpel 2016, the exact form); erfc keeps the left tail accurate."""
    erfc = np.vectorize(math.erfc, otypes=[np.float64])(np.asarray(x, np.float64) / -math.sqrt(2))
    return np.asarray(0.5 * x * erfc).astype(x.dtype)


def gelu_tanh(x: Array) -> Array:
    """x/2 * (1 + tanh(√(2/π) (x + 0.044715 x³))): gelu with approximate=True. Keras does not accept this name."""
    # 1 + tanh(a) = 2 sigmoid(2a), whose left tail does not cancel.
    return np.asarray(x * sigmoid(math.sqrt(8 / math.pi) * (x + GELU_CUBE * x * x * x)))


def mish(x: Array) -> Array:
    """X * tanh(softplus(x)) (Misra 2019)."""
    return x * np.tanh(softplus(x))


def exponential(x: Array) -> Array:
    """exp(x), infinite where that exceeds the dtype."""
    with np.errstate(over="ignore"):
        return np.exp(x)


def hard_tanh(x: Array) -> Array:
    """clip(x, -1, 1)."""
    return np.clip(x, -1, 1)


def log_sigmoid(x: Array) -> Array:
    """log(sigmoid(x)) = -softplus(-x)."""
    return -softplus(-x)


def softmax(x: Array) -> Array:
    """exp(x) / sum(exp(x)) along the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def log_softmax(x: Array) -> Array:
    """X - log(sum(exp(x))) along the last axis."""
    shifted = x - x.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def sparsemax(x: Array) -> Array:
    """The point of the simplex nearest to x along the last axis (Martins & Astudillo 2016, algorithm 1)."""
    x = x - x.max(axis=-1, keepdims=True)  # the result is the same; sums stay small, and a NaN reaches its whole row
    descending = -np.sort(-x, axis=-1)
    ranks = np.arange(1, x.shape[-1] + 1, dtype=x.dtype)
    sums = np.cumsum(descending, axis=-1)
    support = (1 + ranks * descending > sums).sum(axis=-1, keepdims=True).clip(1)
    threshold = (np.take_along_axis(sums, support - 1, axis=-1) - 1) / support.astype(x.dtype)
    return np.asarray(np.maximum(x - threshold, 0))


_MODELLED: tuple[Activation, ...] = (
    linear, tanh, sigmoid, hard_sigmoid, hard_sigmoid_keras2, relu, leaky_relu, relu6, elu, celu, selu, softplus, softsign,
    squareplus, soft_shrink, hard_shrink, tanh_shrink, sparse_plus, sparse_sigmoid, silu, hard_silu, gelu, gelu_tanh, mish,
    exponential, hard_tanh, log_sigmoid, softmax, log_softmax, sparsemax,
)  # fmt: skip
ACTIVATIONS: dict[str, Activation] = {function.__name__: function for function in _MODELLED}
ACTIVATIONS |= {"swish": silu, "hard_swish": hard_silu}

# Activations of some Keras version, or of an argument of a Keras function; Keras does not accept these names.
WITHOUT_KERAS_NAME = frozenset({"hard_sigmoid_keras2", "gelu_tanh"})

# Names that Keras accepts, but whose activation no LSTM can use.
UNUSABLE = {
    "glu": "it halves the units axis, so that gate and state no longer fit",
    "threshold": "it needs two more arguments, which a name cannot give",
}


def get(name: str | None) -> Activation:
    """The activation of that name; None is linear, as in Keras.

    Raises:
        UnsupportedConfigError: the name is unknown, or no LSTM can use that activation.
    """
    if name is None:
        return linear
    if isinstance(name, str) and name in UNUSABLE:
        raise UnsupportedConfigError(f"activation {name!r} cannot be used in an LSTM: {UNUSABLE[name]}")
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise UnsupportedConfigError(f"unknown activation {name!r}; expected None or one of {', '.join(sorted(ACTIVATIONS))}")
    return ACTIVATIONS[name]
