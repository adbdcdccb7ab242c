"""The page's own LSTM is the reference: its script, run by Node.js, draws the same numbers and computes the same values."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import asdict, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.report.html.templating import source
from conformance.tolerance import ARITHMETIC, ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF
from conformance.walkthrough.example import Example, Given
from conformance.walkthrough.values import draw, inputs_of, walk, weights_of
from lstm_ref import GATE_ORDER, LSTM
from lstm_ref.activations import sigmoid
from lstm_ref.arrays import Array
from lstm_ref.budgets import BUDGETS
from lstm_ref.uncertainty import dot_product, rounding_sigma

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node.js runs the page's script: there is no program named node on PATH")

U = UNIT_ROUNDOFF["float64"]
LIMIT = TWO_RUNS * ELEMENT_LIMIT  # σ between two runs
ROW = 1
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
    "zeros after the first": (Example(given=Given.FIRST, timesteps=6), 1),
    "masked after the first": (Example(given=Given.MASKED, timesteps=6), 1),
    "masked, backwards and stateful": (Example(given=Given.MASKED, go_backwards=True, stateful=True), 2),
}  # fmt: skip
examples = pytest.mark.parametrize("name", EXAMPLES)


@cache
def computed() -> dict[str, Any]:
    """What the page's script makes of all examples, in one run of Node.js."""
    asked = {name: {"example": asdict(example), "call": call} for name, (example, call) in EXAMPLES.items()}
    script = f"""
        const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
        const answers = Object.entries({json.dumps(asked)}).map(([name, {{ example, call }}]) => [name, {{
          steps: equations.walk(example, {ROW}, call), weights: equations.weightsOf(example), count: equations.count(example),
          inputs: equations.inputsOf(example, {ROW}, call), shapes: equations.shapes(example),
        }}]);
        console.log(JSON.stringify(Object.fromEntries(answers), (_, value) => plain(value)));
    """
    ran = subprocess.run(  # noqa: S603  # our own script
        [str(NODE), "-"], input=source("explain_equations.js") + script, capture_output=True, text=True, check=True, timeout=60
    )
    answers: dict[str, Any] = json.loads(ran.stdout)
    return answers


@needs_node
@examples
def test_page_draws_the_same_numbers(name: str) -> None:
    """Weights and inputs, to the last bit."""
    (example, call), theirs = EXAMPLES[name], computed()[name]
    weights = weights_of(example)
    assert np.array_equal(theirs["weights"]["kernel"], weights.kernel)
    assert np.array_equal(theirs["weights"]["recurrent_kernel"], weights.recurrent_kernel)
    assert theirs["weights"]["bias"] == (weights.bias.tolist() if weights.bias is not None else None)
    assert np.array_equal(theirs["inputs"], inputs_of(example, call)[ROW])


@needs_node
@examples
def test_page_computes_what_the_reference_computes(name: str) -> None:
    """Both states at every step: two runs in float64, each within 8σ of the truth."""
    (example, call), steps = EXAMPLES[name], computed()[name]["steps"]
    passed, (sigma_hidden, sigma_cell) = walk(example, call), sigma_of(example, call)
    assert [step["t"] for step in steps] == list(passed.order)
    assert np.all(np.abs([step["after"]["hidden"] for step in steps] - passed.after.hidden[ROW]) <= LIMIT * sigma_hidden)
    assert np.all(np.abs([step["after"]["cell"] for step in steps] - passed.after.cell[ROW]) <= LIMIT * sigma_cell)


@needs_node
@examples
def test_page_shows_sums_gates_and_states_that_follow_from_one_another(name: str) -> None:
    """Each by one operation, or one dot product, to the rounding of that operation; products and sums to the last bit."""
    example = EXAMPLES[name][0]
    steps = [step for step in computed()[name]["steps"] if step["used"]]
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


@needs_node
@examples
def test_page_counts_and_shapes_as_the_layer(name: str) -> None:
    """The number of weights is that of the arrays; the shapes are those of a call."""
    (example, _), theirs = EXAMPLES[name], computed()[name]
    assert theirs["count"]["all"] == weights_of(example).count == example.count
    outputs = LSTM(replace(example, return_state=False).config, weights_of(example))(inputs_of(example))
    assert tuple(theirs["shapes"]["outputs"]) == outputs.shape == example.shapes["outputs"]
    assert tuple(theirs["shapes"]["inputs"]) == inputs_of(example).shape


def sigma_of(example: Example, call: int) -> tuple[Array, Array]:
    """σ of both states at each step of a call in float64, from the forward run that it is part of."""
    calls = range(1 if example.stateful else call, call + 1)
    order = range(example.timesteps)[:: -1 if example.go_backwards else 1]
    used = [t for t in order if example.given is not Given.MASKED or t == 0]
    inputs = np.concatenate([inputs_of(example, each)[:, used] for each in calls], axis=1)[[ROW]]
    forward, weights = replace(example, go_backwards=False, stateful=False).config, weights_of(example)
    trajectory = LSTM(forward, weights).trajectory(inputs)
    sigma = rounding_sigma(forward, weights, inputs, trajectory, ARITHMETIC["float64"])
    # A step that is not used holds the state of the one before it; there is none before the first of all, and σ is 0.
    last = len(used) * (len(calls) - 1) + np.cumsum([t in used for t in order])
    hidden, cell = (np.concatenate([np.zeros((1, example.units)), array[0]])[last] for array in (sigma.hidden, sigma.cell))
    return hidden, cell


def test_a_weight_stays_while_the_layer_grows() -> None:
    """Each is named by its own place, so that a slider adds weights and changes none, but for the scale of their number."""
    small, large = weights_of(Example(units=2, input_dim=3)), weights_of(Example(units=5, input_dim=3))
    assert np.array_equal(small.gate("f").kernel, large.gate("f").kernel[:, :2])
    assert np.allclose(small.gate("o").recurrent_kernel * np.sqrt(2), large.gate("o").recurrent_kernel[:2, :2] * np.sqrt(5))


def test_numbers_differ_wherever_their_names_do() -> None:
    """Dense weights, none like another; and seeds, rows and timesteps of the inputs differ too."""
    drawn = draw(0, np.arange(4)[:, None, None], np.arange(20)[:, None], np.arange(20))
    assert len(np.unique(drawn)) == drawn.size
    assert abs(drawn.mean()) < 4 * np.sqrt(1 / 3 / drawn.size)
    assert not np.any(inputs_of(Example()) == inputs_of(Example(seed=1)))
    assert not np.any(inputs_of(Example(), 1) == inputs_of(Example(), 2))
