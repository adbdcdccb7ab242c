"""Several deviations as one have the changes of each; contradictions are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMError, LSTMWeights, Stacked
from lstm_ref.deviations import DEVIATIONS, Need, combine, summary_of
from lstm_ref.deviations.cells import with_cell_clip
from lstm_ref.gradients import Backpropagation

Make = Callable[..., LSTMWeights]

CONFIG = LSTMConfig(3, return_sequences=True, return_state=True)


def inputs_of(batch: int, timesteps: int, input_dim: int) -> Any:
    """Seeded."""
    return np.random.default_rng(3).standard_normal((batch, timesteps, input_dim))


def test_basic_lstm_cell_is_what_its_deviations_do_by_hand(make_weights: Make) -> None:
    """Gates read as i, c, f, o, 1 added to the forget gate's bias, the states returned as c, h."""
    weights, inputs = make_weights(3, 2), inputs_of(2, 5, 2)
    assert weights.bias is not None
    kernel, recurrent_kernel, bias = (
        np.concatenate([np.split(array, 4, axis=-1)[block] for block in (0, 2, 1, 3)], axis=-1) for array in weights.arrays.values()
    )
    bias[3:6] += 1
    outputs, hidden, cell = LSTM(CONFIG, LSTMWeights(kernel, recurrent_kernel, bias))(inputs)
    results = combine(["all_gates_icfo", "forget_bias_doubled", "states_exchanged"]).build(CONFIG, weights)(inputs)
    np.testing.assert_array_equal(results[0], outputs)
    np.testing.assert_array_equal(results[1], cell)
    np.testing.assert_array_equal(results[2], hidden)


def test_weights_are_read_by_one_deviation_after_the_other(make_weights: Make) -> None:
    """The forget bias goes to the block that the first deviation has made that of the forget gate, not to what was there."""
    weights = make_weights(3, 2)
    assert weights.bias is not None
    first, second = (
        combine(names).weights(weights).bias
        for names in (["bias_gates_icfo", "forget_bias_doubled"], ["forget_bias_doubled", "bias_gates_icfo"])
    )
    i, f, c, o = np.split(weights.bias, 4)
    np.testing.assert_array_equal(first, np.concatenate([i, c + 1, f, o]))
    np.testing.assert_array_equal(second, np.concatenate([i, c, f + 1, o]))


def test_layers_change_what_each_changes(make_weights: Make) -> None:
    """Of a layer with three changes each is there: the limit, the order of the states, the shape of the weights."""
    weights, inputs = make_weights(3, 2), inputs_of(2, 5, 2)
    lstm = combine([with_cell_clip(0.25), "states_exchanged", "kernels_stacked"]).build(CONFIG, weights)
    _, cell, _ = lstm(inputs)
    _, _, alone = with_cell_clip(0.25).build(CONFIG, weights)(inputs)
    np.testing.assert_array_equal(cell, alone)
    assert np.abs(cell).max() == 0.25
    assert {name: array.shape for name, array in lstm.weight_arrays.items()} == {"kernel": (5, 12), "bias": (12,)}


def test_configurations_are_merged() -> None:
    """Fields of both, and one that both set alike."""
    combined = combine(["hard_sigmoid_keras2", "zero_output_forced", replace(DEVIATIONS["hard_sigmoid_keras2"], name="again")])
    assert combined.config == {"recurrent_activation": "hard_sigmoid_keras2", "zero_output_for_mask": True}


def test_a_combination_has_all_needs_and_summaries() -> None:
    """Names, sentences, needs and reasons to hide of its parts."""
    combined = combine(["forget_bias_doubled", "states_exchanged", "sigmoid_off_by_1e-6"])
    assert combined.name == "forget_bias_doubled+states_exchanged+sigmoid_off_by_1e-6"
    assert combined.summary.count("; ") == 2
    assert summary_of(combined.name) == combined.summary
    assert combined.needs >= {Need.PREVIOUS_STATE, Need.BIAS, Need.STATES, Need.FLOAT32}
    assert combined.hides == DEVIATIONS["sigmoid_off_by_1e-6"].hides


def test_a_function_that_one_deviation_replaces_is_kept() -> None:
    """The composition of two directions, and the chain rule of another."""
    combined = combine(["halves_exchanged", "recurrent_term_missing"])
    assert combined.bidirectional is DEVIATIONS["halves_exchanged"].bidirectional
    assert combined.backpropagation is DEVIATIONS["recurrent_term_missing"].backpropagation is not Backpropagation


@pytest.mark.parametrize("name", ["mask_not_reversed_with_outputs", "second_layer_unmasked", "second_layer_reads_cell"])
def test_a_layer_that_its_place_changes_keeps_its_other_changes(name: str, make_weights: Make) -> None:
    """Layers whose states are not carried are none the less so where one of them is changed for where it stands."""
    config = replace(CONFIG, stateful=True)
    combined = combine([name, "state_not_carried"])
    whole = combined.stacked([combined.build(config, make_weights(3, input_dim)) for input_dim in (2, 3)])
    inputs = inputs_of(2, 5, 2)
    np.testing.assert_array_equal(whole.forward(inputs)[0], whole.forward(inputs)[0])


def test_layers_that_two_deviations_change_have_both_changes(make_weights: Make) -> None:
    """The second one composes what the first one has changed."""
    names = ("second_layer_reads_cell", "second_layer_unmasked")
    weights, inputs = [make_weights(3, input_dim) for input_dim in (2, 3)], inputs_of(2, 5, 2)
    mask = np.array([[True, True, True, False, False], [False, True, True, True, True]])

    def outputs(*named: str) -> Any:
        combined = combine(list(named))
        return combined.stacked([combined.build(CONFIG, each) for each in weights]).forward(inputs, mask=mask)[0]

    both = outputs(*names)
    for name in names:
        assert np.abs(both - outputs(name)).max() > 1e-3
    np.testing.assert_array_equal(both, outputs(*names[::-1]))


def test_layers_that_two_deviations_call_in_their_own_way_are_refused(make_weights: Make) -> None:
    """One call cannot be both."""

    class Called(Stacked):
        """Calls its layers in a way of its own."""

    calling = [replace(DEVIATIONS["second_layer_unmasked"], name=name, stacked=Called) for name in ("first", "second")]
    combined = combine(calling)
    layers = [combined.build(CONFIG, make_weights(3, input_dim)) for input_dim in (2, 3)]
    with pytest.raises(LSTMError, match="first cannot be combined with second: each calls the layers in its own way"):
        combined.stacked(layers)


@pytest.mark.parametrize("name", ["backward_half_unmasked", "backward_half_has_forward_weights"])
def test_a_half_that_is_changed_keeps_its_other_changes(name: str, make_weights: Make) -> None:
    """As with layers one above the other."""
    config = replace(CONFIG, stateful=True)
    combined = combine([name, "state_not_carried"])
    forward, backward = (combined.build(replace(config, go_backwards=backwards), make_weights(3, 2)) for backwards in (False, True))
    whole = combined.bidirectional(forward, backward, "concat")
    inputs = inputs_of(2, 5, 2)
    np.testing.assert_array_equal(whole.forward(inputs)[0], whole.forward(inputs)[0])


@pytest.mark.parametrize(
    ("name", "summary"),
    [("cell_clipped_at_3", "within a limit, here of 3"), ("forget_bias_of_-0.5", "a forget bias of -0.5 is added")],
)
def test_a_name_may_hold_a_value(name: str, summary: str) -> None:
    """So that a system with a value of its own is described by names alone."""
    assert combine([name]).name == name
    assert summary in combine([name]).summary


def test_one_deviation_is_itself_and_none_is_the_reference(make_weights: Make) -> None:
    """Nothing is lost or added at the ends."""
    assert combine(["two_biases"]) is DEVIATIONS["two_biases"]
    weights, inputs = make_weights(3, 2), inputs_of(2, 5, 2)
    nothing = combine([]).build(CONFIG, weights)
    np.testing.assert_array_equal(nothing(inputs)[0], LSTM(CONFIG, weights)(inputs)[0])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["hard_sigmoid", "hard_sigmoid_keras2"], "contradict each other: recurrent_activation is 'hard_sigmoid' and"),
        (["sigmoid_off_by_1e-3", "candidate_off_by_1e-4"], r"contradict each other: factor is 1\.001 and 1\.0001"),
        (["halves_exchanged", "backward_half_not_flipped"], "each replaces bidirectional; leave one of them"),
        (["two_biases", "two_biases"], "two_biases more than once"),
        (["two_bias"], "unknown deviation 'two_bias'; did you mean two_biases"),
        (["cell_clipped_at_three"], "unknown deviation 'cell_clipped_at_three'; did you mean cell_clipped"),
        (["?"], "DEVIATIONS lists the names"),
    ],
    ids=["configuration", "layer", "composition", "twice", "nearly a name", "no value", "no name"],
)
def test_a_contradiction_is_refused(names: list[str], message: str) -> None:
    """With both names, what they disagree on, and what to do."""
    with pytest.raises(LSTMError, match=message):
        combine(names)


@pytest.mark.parametrize("deviations", [3, None, [None], [b"two_biases"], [["two_biases"]], np.array(0, object)])
def test_what_is_neither_a_name_nor_a_deviation_is_refused(deviations: Any) -> None:
    """Alone or in a list."""
    with pytest.raises(LSTMError, match=r"deviations are given by name, or as Deviation; got .*: DEVIATIONS lists them"):
        combine(deviations)


@pytest.mark.parametrize("name", [None, 3, ["two_biases"]])
def test_a_summary_is_that_of_a_name(name: Any) -> None:
    """Nothing else has one."""
    with pytest.raises(LSTMError, match=r"a deviation's name is a string; got"):
        summary_of(name)
