"""A probe: one property of `keras.layers.LSTM` that no comparison of outputs with the reference shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from conformance.adapters.keras.backends import BACKENDS
from conformance.judging.verdict import CheckResult
from conformance.reference.tolerance import arithmetic_of
from lstm_ref import LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import Arithmetic

SEED = 0
INITIALIZERS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a probe is given.

    Attributes:
        keras: the module, started on one backend.
        layer_class: `keras.layers.LSTM`, or what is to behave like it.
    """

    keras: Any
    layer_class: Any

    def lstm(self, units: int, **arguments: Any) -> Any:
        """A new layer."""
        return self.layer_class(units, **arguments)

    def build_loaded(self, weights: LSTMWeights, **arguments: Any) -> Any:
        """A new layer with these weights, its initialisers the cheapest: what initialisers do is probed on its own."""
        zeros = dict.fromkeys(INITIALIZERS, "zeros")
        layer = self.lstm(weights.units, **zeros, **arguments)
        layer.build((None, None, weights.input_dim))
        layer.set_weights(list(weights.arrays.values()))
        return layer

    def read(self, tensor: Any) -> Array:
        """The values of a tensor or variable, in float64."""
        return np.asarray(self.keras.ops.convert_to_numpy(tensor)).astype(np.float64)

    def read_weights(self, layer: Any) -> LSTMWeights:
        """The layer's weights, in float64."""
        return LSTMWeights(*map(self.read, (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)))

    def precision_of(self, variable: Any) -> str:
        """What its values were computed in: its dtype, or what the backend by its convention computes in for float64."""
        dtype = str(self.keras.backend.standardize_dtype(variable.dtype))
        return BACKENDS[self.keras.backend.backend()].conventions.compute_dtype(dtype)

    def arithmetic(self, precision: str) -> Arithmetic:
        """How exactly the backend computes in a precision, here."""
        return arithmetic_of(precision, BACKENDS[self.keras.backend.backend()].products())


Judge = Callable[..., tuple[CheckResult, ...]]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One property, for one set of parameters.

    Attributes:
        trait: what is probed, in words joined by hyphens.
        judge: looks at a subject, given the parameters, and judges each check of the property.
        asserts: the property, in one sentence.
        parameters: the judge's keyword arguments.
        label: the parameters in the id's words; "" where there are none.
        needs_training: whether it asks for a training step, which not every backend has; all else every backend must have.
    """

    trait: str
    judge: Judge
    asserts: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    needs_training: bool = False

    group: ClassVar[str] = "probes"

    @property
    def id(self) -> str:
        """Readable and stable: `probe-orthogonal-float32-u16-s0`."""
        return "-".join(filter(None, ["probe", self.trait, self.label, f"s{SEED}"]))

    def run(self, keras: Any, layer_class: Any) -> tuple[CheckResult, ...]:
        """Judge a layer class."""
        return self.judge(Subject(keras=keras, layer_class=layer_class), **self.parameters)


def dyadic(*shape: int, key: int) -> Array:
    """Random multiples of 1/8 in [-2, 2]: sums of some thousands of them, and of their squares, are exact in float32."""
    return np.random.default_rng([SEED, key]).integers(-16, 17, shape) / 8


def dyadic_weights(units: int, input_dim: int) -> LSTMWeights:
    """Weights of that kind."""
    shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
    return LSTMWeights(*(dyadic(*shape, key=key) for key, shape in enumerate(shapes)))
