"""The derivatives of the activations, each from its definition.

A derivative maps a cotangent, the derivative of a loss with respect to the activation's value, to the derivative with respect to
its
argument: a vector-Jacobian product. Where the activation acts elementwise, it is the slope times the cotangent; along the last axis
it mixes the units. At a kink the slope is that of the flatter side, at the jump of `hard_shrink` that of the left side; frameworks
differ there.
"""

import math
from collections.abc import Callable

import numpy as np

from lstm_ref.activations import (
    ACTIVATIONS,
    GELU_CUBE,
    SELU_ALPHA,
    SELU_SCALE,
    Activation,
    hard_sigmoid,
    sigmoid,
    softmax,
    softplus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
)
from lstm_ref.arrays import Array

VectorJacobianProduct = Callable[[Array, Array], Array]


def _inside(x: Array, low: float, high: float, slope: float = 1.0) -> Array:
    return np.asarray(((x > low) & (x < high)).astype(x.dtype) * slope)


def _sech_squared(x: Array) -> Array:
    """1 - tanh(x)², through exp(-2|x|), so that the tails keep their relative accuracy."""
    e = np.exp(-2 * np.abs(x))
    return np.asarray(4 * e / np.square(1 + e))


def _d_sigmoid(x: Array) -> Array:
    return _sech_squared(x / 2) / 4


def _d_gelu(x: Array) -> Array:
    phi = np.exp(-np.square(x) / 2) / math.sqrt(2 * math.pi)
    Phi = np.vectorize(math.erfc, otypes=[np.float64])(np.asarray(x, np.float64) / -math.sqrt(2)) / 2
    return np.asarray(Phi + x * phi).astype(x.dtype)


def _d_gelu_tanh(x: Array) -> Array:
    scale = math.sqrt(8 / math.pi)
    a = scale * (x + GELU_CUBE * x * x * x)
    return np.asarray(sigmoid(a) + x * _d_sigmoid(a) * scale * (1 + 3 * GELU_CUBE * x * x))


def _d_mish(x: Array) -> Array:
    return np.asarray(tanh(softplus(x)) + x * sigmoid(x) * _sech_squared(softplus(x)))


def _exp_left_of_zero(x: Array) -> Array:
    return np.exp(np.minimum(x, 0))


# d/dx of each activation that acts elementwise.
SLOPES: dict[str, Activation] = {
    "linear": np.ones_like,
    "tanh": _sech_squared,
    "sigmoid": _d_sigmoid,
    "hard_sigmoid": lambda x: _inside(x, -3, 3, 1 / 6),
    "hard_sigmoid_keras2": lambda x: _inside(x, -2.5, 2.5, 1 / 5),
    "relu": lambda x: _inside(x, 0, math.inf),
    "leaky_relu": lambda x: 0.2 + _inside(x, 0, math.inf, 0.8),
    "relu6": lambda x: _inside(x, 0, 6),
    "elu": _exp_left_of_zero,
    "celu": _exp_left_of_zero,
    "selu": lambda x: SELU_SCALE * np.where(x > 0, np.ones_like(x), SELU_ALPHA * _exp_left_of_zero(x)),
    "softplus": sigmoid,
    "softsign": lambda x: 1 / np.square(1 + np.abs(x)),
    "squareplus": lambda x: squareplus(x) / np.hypot(x, 2),
    "soft_shrink": lambda x: 1 - _inside(x, -0.5, 0.5),
    "hard_shrink": lambda x: 1 - _inside(x, -0.5, 0.5),
    "tanh_shrink": lambda x: np.square(np.tanh(x)),
    "sparse_plus": sparse_sigmoid,
    "sparse_sigmoid": lambda x: _inside(x, -1, 1, 1 / 2),
    "silu": lambda x: sigmoid(x) + x * _d_sigmoid(x),
    "hard_silu": lambda x: hard_sigmoid(x) + x * _inside(x, -3, 3, 1 / 6),
    "gelu": _d_gelu,
    "gelu_tanh": _d_gelu_tanh,
    "mish": _d_mish,
    "exponential": np.exp,
    "hard_tanh": lambda x: _inside(x, -1, 1),
    "log_sigmoid": lambda x: sigmoid(-x),
}
SLOPES |= {"swish": SLOPES["silu"], "hard_swish": SLOPES["hard_silu"]}


def _vjp_softmax(x: Array, cotangent: Array) -> Array:
    p = softmax(x)
    return np.asarray(p * (cotangent - (p * cotangent).sum(axis=-1, keepdims=True)))


def _vjp_log_softmax(x: Array, cotangent: Array) -> Array:
    return np.asarray(cotangent - softmax(x) * cotangent.sum(axis=-1, keepdims=True))


def _vjp_sparsemax(x: Array, cotangent: Array) -> Array:
    """Martins & Astudillo 2016, proposition 2: on the support, the cotangent less its mean over the support."""
    support = (sparsemax(x) > 0).astype(x.dtype)
    mean = (support * cotangent).sum(axis=-1, keepdims=True) / support.sum(axis=-1, keepdims=True)
    return np.asarray(support * (cotangent - mean))


ALONG_UNITS: dict[str, VectorJacobianProduct] = {
    "softmax": _vjp_softmax,
    "log_softmax": _vjp_log_softmax,
    "sparsemax": _vjp_sparsemax,
}

# Where the slope jumps.
KINKS: dict[str, tuple[float, ...]] = {
    "hard_sigmoid": (-3, 3),
    "hard_sigmoid_keras2": (-2.5, 2.5),
    "relu": (0,),
    "leaky_relu": (0,),
    "relu6": (0, 6),
    "selu": (0,),
    "soft_shrink": (-0.5, 0.5),
    "hard_shrink": (-0.5, 0.5),
    "sparse_sigmoid": (-1, 1),
    "hard_silu": (-3, 3),
    "hard_swish": (-3, 3),
    "hard_tanh": (-1, 1),
}


def vjp(name: str | None) -> VectorJacobianProduct:
    """The vector-Jacobian product of the activation of that name: (argument, cotangent) → cotangent of the argument."""
    known = name or "linear"
    if known in ALONG_UNITS:
        return ALONG_UNITS[known]
    slope = SLOPES[known]
    return lambda x, cotangent: np.asarray(slope(x) * cotangent)


assert SLOPES.keys() | ALONG_UNITS.keys() == ACTIVATIONS.keys()  # noqa: S101  # an activation without a derivative is no activation
