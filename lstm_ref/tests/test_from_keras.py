"""Reading a Keras layer by duck typing: fakes with the attributes that Keras 2, Keras 3 and their backends' variables have."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lstm_ref import (
    LSTM,
    Bidirectional,
    DtypeError,
    LSTMConfig,
    LSTMWeights,
    ShapeError,
    Stacked,
    UnsupportedConfigError,
    from_keras,
)
from lstm_ref.arrays import Array, representable, to_numpy
from lstm_ref.tests import slow
from lstm_ref.tests.keras_fakes import Cell, Cells, Halves, Layer, Variable

Make = Callable[..., LSTMWeights]


class TensorFlowVariable(Variable):
    """Where value is a method that returns a tensor."""

    def value(self) -> Variable:
        """The variable's tensor."""
        return Variable(self.array)


class TorchTensor(Variable):
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


class Bfloat16Tensor(Variable):
    """A tensor of a dtype that NumPy has not: torch gives it as another alone."""

    def numpy(self) -> Any:
        """Torch's complaint."""
        raise TypeError("Got unsupported ScalarType BFloat16")

    def double(self) -> Variable:
        """In float64."""
        return Variable(np.asarray(self.array, np.float64))


class JaxArray:
    """Something that only NumPy's own protocol reads."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.array, dtype)


VARIABLES: dict[str, Callable[[Any], Any]] = {
    "a NumPy array": lambda array: array,
    "a Keras variable": Variable,
    "a Keras variable over a torch tensor": lambda array: SimpleNamespace(value=TorchTensor(array)),
    "a Keras variable over a torch tensor of bfloat16": lambda array: SimpleNamespace(value=Bfloat16Tensor(array)),
    "a Keras variable over a JAX array": lambda array: SimpleNamespace(value=JaxArray(array)),
    "a TensorFlow variable": TensorFlowVariable,
    "a torch tensor": TorchTensor,
}


def read(layer: Any, **arguments: Any) -> LSTM:
    """The reference of a layer of one LSTM."""
    reference = from_keras(layer, **arguments)
    assert isinstance(reference, LSTM)
    return reference


def random_array(*shape: int, seed: int = 1) -> Array:
    """Of normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(shape)


# --- weights ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("wrap", [Layer, lambda cell: cell], ids=["a layer", "a cell"])
def test_weights_are_read_from_whatever_holds_them(
    make_weights: Make, *, variable: Callable[[Any], Any], use_bias: bool, wrap: Callable[[Any], Any]
) -> None:
    """Each backend's variables, in a layer or in a bare cell, give the arrays back as they are."""
    weights = make_weights(3, 2, use_bias=use_bias)
    arrays = read(wrap(Cell(weights, variable))).weights.arrays
    assert arrays.keys() == weights.arrays.keys()
    assert all(np.array_equal(arrays[name], array) for name, array in weights.arrays.items())


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=VARIABLES)
def test_what_is_read_is_a_copy(variable: Callable[[Any], Any]) -> None:
    """Training the layer further does not change the reference."""
    array = np.ones((2, 3))
    assert not np.shares_memory(to_numpy(variable(array)), array)


def test_a_cell_without_a_bias_attribute_has_no_bias(make_weights: Make) -> None:
    """What is absent is None."""
    cell = Cell(make_weights(3, 2, use_bias=False))
    del cell.bias
    assert read(cell).weights.bias is None


def test_an_unbuilt_layer_is_refused_with_what_to_do(make_weights: Make) -> None:
    """Before it has seen a shape a layer has no weights."""
    cell = Cell(make_weights(3, 2), kernel=None, recurrent_kernel=None)
    with pytest.raises(UnsupportedConfigError, match=r"has no kernel and recurrent_kernel: build it or call it once first"):
        from_keras(Layer(cell, built=False))


def test_a_built_layer_without_weights_is_refused(make_weights: Make) -> None:
    """The message says what is expected."""
    with pytest.raises(
        UnsupportedConfigError, match=r"Cell has no kernel and recurrent_kernel: expected a keras LSTM, an LSTMCell"
    ):
        from_keras(Cell(make_weights(3, 2), kernel=None))


def test_a_gru_is_refused_for_its_three_gates(make_weights: Make) -> None:
    """It has all the attributes of an LSTM, but three blocks of columns."""
    weights = make_weights(4, 2)
    arrays: dict[str, Any] = {
        "kernel": Variable(weights.kernel[:, :12]),
        "recurrent_kernel": Variable(weights.recurrent_kernel[:, :12]),
    }
    with pytest.raises(
        ShapeError, match=r"Layer does not have the weights of an LSTM: recurrent_kernel has shape \(4, 12\), expected"
    ):
        from_keras(Layer(Cell(weights, **arrays)))


def test_a_dtype_that_numpy_cannot_compute_with_is_refused(make_weights: Make) -> None:
    """A variable that gives no real numbers, as some quantised ones do, is named."""
    with pytest.raises(DtypeError, match=r"kernel must hold real numbers; got dtype object"):
        from_keras(Cell(make_weights(3, 2), kernel=np.full((2, 12), None)))


# --- configuration ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"])
def test_the_flags_of_the_layer_are_read(make_weights: Make, flag: str) -> None:
    """Each flag by itself, from the layer and not from the cell."""
    on, off = dict[str, Any]({flag: True}), dict[str, Any]({flag: False})
    assert read(Layer(Cell(make_weights(3, 2), **off), **on)).config == LSTMConfig(3, **on)


def test_a_bare_cell_has_no_flags(make_weights: Make) -> None:
    """A cell knows no sequence, and an older Keras no zero_output_for_mask: both mean False."""
    assert read(Cell(make_weights(3, 2, use_bias=False))).config == LSTMConfig(3, use_bias=False)


@pytest.mark.parametrize("name", ["relu", "hard_sigmoid", "hard_sigmoid_keras2", "softmax", "gelu_tanh", "linear"])
def test_the_activations_of_the_cell_are_what_they_compute(make_weights: Make, name: str) -> None:
    """Whatever they are called."""

    def tanh(x: Array) -> Array:
        return np.array([slow.ACTIVATIONS[name](row) for row in x.tolist()])

    cell = Cell(
        make_weights(3, 2), activation_name=name, recurrent_activation_name=name, activation=tanh, recurrent_activation=tanh
    )
    config = read(Layer(cell)).config
    assert config == LSTMConfig(3, activation=name, recurrent_activation=name)


def test_an_activation_that_is_none_is_linear(make_weights: Make) -> None:
    """As in Keras."""
    assert read(Cell(make_weights(3, 2), activation_name="linear", activation=None)).config.activation == "linear"


def test_a_time_major_layer_is_refused(make_weights: Make) -> None:
    """Keras 2 could read (timesteps, batch, input_dim); the reference would read it wrongly without a word."""
    with pytest.raises(UnsupportedConfigError, match=r"time_major=True is not modelled; transpose the inputs"):
        from_keras(Layer(Cell(make_weights(3, 2)), time_major=True))


class Dense:
    """Units, an activation and a kernel, but nothing recurrent."""

    built, units, use_bias = True, 3, True
    activation = staticmethod(np.tanh)
    kernel, bias = np.ones((2, 3)), np.ones(3)


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Cells(), r"Cells has no units, activation, recurrent_activation"),
        (Layer(Cells()), r"Layer, whose cell Cells has no units, activation, recurrent_activation"),
        (Layer(Cells(Dense(), Dense())), r"Layer, whose cell Dense has no recurrent_activation"),
        (Dense(), r"Dense has no recurrent_activation"),
        (SimpleNamespace(layers=[]), r"has no units, .*; of a model, take the layers one by one"),
        (SimpleNamespace(units=3, activation=np.tanh, recurrent_activation=np.tanh), r"SimpleNamespace cannot be called"),
        (object(), r"object has no units"),
        (None, r"NoneType has no units"),
    ],
)
def test_what_is_no_lstm_is_refused(layer: Any, reason: str) -> None:
    """The message names what is read, the type, its cell, and what is missing."""
    with pytest.raises(UnsupportedConfigError, match=rf"expected a keras LSTM, .* or a Bidirectional of two LSTMs; got .*{reason}"):
        from_keras(layer)


# --- what the layer computes -----------------------------------------------------------------------------------------------------


def test_the_reference_of_a_layer_computes_with_its_weights_and_configuration(make_weights: Make) -> None:
    """It is the LSTM of what is read."""
    weights, inputs = make_weights(3, 2), random_array(2, 4, 2)
    lstm = from_keras(Layer(Cell(weights), return_sequences=True, go_backwards=True), "float32")
    want = LSTM(LSTMConfig(3, return_sequences=True, go_backwards=True), weights, "float32")
    np.testing.assert_array_equal(lstm(inputs), want(inputs))


def test_the_engine_is_chosen_here_too(make_weights: Make) -> None:
    """And the number of its threads."""
    lstm = read(Layer(Cell(make_weights(3, 2))), dtype="float32", engine="fused", threads=2)
    assert lstm._engine is not None
    assert lstm._engine.threads == 2


def layer_with(change: Callable[[Any], Any]) -> type[Layer]:
    """A layer class with changed results."""

    class ChangedLayer(Layer):
        def __call__(self, inputs: Any) -> Any:
            return change(super().__call__(inputs))

    return ChangedLayer


def broken(_: Any) -> Any:
    """An error instead of a result."""
    raise RuntimeError("no\nkernel for this device")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda outputs: outputs + 1e-4,
            r"computes something else .*: array 0 of its results holds \S+ at \[\d, \d\], the reference",
        ),
        (lambda outputs: np.where(outputs > outputs.min(), outputs, np.nan), r"holds nan at \[\d, \d\]"),
        (lambda outputs: outputs[:, :2], r"it returns arrays of shapes \[\(2, 2\)\], an LSTM \[\(2, 3\)\]"),
        (lambda outputs: (outputs, outputs), r"it returns arrays of shapes \[\(2, 3\), \(2, 3\)\], an LSTM \[\(2, 3\)\]"),
        (broken, r"ChangedLayer cannot be run on inputs \(2, 3, 2\) to see .* \(RuntimeError: no kernel for this device\)"),
    ],
    ids=["something added", "not a number", "fewer units", "two arrays", "an error"],
)
def test_a_layer_with_other_results_is_refused(make_weights: Make, change: Callable[[Any], Any], message: str) -> None:
    """It has all the attributes of an LSTM."""
    with pytest.raises(UnsupportedConfigError, match=message):
        from_keras(layer_with(change)(Cell(make_weights(3, 2))))


def test_a_cell_that_holds_other_weights_than_it_computes_with_is_refused(make_weights: Make) -> None:
    """A state is compared too: the forget gate shows in it alone."""
    cell = Cell(make_weights(3, 2))
    cell.computed[2] = cell.computed[2] + np.repeat([0, 1e-3, 0, 0], 3)
    with pytest.raises(UnsupportedConfigError, match=r"Cell computes something else"):
        from_keras(cell)


def test_a_cell_that_overflows_alike_is_read() -> None:
    """Infinite where the reference is infinite."""
    weights = LSTMWeights(np.zeros((2, 8)), np.zeros((2, 8)), np.full(8, 1e300))
    cell = Cell(weights, activation_name="linear", recurrent_activation_name="linear", compute_dtype="float64")
    assert read(cell).config.activation == "linear"


def coarse(weights: LSTMWeights) -> LSTMWeights:
    """Multiples of 1/64 within [-1, 1], which every dtype holds."""
    return LSTMWeights(**{name: np.rint(64 * np.clip(array, -1, 1)) / 64 for name, array in weights.arrays.items()})


@pytest.mark.parametrize(
    ("dtype", "error"), [("float16", 2.0**-14), ("bfloat16", 2.0**-10), ("float32", 0), ("float64", 0), ("no such dtype", 0)]
)
def test_a_layer_is_held_to_the_roundings_of_its_dtype(make_weights: Make, dtype: str, error: float) -> None:
    """What rounding may add is accepted, sixteen thousand times float32's and more is not."""
    cell = Cell(coarse(make_weights(3, 2)))
    assert read(layer_with(lambda outputs: outputs + error)(cell, compute_dtype=dtype)).config.units == 3
    with pytest.raises(UnsupportedConfigError, match=r"computes something else"):
        from_keras(layer_with(lambda outputs: outputs + max(2.0**-10, 64 * error))(cell, compute_dtype=dtype))


class Product(Variable):
    """A kernel of a framework that reads the operands of a product as bfloat16."""

    @property
    def value(self) -> Variable:
        """The tensor itself."""
        return self

    def __rmatmul__(self, vectors: Any) -> Array:
        return np.asarray(vectors @ representable(self.array, "bfloat16"))

    __array_ufunc__ = None  # NumPy leaves the product to it


class WithoutProduct(Product):
    """A kernel of a framework that has no such operator."""

    def __rmatmul__(self, vectors: Any) -> Array:
        raise NotImplementedError


@pytest.mark.parametrize("variable", [Product, WithoutProduct])
def test_a_framework_that_rounds_the_operands_of_products_is_seen_by_its_product(
    make_weights: Make, variable: Callable[[Any], Any]
) -> None:
    """As float32 is multiplied on GPUs; the layer computes with the rounded weights, the reference reads those that are stored."""
    weights = make_weights(3, 2, scale=0.3)
    rounded = LSTMWeights(**{name: representable(array, "bfloat16") for name, array in weights.arrays.items()})
    cell = Cell(rounded, **{name: variable(array) for name, array in weights.arrays.items()})
    np.testing.assert_array_equal(read(Layer(cell)).weights.kernel, weights.kernel)
    with pytest.raises(UnsupportedConfigError, match=r"computes something else"):
        from_keras(Layer(Cell(rounded, **dict[str, Any]({name: Variable(array) for name, array in weights.arrays.items()}))))


class Tensor(Variable):
    """What a framework computes with, and what no function of NumPy's takes."""

    __array_ufunc__ = None

    def __getitem__(self, key: Any) -> Tensor:
        return Tensor(self.array[key])

    def __add__(self, other: Any) -> Tensor:
        return Tensor(self.array + other)

    def __matmul__(self, other: Any) -> Array:
        return np.asarray(np.asarray(self.array) @ np.asarray(other.array))


def of_tensors(function: Callable[[Array], Array]) -> Callable[[Any], Any]:
    """A function of tensors alone."""
    return lambda tensor: Tensor(function(tensor.array))


CONVERSIONS: dict[str, dict[str, Any]] = {
    "a policy of Keras 3": {"dtype_policy": SimpleNamespace(convert_input=lambda array, _autocast, _dtype: Tensor(array))},
    "initial states of Keras 2": {
        "dtype_policy": SimpleNamespace(name="float32"),
        "get_initial_state": lambda *, batch_size, dtype: [Tensor(np.zeros((batch_size, 3), dtype))] * 2,
    },
}


@pytest.mark.parametrize("conversion", CONVERSIONS.values(), ids=CONVERSIONS)
def test_a_function_of_tensors_is_given_tensors(make_weights: Make, conversion: dict[str, Any]) -> None:
    """Of the layer's own framework, by its own conversion."""
    functions = {"activation": of_tensors(np.tanh), "recurrent_activation": of_tensors(lambda x: np.clip(x / 6 + 0.5, 0, 1))}
    cell = Cell(make_weights(3, 2), recurrent_activation_name="hard_sigmoid", **functions, **conversion)
    assert read(Layer(cell)).config == LSTMConfig(3, recurrent_activation="hard_sigmoid")


# --- several LSTMs ---------------------------------------------------------------------------------------------------------------


def assert_equal(ours: Any, theirs: Any) -> None:
    """Array by array, to a few roundings of float64."""
    if isinstance(theirs, list | tuple):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("return_sequences", [True, False])
@pytest.mark.parametrize("return_state", [True, False])
@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul", None])
def test_a_bidirectional_is_built_of_its_halves(
    make_weights: Make, merge_mode: str | None, return_state: bool, return_sequences: bool
) -> None:
    """It returns what the layer returns."""
    flags = {"return_sequences": return_sequences, "return_state": return_state}
    forward, backward = (Layer(Cell(make_weights(3, 2, seed=k)), **flags, go_backwards=bool(k)) for k in (0, 1))
    layer, inputs = Halves(forward, backward, merge_mode=merge_mode), random_array(4, 5, 2)
    reference = from_keras(layer)
    assert isinstance(reference, Bidirectional)
    assert_equal(reference(inputs), layer(inputs))


@pytest.mark.parametrize("return_state", [True, False])
@pytest.mark.parametrize("go_backwards", [True, False])
def test_an_rnn_over_several_cells_is_built_of_them(make_weights: Make, return_state: bool, go_backwards: bool) -> None:
    """It returns what the layer returns."""
    cells = [Cell(make_weights(units, features)) for units, features in ((3, 2), (4, 3), (2, 4))]
    layer, inputs = Layer(Cells(*cells), return_state=return_state, go_backwards=go_backwards), random_array(4, 5, 2)
    reference = from_keras(layer)
    assert isinstance(reference, Stacked)
    assert_equal(reference(inputs), layer(inputs))


def test_several_cells_in_one_are_read_without_a_layer(make_weights: Make) -> None:
    """They have no sequence."""
    reference = from_keras(Cells(Cell(make_weights(3, 2)), Cell(make_weights(2, 3))))
    assert isinstance(reference, Stacked)
    assert [layer.config for layer in reference.layers] == [LSTMConfig(3, return_sequences=True), LSTMConfig(2)]


def test_a_bidirectional_over_several_cells_is_refused(make_weights: Make) -> None:
    """What to do is said."""
    halves = (Layer(Cells(Cell(make_weights(3, 2))), go_backwards=backwards) for backwards in (False, True))
    with pytest.raises(UnsupportedConfigError, match=r"got a Halves over several cells: take its halves one by one"):
        from_keras(Halves(*halves))


# --- stored states ---------------------------------------------------------------------------------------------------------------


def stateful(cell: Any, *units: int, **flags: Any) -> Layer:
    """In the middle of a run of five rows."""
    states = [Variable(random_array(5, size, seed=10 * k + size)) for k, size in enumerate(np.repeat(units, 2))]
    return Layer(cell, stateful=True, states=states, **flags)


def stateful_layers(make_weights: Make) -> dict[str, Any]:
    """Stateful layers of every kind."""
    halves = [stateful(Cell(make_weights(3, 2, seed=k)), 3, go_backwards=bool(k)) for k in (0, 1)]
    return {
        "a layer": stateful(Cell(make_weights(3, 2)), 3, return_state=True),
        "two cells": stateful(Cells(Cell(make_weights(3, 2)), Cell(make_weights(2, 3))), 3, 2),
        "a Bidirectional": Halves(*halves),
    }


@pytest.mark.parametrize("kind", ["a layer", "two cells", "a Bidirectional"])
def test_a_stateful_layer_is_gone_on_with_where_it_stands(make_weights: Make, kind: str) -> None:
    """The reference starts from the stored states, which the layer still holds, and goes on as the layer does."""
    layer, inputs = stateful_layers(make_weights)[kind], random_array(2, 5, 4, 2)
    reference = from_keras(layer)
    assert_equal(reference(inputs[0]), stateful_layers(make_weights)[kind](inputs[0]))
    layer(inputs[0])
    assert_equal(reference(inputs[1]), layer(inputs[1]))


@pytest.mark.parametrize("states", [None, [None, None]], ids=["Keras 3", "Keras 2"])
def test_a_stateful_layer_that_holds_no_state_yet_starts_from_zeros(make_weights: Make, states: Any) -> None:
    """As before its first call."""
    weights = make_weights(3, 2)
    layer = Layer(Cell(weights), stateful=True)
    layer.states = states
    assert read(Stateless(layer)).state is None


class Stateless:
    """A layer that holds no states, whatever it is called with."""

    def __init__(self, layer: Layer) -> None:
        vars(self).update(vars(layer))

    def __call__(self, inputs: Any) -> Any:
        """From zeros."""
        return Layer(self.cell)(inputs)  # type: ignore[attr-defined]  # the layer's


def test_the_states_are_put_back_when_a_layer_is_refused(make_weights: Make) -> None:
    """It was run to see what it computes."""
    layer = stateful(Cell(make_weights(3, 2)), 3)
    before = [state.numpy() for state in layer.states or ()]
    wrong = layer_with(lambda outputs: outputs + 1)(layer.cell, stateful=True, states=layer.states)
    with pytest.raises(UnsupportedConfigError, match=r"computes something else"):
        from_keras(wrong)
    assert_equal([state.numpy() for state in layer.states or ()], before)
