"""Each deviation shows where all its needs are met, and equals the reference where one of them is not met.

Each test uses the smallest case that meets a set of needs: sizes of one, one timestep, one call, no mask …
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, DropoutMasks, LSTMConfig, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.composite import Bidirectional, Composite
from lstm_ref.deviations import DEVIATIONS, Deviation, Need

Needs = AbstractSet[Need]

REFERENCE = Deviation(name="reference", summary="nothing is wrong")

MERGES = {Need.MERGE_CONCAT: "concat", Need.MERGE_SUM: "sum", Need.MERGE_AVE: "ave", Need.MERGE_MUL: "mul"}
OF_MASKS = {
    Need.MASKED_STEP, Need.MASKED_SECOND, Need.MASKED_STATE, Need.HELD_STATE, Need.HELD_OUTPUT, Need.ZEROED_OUTPUT, Need.MASKED_END,
    Need.LATE_START, Need.ASYMMETRIC_MASK, Need.ROWS_MASKED_APART, Need.MASKED_NAN, Need.HELD_GRADIENT,
}  # fmt: skip
OF_DROPOUT = {
    Need.DROPOUT, Need.INFERENCE, Need.INPUT_DROPOUT, Need.RECURRENT_DROPOUT, Need.MASK_SHARED, Need.MASK_PER_GATE,
}  # fmt: skip
OF_DIRECTIONS = {Need.TWO_DIRECTIONS, Need.HALVES_APART, *MERGES}
OF_LAYERS = {Need.TWO_LAYERS, Need.TWO_PARTS}
OF_CALLS = {Need.CARRIED_CALL, Need.RESET}
OF_SEVERAL_UNITS = {Need.SEVERAL_UNITS, Need.SPARSEMAX, *OF_DROPOUT}
OF_SEVERAL_FEATURES = {Need.SEVERAL_FEATURES, *OF_DROPOUT}
OF_SEVERAL_ROWS = {Need.SEVERAL_ROWS, *OF_MASKS}
OF_CHAINS = {Need.GRADIENT_CHAIN, Need.LONG_GRADIENT_CHAIN}
OF_SEVERAL_STEPS = {Need.SEVERAL_STEPS, Need.PREVIOUS_STATE, *OF_MASKS, *OF_DROPOUT, *OF_CHAINS}

# Needs without which a deviation does not show.
REMOVABLE = {
    Need.SEVERAL_UNITS, Need.SEVERAL_FEATURES, Need.SEVERAL_ROWS, Need.BIAS, Need.INITIAL_STATE, Need.BACKWARDS,
    Need.HALF_BACKWARDS, Need.GRADIENTS, Need.HARD_SIGMOID, Need.SPARSEMAX, *OF_MASKS, *OF_DROPOUT, *OF_DIRECTIONS, *OF_LAYERS,
    *OF_CALLS,
}  # fmt: skip

# A row each: the end is masked, the beginning, two between.
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1], [1, 1, 0, 1, 0, 1]], dtype=bool)
AFTER_RESET = 3


def observe(deviation: Deviation, needs: Needs) -> list[Array]:
    """All results and states of a deviating LSTM in the smallest case that meets the needs."""
    random = np.random.default_rng(51)
    rows, steps = 3 if needs & OF_SEVERAL_ROWS else 1, 6 if needs & OF_SEVERAL_STEPS else 1
    composite = compose(deviation, needs, random)
    inputs = random.standard_normal((4, rows, steps, composite.layers[0].weights.input_dim))
    if Need.MASKED_NAN in needs:
        inputs[:, 0, -1] = np.nan
    states = [State(*random.standard_normal((2, rows, layer.config.units))) for layer in composite.layers]
    drop(composite, deviation, needs, rows)
    arrays: list[Array] = []
    for number in range(4 if needs & OF_CALLS else 1):
        if number == AFTER_RESET:
            arrays += reset(composite)
        is_given = needs & {Need.INITIAL_STATE, Need.LATE_START} and number == (1 if needs & OF_CALLS else 0)
        read = inputs[number], states if is_given else None, MASK if needs & OF_MASKS else None
        if Need.GRADIENTS in needs:
            arrays += gradients(deviation, composite, read, random)
        outputs, final = composite.forward(*read)
        arrays += [outputs, *(array for state in final for array in (state.hidden, state.cell)), *stored(composite)]
    return arrays + [
        np.array((*array.shape, part.casts_inputs)) for part in composite.layers for array in part.weight_arrays.values()
    ]


def gradients(
    deviation: Deviation, composite: Composite, read: tuple[Array, Any, Array | None], random: np.random.Generator
) -> list[Array]:
    """Of outputs and states weighed at random, by the deviating chain rule."""
    layers = [LSTM(layer.config, layer.weights) for layer in composite.layers]
    for layer in layers:
        layer.backpropagation = deviation.backpropagation
    right = (
        deviation.d_bidirectional(layers[0], layers[1], composite.merge_mode)
        if isinstance(composite, Bidirectional)
        else deviation.d_stacked(layers)
    )
    inputs, given, mask = read
    outputs, final = right.forward(*read)
    d_states = [State(*random.standard_normal((2, *state.hidden.shape))) for state in final]
    d_inputs, parts = right.gradients(inputs, random.standard_normal(outputs.shape), d_states, given, mask)
    states = [array for part in parts for array in (part.initial_state.hidden, part.initial_state.cell)] if given else []
    return [d_inputs, *(array for part in parts for array in part.weights.values()), *states]


def compose(deviation: Deviation, needs: Needs, random: np.random.Generator) -> Composite:
    """One LSTM, two layers, or two directions."""
    units, input_dim = 3 if needs & OF_SEVERAL_UNITS else 1, 2 if needs & OF_SEVERAL_FEATURES else 1
    by_need = {Need.HARD_SIGMOID: "hard_sigmoid", Need.SPARSEMAX: "sparsemax"}
    activations = {key: name for need, name in by_need.items() if need in needs for key in ("activation", "recurrent_activation")}
    config = LSTMConfig(
        units,
        **activations,
        use_bias=Need.BIAS in needs,
        return_sequences=Need.LAST_OUTPUT not in needs,
        return_state=True,
        go_backwards=bool(needs & {Need.BACKWARDS, Need.HALF_BACKWARDS}),
        stateful=bool(needs & OF_CALLS),
        zero_output_for_mask=Need.ZEROED_OUTPUT in needs,
    )

    def random_weights(input_dim: int) -> LSTMWeights:
        shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
        kernel, recurrent_kernel, bias = (random.standard_normal(shape) for shape in shapes)
        return LSTMWeights(kernel, recurrent_kernel, bias if config.use_bias else None)

    lower = deviation.build(config, random_weights(input_dim))
    if needs & OF_DIRECTIONS:
        backward = deviation.build(replace(config, go_backwards=True), random_weights(input_dim))
        return deviation.bidirectional(lower, backward, next((MERGES[need] for need in MERGES if need in needs), "concat"))
    return deviation.stacked([lower, deviation.build(config, random_weights(units))] if needs & OF_LAYERS else [lower])


def drop(composite: Composite, deviation: Deviation, needs: Needs, rows: int) -> None:
    """Set the dropout masks of the deviating implementation, where the needs include dropout."""
    random, count = np.random.default_rng(52), 4 if Need.MASK_PER_GATE in needs else 1
    sizes = [(layer.weights.input_dim, layer.config.units) for layer in composite.layers] if needs & OF_DROPOUT else []
    masks = tuple(
        DropoutMasks(inputs=random_mask(random, (count, rows, input_dim)), hidden=random_mask(random, (count, rows, units)))
        for input_dim, units in sizes
    )
    drawn = deviation.dropout((masks,), Need.INFERENCE not in needs)
    for layer, dropout in zip(composite.layers, drawn[0] if drawn else (), strict=False):
        layer.dropout = dropout


def random_mask(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Half dropped, and the rest doubled."""
    return 2.0 * random.integers(0, 2, shape)


def reset(composite: Composite) -> list[Array]:
    """The stored states after a reset."""
    for layer in composite.layers:
        layer.reset_state()
    return stored(composite)


def stored(composite: Composite) -> list[Array]:
    """The stored states of stateful layers."""
    return [array for layer in composite.layers if layer.state for array in (layer.state.hidden, layer.state.cell)]


def are_equal(one: list[Array], other: list[Array]) -> bool:
    """Bit for bit, NaN and shapes included."""
    return len(one) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", DEVIATIONS)
def test_a_deviation_shows_where_its_needs_are_met(name: str) -> None:
    """Something that is returned, kept or stored differs from the reference's."""
    needs = DEVIATIONS[name].needs
    assert not are_equal(observe(DEVIATIONS[name], needs), observe(REFERENCE, needs))


@pytest.mark.parametrize(
    ("name", "need"), [(name, need) for name, deviation in DEVIATIONS.items() for need in sorted(deviation.needs & REMOVABLE)]
)
def test_a_deviation_without_one_of_its_needs_is_the_reference(name: str, need: Need) -> None:
    """Where a need is not met, all results equal the reference's bit for bit, so that no need is superfluous."""
    needs = DEVIATIONS[name].needs - {need}
    assert are_equal(observe(DEVIATIONS[name], needs), observe(REFERENCE, needs))


@pytest.mark.parametrize("name", ["first_output", "go_backwards_outputs_in_time_order"])
def test_a_deviation_of_one_kind_of_outputs_leaves_the_other_alone(name: str) -> None:
    """The first output in place of the last is none of a composite sequence, nor is the order of one output."""
    kinds = frozenset({Need.FULL_SEQUENCE, Need.LAST_OUTPUT})
    needs = DEVIATIONS[name].needs - kinds | kinds - DEVIATIONS[name].needs
    assert are_equal(observe(DEVIATIONS[name], needs), observe(REFERENCE, needs))


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if Need.SEVERAL_STEPS in deviation.needs])
def test_a_deviation_of_the_sequence_needs_one(name: str) -> None:
    """Of a single timestep there is no other order, and nothing to hold."""
    needs = DEVIATIONS[name].needs - {Need.SEVERAL_STEPS, *OF_DROPOUT, *OF_CHAINS}
    assert are_equal(observe(DEVIATIONS[name], needs), observe(REFERENCE, needs))


@pytest.mark.parametrize("name", [name for name, deviation in DEVIATIONS.items() if Need.PREVIOUS_STATE in deviation.needs])
def test_a_deviation_of_the_previous_state_needs_a_state(name: str) -> None:
    """The first timestep starts from zeros."""
    needs = DEVIATIONS[name].needs - {Need.PREVIOUS_STATE, *OF_DROPOUT}
    assert are_equal(observe(DEVIATIONS[name], needs), observe(REFERENCE, needs))
