"""LSTM layers that are wrong on purpose, one sentence each; mixed into Keras' own layer when Keras is loaded."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np


class _Module:
    """A module with some of its attributes replaced."""

    def __init__(self, module: Any, **replaced: Any) -> None:
        self._module = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def make(keras: Any, double: type[LayerDouble]) -> tuple[Any, Any]:
    """Keras with the double in place of the class that it is mixed into, and the LSTM class; Keras can load the double by name."""
    members = {"double_keras": keras}
    made = type(double.__name__, (double, getattr(keras.layers, double.double_of)), members)
    keras.saving.register_keras_serializable()(made)
    if double.double_of == "LSTM":
        return keras, made
    return _Module(keras, layers=_Module(keras.layers, **{double.double_of: made})), keras.layers.LSTM


class LayerDouble:
    """What all doubles share: Keras' own layer behind them, of the class `double_of`, and the module."""

    double_keras: Any
    double_of = "LSTM"

    def __init__(self, *first: Any, **arguments: Any) -> None:
        if not first and self.double_of == "LSTM":
            first = (arguments.pop("units", 1),)
        super().__init__(*map(self.double_first, first), **self.double_arguments(arguments))
        if self.double_of in ("LSTM", "RNN"):
            self.double_cell(self.cell)

    def double_first(self, units: Any) -> Any:
        """The constructor's first argument: units, or what a wrapper wraps."""
        return units

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The constructor's arguments in place of those given."""
        return arguments

    def double_cell(self, cell: Any) -> None:
        """Do something to the cell."""

    cell: Any


class Double(LayerDouble):
    """What doubles share of layers that are called as an LSTM is."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        """Keras' call."""
        returned = super().call(sequences, initial_state=initial_state, mask=mask, training=training)  # type: ignore[misc]  # Keras' layer comes next
        return self.double_outputs(returned)

    def double_outputs(self, outputs: Any) -> Any:
        """The outputs in place of Keras' own."""
        return outputs


def of(base: str, double: type[LayerDouble]) -> type[LayerDouble]:
    """The double with another class of Keras behind it."""
    return type(f"{double.__name__}Of{base}", (double,), {"double_of": base, "__doc__": double.__doc__})


# --- initialisers --------------------------------------------------------------------------------------------------------------


class ForgetBiasFlipped(Double):
    """unit_forget_bias means its opposite."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"unit_forget_bias": not arguments.get("unit_forget_bias", True)}


class BiasTripled(Double):
    """The bias' initial values are tripled, and zeros become threes."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"bias_initializer": self.double_keras.initializers.Constant(3.0)}


class OrthogonalPerGate(Double):
    """Each gate's own recurrent kernel is orthogonal."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"recurrent_initializer": self.double_draw}

    def double_draw(self, shape: tuple[int, int], dtype: Any = None) -> Any:
        """Four orthogonal matrices side by side."""
        blocks = [np.linalg.qr(np.random.default_rng(k).normal(size=(shape[0],) * 2))[0] for k in range(4)]
        return self.double_keras.ops.convert_to_tensor(np.concatenate(blocks, axis=1), dtype=dtype)


class KernelTooWide(Double):
    """The kernel's limit is that of input_dim alone."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"kernel_initializer": "he_uniform"}


class KernelTooNarrow(Double):
    """The kernel is uniform in ±0.05."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"kernel_initializer": "random_uniform"}


class InitializersIgnored(Double):
    """Whatever the initialisers, all weights are 7."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        seven = self.double_keras.initializers.Constant(7.0)
        return arguments | dict.fromkeys(("kernel_initializer", "recurrent_initializer", "bias_initializer"), seven)


class InitializersUnseeded(Double):
    """Weights are drawn from elsewhere, whatever the seed."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | dict.fromkeys(("kernel_initializer", "recurrent_initializer"), self.double_draw)

    def double_draw(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Other numbers every time."""
        return self.double_keras.ops.convert_to_tensor(np.random.default_rng().normal(size=shape), dtype=dtype)


# --- regularisers, constraints, training ---------------------------------------------------------------------------------------


class PenaltiesDoubled(Double):
    """Every regulariser counts twice."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: self.double_twice(value) if name.endswith("regularizer") else value for name, value in arguments.items()}

    @staticmethod
    def double_twice(regularizer: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The regulariser, doubled."""
        return lambda w: 2 * regularizer(w)


class Unregularised(Double):
    """Regularisers are ignored."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in arguments.items() if not name.endswith("regularizer")}


class AlwaysRegularised(Double):
    """The kernel has a regulariser that nobody asked for."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"kernel_regularizer": "l2"}


class Unconstrained(Double):
    """Constraints are ignored."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in arguments.items() if not name.endswith("constraint")}


class AlwaysTrainable(Double):
    """trainable=False is ignored."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in arguments.items() if name != "trainable"}

    @property
    def trainable(self) -> bool:
        """Always."""
        return True

    @trainable.setter
    def trainable(self, value: bool) -> None:
        """Never mind."""


class StatesConstant(Double):
    """Gradients do not flow through the states from one timestep to the one before it."""

    def double_cell(self, cell: Any) -> None:
        """The states that it reads are constants."""
        inner, stop = cell.call, self.double_keras.ops.stop_gradient
        cell.call = lambda inputs, states, training=False: inner(inputs, [stop(state) for state in states], training=training)


class CutOff(Double):
    """Outputs are zeros, so that the kernel behind the layer learns nothing."""

    def double_outputs(self, outputs: Any) -> Any:
        return 0 * outputs


# --- dropout -------------------------------------------------------------------------------------------------------------------


class Masks(Double):
    """A double whose cell draws other masks, in Keras' generic loop."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"use_cudnn": False}

    def double_cell(self, cell: Any) -> None:
        draw = cell._create_dropout_mask
        cell._create_dropout_mask = lambda step, rate: self.double_mask(draw, step, rate)

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        """The mask, or the list of them, that is used."""
        raise NotImplementedError

    @staticmethod
    def double_each(masks: Any, change: Callable[[Any], Any]) -> Any:
        """A mask, or each of a list, changed."""
        return [change(mask) for mask in masks] if isinstance(masks, list) else change(masks)


class Unscaled(Masks):
    """What is kept is not scaled up."""

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        return self.double_each(draw(step, rate), lambda mask: mask * (1 - rate))


class SameForAllRows(Masks):
    """All rows have the first one's mask."""

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        return self.double_each(draw(step, rate), lambda mask: mask[:1] + 0 * mask)


class SameInAllCalls(Masks):
    """Masks are drawn from the same seeds in every call."""

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        seeds = itertools.count()
        ones = self.double_keras.ops.ones_like(step)
        return self.double_each(draw(step, rate), lambda _: self.double_keras.random.dropout(ones, rate, seed=next(seeds)))


class KeptTooOften(Masks):
    """Half of the rate is dropped, scaled as if it were all of it."""

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        return self.double_each(draw(step, rate / 2), lambda mask: mask * ((1 - rate / 2) / (1 - rate)))


class OneMaskForAll(Masks):
    """The four gates share one mask where each has its own."""

    def double_mask(self, draw: Any, step: Any, rate: float) -> Any:
        return [draw(step, rate)[0]] * 4


class MaskPerGate(Double):
    """Each gate has its own mask where they share one."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"implementation": 1, "use_cudnn": False}


class MaskPerTimestep(Double):
    """Each timestep has masks of its own."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"use_cudnn": False}

    def double_cell(self, cell: Any) -> None:
        cell.get_dropout_mask = lambda step: cell._create_dropout_mask(step, cell.dropout)
        cell.get_recurrent_dropout_mask = lambda step: cell._create_dropout_mask(step, cell.recurrent_dropout)


class AlwaysInTraining(Double):
    """Dropout acts whatever `training` says."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:  # noqa: ARG002  # Keras' signature
        return super().call(sequences, initial_state=initial_state, mask=mask, training=True)


class CellAlwaysInTraining(Double):
    """The cell drops whatever `training` says."""

    def double_cell(self, cell: Any) -> None:
        inner = cell.call
        cell.call = lambda inputs, states, training=False: inner(inputs, states, training=True)  # noqa: ARG005  # Keras' signature


class AtLeastHalf(Double):
    """No rate is below one half."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"dropout": max(0.5, arguments.get("dropout", 0.0))}


class Unseeded(Double):
    """The seed is ignored."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"seed": None}


class AlwaysSeeded(Double):
    """Whatever the seed, it is 1."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return arguments | {"seed": 1}


# --- states and refusals -------------------------------------------------------------------------------------------------------


class NeverReset(Double):
    """reset_state() does nothing."""

    def reset_state(self) -> None:
        """Nothing."""


class ResetLeavesTrace(Double):
    """After a reset all outputs are higher by 1."""

    double_offset = 0

    def reset_state(self) -> None:
        """Reset, and count."""
        super().reset_state()  # type: ignore[misc]  # Keras' layer comes next
        self.double_offset = 1

    def double_outputs(self, outputs: Any) -> Any:
        return outputs + self.double_offset


class NeverCarried(Double):
    """A stateful layer starts every call from zeros."""

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False) -> Any:
        super().reset_state()  # type: ignore[misc]  # Keras' layer comes next
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


# --- configuration -------------------------------------------------------------------------------------------------------------


def forgetting(argument: str) -> type[Double]:
    """A layer whose config lacks one argument."""

    class Forgetting(Double):
        def get_config(self) -> dict[str, Any]:
            config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # Keras' layer comes next
            return {name: value for name, value in config.items() if name != argument}

    Forgetting.__name__ += f"_{argument}"
    return Forgetting


def ignoring(argument: str) -> type:
    """A layer that does not take the argument that it is given."""

    class Ignoring(Double):
        def double_first(self, units: Any) -> Any:
            return units + 1 if argument == "units" else units

        def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
            return {name: value for name, value in arguments.items() if name != argument}

    Ignoring.__name__ += f"_{argument}"
    Ignoring.__doc__ = f"A layer that does not take {argument}."
    return Ignoring


def namesake(argument: str) -> type:
    """A layer from whose config comes another function or object, twice the one that it names, by the same name."""

    class Namesake(Double):
        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            layer = super().from_config(config)  # type: ignore[misc]  # Keras' layer comes next
            holder = layer if argument == "activity_regularizer" else layer.cell
            setattr(holder, argument, _doubled(getattr(holder, argument)))
            return layer

    Namesake.__name__ = f"Namesake_{argument}"
    Namesake.__doc__ = f"A layer from whose config comes another {argument} by the same name."
    return Namesake


def _doubled(function: Any) -> Any:
    """Twice what it computes, by its name; a class as well."""
    if hasattr(function, "__name__"):
        doubled = functools.wraps(function)(lambda x: 2 * function(x))
        doubled.__module__ = function.__module__
        return doubled
    kind = type(function)
    twice: Any = type(kind.__name__, (kind,), {"__call__": lambda self, *given, **named: 2 * kind.__call__(self, *given, **named)})
    return twice.from_config(function.get_config())


class NeverTheSameConfig(Double):
    """The seed in the config is another one each time."""

    double_seeds = itertools.count()

    def get_config(self) -> dict[str, Any]:
        """Keras' config with another seed."""
        config: dict[str, Any] = super().get_config()  # type: ignore[misc]  # Keras' layer comes next
        return config | {"seed": next(self.double_seeds)}


class OtherActivations(Double):
    """Every activation is relu, but relu is tanh."""

    def double_arguments(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return {name: "tanh" if value == "relu" else "relu" if "activation" in name else value for name, value in arguments.items()}


class NotANumber(Double):
    """Outputs are NaN."""

    def double_outputs(self, outputs: Any) -> Any:
        return float("nan") * outputs
