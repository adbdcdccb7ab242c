"""Probes of saved models: how many variables a file keeps, with which values, and how training goes on after loading."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from conformance.judging.verdict import CheckResult, Verdict
from conformance.probes.architectures import ARCHITECTURES
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array

# Kernel, recurrent kernel and bias are saved. The state of the seed generator is a variable, and no file of Keras keeps one.
SAVED, VARIABLES = 3, 4


def _model(subject: Subject, layer: Any, shape: tuple[int, ...]) -> Any:
    inputs = subject.keras.Input(batch_shape=shape)
    return subject.keras.Model(inputs, layer(inputs))


def _saved_arrays(file: Path) -> int:
    """The number of arrays of the layers in a file, without those of an optimizer."""
    import h5py  # noqa: PLC0415  # whoever lists or completes the probes' ids needs no HDF5

    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        if file.suffix == ".keras":
            with ZipFile(file) as archive:
                file = Path(archive.extract("model.weights.h5", folder))
        with h5py.File(file) as opened:
            opened.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return sum(not name.startswith("optimizer") for name in found)


def _values(subject: Subject, variables: list[Any]) -> Array:
    return np.concatenate([subject.read(variable).ravel() for variable in variables])


def _kept(subject: Subject, *, architecture: str, suffix: str, **arguments: Any) -> tuple[CheckResult, ...]:
    """Judge the file and the model that comes from it, a new one of the same layers for a file of weights."""
    kind = ARCHITECTURES[architecture]
    model = _model(subject, kind.loaded(subject, **arguments), kind.input_shape)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"saved{suffix}")
        if suffix == ".keras":
            model.save(file)
            reloaded = subject.keras.saving.load_model(file)
        else:
            model.save_weights(file)
            reloaded = _model(subject, kind.make(subject, **arguments), kind.input_shape)
            reloaded.load_weights(file)
        saved = _saved_arrays(file)
    parts = len(kind.input_dims)
    expected = np.concatenate([array.ravel() for each in kind.weights for array in each.arrays.values()])
    return (
        check_equal("saved", "the number of saved arrays", saved, SAVED * parts),
        check_equal("variables", "the number of variables of the reloaded model", len(reloaded.variables), VARIABLES * parts),
        check_close("values", "the weights of the reloaded model", _values(subject, reloaded.weights), expected),
    )


def _trained_on(subject: Subject, *, architecture: str) -> tuple[CheckResult, ...]:
    """Judge a model that is saved after a training step: its optimizer's variables, and one more step of both models."""
    kind = ARCHITECTURES[architecture]
    model = _model(subject, kind.loaded(subject), kind.input_shape)
    model.compile(optimizer=subject.keras.optimizers.Adam(0.125), loss="mse")
    targets = np.ones(model.output_shape, np.float32)
    model.train_on_batch(kind.inputs, targets)
    with tempfile.TemporaryDirectory() as folder:
        model.save(file := Path(folder, "saved.keras"))
        reloaded = subject.keras.saving.load_model(file)
    optimizers = [_values(subject, each.optimizer.variables) for each in (reloaded, model)]
    optimizer = check_close("optimizer", "the variables of the reloaded optimizer", *optimizers)
    if optimizer.verdict is not Verdict.PASS:
        return (optimizer,)  # another optimizer makes another step
    for each in (model, reloaded):
        each.train_on_batch(kind.inputs, targets)
    values = (_values(subject, each.trainable_variables) for each in (reloaded, model))
    return optimizer, check_close("weights", "the weights after one more step, of the reloaded model", *values)


def saving_probes() -> Iterator[Probe]:
    """Yield all probes of saved models."""
    ways: dict[str, dict[str, Any]] = {
        "": {},
        "dropout": {"dropout": 0.5, "recurrent_dropout": 0.5},
        "stateful": {"stateful": True},
    }
    for architecture in ARCHITECTURES:
        for word, arguments in ways.items():
            for suffix in (".keras", ".weights.h5"):
                if word == "stateful" and architecture == "td":
                    continue  # each of its calls is a part of the batch
                yield Probe(
                    trait="saved-variables",
                    judge=_kept,
                    asserts="a file keeps all weights and nothing else, and a model that is loaded from it has them",
                    parameters={"architecture": architecture, "suffix": suffix, **arguments},
                    label="-".join(filter(None, (architecture, word, suffix.split(".")[1]))),
                )
        yield Probe(
            trait="saved-optimizer",
            judge=_trained_on,
            asserts="a reloaded model goes on training as the saved one does",
            parameters={"architecture": architecture},
            label=architecture,
            needs_training=True,
        )
