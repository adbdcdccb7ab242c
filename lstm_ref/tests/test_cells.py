"""Peepholes, projection and cell clip: against plain loops over the equations of TensorFlow's LSTMCell."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from lstm_ref import LSTMConfig, LSTMWeights, ShapeError
from lstm_ref.deviations import DEVIATIONS, combine
from lstm_ref.deviations.cells import with_cell_clip, with_peepholes, with_projection

Make = Callable[..., LSTMWeights]
Row = list[float]

UNITS, INPUT_DIM, VALUES = 4, 3, 2


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z)."""
    return 1 / (1 + math.exp(-z))


def clip(value: float, limit: float) -> float:
    """The value, or the limit on its side."""
    return min(max(value, -limit), limit)


class Extras(NamedTuple):
    """What the cell has beside Keras' weights."""

    peepholes: Any
    projection: Any
    cell_limit: float
    output_limit: float


def plain_step(weights: LSTMWeights, extras: Extras, x: Row, h: Row, c: Row) -> tuple[Row, Row]:
    """One timestep of one row: h has as many values as the projection has columns."""
    kernel, recurrent_kernel, bias = (array.tolist() for array in weights.arrays.values())
    columns, units = range(4 * len(c)), range(len(c))
    z = [sum(a * b[k] for a, b in zip(x + h, kernel + recurrent_kernel[: len(h)], strict=True)) + bias[k] for k in columns]
    i, f, g, o = (z[gate * len(c) : (gate + 1) * len(c)] for gate in range(4))
    p_i, p_f, p_o = extras.peepholes.tolist()
    new = [sigmoid(f[k] + p_f[k] * c[k]) * c[k] + sigmoid(i[k] + p_i[k] * c[k]) * math.tanh(g[k]) for k in units]
    new = [clip(value, extras.cell_limit) for value in new]
    m = [sigmoid(o[k] + p_o[k] * new[k]) * math.tanh(new[k]) for k in units]
    projected = [sum(m[k] * row[k] for k in units) for row in extras.projection.T.tolist()]
    return [clip(value, extras.output_limit) for value in projected], new


def plain_run(weights: LSTMWeights, extras: Extras, inputs: Any) -> tuple[Any, Any]:
    """Outputs (batch, timesteps, values) and the last c (batch, units)."""
    outputs, cells = [], []
    for row in inputs.tolist():
        h, c, emitted = [0.0] * extras.projection.shape[1], [0.0] * UNITS, []
        for x in row:
            h, c = plain_step(weights, extras, x, h, c)
            emitted.append(h)
        outputs.append(emitted)
        cells.append(c)
    return np.array(outputs), np.array(cells)


@pytest.mark.parametrize("limits", [(math.inf, math.inf), (0.5, math.inf), (0.5, 0.25)], ids=["free", "cell clip", "both clips"])
@pytest.mark.parametrize("values", [VALUES, UNITS], ids=["fewer values", "as many values"])
def test_the_cell_with_all_of_it_is_that_of_plain_loops(make_weights: Make, values: int, limits: tuple[float, float]) -> None:
    """The output gate reads the clipped new cell state, and what is fed back is projected and clipped."""
    rng = np.random.default_rng([values, UNITS])
    extras = Extras(rng.standard_normal((3, UNITS)), rng.standard_normal((UNITS, values)), *limits)
    weights, inputs = make_weights(UNITS, INPUT_DIM, scale=0.7), rng.standard_normal((2, 5, INPUT_DIM))
    system = combine([with_cell_clip(limits[0]), with_peepholes(*extras.peepholes), with_projection(extras.projection, limits[1])])
    config = LSTMConfig(UNITS, return_sequences=True, return_state=True)
    outputs, hidden, cell = system.build(config, weights)(inputs)
    expected, expected_cell = plain_run(weights, extras, inputs)
    # Some hundred operations a timestep, of values near 1, in float64.
    np.testing.assert_allclose(outputs[..., :values], expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(cell, expected_cell, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(hidden, outputs[:, -1])
    assert not outputs[..., values:].any()


def test_as_mistakes_they_compute_in_the_dtype_that_is_asked_for(make_weights: Make) -> None:
    """Their own weights do not widen float32."""
    mistaken = combine(["cell_clipped", "peepholes", "projection"])
    lstm = mistaken.build(LSTMConfig(UNITS), make_weights(UNITS, INPUT_DIM), "float32")
    assert lstm(np.ones((2, 3, INPUT_DIM))).dtype == np.float32


def test_weights_of_another_size_are_refused(make_weights: Make) -> None:
    """Peepholes of another number of units, and a projection to more values than units."""
    config, weights = LSTMConfig(UNITS), make_weights(UNITS, INPUT_DIM)
    with pytest.raises(ShapeError, match=r"peepholes must have shape \(3, 4\) for an LSTM of 4 units; got \(3, 2\)"):
        with_peepholes(*np.ones((3, 2))).build(config, weights)(np.ones((1, 1, INPUT_DIM)))
    with pytest.raises(ShapeError, match="more values than units is not modelled; got 5 values of 4 units"):
        with_projection(np.ones((4, 5)))


def test_keras_1_stores_twelve_arrays(make_weights: Make) -> None:
    """Gate by gate in the order i, c, f, o, kernel before recurrent kernel before bias."""
    weights = make_weights(UNITS, INPUT_DIM)
    arrays = DEVIATIONS["twelve_arrays"].build(LSTMConfig(UNITS), weights).weight_arrays
    assert list(arrays)[:4] == ["kernel_i", "recurrent_kernel_i", "bias_i", "kernel_c"]
    assert [name[-1] for name in arrays] == [*"iiicccfffooo"]
    np.testing.assert_array_equal(arrays["kernel_c"], weights.gate("c").kernel)
