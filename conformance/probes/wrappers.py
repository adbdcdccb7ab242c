"""Probes of what a wrapper passes on: training, masks and slices. The layers in it return what they are given, in whole numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import BATCH, INPUT_DIM, MASK, TIMESTEPS, integer_inputs, integer_states
from conformance.probes.checks import check_close, check_raises
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array

BLOCKS, CELLS = 3, 3
# What a slice of TimeDistributed adds to its inputs if it is used, and if it is in training.
USED, TRAINED = 16, 256


def _adding_cell(keras: Any) -> Any:
    """A class of cells that add the inputs and 1 to their first state, twice in training. They have two states, as an LSTM has."""

    class AddingCell(keras.layers.Layer):  # type: ignore[misc]  # Keras is Any
        def __init__(self, units: int, **arguments: Any) -> None:
            super().__init__(**arguments)
            self.units = self.output_size = units
            self.state_size = [units, units]

        def call(self, inputs: Any, states: Any, training: Any = False) -> Any:
            total = states[0] + (inputs + 1) * (2 if training else 1)
            return total, [total, states[1]]

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "units": self.units}

    return AddingCell


def _marking_layer(keras: Any) -> Any:
    """A layer that adds to its inputs what its mask and `training` are."""

    class MarkingLayer(keras.layers.Layer):  # type: ignore[misc]  # Keras is Any
        supports_masking = True

        def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
            used = 0 if mask is None else keras.ops.expand_dims(keras.ops.cast(mask, "float32"), -1)
            return inputs + USED * used + (TRAINED if training else 0)

        def compute_output_shape(self, input_shape: Any) -> Any:
            return input_shape

    return MarkingLayer()


def _added(inputs: Array, mask: Array, training: bool, cells: int = 1) -> Array:
    """What cells of the adding kind return, one above the other: the sums of the timesteps that are used."""
    for _ in range(cells):
        inputs = np.cumsum(mask[..., None] * (inputs + 1) * (2 if training else 1), axis=-2)
    return inputs


def _halves(inputs: Array, mask: Array, training: bool) -> Array:
    """The sums of both halves, which are zeros at masked timesteps."""
    forward, backward = (_added(inputs[:, ::step], mask[:, ::step], training)[:, ::step] for step in (1, -1))
    return np.concatenate([forward, backward], axis=-1) * mask[..., None]


# Wrapper → makes it of a cell's class, and what it returns for inputs, a mask and training.
WRAPPERS: Mapping[str, tuple[Callable[[Any, Any], Any], Callable[..., Array]]] = {
    "rnn": (lambda keras, cell: keras.layers.RNN(cell(INPUT_DIM), return_sequences=True), _added),
    "cells3": (
        lambda keras, cell: keras.layers.RNN([cell(INPUT_DIM) for _ in range(CELLS)], return_sequences=True),
        functools.partial(_added, cells=CELLS),
    ),
    "bidi": (lambda keras, cell: keras.layers.Bidirectional(keras.layers.RNN(cell(INPUT_DIM), return_sequences=True)), _halves),
    "td": (lambda keras, cell: keras.layers.TimeDistributed(keras.layers.RNN(cell(INPUT_DIM), return_sequences=True)), _added),
}
TRAINING: Mapping[str, dict[str, bool]] = {"on": {"training": True}, "off": {"training": False}, "unset": {}}


def _model(subject: Subject, layer: Any, shape: tuple[int | None, ...], *, masking: bool) -> Any:
    """A model of the layer, which masks its inputs or does not."""
    keras = subject.keras
    inputs = keras.Input(shape[1:], batch_size=shape[0])
    return keras.Model(inputs, layer(keras.layers.Masking()(inputs) if masking else inputs))


def _started(wrapper: str) -> tuple[dict[str, Any], Array]:
    """Initial states for a wrapper, and what they add to its outputs."""
    states = integer_states(4 if wrapper == "bidi" else 2, INPUT_DIM)
    return {"initial_state": states}, np.concatenate(states[::2], axis=-1)[:, None]


def _passed(
    subject: Subject, *, wrapper: str, training: str, route: str, masked: bool, with_states: bool = False
) -> tuple[CheckResult, ...]:
    """Judge the outputs of a call of the layer, or of a model of it."""
    make, expected_of = WRAPPERS[wrapper]
    used = np.stack([np.roll(MASK, block, axis=0) for block in range(BLOCKS)], axis=1) if wrapper == "td" else MASK
    mask = used if masked else np.ones_like(used)
    shape = (*mask.shape, INPUT_DIM)
    inputs = integer_inputs(*shape) * (mask[..., None] if route == "model" else 1)
    cell = _adding_cell(subject.keras)
    with subject.keras.saving.custom_object_scope({"AddingCell": cell}):
        layer = make(subject.keras, cell)
    called, masks = layer, {"mask": mask} if masked else {}
    if route == "model":
        called, masks = _model(subject, layer, shape, masking=masked), {}
    states, added = _started(wrapper) if with_states else ({}, 0)
    got = subject.read(called(inputs.astype(np.float32), **masks, **states, **TRAINING[training]))
    expected = expected_of(inputs, mask, training == "on").astype(np.float64) + added
    return (check_close("outputs", "outputs of cells that show training and mask", got, expected),)


def _slice_inputs(timesteps: int, mask: Array) -> Array:
    """Whole numbers, all different; zeros where a timestep is masked."""
    return (np.arange(1, mask.size * INPUT_DIM + 1).reshape(len(mask), timesteps, INPUT_DIM) * mask[..., None]).astype(np.float32)


def _slice_mask(timesteps: int, rank: int = 2) -> Array:
    """About a third of all is masked, differently in each timestep."""
    shape = (BATCH, timesteps, *(TIMESTEPS,) * (rank - 2))
    return np.asarray(np.random.default_rng([timesteps, rank]).integers(0, 3, shape) > 0)


def _slices(subject: Subject, *, timesteps: int, rank: int = 2) -> tuple[CheckResult, ...]:
    """Judge each timestep's inputs, mask and training."""
    mask = _slice_mask(timesteps, rank)
    inputs = np.arange(mask.size * INPUT_DIM, dtype=np.float32).reshape(*mask.shape, INPUT_DIM)
    layer = subject.keras.layers.TimeDistributed(_marking_layer(subject.keras))
    results = []
    for training in (False, True):
        got = subject.read(layer(inputs, mask=mask, training=training))
        expected = inputs + USED * mask[..., None] + TRAINED * training
        results.append(check_close("slices", f"what each timestep is given with training={training}", got, expected))
    return tuple(results)


def _open_slices(subject: Subject, *, timesteps: int) -> tuple[CheckResult, ...]:
    """Judge a model whose number of timesteps is open: it predicts on two timesteps, and then on so many."""
    layer = subject.keras.layers.TimeDistributed(_marking_layer(subject.keras))
    model = _model(subject, layer, (None, None, INPUT_DIM), masking=True)
    results = []
    for number in (2, timesteps):
        mask = _slice_mask(number)
        inputs = _slice_inputs(number, mask)
        got = np.asarray(model.predict(inputs, batch_size=BATCH, verbose=0), np.float64)
        results.append(check_close("slices", f"what each of {number} timesteps is given", got, inputs + USED * mask[..., None]))
    return tuple(results)


# Word of the id → the shape of a mask for inputs of (BATCH, BLOCKS, INPUT_DIM).
UNFIT: Mapping[str, tuple[int, ...]] = {
    "longer": (BATCH, BLOCKS + 1),
    "shorter": (BATCH, BLOCKS - 1),
    "more-rows": (BATCH + 1, BLOCKS),
    "one-row": (1, BLOCKS),
    "rank1": (BATCH,),
}


def _unfit(subject: Subject, *, shape: tuple[int, ...]) -> tuple[CheckResult, ...]:
    layer = subject.keras.layers.TimeDistributed(_marking_layer(subject.keras))
    inputs, mask = np.ones((BATCH, BLOCKS, INPUT_DIM), np.float32), np.ones(shape, bool)
    what = f"TimeDistributed with a mask of shape {shape} for inputs of shape {inputs.shape}"
    return (check_raises("refused", what, lambda: subject.read(layer(inputs, mask=mask)), naming=("mask", str(shape[0]))),)


def wrapper_probes() -> Iterator[Probe]:
    """Yield all probes of what wrappers pass on."""
    ways = {f"{training}-{route}": (training, route, False) for training in TRAINING for route in ("call", "model")}
    ways |= {f"{training}-{route}-masked": (training, route, True) for training in ("on", "off") for route in ("call", "model")}
    started = {f"{training}-call-states": (training, "call", False, True) for training in TRAINING}
    for wrapper in WRAPPERS:
        for label, values in (ways | started if wrapper in ("rnn", "bidi") else ways).items():
            names = ("training", "route", "masked", "with_states")
            yield Probe(
                trait="passed-on",
                judge=_passed,
                asserts="training and mask reach every cell within a wrapper, and each cell reads the outputs of the one before",
                parameters={"wrapper": wrapper, **dict(zip(names, values, strict=False))},
                label=f"{wrapper}-{label}",
            )
    for timesteps in (1, 2, 17, 33, 65):
        for label, judge in {"": _slices, "open": _open_slices}.items():
            yield Probe(
                trait="time-distributed-slices",
                judge=judge,
                asserts="TimeDistributed gives each timestep its own inputs, its own mask and training, however many there are",
                parameters={"timesteps": timesteps},
                label="-".join(filter(None, (f"t{timesteps}", label))),
            )
    yield Probe(
        trait="time-distributed-slices",
        judge=_slices,
        asserts="TimeDistributed gives each timestep its own inputs, its own mask and training, however many there are",
        parameters={"timesteps": 2, "rank": 3},
        label="t2-mask-of-rank3",
    )
    for label, shape in UNFIT.items():
        yield Probe(
            trait="time-distributed-mask-refused",
            judge=_unfit,
            asserts="TimeDistributed refuses a mask whose first two axes are not those of the inputs",
            parameters={"shape": shape},
            label=label,
        )
