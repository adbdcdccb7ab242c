"""A second derivation: the concatenated form [h, x] · W of the well-known blog post, in plain Python loops.

    f_t = σ(W_f · [h_{t-1}, x_t] + b_f), i_t and o_t likewise, C̃_t = tanh(W_C · [h_{t-1}, x_t] + b_C),
    C_t = f_t * C_{t-1} + i_t * C̃_t, h_t = o_t * tanh(C_t).

Christopher Olah, Understanding LSTM Networks, 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.sequence import Trajectory

Row = list[float]
# In Keras' arrays the columns of i come first, then those of f, of the candidate and of o.
FIRST, SECOND, THIRD, FOURTH = range(4)

# units, input_dim, timesteps, batch: all ones, all different in either order, long, wide.
SIZES = [(1, 1, 1, 1), (2, 3, 4, 5), (5, 4, 3, 2), (3, 1, 12, 2), (17, 6, 2, 3)]
MASKS: dict[str, Callable[[tuple[int, int]], Any]] = {
    "none": lambda _shape: None,
    "right": lambda shape: np.arange(shape[1]) < np.arange(1, shape[0] + 1)[:, np.newaxis],
    "scattered": lambda shape: np.add.outer(3 * np.arange(shape[0]), np.arange(shape[1])) % 3 > 0,
}


def sigmoid(z: float) -> float:
    """1 / (1 + e^-z)."""
    return 1 / (1 + math.exp(-z))


def read_gate(weights: LSTMWeights, block: int, hx: Row) -> Row:
    """W · [h, x] + b of one gate, unit by unit; W is that gate's columns of both kernels, one below the other."""
    recurrent_kernel, kernel = weights.recurrent_kernel.tolist(), weights.kernel.tolist()
    values = []
    for unit in range(weights.units):
        position = block * weights.units + unit
        total = 0.0 if weights.bias is None else float(weights.bias[position])
        for weight_row, value in zip(recurrent_kernel + kernel, hx, strict=True):
            total += weight_row[position] * value
        values.append(total)
    return values


def blog_step(weights: LSTMWeights, x: Row, h: Row, c: Row) -> tuple[Row, Row]:
    """One timestep of one row: the new h and C."""
    hx = h + x
    f = [sigmoid(z) for z in read_gate(weights, SECOND, hx)]
    i = [sigmoid(z) for z in read_gate(weights, FIRST, hx)]
    candidate = [math.tanh(z) for z in read_gate(weights, THIRD, hx)]
    c = [f[k] * c[k] + i[k] * candidate[k] for k in range(weights.units)]
    o = [sigmoid(z) for z in read_gate(weights, FOURTH, hx)]
    return [o[k] * math.tanh(c[k]) for k in range(weights.units)], c


def blog_lstm(weights: LSTMWeights, row: list[Row], h: Row, c: Row, use: list[bool]) -> tuple[list[Row], Row, Row]:
    """One row in the order given: what is emitted at each timestep, and the last h and C."""
    emitted, outputs = [0.0] * weights.units, []
    for x, used in zip(row, use, strict=True):
        if used:
            h, c = blog_step(weights, x, h, c)
            emitted = h
        outputs.append(emitted)
    return outputs, h, c


def blog_batch(lstm: LSTM, inputs: Any, state: State, mask: Any) -> list[Any]:
    """Outputs (batch, timesteps, units), h and C (batch, units) of all rows."""
    use = np.ones(inputs.shape[:2], bool) if mask is None else mask
    if lstm.config.go_backwards:
        inputs, use = inputs[:, ::-1], use[:, ::-1]
    rows = zip(inputs.tolist(), state.hidden.tolist(), state.cell.tolist(), use.tolist(), strict=True)
    answers = [blog_lstm(lstm.weights, row, h, c, row_use) for row, h, c, row_use in rows]
    return [np.array(part) for part in zip(*answers, strict=True)]


@pytest.mark.parametrize("with_state", [False, True], ids=["from zeros", "from a state"])
@pytest.mark.parametrize("mask_kind", MASKS)
@pytest.mark.parametrize("go_backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("use_bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("units", "input_dim", "timesteps", "batch"), SIZES)
def test_both_derivations_agree_as_closely_as_rounding_allows(
    make_weights: Callable[..., LSTMWeights],
    rounding_bound: Callable[..., Trajectory],
    *,
    units: int,
    input_dim: int,
    timesteps: int,
    batch: int,
    use_bias: bool,
    go_backwards: bool,
    mask_kind: str,
    with_state: bool,
) -> None:
    """Outputs and both states of the reference are those of plain loops over the concatenated form."""
    rng = np.random.default_rng([units, input_dim, timesteps, batch, use_bias, go_backwards])
    config = LSTMConfig(units, use_bias=use_bias, go_backwards=go_backwards, return_sequences=True, return_state=True)
    lstm = LSTM(config, make_weights(units, input_dim, use_bias=use_bias, scale=0.5))
    inputs = rng.standard_normal((batch, timesteps, input_dim))
    state = State(*rng.standard_normal((2, batch, units))) if with_state else lstm.zero_state(batch)
    mask = MASKS[mask_kind]((batch, timesteps))
    bound = rounding_bound(lstm, inputs, state, mask)
    # Two correct runs may lie on opposite sides of the truth, hence twice the bound of one.
    tolerances = (2 * bound.outputs, 2 * bound.final_state.hidden, 2 * bound.final_state.cell)
    answers = lstm(inputs, initial_state=state if with_state else None, mask=mask)
    gaps = [np.abs(got - want) for got, want in zip(answers, blog_batch(lstm, inputs, state, mask), strict=True)]
    assert all((gap <= tolerance).all() for gap, tolerance in zip(gaps, tolerances, strict=True))


def test_the_tolerance_of_the_agreement_is_a_tight_one(
    make_weights: Callable[..., LSTMWeights], rounding_bound: Callable[..., Trajectory]
) -> None:
    """Four timesteps of five units may differ by less than 1e-13: an error in any equation is a million million times larger."""
    lstm = LSTM(LSTMConfig(5), make_weights(5, 4, scale=0.5))
    assert rounding_bound(lstm, np.random.default_rng(1).standard_normal((2, 4, 4))).outputs.max() < 1e-13


@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)], ids=["if", "ic", "io", "fc", "fo", "co"])
@pytest.mark.parametrize("name", ["kernel", "recurrent_kernel", "bias"])
def test_the_agreement_breaks_when_two_gates_of_one_array_are_exchanged(
    make_weights: Callable[..., LSTMWeights], rounding_bound: Callable[..., Trajectory], name: str, pair: tuple[int, int]
) -> None:
    """Each of the 18 exchanges moves an output by more than the tolerance of the agreement."""
    weights = make_weights(3, 2, scale=0.5)
    order = list(range(4))
    order[pair[0]], order[pair[1]] = order[pair[1]], order[pair[0]]
    exchanged = np.concatenate([np.split(weights.arrays[name], 4, axis=-1)[block] for block in order], axis=-1)
    inputs = np.random.default_rng(2).standard_normal((2, 4, 2))
    lstm = LSTM(LSTMConfig(3, return_sequences=True), weights)
    other = LSTM(lstm.config, replace(weights, **{name: exchanged}))
    wanted = blog_batch(other, inputs, lstm.zero_state(2), None)[0]
    assert (np.abs(lstm(inputs) - wanted) > 2 * rounding_bound(lstm, inputs).outputs).any()
