"""The layers of the Keras double: they compute by `lstm_ref`, on arrays at once and on symbols once the inputs are known."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.cases.features import POLICIES
from conformance.reference.adapter import _cast
from lstm_ref import DropoutMasks, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array, representable
from lstm_ref.deviations import Deviation


@dataclass(frozen=True)
class Setting:
    """What computes in Keras' place: the reference with a deviation, by a backend's conventions."""

    deviation: Deviation
    conventions: Conventions = DEFAULT_CONVENTIONS


class Tensor(np.ndarray):
    """An array that knows its mask, which layer it comes from, and the dtype that Keras would say it has."""

    mask: Array | None = None  # as the next layer reads it
    loss_mask: Array | None = None  # as it belongs to the timesteps
    below: tuple[Any, ...] | None = None
    policy = ""

    @property
    def dtype(self) -> Any:  # bfloat16 is none of NumPy's
        """That of the policy, where a layer returned it."""
        return self.policy or np.ndarray.dtype.__get__(self)


class Activation(str):
    """The name of an activation, which a function of it returns."""

    __slots__ = ()

    def __call__(self, z: object) -> Activation:  # noqa: ARG002  # whatever it is applied to
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
        for each in flat([*self.args, *self.kwargs.values()]):
            if isinstance(each, Symbol):
                yield from each.layers()
        owner = getattr(self.function, "__self__", None)
        if isinstance(owner, Layer):
            yield owner


def flat(value: Any) -> list[Any]:
    """The leaves of nested lists."""
    return [leaf for each in value for leaf in flat(each)] if isinstance(value, list | tuple) else [value]


def mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """Nested lists with their leaves changed."""
    return [mapped(each, change) for each in value] if isinstance(value, list | tuple) else change(value)


def value_of(symbol: Any, known: dict[int, Any]) -> Any:
    """What a symbol stands for, where the inputs of a model are known."""
    if not isinstance(symbol, Symbol):
        return symbol
    if id(symbol) not in known:
        assert symbol.function is not None, "an input that is not the model's"
        args = [mapped(each, lambda leaf: value_of(leaf, known)) for each in symbol.args]
        kwargs = {name: mapped(each, lambda leaf: value_of(leaf, known)) for name, each in symbol.kwargs.items()}
        known[id(symbol)] = symbol.function(*args, **kwargs)
    return known[id(symbol)]


def lifted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of arrays, and of symbols."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(leaf, Symbol) for leaf in flat([*args, *kwargs.values()])):
            return Symbol(function, *args, **kwargs)
        return function(*args, **kwargs)

    return call


class Layer:
    """A layer: called on symbols it waits."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """On arrays, or on symbols."""
        return lifted(self.call)(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """On arrays."""
        raise NotImplementedError

    def build(self, shape: object) -> None:
        """Weights are made when they are set."""


class Recurrent(Layer):
    """One or more LSTMs that are called as one."""

    def __init__(self, double: Setting, configs: Sequence[LSTMConfig], options: Mapping[str, Any]) -> None:
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
            self.whole = deviation.bidirectional(cores[0], cores[1], self.options["merge_mode"])
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
        dtype = self.dtype(inputs)
        tensors = [_tensor(array, dtype) for array in returned]
        if config.return_sequences and mask is not None:
            flips = (config.go_backwards and not self.halves) or self.configs[0].go_backwards
            for tensor in tensors:
                tensor.mask, tensor.loss_mask = (mask[:, ::-1] if flips else mask), kept_mask
        if not config.return_state:
            return tensors if shown else tensors[0]
        pairs = [[_tensor(state.hidden, dtype), _tensor(state.cell, dtype)] for state in states]
        return [*tensors, *(pairs if self.nested else flat(pairs))]

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
                outputs, states = self.whole.forward(x, given, mask)
            else:
                lower, its_inputs, its_given, its_mask, its_state = below
                for core, was in zip(lower.whole.layers, its_state, strict=True):
                    vars(core).update(was)
                pair = self.pairs.setdefault(id(lower), deviation.stacked([*lower.whole.layers, *self.whole.layers]))
                both = None if its_given is None and given is None else [*(its_given or [None]), *(given or [None])]
                outputs, states = pair.forward(its_inputs, both, its_mask)
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

    def dtype(self, inputs: Any) -> str:
        """Of what is returned: the policy's, or that of the inputs where nothing casts them."""
        if self.double.deviation.layer.casts_inputs:
            return POLICIES[self.options.get("dtype") or "float32"]
        return str((inputs if isinstance(inputs, Tensor) else np.asarray(inputs)).dtype)

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
            [
                (random.random((count, rows, size)) >= rate) / (1 - rate) if rate else None
                for rate, size in zip(rates, pair, strict=True)
            ]
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


def _tensor(array: Any, dtype: str) -> Tensor:
    """In that dtype."""
    tensor = np.asarray(_cast(np.asarray(array), dtype)).view(Tensor)
    tensor.policy, tensor.below = dtype, getattr(array, "below", None)
    return tensor


def _states(initial_state: Any) -> list[State]:
    arrays = [np.asarray(array, "float64") for array in flat(initial_state)]
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
        tensor.mask = tensor.loss_mask = np.asarray(np.any(inputs != 0, axis=-1))
        return tensor


class Embedding(Layer):
    """A table, whose row 0 is masked."""

    def __init__(self, rows: int, size: int, initializer: Any, *, mask_zero: bool, dtype: Any = None) -> None:
        del initializer
        self.policy = POLICIES[dtype or "float32"]
        self.table = representable(np.random.default_rng(1).uniform(-1, 1, (rows, size)), self.policy)
        self.mask_zero = mask_zero

    def call(self, ids: Any) -> Tensor:
        """Its rows."""
        tensor: Tensor = self.table[np.asarray(ids)].view(Tensor)
        tensor.policy = self.policy
        tensor.mask = tensor.loss_mask = np.asarray(ids).astype(bool) if self.mask_zero else None
        return tensor


def config_of(units: int, options: Mapping[str, Any]) -> LSTMConfig:
    """The arguments that decide the answer; a lambda says which activation it is."""
    fields = {name: value for name, value in options.items() if name in LSTMConfig.__dataclass_fields__ and name != "units"}
    for name in ("activation", "recurrent_activation"):
        if callable(fields.get(name)):
            fields[name] = str(fields[name](None))
    return LSTMConfig(units=units, **fields)
