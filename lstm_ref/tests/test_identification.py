"""An activation is identified by its values, at points where every two activations differ."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import UnsupportedConfigError
from lstm_ref.activations import ACTIVATIONS, SELU_SCALE, softmax, sparsemax
from lstm_ref.arrays import Array
from lstm_ref.derivatives import KINKS
from lstm_ref.keras_layers.identification import POINTS, bound, identify_activation

# What compute the same, by definition: the first stands for both.
SAME = {"celu": "elu", "swish": "silu", "hard_swish": "hard_silu"}
DIFFERENT = [name for name in ACTIVATIONS if name not in SAME]


def values(name: str) -> Array:
    """Of an activation at the points."""
    with np.errstate(over="ignore"):
        return ACTIVATIONS[name](POINTS.astype(np.float64))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_identified_by_its_values(name: str, dtype: str) -> None:
    """In float32 as in float64, whatever it is called and wherever it is from."""

    def tanh(x: Array) -> Array:
        return ACTIVATIONS[name](x.astype(dtype))

    tanh.__module__ = "keras.src.activations.activations"
    assert identify_activation(tanh) == SAME.get(name, name)


def test_none_is_linear() -> None:
    """As in Keras."""
    assert identify_activation(None) == "linear"


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(DIFFERENT, 2)))
def test_the_points_tell_every_two_apart_by_far_more_than_rounding(first: str, second: str) -> None:
    """At some point they differ by a hundred times what either may be off."""
    first_values, second_values = values(first), values(second)
    with np.errstate(invalid="ignore"):
        apart = np.abs(first_values - second_values) / np.maximum(bound(first, first_values), bound(second, second_values))
    assert np.nanmax(apart) > 100


@pytest.mark.parametrize("name", KINKS)
def test_the_points_lie_on_either_side_of_every_kink_and_on_none(name: str) -> None:
    """Within 1/16: what a function gives at a jump is a convention."""
    distances = np.abs(POINTS.reshape(-1, 1) - np.array(KINKS[name]))
    assert distances.min() >= 1 / 32
    assert (distances.min(axis=0) <= 1 / 16).all()


def bent(x: Array, low: float, high: float, slope: float) -> Array:
    """A line through (0, 1/2) between two bounds."""
    return np.clip(slope * x + 0.5, low, high)


# Each with a constant that is changed by a thousandth or a little more.
PERTURBED: dict[str, Callable[[Array], Array]] = {
    "leaky slope 0.21": lambda x: np.where(x < 0, 0.21 * x, x),
    "leaky slope 0.2002": lambda x: np.where(x < 0, 0.2002 * x, x),
    "hard_sigmoid of slope 0.166": lambda x: bent(x, 0, 1, 0.166),
    "hard_sigmoid of slope 0.1668": lambda x: bent(x, 0, 1, 0.1668),
    "hard_sigmoid_keras2 of slope 0.2002": lambda x: bent(x, 0, 1, 0.2002),
    "hard_sigmoid up to 0.999": lambda x: bent(x, 0, 0.999, 1 / 6),
    "tanh of 1.001 x": lambda x: np.tanh(1.001 * x),
    "1.001 tanh": lambda x: 1.001 * np.tanh(x),
    "LeCun's tanh": lambda x: 1.7159 * np.tanh(2 / 3 * x),
    "sigmoid of 1.001 x": lambda x: 1 / (1 + np.exp(-1.001 * x)),
    "sigmoid of 1.702 x, times x": lambda x: x / (1 + np.exp(-1.702 * x)),
    "gelu_tanh of 0.0447": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.0447 * x**3))),
    "elu of alpha 1.001": lambda x: np.where(x > 0, x, 1.001 * np.expm1(np.minimum(x, 0))),
    "selu of alpha 1.6743": lambda x: SELU_SCALE * np.where(x > 0, x, 1.6743 * np.expm1(np.minimum(x, 0))),
    "relu up to 100": lambda x: np.clip(x, 0, 100),
    "relu up to 6.005": lambda x: np.clip(x, 0, 6.005),
    "soft_shrink by 0.501": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.501, 0),
    "hard_shrink by 0.6": lambda x: np.where(np.abs(x) <= 0.6, 0, x),
    "softplus of beta 1.001": lambda x: np.logaddexp(0, 1.001 * x) / 1.001,
    "squareplus of b 4.005": lambda x: (x + np.sqrt(x * x + 4.005)) / 2,
    "softmax of a temperature": lambda x: softmax(1.001 * x),
    "softmax along the batch": lambda x: softmax(x.T).T,
    "softmax of the whole": lambda x: softmax(x.reshape(1, -1)).reshape(x.shape),
    "sparsemax of a temperature": lambda x: sparsemax(1.001 * x),
}


@pytest.mark.parametrize("function", PERTURBED.values(), ids=PERTURBED)
def test_what_is_nearly_an_activation_is_none(function: Callable[[Array], Array]) -> None:
    """A constant of its own makes it another function; the message names a nearest one, both values and the argument."""
    message = r"computes none of those that the reference models: the nearest, \w+, gives \S+ where it gives \S+, \S+ off, at x = "
    with pytest.raises(UnsupportedConfigError, match=message):
        identify_activation(function)


def test_a_refusal_names_the_largest_difference() -> None:
    """The nearest, its value, that of the function, their distance, and where."""
    with pytest.raises(UnsupportedConfigError) as refusal:
        identify_activation(PERTURBED["relu up to 100"])
    assert str(refusal.value) == (
        "activation lstm_ref.tests.test_identification.<lambda> computes none of those that the reference models: the nearest, "
        "relu, gives 1000 where it gives 100, 9e+02 off, at x = 1000; build the layer with one of lstm_ref.activations.ACTIVATIONS"
    )


def test_a_refusal_shows_the_units_where_they_act_on_each_other() -> None:
    """A value alone says nothing there."""
    with pytest.raises(UnsupportedConfigError, match=r"the nearest, sparsemax, .* of the units \[(-?[\d.]+, ){7}-?[\d.]+\]"):
        identify_activation(lambda x: 1.5 * sparsemax(x))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda x: x[:, :4],
            r"cannot be used in an LSTM: it makes \(66, 4\) of \(batch, units\) \(66, 8\), so that gate and state",
        ),
        (lambda x: x.sum(), r"cannot be used in an LSTM: it makes \(\) of"),
        (lambda x, alpha: alpha * x, r"takes neither an array \(batch, units\) nor a tensor .*TypeError: .*alpha"),
        (lambda _: "tanh", r"takes neither an array \(batch, units\) nor a tensor .*ValueError"),
        ("tanh", r"activation builtins.str cannot be used in an LSTM: .*TypeError: 'str' object is not callable"),
        (functools.partial(max, 0), r"activation functools.partial cannot be used in an LSTM"),
    ],
    ids=["halves the units", "a number", "two arguments", "a string", "no function", "a partial"],
)
def test_what_is_no_function_of_units_is_refused(function: Any, message: str) -> None:
    """With what it does instead."""
    with pytest.raises(UnsupportedConfigError, match=message):
        identify_activation(function)


def test_a_function_of_tensors_is_given_a_tensor() -> None:
    """Where it takes no array of NumPy's."""

    class Tensor:
        """Of another framework."""

        __array_ufunc__ = None

        def __init__(self, array: Array) -> None:
            self.array = array

        def numpy(self) -> Array:
            """Back again."""
            return self.array

    def function(tensor: Any) -> Tensor:
        return Tensor(np.tanh(tensor.array))

    assert identify_activation(function, Tensor) == "tanh"
    with pytest.raises(UnsupportedConfigError, match=r"AttributeError: 'numpy.ndarray' object has no attribute 'array'"):
        identify_activation(function)


def test_a_function_that_writes_to_its_argument_changes_nothing() -> None:
    """It is given a copy."""
    before = POINTS.copy()

    def function(x: Array) -> Array:
        x[...] = np.maximum(x, 0)
        return x

    assert identify_activation(function) == "relu"
    np.testing.assert_array_equal(POINTS, before)


def test_what_is_not_finite_is_no_rounding() -> None:
    """A formula that overflows far out is another function than one that does not."""

    def naive_softplus(x: Array) -> Array:
        return np.asarray(np.log(1 + np.exp(x)))

    with pytest.raises(UnsupportedConfigError, match=r"the nearest, softplus, gives 1000 where it gives inf, inf off, at x = 1000"):
        identify_activation(naive_softplus)
