"""Reading a Keras layer by duck typing: fakes with the attributes that Keras 2, Keras 3 and their backends' variables have."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMError, LSTMWeights, ShapeError, UnsupportedConfigError


def keras_activation(name: str, module: str = "keras.src.activations.activations") -> Any:
    """A function that says of itself that it is Keras' activation of that name."""

    def function(x: Any) -> Any:
        return x

    function.__name__, function.__module__ = name, module
    return function


class ReadOut:
    """A variable of Keras 3 on NumPy, JAX or OpenVINO, or of TensorFlow: .numpy() gives its value."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def numpy(self) -> Any:
        """The value itself, not a copy."""
        return self.array


class TensorFlowVariable(ReadOut):
    """Where value is a method that returns a tensor."""

    def value(self) -> ReadOut:
        """The variable's tensor."""
        return ReadOut(self.array)


class TorchTensor(ReadOut):
    """A tensor on another device that is part of a graph: it refuses numpy() until it is detached and brought home."""

    def __init__(self, array: Any, *, at_home: bool = False, detached: bool = False) -> None:
        super().__init__(array)
        self.at_home, self.detached = at_home, detached

    def detach(self) -> TorchTensor:
        """Out of the graph."""
        return TorchTensor(self.array, at_home=self.at_home, detached=True)

    def cpu(self) -> TorchTensor:
        """Back from the device."""
        return TorchTensor(self.array, at_home=True, detached=self.detached)

    def numpy(self) -> Any:
        """The value, or torch's complaint."""
        if not (self.at_home and self.detached):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad, or is not on the CPU")
        return self.array


class JaxArray:
    """Something that only NumPy's own protocol reads."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype)


VARIABLES: dict[str, Callable[[Any], Any]] = {
    "a NumPy array": lambda array: array,
    "a Keras variable": ReadOut,
    "a Keras variable over a torch tensor": lambda array: SimpleNamespace(value=TorchTensor(array)),
    "a Keras variable over a JAX array": lambda array: SimpleNamespace(value=JaxArray(array)),
    "a TensorFlow variable": TensorFlowVariable,
    "a torch tensor": TorchTensor,
}


def cell_of(weights: LSTMWeights, variable: Callable[[Any], Any] = ReadOut, **changes: Any) -> SimpleNamespace:
    """A built LSTMCell with these weights."""
    attributes = {
        "units": weights.units,
        "activation": keras_activation("tanh"),
        "recurrent_activation": keras_activation("sigmoid"),
        "use_bias": weights.bias is not None,
        "built": True,
        "kernel": variable(weights.kernel),
        "recurrent_kernel": variable(weights.recurrent_kernel),
        "bias": None if weights.bias is None else variable(weights.bias),
    }
    return SimpleNamespace(**(attributes | changes))


def layer_of(cell: Any, **flags: Any) -> SimpleNamespace:
    """An LSTM or RNN layer over a cell, with Keras 3's flags."""
    defaults = dict.fromkeys(("return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"), False)
    return SimpleNamespace(**(defaults | {"cell": cell, "built": True} | flags))


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("wrap", [layer_of, lambda cell: cell], ids=["a layer", "a cell"])
def test_weights_are_read_from_whatever_holds_them(
    make_weights: Callable[..., LSTMWeights], *, variable: Callable[[Any], Any], use_bias: bool, wrap: Callable[[Any], Any]
) -> None:
    """Each backend's variables, in a layer or in a bare cell, give the arrays back as they are."""
    weights = make_weights(3, 2, use_bias=use_bias)
    read = LSTMWeights.from_keras(wrap(cell_of(weights, variable)))
    assert read.arrays.keys() == weights.arrays.keys()
    assert all(np.array_equal(read.arrays[name], array) for name, array in weights.arrays.items())


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
def test_what_is_read_is_a_copy(make_weights: Callable[..., LSTMWeights], variable: Callable[[Any], Any]) -> None:
    """Training the layer further does not change the reference."""
    weights = make_weights(3, 2)
    assert not np.shares_memory(LSTMWeights.from_keras(cell_of(weights, variable)).kernel, weights.kernel)


def test_a_cell_without_a_bias_attribute_has_no_bias(make_weights: Callable[..., LSTMWeights]) -> None:
    """What is absent is None."""
    cell = cell_of(make_weights(3, 2, use_bias=False))
    del cell.bias
    assert LSTMWeights.from_keras(cell).bias is None


@pytest.mark.parametrize("flag", ["return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"])
def test_the_flags_of_the_layer_are_read(make_weights: Callable[..., LSTMWeights], flag: str) -> None:
    """Each flag by itself, from the layer and not from the cell."""
    on, off = dict[str, Any]({flag: True}), dict[str, Any]({flag: False})
    assert LSTMConfig.from_keras(layer_of(cell_of(make_weights(3, 2), **off), **on)) == LSTMConfig(3, **on)


def test_a_bare_cell_has_no_flags(make_weights: Callable[..., LSTMWeights]) -> None:
    """A cell knows no sequence, and an older Keras no zero_output_for_mask: both mean False."""
    assert LSTMConfig.from_keras(cell_of(make_weights(3, 2, use_bias=False))) == LSTMConfig(3, use_bias=False)


def test_the_activations_of_the_cell_are_read_by_name(make_weights: Callable[..., LSTMWeights]) -> None:
    """The hard_sigmoid of Keras 2 keeps its slope."""
    changes = {
        "activation": keras_activation("relu", "keras.activations"),
        "recurrent_activation": keras_activation("hard_sigmoid", "keras.activations"),
    }
    config = LSTMConfig.from_keras(layer_of(cell_of(make_weights(3, 2), **changes)))
    assert config == LSTMConfig(3, activation="relu", recurrent_activation="hard_sigmoid_keras2")


def test_the_reference_of_a_layer_computes_with_its_weights_and_configuration(make_weights: Callable[..., LSTMWeights]) -> None:
    """LSTM.from_keras is the LSTM of what LSTMConfig and LSTMWeights read."""
    weights, inputs = make_weights(3, 2), np.random.default_rng(1).standard_normal((2, 4, 2))
    lstm = LSTM.from_keras(layer_of(cell_of(weights), return_sequences=True, go_backwards=True), "float32")
    want = LSTM(LSTMConfig(3, return_sequences=True, go_backwards=True), weights, "float32")
    np.testing.assert_array_equal(lstm(inputs), want(inputs))


def test_an_unbuilt_layer_is_refused_with_what_to_do(make_weights: Callable[..., LSTMWeights]) -> None:
    """Before it has seen a shape a layer has no weights."""
    cell = cell_of(make_weights(3, 2), kernel=None, recurrent_kernel=None)
    with pytest.raises(UnsupportedConfigError, match=r"has no kernel and recurrent_kernel: build it or call it once first"):
        LSTMWeights.from_keras(layer_of(cell, built=False))


class StackedRNNCells:
    """Several cells in one, with the attributes that Keras gives it."""

    built = True
    cells: tuple[Any, ...] = ()
    state_size = ((3, 3), (3, 3))


class Dense:
    """Units, an activation and a kernel, but nothing recurrent."""

    built, units, use_bias = True, 3, True
    activation = staticmethod(keras_activation("tanh"))
    kernel, bias = np.ones((2, 3)), np.ones(3)


@pytest.mark.parametrize("layer", [StackedRNNCells(), layer_of(StackedRNNCells()), Dense(), object(), None])
def test_weights_of_what_is_no_lstm_are_refused(layer: Any) -> None:
    """The message names the type and what is expected."""
    message = (
        rf"{type(layer).__name__} has no kernel and recurrent_kernel: expected an LSTM, an LSTMCell or an RNN over one LSTMCell"
    )
    with pytest.raises(UnsupportedConfigError, match=message):
        LSTMWeights.from_keras(layer)


@pytest.mark.parametrize(
    ("layer", "given"),
    [
        (StackedRNNCells(), "StackedRNNCells has no units, activation, recurrent_activation"),
        (layer_of(StackedRNNCells()), "SimpleNamespace, whose cell StackedRNNCells has no units, activation, recurrent_activation"),
        (Dense(), "Dense has no recurrent_activation"),
    ],
)
def test_the_configuration_of_what_is_no_lstm_is_refused(layer: Any, given: str) -> None:
    """The message names the type, its cell, and what is missing."""
    with pytest.raises(
        UnsupportedConfigError, match=rf"expected a keras LSTM, an LSTMCell or an RNN over one LSTMCell; got .*{given}"
    ):
        LSTMConfig.from_keras(layer)


def test_a_time_major_layer_is_refused(make_weights: Callable[..., LSTMWeights]) -> None:
    """Keras 2 could read (timesteps, batch, input_dim); the reference would read it wrongly without a word."""
    with pytest.raises(UnsupportedConfigError, match=r"time_major=True is not modelled; transpose the inputs"):
        LSTMConfig.from_keras(layer_of(cell_of(make_weights(3, 2)), time_major=True))


def test_a_gru_is_refused_for_its_three_gates(make_weights: Callable[..., LSTMWeights]) -> None:
    """It has all the attributes of an LSTM, but three blocks of columns."""
    weights = make_weights(4, 2)
    arrays: dict[str, Any] = {
        "kernel": ReadOut(weights.kernel[:, :12]),
        "recurrent_kernel": ReadOut(weights.recurrent_kernel[:, :12]),
    }
    with pytest.raises(ShapeError, match=r"recurrent_kernel has shape \(4, 12\), expected \(4, 16\)"):
        LSTM.from_keras(layer_of(cell_of(weights, **arrays)))


def test_a_dtype_that_numpy_cannot_compute_with_is_refused(make_weights: Callable[..., LSTMWeights]) -> None:
    """A variable that gives no real numbers, as some quantised ones do, is named."""
    with pytest.raises(LSTMError, match=r"kernel must hold real numbers; got dtype object"):
        LSTMWeights.from_keras(cell_of(make_weights(3, 2), kernel=np.full((2, 12), None)))
