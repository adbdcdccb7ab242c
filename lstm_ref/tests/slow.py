"""The LSTM once more, one number at a time, from Keras' documentation: an independent implementation for comparison."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lstm_ref.arrays import Array

Row = list[float]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _each(function: Callable[[float], float]) -> Callable[[Row], Row]:
    return lambda row: [function(x) for x in row]


def _softmax(row: Row) -> Row:
    powers = [math.exp(x - max(row)) for x in row]
    return [power / sum(powers) for power in powers]


# Of a row of units; None is linear.
ACTIVATIONS: dict[str | None, Callable[[Row], Row]] = {
    None: list,
    "linear": list,
    "tanh": _each(math.tanh),
    "sigmoid": _each(_sigmoid),
    "relu": _each(lambda x: max(x, 0.0)),
    "hard_sigmoid": _each(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0)),
    "hard_sigmoid_keras2": _each(lambda x: min(max(0.2 * x + 0.5, 0.0), 1.0)),
    "gelu_tanh": _each(lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "softmax": _softmax,
}


def step(weights: Sequence[Array | None], activations: tuple[str | None, str | None], x: Row, h: Row, c: Row) -> tuple[Row, Row]:
    """One timestep of one row: the states after it; activations are activation and recurrent_activation."""
    kernel, recurrent_kernel, bias = weights
    assert kernel is not None
    assert recurrent_kernel is not None
    units = len(h)
    z = [
        math.fsum(x[k] * float(kernel[k, column]) for k in range(len(x)))
        + math.fsum(h[k] * float(recurrent_kernel[k, column]) for k in range(units))
        + (0.0 if bias is None else float(bias[column]))
        for column in range(4 * units)
    ]
    activation, recurrent_activation = (ACTIVATIONS[name] for name in activations)
    i, f, o = (recurrent_activation(z[gate * units : (gate + 1) * units]) for gate in (0, 1, 3))
    candidate = activation(z[2 * units : 3 * units])
    c = [f[k] * c[k] + i[k] * candidate[k] for k in range(units)]
    squashed = activation(c)
    return [o[k] * squashed[k] for k in range(units)], c


def run(
    weights: Sequence[Array | None],
    inputs: Array,
    *,
    activations: tuple[str | None, str | None] = ("tanh", "sigmoid"),
    states: tuple[Array, Array] | None = None,
    mask: Array | None = None,
    return_sequences: bool = False,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array, Array]:
    """Outputs, hidden and cell state of a whole batch, in float64; see `keras.layers.LSTM` for the words."""
    units = len(weights[1])  # type: ignore[arg-type]  # only a bias can be None
    batch, timesteps, _ = inputs.shape
    outputs, finals = np.zeros((batch, timesteps, units)), np.zeros((2, batch, units))
    for row in range(batch):
        h, c = ([0.0] * units, [0.0] * units) if states is None else (states[0][row].tolist(), states[1][row].tolist())
        emitted = [0.0] * units
        for k in range(timesteps):
            t = timesteps - 1 - k if go_backwards else k
            if mask is None or mask[row, t]:
                h, c = step(weights, activations, inputs[row, t].tolist(), h, c)
                emitted = h
            elif zero_output_for_mask:
                emitted = [0.0] * units
            outputs[row, k] = emitted
        finals[0, row], finals[1, row] = h, c
    return outputs if return_sequences else outputs[:, -1], finals[0], finals[1]


def merge(mode: Any, forward: Array, backward: Array) -> list[Array]:
    """The outputs of a Bidirectional from those of both halves, each in processing order."""
    backward = backward[:, ::-1] if backward.ndim == 3 else backward
    if mode is None:
        return [forward, backward]
    if mode == "concat":
        return [np.concatenate([forward, backward], axis=-1)]
    return [{"sum": forward + backward, "ave": (forward + backward) / 2, "mul": forward * backward}[mode]]
