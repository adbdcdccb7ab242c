"""Measures a real `keras.layers.LSTM`: seeded weights and inputs, the values of its gates, Jacobians, and rounding limits.

Every layer is looked up as `keras.layers.LSTM` when it is built, so a replacement of that class is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import lstm_ref
from conformance.reference.tolerance import ARITHMETIC, ELEMENT_LIMIT, UNIT_ROUNDOFF
from lstm_ref import LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import rounding_sigma

# Set only where the caller has not set them: Keras fixes its backend and TensorFlow its log level at their first import.
# oneDNN's kernels would make the rounding depend on the processor.
_VARIABLES = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}

EXTRA = "pip install 'keras-lstm-conformance[claims]'"


class MissingFrameworkError(ImportError):
    """A framework that a claim needs is not installed; the message says what to install."""


def import_keras() -> Any:
    """Keras 3 on TensorFlow.

    Raises:
        MissingFrameworkError: Keras 3 is not installed, or this process has another Keras or backend.
    """
    for name, value in _VARIABLES.items():
        os.environ.setdefault(name, value)
    try:
        import keras  # noqa: PLC0415  # listing the claims must import no framework
    except ImportError as error:
        raise MissingFrameworkError(f"claims run Keras 3 on TensorFlow ({error}); install it with: {EXTRA}") from error
    if int(keras.__version__.split(".")[0]) < 3 or keras.backend.backend() != "tensorflow":
        raise MissingFrameworkError(
            f"claims run Keras 3 on TensorFlow; this process has Keras {keras.__version__} on {keras.backend.backend()}: "
            f"install one with: {EXTRA}, and set KERAS_BACKEND=tensorflow"
        )
    return keras


def import_tensorflow() -> Any:
    """TensorFlow as Keras' backend, for gradients and graphs.

    Raises:
        MissingFrameworkError: see import_keras.
    """
    import_keras()
    import tensorflow as tf  # noqa: PLC0415  # listing the claims must import no framework

    return tf


FLOAT32_ROUNDOFF = UNIT_ROUNDOFF["float32"]


def random_inputs(batch: int, timesteps: int, input_dim: int) -> Array:
    """Seeded normal inputs, (batch, timesteps, input_dim), float32."""
    return np.random.default_rng(1).standard_normal((batch, timesteps, input_dim)).astype(np.float32)


def random_state(batch: int, units: int) -> list[Array]:
    """Seeded [h, c], (batch, units) each, float32; |h| < 1, as an output of tanh is."""
    h, c = np.random.default_rng(2).standard_normal((2, batch, units))
    return [np.tanh(h).astype(np.float32), c.astype(np.float32)]


def random_weights(units: int, input_dim: int, *, use_bias: bool = True) -> LSTMWeights:
    """Seeded dense weights without symmetry, float32; scaled by the fan-in, so that no gate saturates."""
    generator = np.random.default_rng(0)
    kernel = generator.standard_normal((input_dim, 4 * units)) / np.sqrt(input_dim)
    recurrent_kernel = generator.standard_normal((units, 4 * units)) / np.sqrt(units)
    bias = generator.standard_normal(4 * units) / 2
    return LSTMWeights.from_arrays(kernel, recurrent_kernel, bias if use_bias else None).astype(np.float32)


def build_lstm(weights: LSTMWeights, shape: tuple[int, int, int], **arguments: Any) -> Any:
    """A float32 `keras.layers.LSTM` with these weights, built for inputs of `shape` (batch, timesteps, input_dim)."""
    keras = import_keras()
    layer = keras.layers.LSTM(weights.units, use_bias=weights.bias is not None, dtype="float32", **arguments)
    layer.build(shape)
    layer.set_weights(list(weights.arrays.values()))
    return layer


def run_lstm(weights: LSTMWeights, inputs: Array, *, mask: Any = None, initial_state: Any = None, **arguments: Any) -> Any:
    """The arrays that a new layer with these weights returns for inputs (batch, timesteps, input_dim)."""
    layer = build_lstm(weights, inputs.shape, **arguments)
    return as_arrays(layer(inputs, mask=mask, initial_state=initial_state))


def default_lstm(units: int, shape: tuple[int, int, int], **arguments: Any) -> Any:
    """A `keras.layers.LSTM` with the weights of its initialisers."""
    layer = import_keras().layers.LSTM(units, **arguments)
    layer.build(shape)
    return layer


def as_arrays(outputs: Any) -> Any:
    """A tensor as an array, several as a tuple of arrays."""
    if isinstance(outputs, (list, tuple)):
        return tuple(as_arrays(output) for output in outputs)
    return np.asarray(import_keras().ops.convert_to_numpy(outputs))


def gap(first: Array, second: Array) -> float:
    """The largest absolute difference between two arrays of one shape; broadcasting would hide a wrong shape."""
    if first.shape != second.shape:
        raise ValueError(f"arrays of shapes {first.shape} and {second.shape} have no element-by-element difference")
    return float(np.max(np.abs(first.astype(np.float64) - second.astype(np.float64))))


def rounding_limit(weights: LSTMWeights, inputs: Array, *, runs: int = 2) -> float:
    """The largest difference of correct float32 runs from the zero state in any output, h or c.

    `lstm_ref.uncertainty.model` propagates one rounding of at most 2^-24 per operation, with the dot products' n multiplications
    and n - 1 additions, through the equations; one run stays within 8σ of the exact answer, so two stay within 16σ of each other.

    Args:
        weights: of the layer.
        inputs: (batch, timesteps, input_dim).
        runs: 1 where a run is compared with the float64 reference, 2 where two float32 runs are compared.
    """
    reference = reference_lstm(weights)
    exact_inputs = inputs.astype(np.float64)
    trajectory = reference.run(exact_inputs, reference.zero_state(inputs.shape[0]))
    sigma = rounding_sigma(reference.config, reference.weights, exact_inputs, trajectory, ARITHMETIC["float32"])
    return runs * ELEMENT_LIMIT * float(max(sigma.hidden.max(), sigma.cell.max()))


def reference_lstm(weights: LSTMWeights) -> lstm_ref.LSTM:
    """The float64 reference with these weights."""
    return lstm_ref.LSTM(LSTMConfig(weights.units, use_bias=weights.bias is not None), weights)


@dataclass(frozen=True, kw_only=True, eq=False)
class ActivationCall:
    """One application of an activation; argument and value are tensors, (batch, units) each."""

    argument: Any
    value: Any


class Recorder:
    """Keeps the arguments and values of a layer's activations; an unrolled eager layer calls them once per iteration."""

    def __init__(self) -> None:
        self._activation: list[ActivationCall] = []
        self._recurrent_activation: list[ActivationCall] = []

    def arguments(self) -> dict[str, Any]:
        """The layer's constructor arguments: the default activations, tanh and sigmoid, which record their calls."""
        ops = import_keras().ops
        return {
            "activation": _recording(ops.tanh, self._activation),
            "recurrent_activation": _recording(ops.sigmoid, self._recurrent_activation),
            "unroll": True,
        }

    def iterations(self) -> list[dict[str, ActivationCall]]:
        """The calls of f, i, candidate and o by iteration. Keras calls i, f and o, the candidate, and the cell state."""
        gates, cells = self._recurrent_activation, self._activation
        if len(gates) % 3 or len(cells) % 2 or len(gates) // 3 != len(cells) // 2:
            raise ValueError(f"{len(gates)} gates and {len(cells)} other activations are no whole number of LSTM iterations")
        return [
            {"f": f, "i": i, "candidate": candidate, "o": o}
            for i, f, o, candidate in zip(gates[::3], gates[1::3], gates[2::3], cells[::2], strict=True)
        ]


def _recording(function: Callable[[Any], Any], calls: list[ActivationCall]) -> Callable[[Any], Any]:
    def recorded(argument: Any) -> Any:
        value = function(argument)
        calls.append(ActivationCall(argument=argument, value=value))
        return value

    return recorded


def record(weights: LSTMWeights, inputs: Array, **arguments: Any) -> tuple[list[dict[str, ActivationCall]], Any]:
    """The iterations of a new layer over inputs (batch, timesteps, input_dim), and the arrays that it returned."""
    recorder = Recorder()
    layer = build_lstm(weights, inputs.shape, **recorder.arguments(), **arguments)
    outputs = as_arrays(layer(inputs))
    return recorder.iterations(), outputs


def jacobian(function: Callable[[Any], Any], point: Array) -> Array:
    """Derivative of every output of `function` by every entry of `point`, (units, *point.shape).

    `function` maps a batch of points to (batch, units) row by row. Of row k of a batch of equal points only output k is used, so
    one backward pass gives all rows.
    """
    tf = import_tensorflow()
    units = function(tf.constant(point[np.newaxis])).shape[-1]
    points = tf.repeat(point[np.newaxis], units, axis=0)
    with tf.GradientTape() as tape:
        tape.watch(points)
        diagonal = tf.linalg.trace(function(points))
    return np.asarray(tape.gradient(diagonal, points))


def gradient_of_sum(layer: Any, variable: Any, inputs: Array, initial_state: list[Array] | None = None) -> Array:
    """Gradient of the sum of a layer's outputs by one of its variables, with the shape of the variable."""
    tf = import_tensorflow()
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs, initial_state=initial_state))
    return np.asarray(tape.gradient(total, variable.value))


def hidden_jacobian(layer: Any, x_t: Array, state: list[Array]) -> Array:
    """∂h_t/∂h_{t-1} of a layer, (units, units): row = unit of h_t, column = unit of h_{t-1}.

    Args:
        layer: an LSTM without return_sequences and return_state.
        x_t: the input of the step, (1, 1, input_dim).
        state: [h_{t-1}, c_{t-1}], (1, units) each.
    """
    tf = import_tensorflow()

    def step(hidden: Any) -> Any:
        batch = hidden.shape[0]
        return layer(tf.repeat(x_t, batch, axis=0), initial_state=[hidden, tf.repeat(state[1], batch, axis=0)])

    return jacobian(step, state[0][0])
