"""Weights: the layout, the gates' views, the number of parameters, and what arrays are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from lstm_ref import GATE_ORDER, LSTM, DtypeError, LSTMConfig, LSTMError, LSTMWeights, count_params

# Numbers that textbooks, courses and `model.summary()` print for LSTM(units) over input_dim features.
DOCUMENTED_COUNTS = [(1, 1, 12), (1, 2, 16), (2, 1, 32), (2, 2, 40), (10, 5, 640), (32, 64, 12416), (128, 28, 80384)]


def test_the_gates_stand_in_the_order_i_f_c_o() -> None:
    """Input gate, forget gate, candidate, output gate."""
    assert GATE_ORDER == ("i", "f", "c", "o")


@pytest.mark.parametrize(("gate", "block"), [("i", 0), ("f", 1), ("c", 2), ("o", 3)])
def test_a_gate_owns_its_block_of_columns(gate: str, block: int) -> None:
    """With columns numbered, gate k of two units holds columns 2k and 2k + 1 of all three arrays."""
    columns = np.arange(8.0)
    weights = LSTMWeights(np.tile(columns, (3, 1)), np.tile(columns, (2, 1)), columns)
    kernel, recurrent_kernel, bias = weights.gate(gate)
    assert bias is not None
    assert (kernel.shape, recurrent_kernel.shape, bias.shape) == ((3, 2), (2, 2), (2,))
    assert kernel[0].tolist() == recurrent_kernel[1].tolist() == bias.tolist() == [2 * block, 2 * block + 1]


@pytest.mark.parametrize("gate", GATE_ORDER)
@pytest.mark.parametrize("name", ["kernel", "recurrent_kernel", "bias"])
def test_writing_to_a_gate_writes_to_the_weights(make_weights: Callable[..., LSTMWeights], gate: str, name: str) -> None:
    """A gate's arrays are views: the block they show changes, and nothing else does."""
    weights, untouched = make_weights(3, 2), make_weights(3, 2)
    getattr(weights.gate(gate), name)[...] = 77
    changed = weights.arrays[name] != untouched.arrays[name]
    assert np.unique(np.nonzero(changed)[-1] // 3).tolist() == [GATE_ORDER.index(gate)]
    assert changed.sum() == getattr(weights.gate(gate), name).size


@pytest.mark.parametrize("gate", GATE_ORDER)
def test_a_gate_without_bias_has_none(make_weights: Callable[..., LSTMWeights], gate: str) -> None:
    """None, not zeros."""
    assert make_weights(3, 2, use_bias=False).gate(gate).bias is None


@pytest.mark.parametrize(("units", "input_dim", "count"), DOCUMENTED_COUNTS)
def test_the_number_of_parameters_is_the_documented_one(units: int, input_dim: int, count: int) -> None:
    """4 * units * (input_dim + units + 1)."""
    assert count_params(units, input_dim) == count


@pytest.mark.parametrize(("units", "input_dim", "_count"), DOCUMENTED_COUNTS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_the_formula_counts_what_the_arrays_hold(
    make_weights: Callable[..., LSTMWeights], *, units: int, input_dim: int, _count: int, use_bias: bool
) -> None:
    """The sizes of kernel, recurrent kernel and bias sum up to count_params."""
    weights = make_weights(units, input_dim, use_bias=use_bias)
    assert weights.count == count_params(units, input_dim, use_bias) == sum(array.size for array in weights.arrays.values())


def test_no_bias_saves_four_numbers_per_unit() -> None:
    """10 units over 5 features: 640 with biases, 600 without."""
    assert count_params(10, 5, use_bias=False) == 600


@pytest.mark.parametrize(
    ("use_bias", "names"), [(True, ["kernel", "recurrent_kernel", "bias"]), (False, ["kernel", "recurrent_kernel"])]
)
def test_arrays_lists_what_is_there_in_keras_order(
    make_weights: Callable[..., LSTMWeights], *, use_bias: bool, names: list[str]
) -> None:
    """The order of get_weights(), and no entry for a bias that is not there."""
    weights = make_weights(2, 5, use_bias=use_bias)
    assert list(weights.arrays) == names
    assert (weights.units, weights.input_dim) == (2, 5)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64])
def test_integers_become_float64(dtype: Any) -> None:
    """Small hand-written weights need no decimal points."""
    weights = LSTMWeights.from_arrays(np.ones((1, 4), dtype), np.ones((1, 4), dtype), np.ones(4, dtype))
    assert {array.dtype for array in weights.arrays.values()} == {np.dtype("float64")}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_floating_dtype_is_kept(dtype: Any) -> None:
    """What a layer stores is what is read; the compute dtype is another matter."""
    weights = LSTMWeights.from_arrays(np.ones((1, 4), dtype), np.ones((1, 4), dtype), np.ones(4, dtype))
    assert {array.dtype for array in weights.arrays.values()} == {np.dtype(dtype)}


def test_nested_lists_are_weights_too() -> None:
    """As they stand in a document."""
    weights = LSTMWeights.from_arrays([[1, 2, 3, 4]], [[5, 6, 7, 8.5]])
    assert weights.bias is None
    assert weights.gate("o").recurrent_kernel.item() == 8.5


def test_astype_converts_a_copy(make_weights: Callable[..., LSTMWeights]) -> None:
    """The other dtype throughout, and the original as it was, even where the dtype is the same."""
    weights = make_weights(2, 3)
    assert {array.dtype for array in weights.astype("float32").arrays.values()} == {np.dtype("float32")}
    assert not np.shares_memory(weights.astype("float64").kernel, weights.kernel)
    assert weights.kernel.dtype == np.float64


def test_a_layer_shows_its_weights_by_keras_names_in_its_compute_dtype(make_weights: Callable[..., LSTMWeights]) -> None:
    """What a layer shows is its own rounded copy, not the arrays that it was made from."""
    weights = make_weights(2, 3)
    arrays = LSTM(LSTMConfig(2), weights, "float32").weight_arrays
    assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
        "kernel": ((3, 8), "float32"),
        "recurrent_kernel": ((2, 8), "float32"),
        "bias": ((8,), "float32"),
    }


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4])
def test_dtypes_of_other_libraries_are_read_exactly(dtype: Any) -> None:
    """All that bfloat16, float8 and int4 hold is held by float64."""
    drawn = np.random.default_rng(4).uniform(-7, 7, (3, 12)).astype(dtype)
    weights = LSTMWeights.from_arrays(drawn, drawn, drawn[0])
    assert weights.kernel.dtype.kind == "f"
    assert weights.astype("float64").kernel.tolist() == [[float(value) for value in row] for row in drawn]


def test_a_call_reads_bfloat16_too() -> None:
    """Inputs, states and the mask."""
    weights = LSTMWeights.from_arrays(np.full((2, 12), 0.5), np.full((3, 12), 0.25), np.zeros(12))
    lstm, random = LSTM(LSTMConfig(3), weights), np.random.default_rng(4)
    inputs, state = (random.standard_normal(shape).astype(ml_dtypes.bfloat16) for shape in ((2, 4, 2), (2, 3)))
    mask = np.array([[1, 0, 1, 1], [1, 1, 1, 0]], ml_dtypes.int4)
    wide = lstm(inputs.astype(np.float64), [state.astype(np.float64)] * 2, mask.astype(bool))
    np.testing.assert_array_equal(lstm(inputs, [state, state], mask), wide)


@pytest.mark.parametrize("dtype", ["V8", [("weight", "f8")], "S8", "U8", "M8[s]", "c16", "O", "?"])
def test_what_is_no_number_of_a_library_is_refused(dtype: Any) -> None:
    """Bytes, records and dates."""
    with pytest.raises(DtypeError, match=r"kernel must hold real numbers; got dtype"):
        LSTMWeights.from_arrays(np.zeros((2, 12), dtype), np.zeros((3, 12)))


@pytest.mark.parametrize("dtype", ["int8", "complex64", "no dtype", dict, ml_dtypes.bfloat16])
def test_weights_are_cast_to_floating_dtypes_of_numpy_alone(make_weights: Callable[..., LSTMWeights], dtype: Any) -> None:
    """Those that it computes with."""
    with pytest.raises(DtypeError, match=r"weights are of a floating dtype of NumPy's; got"):
        make_weights(3, 2).astype(dtype)


def test_counting_needs_to_know_whether_there_is_a_bias() -> None:
    """A number in its place is a mistake in the order of the arguments."""
    with pytest.raises(LSTMError, match=r"use_bias must be True or False; got 3"):
        count_params(3, 2, 3)  # type: ignore[arg-type]  # that is the mistake
    assert count_params(np.int64(10), np.int64(5)) == 640  # type: ignore[arg-type]  # a size of an array
