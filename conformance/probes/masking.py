"""Probes of `keras.layers.Masking` with other values than 0, and of the types in which a mask may be given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import (
    ACTIVATIONS,
    ARCHITECTURES,
    BATCH,
    INPUT_DIM,
    MASK,
    TIMESTEPS,
    UNITS,
    integer_inputs,
    integer_weights,
    load,
)
from conformance.probes.checks import check_close, check_equal, check_message
from conformance.probes.model import Probe, Subject
from lstm_ref import LSTM, LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array

SHAPE = (BATCH, TIMESTEPS, INPUT_DIM)


def _inputs(mask_value: float) -> Array:
    """Inputs of which the masked timesteps have the mask value alone, and some others have it in one feature, or zeros alone."""
    inputs = integer_inputs(*SHAPE)
    inputs[~MASK] = mask_value
    inputs[0, 0, 0] = inputs[2, 2, -1] = inputs[3, 1, 0] = mask_value
    # A timestep of -mask_value, and one of zeros, which is masked if that is the mask value.
    inputs[3, 2], inputs[3, 3] = -mask_value, mask_value == 0
    return inputs


def _weights() -> LSTMWeights:
    """Weights whose products with multiples of 1/2 are whole numbers."""
    weights = integer_weights(UNITS, INPUT_DIM)
    return LSTMWeights(2 * weights.kernel, weights.recurrent_kernel, weights.bias)


def _masking(subject: Subject, *, mask_value: float) -> tuple[CheckResult, ...]:
    """Judge a layer: its outputs, its mask, the outputs of an LSTM behind it, and those of the layer from its config."""
    keras, weights = subject.keras, _weights()
    inputs, mask = _inputs(mask_value), MASK.copy()
    mask[3, 2] = mask_value != 0
    masking = keras.layers.Masking(mask_value=mask_value)
    lstm = load(subject.lstm(UNITS, **ACTIVATIONS, return_sequences=True), SHAPE, weights)
    tensor = keras.Input(batch_shape=SHAPE)
    model = keras.Model(tensor, lstm(masking(tensor)))
    expected = LSTM(LSTMConfig(UNITS, **ACTIVATIONS, return_sequences=True), weights)(inputs, mask=mask)
    rebuilt = keras.layers.Masking.from_config(masking.get_config())
    cloned = keras.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    zeroed = inputs * mask[..., None].astype(np.float64)
    return (
        check_close("outputs", "outputs of Masking", subject.read(masking(inputs)), zeroed),
        check_equal("mask", "compute_mask", subject.read(masking.compute_mask(inputs)).astype(bool).tolist(), mask.tolist()),
        check_close("behind", "outputs of an LSTM behind Masking", subject.read(lstm(masking(inputs))), expected),
        check_close("behind", "outputs of a model of both", subject.read(model(inputs)), expected),
        check_close("rebuilt", "outputs of Masking from its config", subject.read(rebuilt(inputs)), zeroed),
        check_close("cloned", "outputs of the cloned model", subject.read(cloned(inputs)), expected),
    )


def _near(subject: Subject, *, mask_value: float) -> tuple[CheckResult, ...]:
    """Judge numbers that are as near to the mask value as 2^-12 of it, or of 1: none of them is that value."""
    steps = np.array([-1, 1, -2, 2, 256, -256, 1024, -1024]).reshape(2, 2, 2) * 2.0**-12
    inputs = (mask_value + max(1.0, abs(mask_value)) * steps).astype(np.float32)
    masking = subject.keras.layers.Masking(mask_value=mask_value)
    return (
        check_close("outputs", "outputs of Masking", subject.read(masking(inputs)), inputs.astype(np.float64)),
        check_equal("mask", "compute_mask", bool(subject.read(masking.compute_mask(inputs)).all()), True),
    )


# Word of the id → makes the mask of that type.
TYPES: Mapping[str, Callable[[Subject], Any]] = {
    "bool": lambda subject: subject.keras.ops.convert_to_tensor(MASK),
    "int32": lambda subject: subject.keras.ops.convert_to_tensor(MASK, "int32"),
    "float32": lambda subject: subject.keras.ops.convert_to_tensor(MASK, "float32"),
    "uint8": lambda subject: subject.keras.ops.convert_to_tensor(MASK, "uint8"),
    "array-bool": lambda _: MASK,
    "array-int64": lambda _: MASK.astype(np.int64),
    "array-float32": lambda _: MASK.astype(np.float32),
    "list": lambda _: MASK.tolist(),
}
# Word of the id → the architecture, and arguments.
LOOPS: Mapping[str, tuple[str, dict[str, bool]]] = {
    "lstm": ("lstm", {}),
    "unroll": ("lstm", {"unroll": True}),
    "zeros": ("lstm", {"zero_output_for_mask": True}),
    "rnn": ("rnn", {}),
    "bidi": ("bidi", {}),
}


def _typed(subject: Subject, *, kind: str, loop: str) -> tuple[CheckResult, ...]:
    """Judge outputs and states with a mask of a type."""
    architecture, arguments = LOOPS[loop]
    of = ARCHITECTURES[architecture]
    layer = of.loaded(subject, return_sequences=True, **arguments)
    flags = {name: value for name, value in arguments.items() if name != "unroll"}
    expected = of.reference(of.weights, return_sequences=True, **flags)(of.inputs, mask=MASK)
    got = subject.read(layer(of.inputs, mask=TYPES[kind](subject)))
    return (check_close("outputs", f"outputs with a mask of type {kind}", got, np.asarray(expected, np.float64)),)


def _listed(subject: Subject, *, loop: str) -> tuple[CheckResult, ...]:
    """Judge a mask of nested lists, which is no tensor: it may be refused, and never be another mask."""
    try:
        return _typed(subject, kind="list", loop=loop)
    except Exception:  # noqa: BLE001  # a refusal of any type is one
        return (check_message("outputs", ""),)


def masking_probes() -> Iterator[Probe]:
    """Yield all probes of masks."""
    for label, mask_value in {"0": 0.0, "half": 0.5, "minus-1": -1.0, "2": 2}.items():
        yield Probe(
            trait="masking-value",
            judge=_masking,
            asserts="Masking masks a timestep if all its features are the mask value, and only then, and makes them zeros",
            parameters={"mask_value": mask_value},
            label=label,
        )
    for label, mask_value in {"0": 0.0, "minus-1": -1.0, "1000": 1000.0}.items():
        yield Probe(
            trait="masking-near-value",
            judge=_near,
            asserts="Masking does not mask what is only near its mask value",
            parameters={"mask_value": mask_value},
            label=label,
        )
    for loop in LOOPS:
        for kind in sorted(TYPES.keys() - {"list"}):
            yield Probe(
                trait="mask-type",
                judge=_typed,
                asserts="a binary mask of numbers, as a tensor or as an array, has the same effect as a tensor of bool",
                parameters={"kind": kind, "loop": loop},
                label=f"{loop}-{kind}",
            )
        yield Probe(
            trait="mask-of-lists",
            judge=_listed,
            asserts="a mask of nested lists has the same effect as a tensor, or is refused",
            parameters={"loop": loop},
            label=loop,
        )
