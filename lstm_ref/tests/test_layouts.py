"""Layouts of other systems: written, read back, and described; each against an equation of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, DtypeError, LSTMConfig, LSTMError, LSTMWeights, ShapeError
from lstm_ref.activations import sigmoid
from lstm_ref.layouts import BY_RUNNING, FROM_DOCUMENTATION, LAYOUTS

Make = Callable[..., LSTMWeights]

UNITS, INPUT_DIM = 3, 2
CONFIG = LSTMConfig(UNITS, return_sequences=True, return_state=True)


def inputs_of(batch: int, timesteps: int) -> Any:
    """Seeded."""
    return np.random.default_rng(5).standard_normal((batch, timesteps, INPUT_DIM))


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_is_written_is_read_back(name: str, make_weights: Make) -> None:
    """Both directions of every layout fit each other, also in float32; a sum with the forget bias rounds once more."""
    weights = make_weights(UNITS, INPUT_DIM).astype("float32")
    read = LAYOUTS[name].read(LAYOUTS[name].write(weights)).arrays
    assert list(read) == ["kernel", "recurrent_kernel", "bias"]
    assert all(array.dtype == np.float32 for array in read.values())
    np.testing.assert_array_equal(read["kernel"], weights.kernel)
    np.testing.assert_array_equal(read["recurrent_kernel"], weights.recurrent_kernel)
    np.testing.assert_allclose(read["bias"], weights.arrays["bias"], rtol=0, atol=2**-23)


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_bias_is_a_bias_of_zeros(name: str, make_weights: Make) -> None:
    """No system needs to be told that it has none."""
    read = LAYOUTS[name].read(LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM, use_bias=False)))
    assert read.bias is not None
    assert not read.bias.any()


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("keras", {"kernel": (2, 12), "recurrent_kernel": (3, 12), "bias": (12,)}),
        ("basic-lstm-cell", {"kernel": (5, 12), "bias": (12,)}),
        ("lstm-cell", {"kernel": (5, 12), "bias": (12,)}),
        ("block-lstm", {"w": (5, 12), "b": (12,)}),
        ("block-lstm-v2", {"w": (5, 12), "b": (12,)}),
        ("pytorch", {"weight_ih_l0": (12, 2), "weight_hh_l0": (12, 3), "bias_ih_l0": (12,), "bias_hh_l0": (12,)}),
        ("onnx", {"W": (1, 12, 2), "R": (1, 12, 3), "B": (1, 24)}),
        ("cudnn", {"weightSpace": (12 * (2 + 3 + 2),), "hiddenSize": ()}),
    ],
)
def test_arrays_have_the_shapes_of_the_system(name: str, shapes: dict[str, tuple[int, ...]], make_weights: Make) -> None:
    """By its names, in its order."""
    arrays = LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM))
    assert [(name, array.shape) for name, array in arrays.items()] == list(shapes.items())


def test_keras_1_lists_its_gates_otherwise(make_weights: Make) -> None:
    """W, U, b of i, then of c, f and o; each array is what its name says."""
    weights = make_weights(UNITS, INPUT_DIM)
    arrays = LAYOUTS["keras-1"].write(weights)
    assert list(arrays) == [f"{letter}_{gate}" for gate in "icfo" for letter in "WUb"]
    np.testing.assert_array_equal(arrays["U_c"], weights.gate("c").recurrent_kernel)


@pytest.mark.parametrize(
    ("name", "blocks"), [("pytorch", "ifco"), ("onnx", "iofc"), ("basic-lstm-cell", "icfo"), ("keras", "ifco")]
)
def test_blocks_lie_in_the_order_of_the_system(name: str, blocks: str, make_weights: Make) -> None:
    """The first array holds the gates' kernels one after the other."""
    weights = make_weights(UNITS, INPUT_DIM)
    first = next(iter(LAYOUTS[name].write(weights).values()))
    kernels = np.concatenate([weights.gate(gate).kernel for gate in blocks], axis=-1)
    laid = first[:INPUT_DIM] if name in ("basic-lstm-cell", "keras") else first.reshape(4 * UNITS, INPUT_DIM).T
    np.testing.assert_array_equal(laid, kernels)


def cell_step(arrays: dict[str, Any], names: str, forget_bias: float, x: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
    """One timestep of a cell over [x, h] whose blocks are named in their order; state and result: (c, h)."""
    (w, b), (c, h) = arrays.values(), state
    z = dict(zip(names, np.split(np.concatenate([x, h], axis=1) @ w + b, 4, axis=1), strict=True))
    c = sigmoid(z["f"] + forget_bias) * c + sigmoid(z["i"]) * np.tanh(z["j"])
    return c, sigmoid(z["o"]) * np.tanh(c)


@pytest.mark.parametrize(
    ("name", "names", "forget_bias"),
    [("basic-lstm-cell", "ijfo", 1.0), ("lstm-cell", "ijfo", 0.25), ("block-lstm", "ijfo", 1.0), ("block-lstm-v2", "ifjo", 0.0)],
)
def test_what_is_written_for_a_cell_computes_what_keras_does(name: str, names: str, forget_bias: float, make_weights: Make) -> None:
    """TensorFlow's equations on the arrays that are written for it give the hidden and cell states of Keras."""
    weights, inputs = make_weights(UNITS, INPUT_DIM, scale=0.5), inputs_of(2, 5)
    arrays = replace(LAYOUTS[name], forget_bias=forget_bias).write(weights)
    state = np.zeros((2, UNITS)), np.zeros((2, UNITS))
    for t in range(5):
        state = cell_step(arrays, names, forget_bias, inputs[:, t], state)
    _, hidden, cell = LSTM(CONFIG, weights)(inputs)
    np.testing.assert_allclose(state, (cell, hidden), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "names", "forget_bias"),
    [("basic-lstm-cell", "ijfo", 1.0), ("lstm-cell", "ijfo", -0.5), ("block-lstm-v2", "ifjo", 0.0)],
)
def test_a_description_reads_blocks_as_the_system_does(name: str, names: str, forget_bias: float, make_weights: Make) -> None:
    """Keras' kernels, one below the other and otherwise as they are, with the states where the system has them."""
    weights, inputs = make_weights(UNITS, INPUT_DIM, scale=0.5), inputs_of(2, 1)
    first, second = np.random.default_rng(6).standard_normal((2, 2, UNITS))
    raw = {"kernel": np.concatenate([weights.kernel, weights.recurrent_kernel]), "bias": weights.bias}
    expected = cell_step(raw, names, forget_bias, inputs[:, 0], (first, second))
    described = replace(LAYOUTS[name], forget_bias=forget_bias).description()
    _, *states = described.build(CONFIG, weights)(inputs, [first, second])
    np.testing.assert_allclose(states, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("name", "deviations"),
    [
        ("keras", ""),
        ("keras-1", "hard_sigmoid_keras2+twelve_arrays"),
        (
            "block-lstm",
            "all_gates_icfo+forget_bias_doubled+states_exchanged+initial_states_exchanged+cell_clipped_at_3+kernels_stacked",
        ),
        ("block-lstm-v2", "states_exchanged+initial_states_exchanged+kernels_stacked"),
        ("pytorch", "weights_transposed+two_biases"),
        ("onnx", "all_gates_iofc+weights_transposed+two_biases"),
        ("cudnn", "weights_transposed+two_biases"),
    ],
)
def test_a_system_is_keras_plus_named_deviations(name: str, deviations: str) -> None:
    """Keras itself has no deviations."""
    assert LAYOUTS[name].description().name == deviations


def test_another_forget_bias_has_another_name() -> None:
    """What is not 1 is not doubled."""
    described = replace(LAYOUTS["block-lstm-v2"], forget_bias=0.5).description()
    assert described.name.startswith("forget_bias_of_0.5+")
    assert described.summary.startswith("a forget bias of 0.5 is added at run time")


@pytest.mark.parametrize("names", [("w_i_diag", "w_f_diag", "w_o_diag"), ("wci", "wcf", "wco")], ids=["cell", "operation"])
def test_peepholes_and_projection_are_taken_from_the_arrays(names: tuple[str, ...]) -> None:
    """A description holds what the system's arrays hold, and its name says so."""
    arrays = {**dict(zip(names, np.ones((3, UNITS)), strict=True)), "projection/kernel": np.ones((UNITS, 2))}
    described = LAYOUTS["lstm-cell"].description(arrays, output_clip=0.5)
    assert {"peepholes", "projection"} <= set(described.name.split("+"))
    outputs, *_ = described.build(CONFIG, LSTMWeights(np.ones((INPUT_DIM, 12)), np.ones((3, 12)), np.ones(12)))(inputs_of(2, 5))
    assert np.abs(outputs).max() == 0.5
    assert not outputs[..., 2:].any()


def test_a_projected_kernel_is_read_with_rows_of_zeros() -> None:
    """The values that a projected hidden state lacks are not read."""
    kernel = np.arange(1.0, 1 + (INPUT_DIM + 2) * 12).reshape(INPUT_DIM + 2, 12)
    arrays = {"kernel": kernel, "bias": np.zeros(12), "projection/kernel": np.ones((UNITS, 2))}
    weights = replace(LAYOUTS["lstm-cell"], gates=("i", "f", "c", "o"), forget_bias=0.0).read(arrays)
    np.testing.assert_array_equal(weights.kernel, kernel[:INPUT_DIM])
    np.testing.assert_array_equal(weights.recurrent_kernel, [*kernel[INPUT_DIM:], np.zeros(12)])


def test_each_layout_names_its_evidence() -> None:
    """All but cuDNN's, which needs a GPU, have been run."""
    assert {layout.evidence for layout in LAYOUTS.values()} == {BY_RUNNING, FROM_DOCUMENTATION}
    assert [name for name, layout in LAYOUTS.items() if layout.evidence == FROM_DOCUMENTATION] == ["cudnn"]
    assert all(layout.system and layout.source for layout in LAYOUTS.values())


# --- arrays that are not those of the system -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_missing_array_is_named(name: str, make_weights: Make) -> None:
    """With those that are expected."""
    arrays = LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM))
    first = next(iter(arrays))
    with pytest.raises(LSTMError, match=rf"expected the arrays {first}, .*; '{first}' is missing"):
        LAYOUTS[name].read({key: array for key, array in arrays.items() if key != first})


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_array_of_another_name_is_none_of_them(name: str, make_weights: Make) -> None:
    """Nothing is dropped without a word."""
    arrays = LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM))
    with pytest.raises(LSTMError, match=rf"expected the arrays {next(iter(arrays))}, .*; 'weight_hr_l0' is none of them$"):
        LAYOUTS[name].read({**arrays, "weight_hr_l0": np.ones((2, UNITS))})


def test_the_other_direction_is_read_apart(make_weights: Make) -> None:
    """As torch.nn.LSTM(bidirectional=True) has it: two LSTMs, of which one alone is no answer."""
    arrays = LAYOUTS["pytorch"].write(make_weights(UNITS, INPUT_DIM))
    both = arrays | {f"{name}_reverse": array for name, array in arrays.items()}
    with pytest.raises(LSTMError, match=r"'weight_ih_l0_reverse' is none of them.*; the other direction is an LSTM of its own"):
        LAYOUTS["pytorch"].read(both)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("array", range(2))
@pytest.mark.parametrize(
    "change",
    [
        lambda array: np.stack([array, array], axis=-1),
        lambda array: np.pad(array, 1)[(np.s_[1:],) * array.ndim],
        lambda array: array[:0],
    ],
    ids=["an axis more", "one more along each axis", "none"],
)
def test_an_array_of_another_shape_is_refused(name: str, array: int, change: Callable[[Any], Any], make_weights: Make) -> None:
    """By its shape, or by that which the others ask for."""
    arrays = {key: np.atleast_1d(value) for key, value in LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM)).items()}
    key = list(arrays)[array]
    message = r"must have \d axes; got shape|has shape .*, expected .*: by their shapes|hiddenSize must be a positive integer"
    with pytest.raises(ShapeError, match=message):
        LAYOUTS[name].read({**arrays, key: change(arrays[key])})


@pytest.mark.parametrize("size", [0, -3, 2.5, 10**12])
def test_a_number_of_units_that_the_flat_weights_are_not_of_is_refused(size: float, make_weights: Make) -> None:
    """Nothing is allocated for it."""
    arrays = LAYOUTS["cudnn"].write(make_weights(UNITS, INPUT_DIM))
    with pytest.raises(ShapeError, match=r"hiddenSize must be a positive integer|weightSpace has shape"):
        LAYOUTS["cudnn"].read({**arrays, "hiddenSize": np.asarray(size)})


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("value", ["weights", [[1, 2], [3]], np.ones((2, 12), complex), np.ones((2, 12), bool), {}, None])
def test_what_is_no_array_of_numbers_is_refused(name: str, value: Any, make_weights: Make) -> None:
    """The array is named."""
    arrays = LAYOUTS[name].write(make_weights(UNITS, INPUT_DIM))
    first = next(iter(arrays))
    with pytest.raises(DtypeError, match=rf"{first} must (hold|be an array of) real numbers"):
        LAYOUTS[name].read({**arrays, first: value})


@pytest.mark.parametrize("arrays", [None, [1, 2], "kernel", np.ones((2, 12))])
def test_what_are_no_named_arrays_are_refused(arrays: Any) -> None:
    """The names are given."""
    with pytest.raises(LSTMError, match=r"expected arrays by name, kernel, recurrent_kernel, bias; got one"):
        LAYOUTS["keras"].read(arrays)


@pytest.mark.parametrize("weights", [None, {}, np.ones(3)])
def test_what_are_no_weights_are_not_written(weights: Any) -> None:
    """They are read first."""
    with pytest.raises(LSTMError, match=r"weights must be LSTMWeights; got"):
        LAYOUTS["pytorch"].write(weights)


@pytest.mark.parametrize("name", ["keras", "pytorch", "onnx"])
def test_biases_may_be_missing_where_the_system_may_lack_them(name: str, make_weights: Make) -> None:
    """As torch.nn.LSTM(bias=False) does; in Keras' own arrays there is none then, elsewhere one of zeros."""
    weights = make_weights(UNITS, INPUT_DIM)
    arrays = {key: array for key, array in LAYOUTS[name].write(weights).items() if "b" not in key.lower()}
    read = LAYOUTS[name].read(arrays)
    np.testing.assert_array_equal(read.recurrent_kernel, weights.recurrent_kernel)
    assert read.bias is None if name == "keras" else not read.arrays["bias"].any()


def test_one_of_two_biases_alone_is_refused(make_weights: Make) -> None:
    """It is no choice that PyTorch offers."""
    arrays = LAYOUTS["pytorch"].write(make_weights(UNITS, INPUT_DIM))
    del arrays["bias_hh_l0"]
    with pytest.raises(LSTMError, match=r"'bias_hh_l0' is missing"):
        LAYOUTS["pytorch"].read(arrays)


def test_arrays_of_another_dtype_are_read_exactly() -> None:
    """Integers and lists too."""
    arrays: dict[str, Any] = {"kernel": [[1, 2, 3, 4]], "recurrent_kernel": np.ones((1, 4), np.int8), "bias": np.full(4, 0.5, "f2")}
    read = LAYOUTS["keras"].read(arrays)
    assert [array.tolist() for array in read.arrays.values()] == [[[1, 2, 3, 4]], [[1, 1, 1, 1]], [0.5] * 4]


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"w_f_diag": np.ones(3)}, LSTMError, r"of the peepholes w_i_diag, w_f_diag, w_o_diag, w_i_diag, w_o_diag is missing"),
        ({"wci": np.ones(3), "wcf": np.ones(3), "wco": np.ones((3, 1))}, ShapeError, r"wco must have 1 axes; got shape \(3, 1\)"),
        (
            {"wci": np.ones(3), "wcf": np.ones(3), "wco": np.ones(2)},
            ShapeError,
            r"the peepholes .* must have the same shape, \(units,\)",
        ),
        ({"wci": "a", "wcf": np.ones(3), "wco": np.ones(2)}, DtypeError, r"wci must hold real numbers; got dtype <U1"),
        ({"projection/kernel": np.ones(3)}, ShapeError, r"projection/kernel must have 2 axes; got shape \(3,\)"),
        ({"projection/kernel": np.ones((2, 3))}, ShapeError, r"a projection to more values than units is not modelled"),
    ],
)
def test_a_description_of_arrays_that_are_none_is_refused(arrays: Any, error: type[Exception], message: str) -> None:
    """Peepholes come by threes, a projection has two axes."""
    with pytest.raises(error, match=message):
        LAYOUTS["lstm-cell"].description(arrays)


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (3, 0), (3,)])
def test_a_projection_that_does_not_fit_the_kernel_is_refused(shape: tuple[int, ...], make_weights: Make) -> None:
    """(units, values), of at most as many values."""
    arrays = LAYOUTS["lstm-cell"].write(make_weights(UNITS, INPUT_DIM))
    with pytest.raises(ShapeError, match=r"projection/kernel must have shape \(3, values\), of 1 to 3 values; got"):
        LAYOUTS["lstm-cell"].read({**arrays, "projection/kernel": np.ones(shape)})
