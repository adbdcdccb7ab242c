"""A Keras that computes by `lstm_ref`: what scripts run on in place of Keras, right or with a deviation.

It has as much of Keras as scripts call: layers on arrays and on symbols, functional models, losses, files, exports; each call is
made as in `conformance.oracle`. Compilers return what they are given. Nothing here knows of a case: what a script does not say to
Keras, does not reach the reference.
"""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.adapters.reference import _cast
from conformance.conventions import USUAL, Conventions
from conformance.features import POLICIES
from lstm_ref import Bidirectional, DropoutMasks, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array, representable
from lstm_ref.deviations import Deviation, combined

RIGHT = Deviation(name="", summary="")


class Tensor(np.ndarray):
    """An array that knows its mask, which layer it comes from, and the dtype that Keras would say it has."""

    mask: Array | None = None  # as the next layer reads it
    loss_mask: Array | None = None  # as it belongs to the timesteps
    below: tuple[Any, ...] | None = None
    policy = ""

    @property
    def dtype(self) -> Any:  # type: ignore[override]  # bfloat16 is none of NumPy's
        """That of the policy, where a layer returned it."""
        return self.policy or np.ndarray.dtype.__get__(self)


class Activation(str):
    """The name of an activation, which a function of it returns."""

    __slots__ = ()

    def __call__(self, z: object) -> Activation:
        """Of anything."""
        return self


class Symbol:
    """What a layer will return."""

    def __init__(self, function: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        owner = getattr(function, "__self__", None)
        self.length = owner.returns if isinstance(owner, Recurrent) else 0

    def __getitem__(self, position: Any) -> Symbol:
        part = Symbol(lambda values: values[position], self)
        if isinstance(position, slice):
            part.length = len(range(self.length)[position])
        return part

    def __iter__(self) -> Iterator[Symbol]:
        return (self[place] for place in range(self.length))

    def layers(self) -> Iterator[Any]:
        """Those that lead here, the first first."""
        for each in _flat([*self.args, *self.kwargs.values()]):
            if isinstance(each, Symbol):
                yield from each.layers()
        owner = getattr(self.function, "__self__", None)
        if isinstance(owner, Layer):
            yield owner


def _flat(value: Any) -> list[Any]:
    return [leaf for each in value for leaf in _flat(each)] if isinstance(value, list | tuple) else [value]


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    return [_mapped(each, change) for each in value] if isinstance(value, list | tuple) else change(value)


def _value(symbol: Any, known: dict[int, Any]) -> Any:
    """What a symbol stands for, where the inputs of a model are known."""
    if not isinstance(symbol, Symbol):
        return symbol
    if id(symbol) not in known:
        assert symbol.function is not None, "an input that is not the model's"
        args = [_mapped(each, lambda leaf: _value(leaf, known)) for each in symbol.args]
        kwargs = {name: _mapped(each, lambda leaf: _value(leaf, known)) for name, each in symbol.kwargs.items()}
        known[id(symbol)] = symbol.function(*args, **kwargs)
    return known[id(symbol)]


def _lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of arrays, and of symbols."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, Symbol) for leaf in _flat([*args, *kwargs.values()])):
            return Symbol(function, *args, **kwargs)
        return function(*args, **kwargs)

    return call


class Layer:
    """A layer: called on symbols it waits."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _lifted(self.call)(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """On arrays."""
        raise NotImplementedError

    def build(self, shape: object) -> None:
        """Weights are made when they are set."""


class Recurrent(Layer):
    """One or more LSTMs that are called as one."""

    def __init__(self, double: Double, configs: Sequence[LSTMConfig], options: Mapping[str, Any]) -> None:
        self.double, self.configs, self.options = double, list(configs), dict(options)
        self.nested = bool(options.get("nested"))
        self.weights: list[Array] = []
        self.whole: Any = None
        self.pairs: dict[int, Any] = {}
        self.cell = self if not self.nested else types.SimpleNamespace(cells=[self])
        self.drawn: tuple[tuple[DropoutMasks, ...], ...] = ()

    @property
    def arrays(self) -> int:
        """The number of arrays of weights that a right layer has."""
        return sum(3 if config.use_bias else 2 for config in self.configs)

    def set_weights(self, arrays: Sequence[Any]) -> None:
        """Raises ValueError: other shapes than this layer has."""
        if len(arrays) != self.arrays:
            raise ValueError(f"{len(arrays)} arrays of weights for a layer that has {self.arrays}")
        dtype = "float64" if self.options.get("dtype") == "float64" else "float32"
        self.weights = [np.asarray(array, dtype) for array in arrays]
        self.make()
        made = [array.shape for layer in self.whole.layers for array in layer.weight_arrays.values()]
        if made != [array.shape for array in self.weights]:
            raise ValueError(f"weights of the shapes {made} are not those that were given")

    def get_weights(self) -> list[Array]:
        """As they were set."""
        return self.weights

    @property
    def halves(self) -> bool:
        """Whether they are those of a Bidirectional."""
        return "merge_mode" in self.options

    def parts(self) -> list[Any]:
        """The LSTMs, each on its own."""
        deviation, arrays, made = self.double.deviation, list(self.weights), []
        for config in self.configs:
            count = 3 if config.use_bias else 2
            weights, arrays = LSTMWeights(*arrays[:count], *([] if config.use_bias else [None])), arrays[count:]
            core = deviation.build(replace(config, return_state=True), weights)
            if self.double.conventions.emits_initial_state(self.unrolled):
                core.emits_initial_state = True
            made.append(core)
        return made

    @property
    def unrolled(self) -> Any:
        """What conventions ask of a case."""
        return types.SimpleNamespace(execution=types.SimpleNamespace(unroll=bool(self.options.get("unroll"))))

    def make(self) -> None:
        """From the weights, with no state."""
        deviation, cores = self.double.deviation, self.parts()
        if self.halves:
            self.whole = deviation.bidirectional(*cores, self.options["merge_mode"] or "none")
        else:
            self.whole = deviation.stacked(cores)
        self.pairs = {}

    @property
    def returns(self) -> int:
        """How many tensors, where it returns its states."""
        return 1 + 2 * len(self.configs)

    def __deepcopy__(self, memo: object) -> Recurrent:
        made = Recurrent(self.double, self.configs, self.options)
        if self.weights:
            made.set_weights(self.weights)
        return made

    def reset_state(self) -> None:
        """Of all."""
        for core in self.whole.layers:
            core.reset_state()

    @property
    def forward_layer(self) -> Any:
        """A half."""
        return self.whole.layers[0]

    @property
    def backward_layer(self) -> Any:
        """The other."""
        return self.whole.layers[1]

    # --- calls -----------------------------------------------------------------------------------------------------------------

    def call(self, inputs: Any, mask: Any = None, initial_state: Any = None, training: bool | None = None) -> Any:
        """As Keras returns it."""
        given = None if initial_state is None else _states(initial_state)
        mask, kept_mask = (inputs.mask, inputs.loss_mask) if mask is None and isinstance(inputs, Tensor) else (mask, mask)
        mask = None if mask is None else np.asarray(mask).astype(bool)
        outputs, states = self.answer(inputs, given, mask, training=bool(training))
        config = self.configs[-1]
        shown = [config.units, self.configs[0].units] if self.halves and self.options["merge_mode"] is None else []
        returned = np.split(outputs, [self.configs[0].units], axis=-1) if shown else [outputs]
        tensors = [self.returned(array) for array in returned]
        if config.return_sequences and mask is not None:
            flips = config.go_backwards and not self.halves or self.configs[0].go_backwards
            for tensor in tensors:
                tensor.mask, tensor.loss_mask = (mask[:, ::-1] if flips else mask), kept_mask
        if not config.return_state:
            return tensors if shown else tensors[0]
        pairs = [[self.returned(state.hidden), self.returned(state.cell)] for state in states]
        return [*tensors, *(pairs if self.nested else _flat(pairs))]

    def answer(self, inputs: Any, given: Any, mask: Any, *, training: bool) -> Any:
        """Outputs and states; of two layers one above the other, those of the upper one."""
        deviation, x = self.double.deviation, self.read(inputs)
        drawn = self.draw(len(x), x.shape[-1], training=training)
        for core, masks in zip(self.whole.layers, drawn, strict=True):
            core.dropout = masks
        below = inputs.below if isinstance(inputs, Tensor) else None
        before = [copy.copy(vars(core)) for core in self.whole.layers]
        with np.errstate(all="ignore"):
            if below is None:
                outputs, states = self.whole(x, given, mask)
            else:
                lower, its_inputs, its_given, its_mask, its_state = below
                for core, was in zip(lower.whole.layers, its_state, strict=True):
                    vars(core).update(was)
                pair = self.pairs.setdefault(id(lower), deviation.stacked([*lower.whole.layers, *self.whole.layers]))
                both = None if its_given is None and given is None else [*(its_given or [None]), *(given or [None])]
                outputs, states = pair(its_inputs, both, its_mask)
                states = states[-1:]
        outputs = outputs.view(Tensor)
        outputs.below = (self, x, given, mask, before) if below is None and len(self.configs) == 1 else None
        return outputs, states

    def read(self, inputs: Any) -> Array:
        """Rounded as Keras rounds it."""
        precision = POLICIES[self.options.get("dtype") or "float32"]
        if precision != "float32" or not self.double.deviation.layer.casts_inputs:
            return np.asarray(inputs, "float64")
        return np.asarray(inputs).astype("float32").astype("float64")

    def returned(self, array: Any) -> Tensor:
        """In the policy's dtype."""
        dtype = POLICIES[self.options.get("dtype") or "float32"]
        dtype = dtype if self.double.deviation.layer.casts_inputs else "float64"
        tensor = np.asarray(_cast(np.asarray(array), dtype)).view(Tensor)
        tensor.policy, tensor.below = dtype, getattr(array, "below", None)
        return tensor

    # --- dropout ---------------------------------------------------------------------------------------------------------------

    def draw(self, rows: int, input_dim: int, *, training: bool) -> Sequence[DropoutMasks | None]:
        """Of every LSTM."""
        rates = [self.options.get(name) or 0.0 for name in ("dropout", "recurrent_dropout")]
        if not any(rates):
            return [None for _ in self.configs]
        random = np.random.default_rng(self.options.get("seed") or 0)
        count = 4 if rates[1] or self.options.get("implementation") == 1 else 1
        sizes = [(input_dim, config.units) for config in self.configs]
        masks = [
            [(random.random((count, rows, size)) >= rate) / (1 - rate) if rate else None for rate, size in zip(rates, pair, strict=True)]
            for pair in sizes
        ]
        drawn = (tuple(DropoutMasks(inputs=one, hidden=other) for one, other in masks),)
        self.drawn = self.double.deviation.dropout(drawn, training)
        return self.drawn[0] if self.drawn else [None for _ in self.configs]

    def get_dropout_mask(self, _: object) -> Any:
        """That of the inputs, as the cell keeps it."""
        return self._mask("inputs")

    def get_recurrent_dropout_mask(self, _: object) -> Any:
        """That of the hidden state."""
        return self._mask("hidden")

    def _mask(self, kind: str) -> Any:
        masks = getattr(self.drawn[0][0], kind) if self.drawn else None
        return None if masks is None else masks[0] if len(masks) == 1 else list(masks)


def _states(initial_state: Any) -> list[State]:
    arrays = [np.asarray(array, "float64") for array in _flat(initial_state)]
    return [State(*arrays[k : k + 2]) for k in range(0, len(arrays), 2)]


class TimeDistributed(Layer):
    """A layer on every sequence of a row."""

    def __init__(self, layer: Recurrent, dtype: Any = None) -> None:
        self.layer = layer
        self.options = {"dtype": dtype}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "layer":
            raise AttributeError(name)
        return getattr(self.layer, name)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Rows and sequences as one axis."""
        mask = inputs.mask if mask is None and isinstance(inputs, Tensor) else mask
        joined = np.asarray(inputs).reshape(-1, *inputs.shape[2:])
        joined_mask = None if mask is None else np.asarray(mask).reshape(-1, mask.shape[2])
        outputs = self.layer.call(joined, mask=joined_mask, training=training)
        tensor = outputs.reshape(*inputs.shape[:2], *outputs.shape[1:])
        tensor.policy, tensor.below = outputs.policy, None
        tensor.loss_mask = mask if self.layer.configs[-1].return_sequences else None
        return tensor


class Masking(Layer):
    """Zeros are masked."""

    def __init__(self, dtype: Any = None) -> None:
        self.dtype = dtype

    def call(self, inputs: Any) -> Tensor:
        """The same, with a mask."""
        tensor = np.array(inputs).view(Tensor)
        tensor.mask = tensor.loss_mask = np.asarray(inputs != 0).any(axis=-1)
        return tensor


class Embedding(Layer):
    """A table, whose row 0 is masked."""

    def __init__(self, rows: int, size: int, initializer: Any, *, mask_zero: bool, dtype: Any = None) -> None:
        del initializer
        self.table = representable(np.random.default_rng(1).uniform(-1, 1, (rows, size)), POLICIES[dtype or "float32"])
        self.mask_zero = mask_zero

    def call(self, ids: Any) -> Tensor:
        """Its rows."""
        tensor = self.table[np.asarray(ids)].view(Tensor)
        tensor.mask = tensor.loss_mask = np.asarray(ids) != 0 if self.mask_zero else None
        return tensor


class Model(Layer):
    """From symbols to symbols."""

    trainable_variables: tuple[Any, ...] = ()
    non_trainable_variables: tuple[Any, ...] = ()

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = _flat(inputs), outputs

    @property
    def layers(self) -> list[Any]:
        """Those with weights, the first first."""
        return list(dict.fromkeys(layer for leaf in _flat(self.outputs) for layer in leaf.layers() if hasattr(layer, "get_weights")))

    def call(self, arrays: Any, training: bool | None = None) -> Any:
        """What the outputs are."""
        given = arrays if isinstance(arrays, list) else [arrays]
        known = {id(symbol): array for symbol, array in zip(self.inputs, given, strict=True)}
        return _mapped(self.outputs, lambda leaf: _value(leaf, known))

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

    def __init__(self, deviation: str = "", conventions: Conventions = USUAL) -> None:
        self.deviation = combined(deviation.split("+")) if deviation else RIGHT
        self.conventions = conventions
        self.files: dict[str, Any] = {}

    def lstm(self, units: int, **options: Any) -> Recurrent:
        """keras.layers.LSTM."""
        return Recurrent(self, [_config(units, options)], options)

    def rnn(self, cells: Any, **options: Any) -> Recurrent:
        """keras.layers.RNN over one LSTMCell or several."""
        several = cells if isinstance(cells, list) else [cells]
        options = {**several[0], **options, "nested": isinstance(cells, list)}
        configs = [_config(cell["units"], {**cell, **options}) for cell in several]
        # They read backwards together.
        made = [replace(config, go_backwards=config.go_backwards and not place) for place, config in enumerate(configs)]
        made[:-1] = [replace(config, return_sequences=True) for config in made[:-1]]
        return Recurrent(self, made, options)

    def bidirectional(self, layer: Recurrent, merge_mode: Any = "concat", backward_layer: Any = None, dtype: Any = None) -> Recurrent:
        """keras.layers.Bidirectional; of RNN over a list of cells, whose states are nested, too."""
        del dtype
        (config,) = layer.configs
        half = replace(config, zero_output_for_mask=config.return_sequences)
        behind = replace(half, units=backward_layer.configs[0].units if backward_layer else half.units, go_backwards=True)
        return Recurrent(self, [half, behind], {**layer.options, "merge_mode": merge_mode})

    def modules(self) -> dict[str, Any]:
        """By name."""
        made = types.SimpleNamespace
        ops = made(
            convert_to_numpy=np.asarray,
            convert_to_tensor=np.asarray,
            cast=lambda tensor, dtype: np.asarray(tensor, dtype),
            concatenate=lambda tensors, axis: _said(np.concatenate(tensors, axis=axis), tensors[0]),
            roll=lambda tensor, shift, axis: _said(np.roll(tensor, shift, axis=axis), tensor),
            flip=_lifted(lambda tensor, axis: np.flip(tensor, axis=axis)),
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
            Input=lambda *_, **__: Symbol(),
            models=made(clone_model=Model.again, load_model=self.files.get),
            tree=made(flatten=_lifted(_flat)),
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
        core = made(compile_model=lambda path, *_: lambda arrays: dict(enumerate(_flat(self.files[path].call(list(arrays))))))
        return {"keras": keras, "tensorflow": tf, "onnxruntime": onnx, "openvino": made(Core=lambda: core)}


class _Names:
    def __getattr__(self, name: str) -> Activation:
        return Activation(name)


class _Session:
    def __init__(self, model: Model) -> None:
        self.model = model

    def get_inputs(self) -> list[Any]:
        return [types.SimpleNamespace(name=str(place)) for place, _ in enumerate(self.model.inputs)]

    def run(self, _: object, arrays: Mapping[str, Array]) -> list[Any]:
        return _flat(self.model.call(list(arrays.values())))


def _said(array: Any, tensor: Any) -> Tensor:
    """With the dtype that another says."""
    made = np.asarray(array).view(Tensor)
    made.policy = tensor.policy
    return made


def _config(units: int, options: Mapping[str, Any]) -> LSTMConfig:
    """The arguments that decide the answer; a lambda says which activation it is."""
    fields = {name: value for name, value in options.items() if name in LSTMConfig.__dataclass_fields__ and name != "units"}
    for name in ("activation", "recurrent_activation"):
        if callable(fields.get(name)):
            fields[name] = str(fields[name](None))
    return LSTMConfig(units=units, **fields)


@contextmanager
def in_place_of_keras(deviation: str = "", conventions: Conventions = USUAL) -> Iterator[None]:
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
