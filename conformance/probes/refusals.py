"""Probes of arguments without a meaning, and of inputs, states and masks that do not fit: an exception must be raised."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, BATCH, INPUT_DIM, TIMESTEPS, UNITS
from conformance.probes.checks import check_raises
from conformance.probes.model import INITIALIZERS, Probe, Subject
from lstm_ref.arrays import Array

FITS = (BATCH, TIMESTEPS, INPUT_DIM)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something that a layer must refuse.

    Attributes:
        what: the fault, in words.
        act: does it.
        of: the class of Keras that refuses it.
        naming: words that the message of the exception must have.
    """

    what: str
    act: Callable[[Subject], object]
    of: str = "LSTM"
    naming: tuple[str, ...] = ()

    def judge(self, subject: Subject) -> tuple[CheckResult, ...]:
        """Judge that it raises an exception."""
        return (check_raises("refused", f"{self.of} with {self.what}", lambda: self.act(subject), naming=self.naming),)


def ones(*shape: int) -> Array:
    """Ones, in float32."""
    return np.ones(shape, np.float32)


def answer(subject: Subject, layer: Any, *inputs: Any, **keywords: Any) -> object:
    """Call a layer, and read the values of all that it returns, because a backend may delay the computation."""
    return [subject.read(tensor) for tensor in subject.keras.tree.flatten(layer(*inputs, **keywords))]


def _argument(*naming: str, **arguments: Any) -> Fault:
    """Arguments of the constructor, or of a call in training if the constructor takes them."""

    def act(subject: Subject) -> object:
        layer = subject.lstm(**{"units": UNITS, **dict.fromkeys(INITIALIZERS, "zeros"), **arguments})
        return answer(subject, layer, ones(*FITS), training=True)

    return Fault(what=", ".join(f"{name}={value!r}" for name, value in arguments.items()), act=act, naming=naming)


# What is given by its name → the arguments that take one.
NAMED: Mapping[str, tuple[str, ...]] = {
    "activation": ("activation", "recurrent_activation"),
    "initializer": INITIALIZERS,
    "regularizer": ("kernel_regularizer", "recurrent_regularizer", "bias_regularizer", "activity_regularizer"),
    "constraint": ("kernel_constraint", "recurrent_constraint", "bias_constraint"),
}
ARGUMENTS: Mapping[str, Fault] = {
    "no-units": _argument("units", units=0),
    "negative-units": _argument("units", units=-1),
    "units-fraction": _argument(units=2.5),
    "units-float": _argument(units=3.0),
    "units-none": _argument(units=None),
    "units-text": _argument(units="3"),
    "units-true": _argument(units=True),
    **{
        f"unknown-{name}".replace("_", "-"): _argument(f"no_such_{kind}", **{name: f"no_such_{kind}"})
        for kind, names in NAMED.items()
        for name in names
    },
    "activation-number": _argument("activation", activation=3),
    "unknown-dtype": _argument("float31", dtype="float31"),
    "unknown-argument": _argument("no_such_argument", no_such_argument=1),
    "unknown-use-cudnn": _argument("use_cudnn", use_cudnn="perhaps"),
    "use-cudnn-with-recurrent-dropout": _argument("use_cudnn", use_cudnn=True, recurrent_dropout=0.5),
    **{
        f"{name}-{label}".replace("_", "-"): _argument(**{name: value})
        for name in ("dropout", "recurrent_dropout")
        for label, value in {"negative": -0.5, "above-one": 1.5, "text": "half"}.items()
    },
    **{f"implementation-{value}": _argument(implementation=value) for value in (0, 3)},
    "seed-fraction": _argument("seed", dropout=0.5, seed=0.5),
    "seed-text": _argument("seed", dropout=0.5, seed="0"),
}


def _states(*shape: int, number: int | None = None) -> Callable[[str], Mapping[str, Any]]:
    """Return initial states of a shape for an architecture: as many as it takes, or another number of them."""

    def keywords(architecture: str) -> Mapping[str, Any]:
        state: Any = ones(*shape)
        states = {"bidi": [state] * 4, "cells2": [[state, state]] * 2}.get(architecture, [state] * 2)
        return {"initial_state": states if number is None else [states[0]] * number}

    return keywords


def _mask(*shape: int) -> Callable[[str], Mapping[str, Any]]:
    return lambda _: {"mask": np.ones(shape, bool)}


def _nothing(_: str) -> Mapping[str, Any]:
    return {}


# Word of the id → the fault, the shape of the inputs, and the other arguments of the call, for an architecture.
CALLS: Mapping[str, tuple[str, tuple[int, ...], Callable[[str], Mapping[str, Any]]]] = {
    "rank2": ("inputs of rank 2", (BATCH, INPUT_DIM), _nothing),
    "rank4": ("inputs of rank 4", (*FITS, 1), _nothing),
    "fewer-features": ("inputs of one feature less", (BATCH, TIMESTEPS, INPUT_DIM - 1), _nothing),
    "more-features": ("inputs of one feature more", (BATCH, TIMESTEPS, INPUT_DIM + 1), _nothing),
    "no-states": ("a list of no initial states", FITS, _states(BATCH, UNITS, number=0)),
    "one-state": ("one initial state", FITS, _states(BATCH, UNITS, number=1)),
    "three-states": ("three initial states", FITS, _states(BATCH, UNITS, number=3)),
    "six-states": ("six initial states", FITS, _states(BATCH, UNITS, number=6)),
    "state-of-fewer-units": ("initial states of one unit less", FITS, _states(BATCH, UNITS - 1)),
    "state-of-more-units": ("initial states of one unit more", FITS, _states(BATCH, UNITS + 1)),
    "state-of-one-unit": ("initial states of one unit, not broadcast", FITS, _states(BATCH, 1)),
    "state-of-one-row": ("initial states of one row, not broadcast", FITS, _states(1, UNITS)),
    "state-of-more-rows": ("initial states of one row more", FITS, _states(BATCH + 1, UNITS)),
    "state-of-rank1": ("initial states of rank 1, not broadcast", FITS, _states(UNITS)),
    "state-of-rank3": ("initial states of rank 3", FITS, _states(BATCH, 1, UNITS)),
    "mask-too-long": ("a mask of one timestep more", FITS, _mask(BATCH, TIMESTEPS + 1)),
    "mask-too-short": ("a mask of one timestep less", FITS, _mask(BATCH, TIMESTEPS - 1)),
    "mask-of-more-rows": ("a mask of one row more", FITS, _mask(BATCH + 1, TIMESTEPS)),
    "mask-of-one-row": ("a mask of one row, not broadcast", FITS, _mask(1, TIMESTEPS)),
    "mask-of-rank1": ("a mask of rank 1", FITS, _mask(BATCH)),
    "mask-of-rank3": ("a mask for each feature", FITS, _mask(*FITS)),
    "unknown-keyword": ("an unknown keyword", FITS, lambda _: {"no_such_keyword": 1}),
}
# Word of the id → the class, architecture and arguments of the layer that is called, and the faults which it may treat otherwise.
CALLED: Mapping[str, tuple[str, str, Mapping[str, Any], tuple[str, ...]]] = {
    "": ("LSTM", "lstm", {}, tuple(name for name in CALLS if name != "six-states")),
    "unroll": ("LSTM", "lstm", {"unroll": True}, ("three-states", "mask-too-long", "mask-too-short", "mask-of-rank3")),
    "rnn": ("RNN", "rnn", {}, ("rank2", "rank4", "fewer-features", "three-states", "mask-too-long", "mask-too-short")),
    "cells2": ("RNN", "cells2", {}, ("rank2", "no-states", "one-state", "three-states", "mask-too-long", "mask-too-short")),
    "bidi": (
        "Bidirectional",
        "bidi",
        {},
        (
            "rank2",
            "rank4",
            "fewer-features",
            "one-state",
            "three-states",
            "six-states",
            "state-of-fewer-units",
            "mask-too-long",
            "mask-too-short",
            "unknown-keyword",
        ),
    ),
}


def _call(call: str, called: str) -> Fault:
    what, shape, keywords_of = CALLS[call]
    name, architecture, arguments, _ = CALLED[called]

    def act(subject: Subject) -> object:
        return answer(subject, ARCHITECTURES[architecture].built(subject, **arguments), ones(*shape), **keywords_of(architecture))

    return Fault(what=what, act=act, of=name)


FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "refused-argument": ARGUMENTS,
    "refused-call": {
        "-".join(filter(None, (call, called))): _call(call, called) for called, (*_, calls) in CALLED.items() for call in calls
    },
}


def _judge(subject: Subject, *, trait: str, label: str) -> tuple[CheckResult, ...]:
    return FAULTS[trait][label].judge(subject)


def refusal_probes() -> Iterator[Probe]:
    """Yield all probes of invalid arguments and calls."""
    asserts = {
        "refused-argument": "a constructor argument without a meaning raises an exception",
        "refused-call": "inputs, states and masks that do not fit raise an exception",
    }
    for trait, faults in FAULTS.items():
        for label in faults:
            parameters = {"trait": trait, "label": label}
            yield Probe(trait=trait, judge=_judge, asserts=asserts[trait], parameters=parameters, label=label)
