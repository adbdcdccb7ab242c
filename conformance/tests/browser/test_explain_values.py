"""The page's own LSTM is the reference: its script draws the same numbers and computes the same values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from conformance.explaining.walkthrough.example import Example, InputPattern
from conformance.explaining.walkthrough.values import inputs_of, trace_call, weights_of
from conformance.reference.tolerance import ARITHMETIC, ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF
from lstm_ref import GATE_ORDER, LSTM
from lstm_ref.activations import sigmoid
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.budgets import BUDGETS
from lstm_ref.uncertainty.model import dot_product, rounding_sigma

U = UNIT_ROUNDOFF["float64"]
LIMIT = TWO_RUNS * ELEMENT_LIMIT  # σ between two runs
ROW = 1
Computed = Callable[[str], dict[str, Any]]
EXAMPLES = {
    "the default": (Example(), 1),
    "one of each": (Example(units=1, input_dim=1, timesteps=1), 1),
    "the largest of the documents": (Example(units=128, input_dim=64, timesteps=28), 1),
    "a long call": (Example(units=10, input_dim=5, timesteps=150), 1),
    "without bias": (Example(units=4, use_bias=False), 1),
    "another seed": (Example(seed=2**32 - 1), 1),
    "backwards": (Example(units=5, timesteps=9, go_backwards=True), 1),
    "a second call": (Example(units=5, timesteps=9), 2),
    "stateful, third call": (Example(units=5, timesteps=9, stateful=True), 3),
    "stateful and backwards": (Example(units=5, timesteps=9, stateful=True, go_backwards=True), 2),
    "zeros after the first": (Example(given=InputPattern.FIRST, timesteps=6), 1),
    "masked after the first": (Example(given=InputPattern.MASKED, timesteps=6), 1),
    "masked, backwards and stateful": (Example(given=InputPattern.MASKED, go_backwards=True, stateful=True), 2),
}  # fmt: skip
examples = pytest.mark.parametrize("name", EXAMPLES)


# What the page's script makes of an example: of one row of the batch, each step of a call.
COMPUTED = """([example, row, call]) => {
  const plain = (value) => ArrayBuffer.isView(value) ? Array.from(value)
    : Array.isArray(value) ? value.map(plain)
    : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]))
    : value;
  return plain({
    steps: equations.walk(example, row, call), weights: equations.weightsOf(example), count: equations.count(example),
    inputs: equations.inputsOf(example, row, call), shapes: equations.shapes(example),
  });
}"""


@pytest.fixture(scope="module")
def computed(explained: Page) -> Computed:
    """What it makes of each."""

    @cache
    def of(name: str) -> dict[str, Any]:
        example, call = EXAMPLES[name]
        answer: dict[str, Any] = explained.evaluate(COMPUTED, [asdict(example), ROW, call])
        return answer

    return of


@examples
def test_page_draws_the_same_numbers(name: str, computed: Computed) -> None:
    """Weights and inputs, to the last bit."""
    (example, call), theirs = EXAMPLES[name], computed(name)
    weights = weights_of(example)
    assert np.array_equal(theirs["weights"]["kernel"], weights.kernel)
    assert np.array_equal(theirs["weights"]["recurrent_kernel"], weights.recurrent_kernel)
    assert theirs["weights"]["bias"] == (weights.bias.tolist() if weights.bias is not None else None)
    assert np.array_equal(theirs["inputs"], inputs_of(example, call)[ROW])


@examples
def test_page_computes_what_the_reference_computes(name: str, computed: Computed) -> None:
    """Both states at every step: two runs in float64, each within 8σ of the truth."""
    (example, call), steps = EXAMPLES[name], computed(name)["steps"]
    passed, (sigma_hidden, sigma_cell) = trace_call(example, call), sigma_of(example, call)
    assert [step["t"] for step in steps] == list(passed.order)
    assert np.all(np.abs([step["after"]["hidden"] for step in steps] - passed.after.hidden[ROW]) <= LIMIT * sigma_hidden)
    assert np.all(np.abs([step["after"]["cell"] for step in steps] - passed.after.cell[ROW]) <= LIMIT * sigma_cell)


@examples
def test_page_shows_sums_gates_and_states_that_follow_from_one_another(name: str, computed: Computed) -> None:
    """Each by one operation, or one dot product, to the rounding of that operation; products and sums to the last bit."""
    example = EXAMPLES[name][0]
    steps = [step for step in computed(name)["steps"] if step["used"]]
    weights = weights_of(example)
    x, from_inputs, from_hidden = (np.array([step[part] for step in steps]) for part in ("x", "fromInputs", "fromHidden"))
    before, after, gates = (_stacked([step[part] for step in steps]) for part in ("before", "after", "gates"))
    for sums, read, matrix in (
        (from_inputs, x, weights.kernel),
        (from_hidden, before["hidden"], weights.recurrent_kernel),
    ):
        expected, variance = dot_product(read, matrix)
        assert np.all(np.abs(sums - expected) <= LIMIT * U * np.sqrt(variance))
    z = np.split(from_inputs + from_hidden + (0 if weights.bias is None else weights.bias), 4, axis=-1)
    for gate, of in zip(GATE_ORDER, z, strict=True):
        expected, budget = (np.tanh(of), BUDGETS["tanh"]) if gate == "c" else (sigmoid(of), BUDGETS["sigmoid"])
        assert np.all(np.abs(gates[gate] - expected) <= LIMIT * U * budget(of, expected))
    assert np.array_equal(after["cell"], gates["f"] * before["cell"] + gates["i"] * gates["c"])
    tanh = np.tanh(after["cell"])
    rounding = np.hypot(gates["o"] * BUDGETS["tanh"](after["cell"], tanh), after["hidden"])
    assert np.all(np.abs(after["hidden"] - gates["o"] * tanh) <= LIMIT * U * rounding)


def _stacked(parts: list[dict[str, list[float]]]) -> dict[str, Array]:
    """By name, a row for each step."""
    return {name: np.array([part[name] for part in parts]) for name in parts[0]}


@examples
def test_page_counts_and_shapes_as_the_layer(name: str, computed: Computed) -> None:
    """The number of weights is that of the arrays; the shapes are those of a call."""
    (example, _), theirs = EXAMPLES[name], computed(name)
    assert theirs["count"]["all"] == weights_of(example).count == example.count
    outputs = LSTM(replace(example, return_state=False).config, weights_of(example))(inputs_of(example))
    assert tuple(theirs["shapes"]["outputs"]) == outputs.shape == example.shapes["outputs"]
    assert tuple(theirs["shapes"]["inputs"]) == inputs_of(example).shape


def sigma_of(example: Example, call: int) -> tuple[Array, Array]:
    """σ of both states at each step of a call in float64, from the forward run that it is part of."""
    calls = range(1 if example.stateful else call, call + 1)
    order = range(example.timesteps)[:: -1 if example.go_backwards else 1]
    used = [t for t in order if example.given is not InputPattern.MASKED or t == 0]
    inputs = np.concatenate([inputs_of(example, each)[:, used] for each in calls], axis=1)[[ROW]]
    forward, weights = replace(example, go_backwards=False, stateful=False).config, weights_of(example)
    trajectory = LSTM(forward, weights).trajectory(inputs)
    sigma = rounding_sigma(forward, weights, inputs, trajectory, ARITHMETIC["float64"])
    # A step that is not used holds the state of the one before it; there is none before the first of all, and σ is 0.
    last = len(used) * (len(calls) - 1) + np.cumsum([t in used for t in order])
    hidden, cell = (np.concatenate([np.zeros((1, example.units)), array[0]])[last] for array in (sigma.hidden, sigma.cell))
    return hidden, cell
