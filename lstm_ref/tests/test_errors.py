"""Every refusal: its type, and the value and the expectation in its message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import (
    LSTM,
    DropoutMasks,
    DtypeError,
    LSTMConfig,
    LSTMError,
    LSTMWeights,
    ShapeError,
    State,
    UnsupportedConfigError,
    count_params,
)

ZEROS, H = np.zeros, np.zeros((4, 3))


@pytest.fixture
def lstm(make_weights: Callable[..., LSTMWeights]) -> LSTM:
    """Three units over two features; the calls below have batch 4 and 5 timesteps."""
    return LSTM(LSTMConfig(3), make_weights(3, 2))


@pytest.mark.parametrize("error", [ShapeError, DtypeError, UnsupportedConfigError])
def test_every_error_is_an_lstm_error_and_a_value_error(error: type[Exception]) -> None:
    """One except clause is enough, with or without the reference's own names."""
    assert issubclass(error, LSTMError)
    assert issubclass(LSTMError, ValueError)


@pytest.mark.parametrize("units", [0, -3, 2.5, 2.0, True, "3", None])
def test_units_that_are_no_positive_integer_are_refused(units: Any) -> None:
    """True is no 1 and 2.0 no 2."""
    with pytest.raises(LSTMError, match=rf"units must be a positive integer, the size of the output; got {units!r}$"):
        LSTMConfig(units)


@pytest.mark.parametrize(
    "flag", ["use_bias", "return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"]
)
@pytest.mark.parametrize("value", [1, 0, None, "yes", np.True_])
def test_a_flag_that_is_no_bool_is_refused(flag: str, value: Any) -> None:
    """A string or a number in a flag's place is a mistake in the order of the arguments."""
    with pytest.raises(LSTMError, match=rf"{flag} must be True or False; got {value!r}$"):
        LSTMConfig(3, **{flag: value})


@pytest.mark.parametrize("argument", ["activation", "recurrent_activation"])
def test_an_unknown_activation_is_refused_when_the_configuration_is_made(argument: str) -> None:
    """Not only when the layer runs."""
    changes: dict[str, Any] = {argument: "tahn"}
    with pytest.raises(UnsupportedConfigError, match=r"unknown activation 'tahn'; expected None or one of .*tanh"):
        LSTMConfig(3, **changes)


@pytest.mark.parametrize("name", ["units", "input_dim"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, "2"])
def test_counting_parameters_of_no_layer_is_refused(name: str, value: Any) -> None:
    """There is no LSTM without units or features."""
    with pytest.raises(LSTMError, match=rf"{name} must be a positive integer; got {value!r}$"):
        count_params(**({"units": 2, "input_dim": 2} | {name: value}))


@pytest.mark.parametrize(
    ("kernel", "recurrent_kernel", "bias", "message"),
    [
        (ZEROS((2, 12)), ZEROS((3, 11)), ZEROS(12), r"recurrent_kernel has shape \(3, 11\), expected \(3, 12\): .* units = 3"),
        (ZEROS((2, 16)), ZEROS((3, 12)), ZEROS(12), r"kernel has shape \(2, 16\), expected \(2, 12\)"),
        (ZEROS((2, 12)), ZEROS((3, 12)), ZEROS(3), r"bias has shape \(3,\), expected \(12,\)"),
        (ZEROS((2, 12)), ZEROS((3, 12)), ZEROS(24), r"bias has shape \(24,\), expected \(12,\)"),
        (ZEROS(12), ZEROS((3, 12)), None, r"kernel must have 2 axes; got shape \(12,\)"),
        (ZEROS((2, 12)), ZEROS((1, 3, 12)), None, r"recurrent_kernel must have 2 axes; got shape \(1, 3, 12\)"),
        (ZEROS((2, 12)), ZEROS((3, 12)), ZEROS((2, 12)), r"bias must have 1 axes; got shape \(2, 12\)"),
        (ZEROS((0, 12)), ZEROS((3, 12)), None, r"input_dim and units must be at least 1; got kernel \(0, 12\), units 3"),
        (ZEROS((2, 0)), ZEROS((0, 0)), None, r"input_dim and units must be at least 1; got kernel \(2, 0\), units 0"),
    ],
)
def test_weights_that_do_not_fit_are_refused(kernel: Any, recurrent_kernel: Any, bias: Any, message: str) -> None:
    """Each array is named with its shape and with the shape that it should have."""
    with pytest.raises(ShapeError, match=message):
        LSTMWeights(kernel, recurrent_kernel, bias)


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (0, [[0.0] * 12] * 2, r"kernel must be a floating-point array; got list"),
        (0, None, r"kernel must be a floating-point array; got NoneType"),
        (0, ZEROS((2, 12), np.int64), r"kernel must be a floating-point array; got int64"),
        (1, ZEROS((3, 12), complex), r"recurrent_kernel must be a floating-point array; got complex128"),
        (2, ZEROS(12, object), r"bias must be a floating-point array; got object"),
        (2, "zeros", r"bias must be a floating-point array; got str"),
    ],
)
def test_weights_that_are_no_floating_arrays_are_refused(position: int, value: Any, message: str) -> None:
    """The constructor converts nothing: from_arrays does."""
    arrays: list[Any] = [ZEROS((2, 12)), ZEROS((3, 12)), ZEROS(12)]
    arrays[position] = value
    with pytest.raises(DtypeError, match=message):
        LSTMWeights(*arrays)


@pytest.mark.parametrize("name", ["kernel", "recurrent_kernel", "bias"])
@pytest.mark.parametrize(
    ("dtype", "got"), [(complex, "complex128"), (object, "object"), (str, "<U1"), (bool, "bool"), ("datetime64[s]", "datetime64")]
)
def test_from_arrays_refuses_what_holds_no_real_numbers(name: str, dtype: Any, got: str) -> None:
    """The array and its dtype are named."""
    arrays = {"kernel": ZEROS((2, 12)), "recurrent_kernel": ZEROS((3, 12)), "bias": ZEROS(12)}
    arrays[name] = np.empty(arrays[name].shape, dtype)
    with pytest.raises(DtypeError, match=rf"{name} must hold real numbers; got dtype {got}"):
        LSTMWeights.from_arrays(**arrays)


@pytest.mark.parametrize("gate", ["g", "C", "", "forget", 0, None])
def test_an_unknown_gate_is_refused(gate: Any) -> None:
    """The four names are listed, with the two that are easily mistaken explained."""
    weights = LSTMWeights(ZEROS((2, 12)), ZEROS((3, 12)))
    message = rf"unknown gate {gate!r}; expected one of i, f, c, o \(c is the candidate, o the output gate\)"
    with pytest.raises(LSTMError, match=message):
        weights.gate(gate)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int32", "double", "", None])
def test_a_compute_dtype_that_is_not_offered_is_refused(make_weights: Callable[..., LSTMWeights], dtype: Any) -> None:
    """NumPy has no float16 arithmetic worth calling a reference."""
    with pytest.raises(DtypeError, match=rf"dtype must be one of float64, float32; got {dtype!r}$"):
        LSTM(LSTMConfig(3), make_weights(3, 2), dtype)


@pytest.mark.parametrize(
    ("config", "use_bias", "message"),
    [
        (LSTMConfig(4), True, r"the weights are those of 3 units, the configuration says 4"),
        (LSTMConfig(3, use_bias=False), True, r"use_bias is False, but bias is given"),
        (LSTMConfig(3), False, r"use_bias is True, but bias is None"),
    ],
)
def test_weights_that_the_configuration_does_not_describe_are_refused(
    make_weights: Callable[..., LSTMWeights], *, config: LSTMConfig, use_bias: bool, message: str
) -> None:
    """Both sides of the contradiction are named."""
    with pytest.raises(ShapeError, match=message):
        LSTM(config, make_weights(3, 2, use_bias=use_bias))


@pytest.mark.parametrize(
    ("inputs", "error", "message"),
    [
        (ZEROS((4, 5)), ShapeError, r"inputs must have the axes \(batch, timesteps, input_dim\); got shape \(4, 5\)"),
        (ZEROS((1, 4, 5, 2)), ShapeError, r"inputs must have the axes .*; got shape \(1, 4, 5, 2\)"),
        (1.5, ShapeError, r"inputs must have the axes .*; got shape \(\)"),
        (ZEROS((4, 5, 3)), ShapeError, r"inputs have 3 features, the kernel reads 2; got shape \(4, 5, 3\)"),
        (ZEROS((4, 0, 2)), ShapeError, r"inputs must have at least one timestep; got shape \(4, 0, 2\)"),
        (ZEROS((4, 5, 2), complex), DtypeError, r"inputs must hold real numbers; got dtype complex128"),
        (ZEROS((4, 5, 2), object), DtypeError, r"inputs must hold real numbers; got dtype object"),
        (np.full((4, 5, 2), "a"), DtypeError, r"inputs must hold real numbers; got dtype <U1"),
        (None, DtypeError, r"inputs must hold real numbers; got dtype object"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(lstm: LSTM, inputs: Any, error: type[Exception], message: str) -> None:
    """The axes, the features or the dtype are named."""
    with pytest.raises(error, match=message):
        lstm(inputs)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (ZEROS((4, 6)), ShapeError, r"mask must have shape \(4, 5\) \(batch, timesteps\), one entry per timestep; got \(4, 6\)"),
        (ZEROS((3, 5)), ShapeError, r"mask must have shape \(4, 5\) .*; got \(3, 5\)"),
        (ZEROS((4, 5, 2)), ShapeError, r"mask must have shape \(4, 5\) .*; got \(4, 5, 2\)"),
        (ZEROS(5), ShapeError, r"mask must have shape \(4, 5\) .*; got \(5,\)"),
        (True, ShapeError, r"mask must have shape \(4, 5\) .*; got \(\)"),
        (ZEROS((4, 5), complex), DtypeError, r"mask must be boolean, True = use the timestep; got dtype complex128"),
        (np.full((4, 5), "True"), DtypeError, r"mask must be boolean, True = use the timestep; got dtype <U4"),
        (np.full((4, 5), None), DtypeError, r"mask must be boolean, True = use the timestep; got dtype object"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(lstm: LSTM, mask: Any, error: type[Exception], message: str) -> None:
    """Nothing is broadcast: a mask has one entry per row and timestep."""
    with pytest.raises(error, match=message):
        lstm(ZEROS((4, 5, 2)), mask=mask)


@pytest.mark.parametrize(
    ("initial_state", "got"),
    [
        pytest.param(H, "one ndarray", id="the hidden state alone"),
        pytest.param(np.stack([H, H]), "one ndarray", id="both in one array"),
        pytest.param(5, "one int", id="a number"),
        pytest.param({"h": H, "c": H}, "one dict", id="a mapping"),
        pytest.param([], r"0 values: \[\]", id="an empty list"),
        pytest.param([H], r"1 values: \[ndarray\]", id="a list of one"),
        pytest.param((H, H, H), r"3 values: \[ndarray, ndarray, ndarray\]", id="outputs and states"),
        pytest.param([H, None], r"2 values: \[ndarray, NoneType\]", id="no cell state"),
        pytest.param([None, H], r"2 values: \[NoneType, ndarray\]", id="no hidden state"),
    ],
)
def test_an_initial_state_that_is_no_pair_is_refused(lstm: LSTM, initial_state: Any, got: str) -> None:
    """Both states or neither, and by position only as [h, c]."""
    message = rf"initial_state must be a State or \[h, c\], \(batch, units\) each; got {got}$"
    with pytest.raises(ShapeError, match=message):
        lstm(ZEROS((4, 5, 2)), initial_state=initial_state)


@pytest.mark.parametrize(
    ("initial_state", "error", "message"),
    [
        ([ZEROS((4, 2)), H], ShapeError, r"initial hidden state h must have shape \(4, 3\) \(batch, units\); got \(4, 2\)"),
        ([H, ZEROS((1, 3))], ShapeError, r"initial cell state c must have shape \(4, 3\) \(batch, units\); got \(1, 3\)"),
        ([0, 0], ShapeError, r"initial hidden state h must have shape \(4, 3\) \(batch, units\); got \(\)"),
        (State(H, ZEROS(3)), ShapeError, r"initial cell state c must have shape \(4, 3\) \(batch, units\); got \(3,\)"),
        ([H.astype(complex), H], DtypeError, r"initial hidden state h must hold real numbers; got dtype complex128"),
        ([H, np.full((4, 3), "0")], DtypeError, r"initial cell state c must hold real numbers; got dtype <U1"),
    ],
)
def test_an_initial_state_that_does_not_fit_is_refused(
    lstm: LSTM, initial_state: Any, error: type[Exception], message: str
) -> None:
    """The state at fault is named, with its shape or dtype."""
    with pytest.raises(error, match=message):
        lstm(ZEROS((4, 5, 2)), initial_state=initial_state)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"d_outputs": ZEROS((4, 2))}, ShapeError, r"d_outputs must have the shape of the outputs, \(4, 3\); got \(4, 2\)"),
        ({"d_outputs": "loss"}, DtypeError, r"d_outputs must hold real numbers; got dtype <U4"),
        ({"d_outputs": [[1], [1, 2]]}, DtypeError, r"d_outputs must be an array of real numbers; NumPy makes none of it"),
        ({"d_final": [H, ZEROS((1, 3))]}, ShapeError, r"d_final's cell state c must have shape \(4, 3\)"),
        ({"d_final": H}, ShapeError, r"d_final must be a State or \[h, c\], \(batch, units\) each; got one ndarray"),
        ({"copies": 3}, LSTMError, r"copies must be a positive integer that divides the batch of 4 rows; got 3"),
        ({"copies": 0}, LSTMError, r"copies must be a positive integer .*; got 0"),
        ({"copies": True}, LSTMError, r"copies must be a positive integer .*; got True"),
        ({"copies": 2.0}, LSTMError, r"copies must be a positive integer .*; got 2.0"),
    ],
)
def test_derivatives_that_do_not_fit_are_refused(
    lstm: LSTM, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """As the arguments of a call are."""
    with pytest.raises(error, match=message):
        lstm.gradients(ZEROS((4, 5, 2)), **({"d_outputs": H} | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"config": 3}, r"config must be of type LSTMConfig; got 3"),
        ({"weights": [H]}, r"weights must be of type LSTMWeights; got \["),
        ({"dropout": 0.5}, r"dropout must be of type DropoutMasks; got 0.5"),
        ({"engine": ["fused"]}, r"engine must be one of oracle, fused; got \['fused'\]"),
    ],
)
def test_arguments_of_another_type_are_refused(
    make_weights: Callable[..., LSTMWeights], arguments: dict[str, Any], message: str
) -> None:
    """Nothing waits for the first call."""
    with pytest.raises(LSTMError, match=message):
        LSTM(**(dict[str, Any](config=LSTMConfig(3), weights=make_weights(3, 2)) | arguments))


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"inputs": np.ones((1, 1, 2))}, r"dropout masks of inputs must have shape \(1 or 4, 4, 2\) in this call; got \(1, 1, 2\)"),
        ({"inputs": np.ones((4, 4, 1))}, r"dropout masks of inputs must have shape \(1 or 4, 4, 2\) in this call; got \(4, 4, 1\)"),
        ({"hidden": np.ones((1, 4, 2))}, r"dropout masks of hidden must have shape \(1 or 4, 4, 3\) in this call; got \(1, 4, 2\)"),
    ],
)
def test_dropout_masks_of_another_batch_are_refused(
    make_weights: Callable[..., LSTMWeights], masks: dict[str, Any], message: str
) -> None:
    """Nothing is broadcast: each row has a mask of its own."""
    with pytest.raises(ShapeError, match=message):
        LSTM(LSTMConfig(3), make_weights(3, 2), dropout=DropoutMasks(**masks))(ZEROS((4, 5, 2)))


@pytest.mark.parametrize(
    ("masks", "got"),
    [([[[1.0]]], "list"), (0.5, "float"), (np.ones((1, 2, 2), complex), "complex128"), (np.full((1, 2, 2), "1"), "<U1")],
)
def test_dropout_masks_that_are_no_arrays_of_numbers_are_refused(masks: Any, got: str) -> None:
    """When they are made."""
    with pytest.raises(DtypeError, match=rf"dropout masks of hidden must be an array of real numbers; got {got}"):
        DropoutMasks(hidden=masks)
