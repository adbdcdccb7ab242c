"""Probes of invalid arguments: the layer must raise an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.checks import check_raises
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, BATCH, TIMESTEPS = 3, 5, 4, 6


def _ones(*shape: int) -> Array:
    return np.ones(shape, np.float32)


def _call_with(*shape: int, **keywords: Any) -> Callable[[Any], object]:
    """Return a call of a layer that was built for (batch, timesteps, input_dim)."""
    return lambda layer: layer(_ones(*shape), **keywords)


FITS = (BATCH, TIMESTEPS, INPUT_DIM)
STATE = _ones(BATCH, UNITS)

# Word of the id → the fault, and the call.
CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "rank2": ("inputs of rank 2", _call_with(BATCH, INPUT_DIM)),
    "rank4": ("inputs of rank 4", _call_with(BATCH, TIMESTEPS, INPUT_DIM, 1)),
    "fewer-features": ("inputs of one feature less", _call_with(BATCH, TIMESTEPS, INPUT_DIM - 1)),
    "more-features": ("inputs of one feature more", _call_with(BATCH, TIMESTEPS, INPUT_DIM + 1)),
    "one-state": ("one initial state", _call_with(*FITS, initial_state=[STATE])),
    "three-states": ("three initial states", _call_with(*FITS, initial_state=[STATE] * 3)),
    "state-of-fewer-units": ("initial states of one unit less", _call_with(*FITS, initial_state=[_ones(BATCH, UNITS - 1)] * 2)),
    "state-of-one-unit": ("initial states of one unit, not broadcast", _call_with(*FITS, initial_state=[_ones(BATCH, 1)] * 2)),
    "state-of-one-row": ("initial states of one row, not broadcast", _call_with(*FITS, initial_state=[_ones(1, UNITS)] * 2)),
    "mask-too-long": ("a mask of one timestep more", _call_with(*FITS, mask=np.ones((BATCH, TIMESTEPS + 1), bool))),
    "mask-too-short": ("a mask of one timestep less", _call_with(*FITS, mask=np.ones((BATCH, TIMESTEPS - 1), bool))),
}

ARGUMENTS: dict[str, dict[str, Any]] = {
    "no-units": {"units": 0},
    "negative-units": {"units": -1},
    "unknown-activation": {"activation": "no_such_activation"},
    "unknown-argument": {"no_such_argument": 1},
    "unknown-use-cudnn": {"use_cudnn": "perhaps"},
}


def _call(subject: Subject, *, label: str) -> tuple[CheckResult, ...]:
    what, call = CALLS[label]
    layer = subject.lstm(UNITS)
    layer(_ones(*FITS))
    # The values are read, because a backend may delay the computation.
    return (check_raises("refused", what, lambda: subject.read(call(layer))),)


def _argument(subject: Subject, *, label: str) -> tuple[CheckResult, ...]:
    given = ", ".join(f"{name}={value!r}" for name, value in ARGUMENTS[label].items())
    return (check_raises("refused", f"LSTM({given})", lambda: subject.lstm(**({"units": UNITS} | ARGUMENTS[label]))),)


def refusal_probes() -> Iterator[Probe]:
    """Yield all probes of invalid calls and arguments."""
    for label in CALLS:
        yield Probe(
            trait="refused-call",
            judge=_call,
            asserts="inputs, states and masks that do not fit raise an exception",
            parameters={"label": label},
            label=label,
        )
    for label in ARGUMENTS:
        yield Probe(
            trait="refused-argument",
            judge=_argument,
            asserts="a constructor argument without a meaning raises an exception",
            parameters={"label": label},
            label=label,
        )
