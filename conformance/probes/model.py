"""The model of a probe: one property of `keras.layers.LSTM` that a comparison of outputs with the reference does not test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    """The layer class under test.

    Attributes:
        keras: the module, started on one backend.
        layer_class: `keras.layers.LSTM`, or a class that must behave like it.
    """

    keras: Any
    layer_class: Any

    def lstm(self, units: int, **arguments: Any) -> Any:
        """Make a new layer."""
        return self.layer_class(units, **arguments)

    def build_loaded(self, weights: LSTMWeights, **arguments: Any) -> Any:
        """Make a new layer with these weights. Its initialisers are the cheapest, because other probes test initialisers."""
        zeros = dict.fromkeys(INITIALIZERS, "zeros")
        layer = self.lstm(weights.units, **zeros, **arguments)
        layer.build((None, None, weights.input_dim))
        layer.set_weights(list(weights.arrays.values()))
        return layer

    @contextmanager
    def policy(self, name: str) -> Iterator[None]:
        """Make every new layer of a dtype policy."""
        before = self.keras.config.dtype_policy()
        self.keras.config.set_dtype_policy(name)
        try:
            yield
        finally:
            self.keras.config.set_dtype_policy(before)

    def read(self, tensor: Any) -> Array:
        """Return the values of a tensor or variable, in float64."""
        return np.asarray(self.keras.ops.convert_to_numpy(tensor)).astype(np.float64)

    def read_weights(self, layer: Any) -> LSTMWeights:
        """Return the layer's weights, in float64."""
        return LSTMWeights(*map(self.read, (layer.cell.kernel, layer.cell.recurrent_kernel, layer.cell.bias)))

    def precision_of(self, variable: Any) -> str:
        """Return the precision of a variable's values: its dtype, or the one in which the backend computes for that dtype."""
        dtype = str(self.keras.backend.standardize_dtype(variable.dtype))
        return BACKENDS[self.keras.backend.backend()].conventions.compute_dtype(dtype)

    def arithmetic(self, precision: str) -> Arithmetic:
        """Return the arithmetic of the backend in a precision."""
        return arithmetic_of(precision, BACKENDS[self.keras.backend.backend()].products())


Judge = Callable[..., tuple[CheckResult, ...]]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One property, for one set of parameters.

    Attributes:
        trait: name of the property, in words joined by hyphens.
        judge: judges each check of the property for a subject and the parameters.
        asserts: the property, in one sentence.
        parameters: the judge's keyword arguments.
        label: the parameters in the words of the id; "" if there are none.
        needs_training: whether it needs a training step. Not every backend has one; all other features are required.
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
    """Random multiples of 1/8 in [-2, 2]. Sums of thousands of them, and of their squares, are exact in float32."""
    return np.random.default_rng([SEED, key]).integers(-16, 17, shape) / 8


def dyadic_weights(units: int, input_dim: int) -> LSTMWeights:
    """Weights of random multiples of 1/8."""
    shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
    return LSTMWeights(*(dyadic(*shape, key=key) for key, shape in enumerate(shapes)))
