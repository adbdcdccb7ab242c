"""Names: what is accepted, what is refused and why, and which function of Keras' is which."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import UnsupportedConfigError
from lstm_ref.activations import ACTIVATIONS, get, linear, name_of


def function_of(module: str | None, name: str) -> Callable[[Any], Any]:
    """A function that says of itself that it is that one; its body is never read."""

    def function(x: Any) -> Any:
        return x

    function.__name__ = name
    function.__module__ = module  # type: ignore[assignment]  # a function built by hand can lack its module
    return function


def test_none_is_linear() -> None:
    """As in Keras, where activation=None applies no activation."""
    assert get(None) is linear


@pytest.mark.parametrize(("alias", "name"), [("swish", "silu"), ("hard_swish", "hard_silu")])
def test_an_alias_is_the_same_function(alias: str, name: str) -> None:
    """Keras keeps the older name of either."""
    assert get(alias) is get(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("glu", r"activation 'glu' cannot be used in an LSTM: it halves the units axis"),
        ("threshold", r"activation 'threshold' cannot be used in an LSTM: it needs two more arguments"),
    ],
)
def test_an_activation_that_no_lstm_can_use_is_refused_with_the_reason(name: str, reason: str) -> None:
    """Keras knows these names, but builds no working LSTM from them."""
    with pytest.raises(UnsupportedConfigError, match=reason):
        get(name)


@pytest.mark.parametrize("name", ["Tanh", "", "hard_sigmoid_keras3", "TANH ", 3, ["tanh"], {"class_name": "tanh"}, np.tanh])
def test_an_unknown_activation_is_refused_with_the_names_that_are_known(name: Any) -> None:
    """Whatever is no known name, hashable or not, is shown beside the choice."""
    with pytest.raises(UnsupportedConfigError, match=r"unknown activation .*; expected None or one of celu, elu, .*tanh_shrink"):
        get(name)


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"hard_sigmoid", "hard_sigmoid_keras2"}))
@pytest.mark.parametrize(
    "module", ["keras.src.activations.activations", "keras.activations", "tf_keras.src.activations", "keras.src.activations"]
)
def test_a_function_of_keras_is_known_by_its_name(module: str, name: str) -> None:
    """Keras 3, Keras 2 and tf_keras mean the same by all names but hard_sigmoid."""
    assert name_of(function_of(module, name)) == name


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras.src.activations.activations", "hard_sigmoid"),
        ("keras.activations", "hard_sigmoid_keras2"),  # Keras 1 and 2.0 to 2.12
        ("keras.src.activations", "hard_sigmoid_keras2"),  # Keras 2.13 to 2.15
        ("tf_keras.src.activations", "hard_sigmoid_keras2"),
        ("tensorflow.python.keras.activations", "hard_sigmoid_keras2"),
    ],
)
def test_hard_sigmoid_is_told_apart_by_its_module(module: str, name: str) -> None:
    """The slope changed from 1/5 to 1/6 between Keras 2 and 3, the name did not."""
    assert name_of(function_of(module, "hard_sigmoid")) == name


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x: x, id="a lambda"),
        pytest.param(function_of("torch.nn.functional", "tanh"), id="another framework's"),
        pytest.param(function_of("my_keras.activations", "tanh"), id="a module whose name merely ends in keras"),
        pytest.param(function_of(None, "tanh"), id="a function without a module"),
        pytest.param(functools.partial(max, 0), id="no function by name"),
        pytest.param(np.tanh, id="a NumPy ufunc"),
        pytest.param(None, id="nothing"),
    ],
)
def test_a_function_that_is_not_of_keras_is_refused_with_a_way_out(function: Any) -> None:
    """The reference cannot know what a foreign function computes, and says how to go on without."""
    with pytest.raises(UnsupportedConfigError, match=r"cannot tell what activation .* computes.*LSTMConfig\(activation=\.\.\.\)"):
        name_of(function)


@pytest.mark.parametrize("name", ["<lambda>", "glu", "a_future_activation"])
def test_a_function_of_keras_that_is_not_modelled_is_refused_by_name(name: str) -> None:
    """Being in Keras' module is not enough."""
    with pytest.raises(UnsupportedConfigError, match=name):
        name_of(function_of("keras.src.activations.activations", name))
