"""Probes of what a layer says of its outputs before it is called with numbers: shapes, dtypes and masks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conformance.adapters.keras.backends import BACKENDS
from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, BATCH, TIMESTEPS, load
from conformance.probes.checks import check_equal
from conformance.probes.model import INITIALIZERS, Probe, Subject
from lstm_ref import Bidirectional
from lstm_ref.arrays import Array

Shape = tuple[int | None, ...]

POLICIES = ("float16", "mixed_float16")
MASK = np.arange(BATCH * TIMESTEPS).reshape(BATCH, TIMESTEPS) % 3 > 0


def _returned_arrays(architecture: str, merge_mode: str | None, **flags: bool) -> list[Array]:
    """What the reference returns, in one flat list."""
    kind = ARCHITECTURES[architecture]
    reference = kind.reference(kind.weights, **flags)
    if isinstance(reference, Bidirectional):
        forward, backward = reference.layers
        reference = Bidirectional(forward, backward, merge_mode)
    returned = reference(kind.inputs)
    nested = returned if isinstance(returned, list | tuple) else [returned]
    return [array for each in nested for array in (each if isinstance(each, list | tuple) else [each])]


def _shapes_of(shapes: Any) -> list[Shape]:
    """The shapes of a nested structure of them, in one flat list."""
    if isinstance(shapes, list | tuple) and any(isinstance(each, list | tuple) for each in shapes):
        return [shape for each in shapes for shape in _shapes_of(each)]
    return [tuple(shapes)]


def _described(subject: Subject, returned: Any) -> list[tuple[Shape, str]]:
    """Shape and dtype of each returned tensor."""
    flat = subject.keras.tree.flatten(returned)
    return [(tuple(tensor.shape), subject.keras.backend.standardize_dtype(tensor.dtype)) for tensor in flat]


def _make(subject: Subject, architecture: str, merge_mode: str | None, **arguments: Any) -> Any:
    """Make a new layer, built."""
    kind = ARCHITECTURES[architecture]
    layer = kind.make(subject, **dict.fromkeys(INITIALIZERS, "zeros"), **arguments)
    if merge_mode != "concat":
        layer = subject.keras.layers.Bidirectional(layer.forward_layer, merge_mode=merge_mode)
    return load(layer, kind.input_shape)


def _says(
    subject: Subject, *, architecture: str, policy: str = "float32", merge_mode: str | None = "concat", **flags: bool
) -> tuple[CheckResult, ...]:
    """Judge what is said of the outputs, with all sizes and with open ones, and what a call returns."""
    keras, kind = subject.keras, ARCHITECTURES[architecture]
    dtype = BACKENDS[keras.backend.backend()].conventions.returned_dtype(policy.removeprefix("mixed_"))
    shapes = [tuple(array.shape) for array in _returned_arrays(architecture, merge_mode, **flags)]
    open_shapes = [_opened(shape, architecture) for shape in shapes]
    open_shape = _opened(kind.input_shape, architecture)
    with subject.policy(policy):
        layer = _make(subject, architecture, merge_mode, **flags)
        fixed, opened = (layer(keras.Input(batch_shape=shape)) for shape in (kind.input_shape, open_shape))
        called = layer(kind.inputs)
    computed, computed_open = (_shapes_of(layer.compute_output_shape(shape)) for shape in (kind.input_shape, open_shape))
    return (
        check_equal("call", "what a call returns", _described(subject, called), _all(shapes, dtype)),
        check_equal("symbolic", "what it says it returns", _described(subject, fixed), _all(shapes, dtype)),
        check_equal("open", "what it says it returns for open sizes", _described(subject, opened), _all(open_shapes, dtype)),
        check_equal("shape", "compute_output_shape", computed, shapes),
        check_equal("open_shape", "compute_output_shape of open sizes", computed_open, open_shapes),
    )


def _says_for_policy_of_layer(subject: Subject, *, architecture: str, **flags: bool) -> tuple[CheckResult, ...]:
    """Judge a wrapper of the policy float32 whose layer has another: it says the dtypes that it returns."""
    kind = ARCHITECTURES[architecture]
    layer = _make(subject, architecture, "concat", dtype="float16", **flags)
    said, returned = _described(subject, layer(subject.keras.Input(batch_shape=kind.input_shape))), layer(kind.inputs)
    return (check_equal("symbolic", "what it says it returns", said, _described(subject, returned)),)


def _opened(shape: Shape, architecture: str) -> Shape:
    """A shape with an open batch, and open timesteps where there are any; the blocks of TimeDistributed stay."""
    blocks = 1 if architecture == "td" else 0
    timesteps = [None] * (len(shape) - 2 - blocks)
    return (None, *shape[1 : 1 + blocks], *timesteps, shape[-1])


def _all(shapes: list[Shape], dtype: str) -> list[tuple[Shape, str]]:
    return [(shape, dtype) for shape in shapes]


def _masks(subject: Subject, *, architecture: str, merge_mode: str | None = "concat", **flags: bool) -> tuple[CheckResult, ...]:
    """Judge the masks that compute_mask says, and which of the returned tensors have one: a sequence, and nothing else."""
    keras, kind = subject.keras, ARCHITECTURES[architecture]
    layer = _make(subject, architecture, merge_mode, **flags)
    masked = keras.layers.Masking()(keras.Input(batch_shape=kind.input_shape))
    returned = layer(masked)
    tensors = list(returned) if isinstance(returned, list | tuple) else [returned]
    mask = keras.ops.convert_to_tensor(MASK)
    said = layer.compute_mask(masked, mask)
    masks = [
        None if each is None else subject.read(each).astype(bool).tolist()
        for each in (said if isinstance(said, list | tuple) else [said])
    ]
    has_mask = [getattr(tensor, "_keras_mask", None) is not None for tensor in keras.tree.flatten(tensors)]
    sequence, outputs = flags["return_sequences"], 1 if merge_mode else 2
    expected = [MASK.tolist() if sequence else None] * outputs + [None] * (len(tensors) - outputs)
    carried = [sequence] * outputs + [False] * (len(has_mask) - outputs)
    return (
        check_equal("supports_masking", "supports_masking", layer.supports_masking, True),
        check_equal("compute_mask", "compute_mask", masks, expected),
        check_equal("carried", "which returned tensors have a mask", has_mask, carried),
    )


FLAGS: Mapping[str, dict[str, bool]] = {
    "last": {"return_sequences": False, "return_state": False},
    "seq": {"return_sequences": True, "return_state": False},
    "seq-state": {"return_sequences": True, "return_state": True},
}


def symbolic_probes() -> Iterator[Probe]:
    """Yield all probes of what layers say of their outputs."""
    ways: dict[str, dict[str, Any]] = {}
    for name in ARCHITECTURES:
        full = {"return_sequences": True} if name == "td" else FLAGS["seq-state"]
        last = {} if name == "td" else FLAGS["last"]
        ways |= {f"{name}-last": {"architecture": name, **last}, f"{name}-seq": {"architecture": name, **full}}
        ways |= {f"{name}-{policy.replace('_', '-')}": {"architecture": name, "policy": policy, **full} for policy in POLICIES}
    for merge_mode in ("sum", None):
        bidirectional = {"architecture": "bidi", "merge_mode": merge_mode}
        ways[f"bidi-{merge_mode or 'none'}"] = {**bidirectional, **FLAGS["seq-state"]}
    for label, parameters in ways.items():
        yield Probe(
            trait="says-shapes",
            judge=_says,
            asserts="the shapes and dtypes that a layer says its outputs have are those that a call returns, open sizes too",
            parameters=parameters,
            label=label,
        )
    for name, flags in {"bidi": FLAGS["seq-state"], "td": {"return_sequences": True}}.items():
        yield Probe(
            trait="says-shapes",
            judge=_says_for_policy_of_layer,
            asserts="the shapes and dtypes that a layer says its outputs have are those that a call returns, open sizes too",
            parameters={"architecture": name, **flags},
            label=f"{name}-float16-layer",
        )
    for name in ("lstm", "rnn", "cells2", "bidi"):
        for label, flags in FLAGS.items():
            yield Probe(
                trait="says-masks",
                judge=_masks,
                asserts="compute_mask has one mask for each returned tensor, and only that of a sequence is not None",
                parameters={"architecture": name, **flags},
                label=f"{name}-{label}",
            )
    for label in ("last", "seq"):
        yield Probe(
            trait="says-masks",
            judge=_masks,
            asserts="compute_mask has one mask for each returned tensor, and only that of a sequence is not None",
            parameters={"architecture": "bidi", "merge_mode": None, **FLAGS[label]},
            label=f"bidi-none-{label}",
        )
