"""A Keras that computes by `lstm_ref`: what scripts run on in place of Keras, right or with a deviation.

It has as much of Keras as scripts call: layers on arrays and on symbols, functional models, losses, files, exports; each call is
made as in `conformance.reference.oracle`. Compilers return what they are given. Nothing here knows of a case: what a script
does not say to Keras, does not reach the reference.
"""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.tests.support.keras_double_layers import (
    Activation,
    Embedding,
    Layer,
    Masking,
    Recurrent,
    Setting,
    Symbol,
    Tensor,
    TimeDistributed,
    config_of,
    flat,
    lifted,
    mapped,
    value_of,
)
from lstm_ref.arrays import Array
from lstm_ref.deviations import Deviation, combine

RIGHT = Deviation(name="", summary="")


class Model(Layer):
    """From symbols to symbols."""

    trainable_variables: tuple[Any, ...] = ()
    non_trainable_variables: tuple[Any, ...] = ()

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = flat(inputs), outputs

    @property
    def layers(self) -> list[Any]:
        """Those with weights, the first first."""
        return list(dict.fromkeys(layer for leaf in flat(self.outputs) for layer in leaf.layers() if hasattr(layer, "get_weights")))

    def call(self, arrays: Any, training: bool | None = None) -> Any:
        """What the outputs are."""
        del training  # layers of a model are told when they are made
        given = arrays if isinstance(arrays, list) else [arrays]
        known = {id(symbol): array for symbol, array in zip(self.inputs, given, strict=True)}
        return mapped(self.outputs, lambda leaf: value_of(leaf, known))

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Layer by layer."""
        rest = list(arrays)
        for layer in self.layers:
            layer.set_weights(rest[: layer.arrays])
            rest = rest[layer.arrays :]
        if rest:
            raise ValueError(f"{len(rest)} arrays of weights are too many")

    def get_weights(self) -> list[Array]:
        """Layer by layer."""
        return [array for layer in self.layers for array in layer.get_weights()]

    def compile(self, **_: Any) -> None:
        """Nothing to do."""

    def predict(self, arrays: Any, batch_size: int | None = None, verbose: int = 0) -> Any:
        """In one batch."""
        del batch_size, verbose
        return self.call(arrays)

    predict_on_batch = predict

    def evaluate(self, arrays: Any, targets: Array, **_: Any) -> float:
        """The mean squared error of the timesteps that are used."""
        outputs = self.call(arrays)
        squares = ((np.asarray(outputs, "float64") - targets) ** 2).mean(axis=-1)
        used = np.ones(squares.shape) if outputs.loss_mask is None else np.asarray(outputs.loss_mask)
        return float(np.float32((squares * used).sum() / used.sum()))

    train_on_batch = evaluate

    def fit(self, arrays: Any, targets: Array, **_: Any) -> Any:
        """One step of no length."""
        return types.SimpleNamespace(history={"loss": [self.evaluate(arrays, targets)]})

    def stateless_call(self, trainable: Any, other: Any, arrays: Any) -> Any:
        """With the weights that it has."""
        del trainable
        return self.call(arrays), other

    def again(self) -> Model:
        """The same layers, new: with no state."""
        return copy.deepcopy(self)

    get_config = again

    @staticmethod
    def from_config(config: Model) -> Model:
        """What `get_config` gave."""
        return config


class Double:
    """Modules for a script's imports."""

    def __init__(self, deviation: str = "", conventions: Conventions = DEFAULT_CONVENTIONS) -> None:
        self.setting = Setting(combine(deviation.split("+")) if deviation else RIGHT, conventions)
        self.files: dict[str, Any] = {}

    def lstm(self, units: int, **options: Any) -> Recurrent:
        """keras.layers.LSTM."""
        return Recurrent(self.setting, [config_of(units, options)], options)

    def rnn(self, cells: Any, **options: Any) -> Recurrent:
        """keras.layers.RNN over one LSTMCell or several."""
        several = cells if isinstance(cells, list) else [cells]
        options = {**several[0], **options, "nested": isinstance(cells, list)}
        configs = [config_of(cell["units"], {**cell, **options}) for cell in several]
        # They read backwards together.
        made = [replace(config, go_backwards=config.go_backwards and not place) for place, config in enumerate(configs)]
        made[:-1] = [replace(config, return_sequences=True) for config in made[:-1]]
        return Recurrent(self.setting, made, options)

    def bidirectional(
        self, layer: Recurrent, merge_mode: Any = "concat", backward_layer: Any = None, dtype: Any = None
    ) -> Recurrent:
        """keras.layers.Bidirectional; of RNN over a list of cells, whose states are nested, too."""
        del dtype
        (config,) = layer.configs
        half = replace(config, zero_output_for_mask=config.return_sequences)
        behind = replace(half, units=backward_layer.configs[0].units if backward_layer else half.units, go_backwards=True)
        return Recurrent(self.setting, [half, behind], {**layer.options, "merge_mode": merge_mode})

    def modules(self) -> dict[str, Any]:
        """By name."""
        made = types.SimpleNamespace
        ops = made(
            convert_to_numpy=np.asarray,
            convert_to_tensor=np.asarray,
            cast=np.asarray,
            concatenate=lambda tensors, axis: _tensor_like(np.concatenate(tensors, axis=axis), tensors[0]),
            roll=lambda tensor, shift, axis: _tensor_like(np.roll(tensor, shift, axis=axis), tensor),
            flip=lifted(np.flip),
        )
        layers = made(
            LSTM=self.lstm,
            RNN=self.rnn,
            LSTMCell=lambda units, **options: {"units": units, **options},
            Bidirectional=self.bidirectional,
            TimeDistributed=TimeDistributed,
            Masking=Masking,
            Embedding=Embedding,
        )
        Model.save = lambda model, path: self.files.update({path: model.again()})  # type: ignore[attr-defined]
        Model.save_weights = lambda model, path: self.files.update({path: model.get_weights()})  # type: ignore[attr-defined]
        Model.load_weights = lambda model, path: model.set_weights(self.files[path])  # type: ignore[attr-defined]
        Model.export = lambda model, path, **_: self.files.update({path: model.again()})  # type: ignore[attr-defined]
        keras = made(
            layers=layers,
            ops=ops,
            Model=Model,
            Input=_input,
            models=made(clone_model=Model.again, load_model=self.files.get),
            tree=made(flatten=lifted(flat)),
            optimizers=made(SGD=lambda rate: rate),
            initializers=made(RandomUniform=lambda *_, **__: None),
            backend=made(standardize_dtype=str),
            activations=_Names(),
        )
        tf = made(
            function=lambda function, *_, **__: function,
            TensorSpec=lambda *_: None,
            saved_model=made(load=lambda path: made(serve=lambda *arrays: self.files[path].call(list(arrays)))),
        )
        onnx = made(InferenceSession=lambda path, **_: _Session(self.files[path]))
        core = made(compile_model=lambda path, *_: lambda arrays: dict(enumerate(flat(self.files[path].call(list(arrays))))))
        return {"keras": keras, "tensorflow": tf, "onnxruntime": onnx, "openvino": made(Core=lambda: core)}


def _input(*_: object, **__: object) -> Symbol:
    """keras.Input, of any shape."""
    return Symbol()


class _Names:
    def __getattr__(self, name: str) -> Activation:
        return Activation(name)


class _Session:
    def __init__(self, model: Model) -> None:
        self.model = model

    def get_inputs(self) -> list[Any]:
        return [types.SimpleNamespace(name=str(place)) for place, _ in enumerate(self.model.inputs)]

    def run(self, _: object, arrays: Mapping[str, Array]) -> list[Any]:
        return flat(self.model.call(list(arrays.values())))


def _tensor_like(array: Any, tensor: Any) -> Tensor:
    """With the dtype that another says."""
    made = np.asarray(array).view(Tensor)
    made.policy = tensor.policy
    return made


@contextmanager
def in_place_of_keras(deviation: str = "", conventions: Conventions = DEFAULT_CONVENTIONS) -> Iterator[None]:
    """What is imported meanwhile as keras, tensorflow, onnxruntime and openvino is the double."""
    modules = Double(deviation, conventions).modules()
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
