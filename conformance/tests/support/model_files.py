"""Model files made by hand, as versions of Keras write them, and an environment that loads those of one LSTM."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conformance.adapters.protocol import Answer
from conformance.environments.process import QuestionError
from conformance.model_file.contents import contents_of
from conformance.model_file.layers import ModelLSTM
from conformance.reference.adapter import ReferenceAdapter
from lstm_ref import LSTM, LSTMConfig, LSTMError, LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS

Node = dict[str, Any]


def node(class_name: str, name: str = "", *, module: str = "keras.layers", **config: Any) -> Node:
    """A layer as Keras 3 serialises it."""
    return {"module": module, "class_name": class_name, "config": {"name": name, **config}, "registered_name": None}


def lstm_node(name: str = "lstm", units: int = 2, **config: Any) -> Node:
    """An LSTM with Keras' defaults."""
    return node("LSTM", name, **{"units": units, "dtype": "float32", "use_bias": True, **config})


def model_node(*layers: Node, class_name: str = "Sequential", name: str = "model", **config: Any) -> Node:
    """A model of these layers."""
    return node(class_name, name, module="keras", layers=list(layers), **config)


def weights_of(units: int = 2, input_dim: int = 3, seed: int = 0, *, bias: bool = True) -> LSTMWeights:
    """Random weights in float32."""
    random = np.random.RandomState(seed)
    shapes = [(input_dim, 4 * units), (units, 4 * units)] + [(4 * units,)] * bias
    return LSTMWeights(*(random.standard_normal(shape).astype(np.float32) for shape in shapes))


def write_keras(path: Path, config: Node, weights: Mapping[str, LSTMWeights], version: str = "3.15.1") -> Path:
    """A `.keras` archive; weights by the path of the cell that holds them."""
    with h5py.File.in_memory() as root:
        for cell, held in weights.items():
            for k, array in enumerate(held.arrays.values()):
                root[f"{cell}/vars/{k}"] = array
        root.flush()
        image = root.id.get_file_image()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", image)
    return path


def write_h5(path: Path, config: Node, layers: Mapping[str, Mapping[str, Array]], version: str = "2.15.0") -> Path:
    """A legacy file; of each of the model's layers, its weights by their names."""
    with h5py.File(path, "w") as root:
        root.attrs["model_config"] = json.dumps(config)
        root.attrs["keras_version"] = version
        group = root.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in layers]
        for layer, arrays in layers.items():
            own = group.create_group(layer)
            own.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                own[name] = array
    return path


def one_lstm(path: Path, weights: LSTMWeights | None = None, **config: Any) -> Path:
    """A model that is an input and one LSTM."""
    weights = weights or weights_of()
    inputs = node("InputLayer", "read", batch_shape=[None, 5, weights.input_dim], dtype="float32")
    return write_keras(path, model_node(inputs, lstm_node(**config)), {"layers/lstm/cell": weights})


@dataclass(frozen=True)
class LoadsOneLSTM(ReferenceAdapter):
    """The reference, which also loads a model that is one LSTM; with a deviation, it computes that.

    Attributes:
        refusal: what it raises in place of loading.
        failure: what it raises in place of predicting.
        failing: as what.
        moved: how far the outputs of its call in a prediction are off.
        eager: how far those of an eager call are.
    """

    refusal: str = ""
    failure: str = ""
    failing: type[LSTMError] = QuestionError
    moved: float = 0.0
    eager: float = 0.0

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """The question "model"."""
        assert (kind, bool(arrays)) == ("model", True)
        if self.refusal:
            return Answer(fields={"not_loaded": self.refusal}, arrays={})
        if self.failure:
            raise self.failing(self.failure)
        (lstm,) = contents_of(Path(question["path"])).lstms
        inputs = (arrays or {})["input.0"]
        random = np.random.RandomState(question["seed"])

        def run(weights: LSTMWeights) -> Array:
            built = LSTM if self.deviation is None else DEVIATIONS[self.deviation].build
            return np.asarray(built(lstm.layer.config or LSTMConfig(weights.units), weights)(inputs)).astype(np.float32)

        def moved() -> LSTMWeights:
            assert lstm.weights is not None
            signs = {name: random.choice([-1, 1], array.shape) for name, array in lstm.weights.arrays.items()}
            return LSTMWeights(
                **{
                    name: array.astype(np.float64) * (1 + question["unit_roundoff"] * signs[name])
                    for name, array in lstm.weights.arrays.items()
                }
            )

        assert lstm.weights is not None
        output = run(lstm.weights)
        held = {f"layer.0.0.{name}": array for name, array in lstm.weights.arrays.items()}
        call = {"call.0.inputs": inputs, "call.0.returned.0": output + np.float32(self.moved)}
        replicas = np.stack([run(moved()) for _ in range(question["replicas"])])
        said = {
            "outputs": 1,
            "layers": [{"name": lstm.layer.name, "cells": 1}],
            "calls": [{"layer": 0, "mask": False, "states": 0, "returned": 1}],
        }
        return Answer(
            fields=said,
            arrays={"output.0": output, "called.0": output + np.float32(self.eager), "replica.0": replicas, **held, **call},
        )

    def describe(self) -> Mapping[str, Any]:
        """Arguments of Keras 3's LSTM."""
        return {"arguments": dict.fromkeys(("activation", "recurrent_activation", "use_bias", "return_sequences"), "")}

    def stop(self) -> None:
        """Nothing runs."""


def read(path: Path) -> tuple[ModelLSTM, ...]:
    """The LSTMs of a file."""
    return contents_of(path).lstms
