"""`from_keras` on real layers: told by what they compute, whatever they are called; composites, stored states, narrow dtypes."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter
from lstm_ref import LSTM, Bidirectional, Stacked, UnsupportedConfigError, from_keras
from lstm_ref.arrays import Array

BATCH, STEPS, FEATURES, UNITS = 3, 5, 4, 3

# One σ of these runs is some 1e-8 of the largest value, and 8 of them are allowed: float32's roundings.
CLOSE = 1e-6


@pytest.fixture
def keras(keras_adapter: KerasLayerAdapter) -> Any:
    """The Keras that the adapter has loaded, with the same initial weights in every run."""
    keras_adapter.keras.utils.set_random_seed(5)
    return keras_adapter.keras


@pytest.fixture
def inputs() -> Array:
    """(batch, timesteps, input_dim), float32."""
    return np.random.default_rng(5).standard_normal((BATCH, STEPS, FEATURES)).astype(np.float32)


def arrays(returned: Any) -> list[Array]:
    """What a layer or its reference returned, one array after the other."""
    if isinstance(returned, tuple | list):
        return [array for each in returned for array in arrays(each)]
    tensor = returned.detach() if hasattr(returned, "detach") else returned
    return [np.asarray(tensor)]


def assert_alike(expected: Any, returned: Any) -> None:
    """Array by array."""
    for ours, theirs in zip(arrays(expected), arrays(returned), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=CLOSE * max(1.0, float(np.abs(ours).max(initial=0))))


# --- activations -----------------------------------------------------------------------------------------------------------------


def named_tanh(keras: Any) -> Callable[[Any], Any]:
    """A function that says of itself to be Keras' tanh, and is half of it."""

    def tanh(x: Any) -> Any:
        return keras.ops.tanh(x) / 2

    tanh.__module__ = "keras.src.activations.activations"
    return tanh


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda keras: keras.ops.hard_sigmoid, "hard_sigmoid"),
        (lambda keras: keras.ops.gelu, "gelu_tanh"),
        (lambda keras: keras.activations.gelu, "gelu"),
        (lambda keras: lambda x: keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0), "hard_sigmoid_keras2"),
        (lambda keras: lambda x: x * keras.ops.sigmoid(x), "silu"),
        (lambda keras: keras.layers.LeakyReLU(negative_slope=0.2), "leaky_relu"),
        (lambda keras: keras.layers.Softmax(), "softmax"),
    ],
    ids=["ops.hard_sigmoid", "ops.gelu", "activations.gelu", "a lambda", "a lambda of two", "a layer", "a layer along the units"],
)
def test_an_activation_is_what_it_computes(keras: Any, inputs: Array, function: Any, name: str) -> None:
    """In either place; its name, module and class say nothing, and the reference computes what the layer computes."""
    layer = keras.layers.LSTM(UNITS, activation=function(keras), recurrent_activation=function(keras))
    layer.build(inputs.shape)
    reference = from_keras(layer)
    assert isinstance(reference, LSTM)
    assert (reference.config.activation, reference.config.recurrent_activation) == (name, name)
    assert_alike(reference(inputs), layer(inputs))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (named_tanh, r"the nearest, \w+, gives \S+ where it gives \S+ off, at x = "),
        (
            lambda keras: keras.layers.LeakyReLU(negative_slope=0.21),
            r"the nearest, leaky_relu, gives -200 where it gives -210, 10 off",
        ),
        (
            lambda keras: lambda x: keras.ops.clip(0.166 * x + 0.5, 0.0, 1.0),
            r"the nearest, hard_sigmoid, gives .* 0.002 off, at x = ",
        ),
        (lambda _: lambda x: x.no_such_attribute, r"takes neither an array \(batch, units\) nor a tensor .*AttributeError"),
    ],
    ids=["called tanh", "another slope", "nearly hard_sigmoid", "no function of a tensor"],
)
def test_an_activation_that_is_not_modelled_is_refused(keras: Any, function: Any, said: str) -> None:
    """With the nearest that is, and the argument at which they differ most."""
    cell = keras.layers.LSTMCell(UNITS, activation=function(keras))
    with pytest.raises(UnsupportedConfigError, match=said.replace(r"\S+ off", r".* off")):
        from_keras(cell)


# --- equations -------------------------------------------------------------------------------------------------------------------


def subclasses(keras: Any) -> dict[str, Any]:
    """Layers and cells with the attributes of an LSTM and equations of their own, each built."""

    class Coupled(keras.layers.LSTMCell):  # type: ignore[misc]  # Keras has no types
        """Of the candidate goes in what the forget gate takes out."""

        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            _, (_, c) = super().call(inputs, states, training=training)
            h = keras.ops.tanh(c) * 0.5
            return h, [h, c]

    class Peephole(keras.layers.LSTMCell):  # type: ignore[misc]  # Keras has no types
        """The cell state is added to what is read."""

        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            return super().call(inputs, [states[0] + 0.01 * states[1], states[1]], training=training)

    class Residual(keras.layers.LSTM):  # type: ignore[misc]  # Keras has no types
        """Something is added to the outputs."""

        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            return super().call(sequences, initial_state, mask, training) + 1e-4

    class Padded(keras.layers.LSTM):  # type: ignore[misc]  # Keras has no types
        """The outputs are given twice."""

        def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
            outputs = super().call(sequences, initial_state, mask, training)
            return keras.ops.concatenate([outputs, outputs], axis=-1)

        def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # noqa: ARG002  # Keras' own
            return (sequences_shape[0], 2 * self.units)

    cell = Coupled(UNITS)
    cell.build((None, FEATURES))
    layers = {
        "a cell": cell,
        "an RNN over a cell": keras.layers.RNN(Peephole(UNITS)),
        "a layer": Residual(UNITS),
        "a stateful layer": Residual(UNITS, stateful=True),
        "another shape": Padded(UNITS),
        "one of two cells": keras.layers.RNN([keras.layers.LSTMCell(UNITS), Peephole(UNITS)]),
        "a half": keras.layers.Bidirectional(keras.layers.LSTM(UNITS), backward_layer=Residual(UNITS, go_backwards=True)),
    }
    for layer in list(layers.values())[1:]:
        layer.build((BATCH, STEPS, FEATURES))
    return layers


@pytest.mark.parametrize(
    "kind",
    ["a cell", "an RNN over a cell", "a layer", "a stateful layer", "another shape", "one of two cells", "a half"],
)
def test_a_subclass_with_other_equations_is_refused(keras: Any, kind: str) -> None:
    """It has units, activations and weights as an LSTM has; what it returns is another thing."""
    with pytest.raises(UnsupportedConfigError, match=r"computes something else than an LSTM|it returns arrays of shapes"):
        from_keras(subclasses(keras)[kind])


def test_a_subclass_with_the_same_equations_is_read(keras: Any, inputs: Array) -> None:
    """What it is called and where it is from is no matter."""

    class Renamed(keras.layers.LSTM):  # type: ignore[misc]  # Keras has no types
        """An LSTM."""

    layer = Renamed(UNITS, go_backwards=True, return_sequences=True)
    layer.build(inputs.shape)
    assert_alike(from_keras(layer)(inputs), layer(inputs))


@pytest.mark.parametrize("kind", ["GRU", "SimpleRNN", "Dense"])
def test_a_layer_that_is_no_lstm_is_refused(keras: Any, kind: str) -> None:
    """By what it lacks, or by the width of its weights."""
    layer = getattr(keras.layers, kind)(UNITS)
    layer.build((BATCH, STEPS, FEATURES))
    with pytest.raises(ValueError, match=r"not have the weights of an LSTM|expected a keras LSTM, .* has no recurrent_activation"):
        from_keras(layer)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_a_layer_of_another_dtype_is_read(keras: Any, inputs: Array, policy: str) -> None:
    """It is held to the roundings of its own dtype."""
    layer = keras.layers.LSTM(UNITS, dtype=policy)
    layer.build(inputs.shape)
    assert isinstance(from_keras(layer), LSTM)


def test_bfloat16_weights_are_read_exactly(keras: Any, inputs: Array) -> None:
    """Every bfloat16 is a float64."""
    layer = keras.layers.LSTM(UNITS, dtype="bfloat16", recurrent_initializer="glorot_uniform")
    layer.build(inputs.shape)
    reference = from_keras(layer)
    assert isinstance(reference, LSTM)
    for ours, theirs in zip(reference.weights.arrays.values(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, np.asarray(theirs, np.float64))


# --- composites ------------------------------------------------------------------------------------------------------------------

COMPOSITES: dict[str, tuple[type, Callable[[ModuleType], Any]]] = {
    "a Bidirectional": (Bidirectional, lambda layers: layers.Bidirectional(layers.LSTM(UNITS))),
    "not merged": (Bidirectional, lambda layers: layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True), merge_mode=None)),
    "not merged, with states": (
        Bidirectional,
        lambda layers: layers.Bidirectional(layers.LSTM(UNITS, return_state=True), merge_mode=None),
    ),
    "a product, with states": (
        Bidirectional,
        lambda layers: layers.Bidirectional(layers.LSTM(UNITS, return_sequences=True, return_state=True), merge_mode="mul"),
    ),
    "a forward half that goes backwards": (
        Bidirectional,
        lambda layers: layers.Bidirectional(
            layers.LSTM(UNITS, return_sequences=True, go_backwards=True), backward_layer=layers.LSTM(2, return_sequences=True)
        ),
    ),
    "halves over cells": (Bidirectional, lambda layers: layers.Bidirectional(layers.RNN(layers.LSTMCell(UNITS)))),
    "two cells": (Stacked, lambda layers: layers.RNN([layers.LSTMCell(UNITS), layers.LSTMCell(2)])),
    "two cells, with states": (
        Stacked,
        lambda layers: layers.RNN([layers.LSTMCell(UNITS), layers.LSTMCell(2)], return_state=True, return_sequences=True),
    ),
    "three cells backwards": (
        Stacked,
        lambda layers: layers.RNN([layers.LSTMCell(units) for units in (UNITS, 2, 4)], return_sequences=True, go_backwards=True),
    ),
    "one of one cell": (Stacked, lambda layers: layers.RNN([layers.LSTMCell(UNITS)])),
}


@pytest.mark.parametrize("kind", COMPOSITES)
def test_a_composite_is_built_and_returns_what_keras_returns(keras: Any, inputs: Array, kind: str) -> None:
    """In as many arrays, in their order, with a mask and without; Keras cannot run a mask through one of one cell on TensorFlow."""
    wanted, build = COMPOSITES[kind]
    layer = build(keras.layers)
    layer.build(inputs.shape)
    reference = from_keras(layer)
    assert isinstance(reference, wanted)
    assert_alike(reference(inputs), layer(inputs))
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 1, 1, 1], [1] * STEPS], bool) if kind != "one of one cell" else None
    assert_alike(reference(inputs, mask=mask), layer(inputs, mask=mask))


def test_the_initial_states_of_a_bidirectional_are_a_flat_list(keras: Any, inputs: Array) -> None:
    """[fh, fc, bh, bc], as Keras has them."""
    layer = keras.layers.Bidirectional(keras.layers.LSTM(UNITS, return_state=True))
    layer.build(inputs.shape)
    states = list(np.random.default_rng(6).standard_normal((4, BATCH, UNITS)).astype(np.float32))
    assert_alike(from_keras(layer)(inputs, initial_state=states), layer(inputs, initial_state=states))


def test_the_initial_states_of_several_cells_are_a_list_of_pairs(keras: Any, inputs: Array) -> None:
    """[[h, c], [h, c]], as Keras has them."""
    layer = keras.layers.RNN([keras.layers.LSTMCell(UNITS), keras.layers.LSTMCell(UNITS)], return_state=True)
    layer.build(inputs.shape)
    states = [list(pair) for pair in np.random.default_rng(6).standard_normal((2, 2, BATCH, UNITS)).astype(np.float32)]
    assert_alike(from_keras(layer)(inputs, initial_state=states), layer(inputs, initial_state=states))


def test_several_cells_in_one_are_read(keras: Any) -> None:
    """Without a layer around them: they have no sequence."""
    cells = keras.layers.StackedRNNCells([keras.layers.LSTMCell(UNITS), keras.layers.LSTMCell(2)])
    cells.build((None, FEATURES))
    reference = from_keras(cells)
    assert isinstance(reference, Stacked)
    assert [layer.config.units for layer in reference.layers] == [UNITS, 2]


# --- stored states ---------------------------------------------------------------------------------------------------------------

STATEFUL: dict[str, Callable[[ModuleType], Any]] = {
    "a layer": lambda layers: layers.LSTM(UNITS, stateful=True),
    "a Bidirectional": lambda layers: layers.Bidirectional(layers.LSTM(UNITS, stateful=True)),
    "two cells": lambda layers: layers.RNN([layers.LSTMCell(UNITS), layers.LSTMCell(2)], stateful=True),
}


@pytest.mark.parametrize("kind", STATEFUL)
def test_a_stateful_layer_is_gone_on_with_where_it_stands(keras: Any, inputs: Array, kind: str) -> None:
    """Made in the middle of a run, the reference starts from the states that the layer holds, and leaves them there."""
    layer, never_read = STATEFUL[kind](keras.layers), STATEFUL[kind](keras.layers)
    for each in (layer, never_read):
        each.build(inputs.shape)
    never_read.set_weights(layer.get_weights())
    first = [arrays(each(inputs))[0] for each in (layer, never_read)]
    np.testing.assert_array_equal(first[0], first[1])
    reference = from_keras(layer)
    (second,) = arrays(layer(inputs))
    np.testing.assert_array_equal(second, arrays(never_read(inputs))[0])
    np.testing.assert_allclose(second, reference(inputs), rtol=0, atol=CLOSE)
    assert np.abs(second - first[0]).max() > 1e-3
    np.testing.assert_allclose(arrays(layer(inputs))[0], reference(inputs), rtol=0, atol=CLOSE)
