"""Probes of halves, cells, symbolic inputs, weights and configurations that do not fit: an exception must be raised."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, BATCH, BLOCKS, INPUT_DIM, TIMESTEPS, UNITS
from conformance.probes.checks import check_close, check_raises
from conformance.probes.model import Probe, Subject
from conformance.probes.refusals import FITS, Fault, answer, ones

CLASS_OF = {"lstm": "LSTM", "rnn": "RNN", "cells2": "RNN", "bidi": "Bidirectional", "td": "TimeDistributed"}
Part = Callable[[Subject], Any]


def _made(of: str, part: Part, what: str, *naming: str, backward: Part | None = None, **arguments: Any) -> Fault:
    """A class of `keras.layers` that is given a part, such as a cell, or two halves."""

    def act(subject: Subject) -> object:
        halves = {} if backward is None else {"backward_layer": backward(subject)}
        return getattr(subject.keras.layers, of)(part(subject), **halves, **arguments)

    return Fault(what=what, act=act, of=of, naming=naming)


def _lstm(**arguments: Any) -> Part:
    return lambda subject: subject.lstm(UNITS, **arguments)


def _text(_: Subject) -> str:
    return "lstm"


def _halves(forward: Part, backward: Part, what: str, *naming: str) -> Fault:
    return _made("Bidirectional", forward, what, *naming, backward=backward)


HALVES: Mapping[str, Fault] = {
    "merge-mode": _made("Bidirectional", _lstm(), "an unknown merge_mode", "median", merge_mode="median"),
    "same-direction": _halves(_lstm(), _lstm(), "two halves that go forward", "go_backwards"),
    "both-backwards": _halves(_lstm(go_backwards=True), _lstm(go_backwards=True), "two halves that go backwards", "go_backwards"),
    "of-backwards": _made("Bidirectional", _lstm(go_backwards=True), "one layer, which goes backwards", "go_backwards"),
    **{
        f"other-{flag}".replace("_", "-"): _halves(
            _lstm(), _lstm(go_backwards=True, **{flag: True}), f"halves of which one has {flag}=True", flag
        )
        for flag in ("return_sequences", "return_state", "stateful")
    },
    "text": _made("Bidirectional", _text, "text in place of a layer", "lstm"),
    "backward-text": _halves(_lstm(), _text, "text in place of a backward layer", "lstm"),
    "dense": _made("Bidirectional", lambda subject: subject.keras.layers.Dense(UNITS), "a layer without direction"),
    "cell": _made("Bidirectional", lambda subject: subject.keras.layers.LSTMCell(UNITS), "a cell"),
}


def _stepping(inputs: Any, states: Any) -> tuple[Any, Any]:
    """What a cell does."""
    return inputs, states


# Word of the id → what is no cell, and what the exception says of it.
NOT_CELLS: Mapping[str, tuple[object, str]] = {
    "text": ("lstm", "lstm"),
    "without-state-size": (SimpleNamespace(call=_stepping), "state_size"),
    "without-call": (SimpleNamespace(state_size=UNITS), "call"),
}


def _cell(of: str, label: str, *, first: bool = False) -> Fault:
    """A cell that is none, alone, or in a list after one that is a cell."""
    cell, naming = NOT_CELLS[label]
    return _made(
        of,
        lambda subject: cell if first else [subject.lstm(UNITS).cell, cell],
        f"{'a' if first else 'a second'} cell that is none: {label.replace('-', ' ')}",
        naming,
    )


def _no_cells(subject: Subject) -> object:
    """Call an RNN over an empty list of cells."""
    return answer(subject, subject.keras.layers.RNN([]), ones(*FITS))


def _unsized(subject: Subject) -> object:
    """Call an RNN over a cell that does not say as a number how many units it returns."""
    cell = SimpleNamespace(call=_stepping, state_size=UNITS, output_size="3")
    return subject.keras.layers.RNN(cell)(subject.keras.Input(batch_shape=FITS))


def _called_cell(what: str, *states: tuple[int, ...], features: int = INPUT_DIM) -> Fault:
    """A cell that is called with states of these shapes."""

    def act(subject: Subject) -> object:
        cell = subject.keras.layers.LSTMCell(UNITS)
        cell.build((BATCH, INPUT_DIM))
        return answer(subject, cell, ones(BATCH, features), [ones(*shape) for shape in states])

    return Fault(what=what, act=act, of="LSTMCell")


STATE = (BATCH, UNITS)
CELLS: Mapping[str, Fault] = {
    **{f"rnn-{label}": _cell("RNN", label, first=True) for label in NOT_CELLS},
    **{f"rnn-second-{label}": _cell("RNN", label) for label in NOT_CELLS},
    **{f"stacked-second-{label}": _cell("StackedRNNCells", label) for label in NOT_CELLS},
    "rnn-class": _made("RNN", lambda subject: subject.keras.layers.LSTMCell, "the class of a cell"),
    "rnn-state-size-text": _made("RNN", lambda _: SimpleNamespace(call=_stepping, state_size="3"), "state_size='3'", "state_size"),
    "rnn-output-size-text": Fault(what="output_size='3'", act=_unsized, of="RNN", naming=("output_size",)),
    "rnn-none": Fault(what="an empty list of cells", act=_no_cells, of="RNN"),
    "no-units": _made("LSTMCell", lambda _: 0, "units=0", "units"),
    "one-state": _called_cell("one state", STATE),
    "three-states": _called_cell("three states", STATE, STATE, STATE),
    "state-of-fewer-units": _called_cell("a hidden state of one unit less", (BATCH, UNITS - 1), STATE),
    "more-features": _called_cell("inputs of one feature more", STATE, STATE, features=INPUT_DIM + 1),
}


def _slices(what: str, *shape: int) -> Fault:
    """A call of a TimeDistributed that is built."""
    return Fault(
        what=what, act=lambda subject: answer(subject, ARCHITECTURES["td"].built(subject), ones(*shape)), of="TimeDistributed"
    )


def _symbolic(what: str, naming: str, architecture: str, *shape: int | None, **arguments: Any) -> Fault:
    """A call of a new layer with a symbolic tensor."""

    def act(subject: Subject) -> object:
        return ARCHITECTURES[architecture].make(subject, **arguments)(subject.keras.Input(batch_shape=shape))

    return Fault(what=what, act=act, of=CLASS_OF[architecture], naming=(naming,))


def _other_batch(architecture: str) -> Fault:
    """A call of a stateful layer with one row, which could be broadcast."""

    def act(subject: Subject) -> object:
        return answer(subject, ARCHITECTURES[architecture].built(subject, stateful=True), ones(1, TIMESTEPS, INPUT_DIM))

    return Fault(what="stateful=True and a batch of one row", act=act, of=CLASS_OF[architecture], naming=("batch size",))


def _masked(mask_value: Any) -> Fault:
    def act(subject: Subject) -> object:
        return answer(subject, subject.keras.layers.Masking(mask_value), ones(*FITS))

    return Fault(what=f"mask_value={mask_value!r}", act=act, of="Masking")


INPUTS: Mapping[str, Fault] = {
    "td-text": _made("TimeDistributed", _text, "text in place of a layer", "lstm"),
    "td-rank2": _slices("inputs of rank 2", BATCH, INPUT_DIM),
    "td-rank3": _slices("inputs of rank 3, where the layer in it needs rank 3 too", *FITS),
    "td-fewer-features": _slices("inputs of one feature less", BATCH, BLOCKS, TIMESTEPS, INPUT_DIM - 1),
    "td-symbolic-rank2": _symbolic("symbolic inputs of rank 2", "dim", "td", BATCH, INPUT_DIM),
    **{
        f"{name}-symbolic-rank2": _symbolic("symbolic inputs of rank 2", "dim", name, BATCH, INPUT_DIM)
        for name in ("lstm", "rnn", "bidi")
    },
    "lstm-symbolic-rank4": _symbolic("symbolic inputs of rank 4", "dim", "lstm", *FITS, 1),
    **{
        f"{name}-unroll-open": _symbolic("unroll=True and no static timesteps", "unroll", name, BATCH, None, INPUT_DIM, unroll=True)
        for name in ("lstm", "rnn", "bidi")
    },
    **{
        f"{name}-stateful-open": _symbolic(
            "stateful=True and no static batch size", "batch size", name, None, TIMESTEPS, INPUT_DIM, stateful=True
        )
        for name in ("rnn", "cells2", "bidi")
    },
    **{f"{name}-stateful-one-row": _other_batch(name) for name in ("lstm", "rnn", "cells2", "bidi")},
    "masking-text": _masked("zero"),
    "masking-none": _masked(None),
    "bidi-reset-stateless": Fault(
        what="a reset, where it is not stateful",
        act=lambda subject: ARCHITECTURES["bidi"].built(subject).reset_state(),
        of="Bidirectional",
        naming=("stateful",),
    ),
}

# Word of the id → what the arrays of set_weights are, and how they are made of those that fit.
ARRAYS: Mapping[str, tuple[str, Callable[[list[Any]], list[Any]]]] = {
    "fewer": ("an array less", lambda arrays: arrays[:-1]),
    "more": ("an array more", lambda arrays: [*arrays, arrays[-1]]),
    "transposed": ("a kernel that is transposed", lambda arrays: [arrays[0].T, *arrays[1:]]),
    "one-row": ("a recurrent kernel of one row", lambda arrays: [arrays[0], arrays[1][:1], *arrays[2:]]),
}


def _weights(architecture: str, label: str) -> Fault:
    what, change = ARRAYS[label]

    def act(subject: Subject) -> object:
        layer = ARCHITECTURES[architecture].built(subject)
        return layer.set_weights(change(layer.get_weights()))

    return Fault(what=f"set_weights of {what}", act=act, of=CLASS_OF[architecture])


def _weights_unbuilt(subject: Subject) -> object:
    return subject.lstm(UNITS).set_weights(ARCHITECTURES["lstm"].built(subject).get_weights())


def _weights_of_file(subject: Subject) -> object:
    """Load the file of a model of one unit more."""
    layers = subject.keras.layers
    models = [subject.keras.Sequential([layers.Input(FITS[1:]), subject.lstm(units)]) for units in (UNITS + 1, UNITS)]
    with tempfile.TemporaryDirectory() as folder:
        models[0].save_weights(file := Path(folder, "other.weights.h5"))
        return models[1].load_weights(file)


WEIGHTS: Mapping[str, Fault] = {
    **{f"{name}-{label}": _weights(name, label) for name in ("lstm", "cells2", "bidi") for label in ARRAYS},
    "lstm-unbuilt": Fault(what="set_weights before it is built", act=_weights_unbuilt),
    "lstm-file": Fault(what="load_weights of a file of one unit more", act=_weights_of_file, naming=("shape",)),
}


def _config(architecture: str, what: str, *naming: str, without: str = "", **changed: Any) -> Fault:
    """from_config of a config that lacks a key, or in which some are others."""

    def act(subject: Subject) -> object:
        layer = ARCHITECTURES[architecture].make(subject)
        config = {name: value for name, value in layer.get_config().items() if name != without}
        return type(layer).from_config(config | changed)

    return Fault(what=f"a config {what}", act=act, of=CLASS_OF[architecture], naming=naming)


CONFIGS: Mapping[str, Fault] = {
    **{
        f"{name}-without-{key}": _config(name, f"without {key}", key, without=key)
        for name, key in {"lstm": "units", "rnn": "cell", "bidi": "layer", "td": "layer"}.items()
    },
    **{
        f"{name}-unknown-key": _config(name, "with an unknown key", "no_such_key", no_such_key=1)
        for name in ("lstm", "rnn", "bidi", "td")
    },
    "lstm-unknown-activation": _config("lstm", "with an unknown activation", "no_such", activation="no_such"),
    "rnn-unknown-cell": _config("rnn", "with an unknown cell", "NoSuchCell", cell={"class_name": "NoSuchCell", "config": {}}),
    "bidi-unknown-merge-mode": _config("bidi", "with an unknown merge_mode", "median", merge_mode="median"),
}
COMPOSITE_FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "refused-halves": HALVES,
    "refused-cell": CELLS,
    "refused-inputs": INPUTS,
    "refused-weights": WEIGHTS,
    "refused-config": CONFIGS,
}


def _judge(subject: Subject, *, trait: str, label: str) -> tuple[CheckResult, ...]:
    return COMPOSITE_FAULTS[trait][label].judge(subject)


def _kept(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge the weights after a refusal of new ones, of which the first fits."""
    layer = ARCHITECTURES["lstm"].built(subject)
    before = layer.get_weights()
    try:
        layer.set_weights([array[:1] if place == 1 else array + 1 for place, array in enumerate(before)])
    except ValueError:
        kept, expected = (np.concatenate([array.ravel() for array in arrays]) for arrays in (layer.get_weights(), before))
        return (check_close("kept", "the weights after a refusal of others", kept.astype(np.float64), expected),)
    return WEIGHTS["lstm-one-row"].judge(subject)


def _traced(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge `call` with a tensor whose timesteps are open, as a backend's tracing gives it."""
    layer = ARCHITECTURES["lstm"].built(subject, unroll=True)
    tensor = subject.keras.KerasTensor((BATCH, None, INPUT_DIM))
    what = "an unrolled LSTM that is traced with an open number of timesteps"
    return (check_raises("refused", what, lambda: layer.call(tensor), naming=("unroll", "time dimension")),)


def composite_refusal_probes() -> Iterator[Probe]:
    """Yield all probes of what composites must refuse, and of lists of weights and configurations."""
    asserts = {
        "refused-halves": "what is no layer, and halves whose directions are equal or whose flags differ, raise an exception",
        "refused-cell": "what is no cell, and states that do not fit a cell, raise an exception",
        "refused-inputs": "inputs, symbolic or not, without the rank or the static sizes that a layer needs raise an exception",
        "refused-weights": "arrays whose number or shapes are not those of the weights raise an exception",
        "refused-config": "a configuration that lacks a key or has an unknown one raises an exception",
    }
    for trait, faults in COMPOSITE_FAULTS.items():
        for label in faults:
            parameters = {"trait": trait, "label": label}
            yield Probe(trait=trait, judge=_judge, asserts=asserts[trait], parameters=parameters, label=label)
    yield Probe(
        trait="unroll-traced-open", judge=_traced, asserts="an unrolled layer refuses to be traced with an open number of timesteps"
    )
    yield Probe(trait="weights-kept", judge=_kept, asserts="a refusal of new weights leaves all weights as they were")
