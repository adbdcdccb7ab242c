"""Probes of stateful layers: invalid calls, and resets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.checks import check_close, check_equal, check_raises
from conformance.probes.model import Probe, Subject, dyadic, dyadic_weights
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, TIMESTEPS, BATCH, OTHER_BATCH = 3, 5, 4, 7, 6


def _inputs(batch: int) -> Array:
    return dyadic(batch, TIMESTEPS, INPUT_DIM, key=8).astype("float32")


def _stateful(subject: Subject, units: int = UNITS) -> Any:
    layer = subject.lstm(units, stateful=True)
    layer.build((BATCH, TIMESTEPS, INPUT_DIM))
    return layer


def _other_batch(subject: Subject, *, after_reset: bool) -> tuple[CheckResult, ...]:
    layer = _stateful(subject)
    layer(_inputs(BATCH))
    if after_reset:
        layer.reset_state()
    what = f"a batch of {OTHER_BATCH} given to a stateful layer that has read one of {BATCH}"
    return (
        check_raises("refused", what, lambda: layer(_inputs(OTHER_BATCH)), naming=("batch size", str(BATCH), str(OTHER_BATCH))),
    )


def _dynamic_batch(subject: Subject) -> tuple[CheckResult, ...]:
    layer = subject.lstm(UNITS, stateful=True)
    inputs = subject.keras.Input((TIMESTEPS, INPUT_DIM))
    return (check_raises("refused", "a stateful layer without a static batch size", lambda: layer(inputs), naming=("batch size",)),)


def _reset_unbuilt(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge that the reset has no effect: the layer returns the same as a layer that was never reset."""
    weights, outputs = dyadic_weights(UNITS, INPUT_DIM), []
    for resets in (True, False):
        layer = subject.lstm(UNITS, stateful=True)
        if resets:
            layer.reset_state()
        layer.build((BATCH, TIMESTEPS, INPUT_DIM))
        layer.set_weights(list(weights.arrays.values()))
        outputs.append(subject.read(layer(_inputs(BATCH))))
    return (check_close("outputs", "outputs after a reset before the layer was built", *outputs),)


def _reset_first_call(subject: Subject, layer: Any, method: str = "reset_state") -> tuple[CheckResult, ...]:
    """Judge that the state is zero after the reset, and that the next call returns what the first returned, unlike the second."""
    first, second = (subject.read(layer(_inputs(BATCH))) for _ in range(2))
    getattr(layer, method)()
    states = np.concatenate([subject.read(state).ravel() for state in subject.keras.tree.flatten(layer.states)])
    return (
        check_equal("carried", "whether the second call gave what the first gave", np.array_equal(first, second), False),
        check_close("zeros", "the state after a reset", states, np.zeros_like(states)),
        check_close("outputs", "outputs after a reset", subject.read(layer(_inputs(BATCH))), first),
    )


def _reset(subject: Subject, *, cells: int) -> tuple[CheckResult, ...]:
    """Judge a reset of the layer itself (`cells` is 0), or of a `keras.layers.RNN` with a list of so many cells."""
    layer = _stateful(subject)
    if cells:
        stack = [subject.lstm(UNITS).cell for _ in range(cells)]
        layer = subject.keras.layers.RNN(stack, stateful=True)
        layer.build((BATCH, TIMESTEPS, INPUT_DIM))
    return _reset_first_call(subject, layer)


def _reset_by_alias(subject: Subject, *, bidirectional: bool) -> tuple[CheckResult, ...]:
    layer = subject.lstm(UNITS, stateful=True)
    if bidirectional:
        layer = subject.keras.layers.Bidirectional(layer)
    layer.build((BATCH, TIMESTEPS, INPUT_DIM))
    return _reset_first_call(subject, layer, "reset_states")


def _reset_model(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge what `keras.layers.RNN` documents: "call `.reset_state()` on either a specific layer, or on your entire model"."""
    layer = _stateful(subject)
    model = subject.keras.Sequential([subject.keras.Input((TIMESTEPS, INPUT_DIM), batch_size=BATCH), layer])
    model(_inputs(BATCH))
    exists = check_equal("exists", "whether a model has reset_state", hasattr(model, "reset_state"), True)
    if not hasattr(model, "reset_state"):
        return (exists,)
    model.reset_state()
    states = np.concatenate([subject.read(state).ravel() for state in layer.states])
    return exists, check_close("zeros", "the state after the model's reset", states, np.zeros_like(states))


def _reset_to_states(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge what `keras.layers.RNN` documents: "by calling `reset_state()` with the keyword argument `states`"."""
    layer = _stateful(subject)
    new_states = [np.full((BATCH, UNITS), value, np.float32) for value in (0.25, -0.5)]
    try:
        layer.reset_state(states=new_states)
    except TypeError as error:
        return (check_equal("accepted", "reset_state(states=…)", f"TypeError: {error}", "the states stored"),)
    pairs = zip(("hidden", "cell"), layer.states, new_states, strict=True)
    return tuple(
        check_close(name, f"the {name} state after reset_state(states=…)", subject.read(got), state) for name, got, state in pairs
    )


def state_probes() -> Iterator[Probe]:
    """Yield all probes of states."""
    for after_reset in (False, True):
        yield Probe(
            trait="stateful-other-batch",
            judge=_other_batch,
            asserts="a stateful layer refuses another batch size and names both, after a reset too",
            parameters={"after_reset": after_reset},
            label="after-reset" if after_reset else "after-call",
        )
    yield Probe(
        trait="stateful-dynamic-batch",
        judge=_dynamic_batch,
        asserts="a stateful layer refuses inputs whose batch size is not static",
    )
    yield Probe(trait="reset-before-build", judge=_reset_unbuilt, asserts="a reset before the layer is built changes nothing")
    for label, cells in {"lstm": 0, "cells1": 1, "cells2": 2}.items():
        yield Probe(
            trait="reset-state",
            judge=_reset,
            asserts="after reset_state() a stateful layer answers as at its first call",
            parameters={"cells": cells},
            label=label,
        )
    for label, bidirectional in {"lstm": False, "bidi": True}.items():
        yield Probe(
            trait="reset-states",
            judge=_reset_by_alias,
            asserts="reset_states() is reset_state() by its earlier name",
            parameters={"bidirectional": bidirectional},
            label=label,
        )
    yield Probe(
        trait="reset-state-of-model", judge=_reset_model, asserts="a model's reset_state() resets its layers, as documented"
    )
    yield Probe(
        trait="reset-state-to-states",
        judge=_reset_to_states,
        asserts="reset_state(states=…) stores the states that it is given, as documented",
    )
