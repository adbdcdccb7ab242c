"""Each experiment on a docstring can fail: with a deliberately wrong class in the place of Keras' own, its verdict changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from conformance.claims import run_claims
from conformance.claims.docstrings import DOCSTRING_CLAIMS
from conformance.claims.docstrings.examples import example_runs
from conformance.claims.docstrings.settling import EXPERIMENTS
from conformance.claims.measure import import_keras
from conformance.tests.support import docstring_doubles as wrong

pytestmark = [
    pytest.mark.xdist_group("docstrings"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras on TensorFlow's variables
]

LSTM, RNN, TD, BI = "LSTM", "RNN", "TimeDistributed", "Bidirectional"
TANH = {"activation": "tanh"}

# Name of an experiment → the classes that are replaced, and what replaces them; ids of claims that it settles come from the list.
DOUBLES: Mapping[str, Mapping[str, wrong.Derive]] = {
    "output_size": {LSTM: wrong.one_unit_more},
    "activation_is_called": {LSTM: wrong.overruling(activation="tanh", recurrent_activation="sigmoid")},
    "none_is_linear": {LSTM: wrong.overruling(activation="tanh", recurrent_activation="sigmoid")},
    "bias_is_used": {LSTM: wrong.overruling(use_bias=True)},
    "initializer_of_bias": {LSTM: wrong.overruling(bias_initializer="zeros")},
    "one_is_added_to_the_forget_bias": {LSTM: wrong.overruling(unit_forget_bias=False)},
    "unit_forget_bias_forces_zeros": dict.fromkeys((LSTM, "LSTMCell"), wrong.overruling(bias_initializer="zeros")),
    "activity_of_the_output": {LSTM: wrong.overruling(activity_regularizer=None)},
    "rate_is_between_0_and_1": {LSTM: wrong.overruling(dropout=0.75, recurrent_dropout=0.75)},
    "returned_sequence": {LSTM: wrong.overruling(return_sequences=False)},
    "returned_state": {LSTM: wrong.overruling(return_state=False)},
    "backwards": {LSTM: wrong.overruling(go_backwards=False)},
    "unrolled": {LSTM: wrong.overruling(unroll=True)},
    "stateful_layer_continues": {LSTM: wrong.overruling(stateful=False)},
    "zeros_for_masked_outputs": {RNN: wrong.overruling(zero_output_for_mask=False)},
    "zeros_need_sequences_and_mask": {RNN: wrong.calling(lambda layer, call, _: _zeroing_only_sequences(layer, call))},
    "kernel_is_chosen": {LSTM: wrong.overruling(use_cudnn=False)},
    "kernel_needs": {
        LSTM: wrong.overruling(
            activation="tanh", recurrent_activation="sigmoid", recurrent_dropout=0.0, unroll=False, use_bias=True, use_cudnn="auto"
        )
    },
    "kernel_needs_right_padding": {LSTM: wrong.calling(wrong.without("mask"))},
    "kernel_needs_eager_execution": {LSTM: wrong.calling(wrong.eager_only)},
    "use_cudnn": {LSTM: wrong.overruling(use_cudnn="auto")},
    "inputs_of_three_dimensions": {LSTM: wrong.with_inputs_by_name, RNN: wrong.with_inputs_by_name},
    "mask_is_binary": {LSTM: wrong.calling(wrong.without("mask"))},
    "true_says_used": {LSTM: wrong.calling(wrong.inverted_mask)},
    "training_reaches_the_cell": {LSTM: wrong.calling(wrong.without("training"))},
    "training_matters_with_dropout_only": {LSTM: wrong.calling(wrong.without("training"))},
    "initial_state_reaches_the_cell": {RNN: wrong.calling(wrong.without("initial_state"))},
    "no_initial_state_is_zeros": dict.fromkeys((LSTM, RNN), wrong.overruling(stateful=False)),
    "cell_processes_one_step": {LSTM: wrong.calling(wrong.shifted)},
    "cell_inputs": {"LSTMCell": wrong.one_unit_more},
    "cell_states": {"LSTMCell": wrong.single_state},
    "embedding_introduces_masks": {"Embedding": wrong.overruling(mask_zero=False)},
    "state_is_given_symbolically": {RNN: wrong.calling(wrong.without("initial_state"))},
    "cell_or_list_of_cells": {RNN: wrong.always_rnn_of_the_first},
    "cell_has_call": {RNN: wrong.calling(wrong.shifted)},
    "cell_takes_constants": {RNN: wrong.taking_constants},
    "cell_has_state_size": {RNN: wrong.taking_cells_without_state_size},
    "state_size_is_an_integer": {RNN: wrong.calling(wrong.narrow_states)},
    "state_size_is_several_integers": {RNN: wrong.calling(wrong.narrow_states)},
    "cell_has_output_size": {RNN: wrong.ignoring_output_size},
    "cell_makes_initial_state": {RNN: wrong.with_member("get_initial_state", wrong.initial_ones)},
    "initial_state_has_shape": {RNN: wrong.with_member("get_initial_state", wrong.initial_ones)},
    "get_initial_state_takes_inputs": {
        RNN: wrong.passing_inputs,
        "LSTMCell": wrong.with_member("get_initial_state", wrong.initial_state_of_inputs),
    },
    "initial_state_defaults_to_zeros": {RNN: wrong.with_member("get_initial_state", wrong.initial_ones)},
    "state_is_returned_as_a_list": {RNN: wrong.calling(wrong.as_list)},
    "output_is_returned_first": {RNN: wrong.calling(wrong.reversed_results)},
    "states_are_returned_last": {RNN: wrong.calling(wrong.narrow_states)},
    "sequences_are_returned": {RNN: wrong.overruling(return_sequences=False)},
    "initial_state_is_a_tensor_or_a_list": {RNN: wrong.calling(wrong.without("initial_state"))},
    "layers_of_a_bidirectional": {BI: wrong.accepting_anything},
    "criteria_of_a_layer": {BI: wrong.without_criteria},
    "bidirectional_needs": {BI: wrong.accepting_anything},
    "bidirectional_zeroes_masked_outputs": {BI: wrong.calling(wrong.without("mask"))},
    "merge_modes": {BI: wrong.accepting_anything},
    "outputs_that_are_not_merged": {BI: wrong.calling(wrong.as_list)},
    "backward_layer_is_used": {BI: wrong.accepting_anything},
    "backward_layer_is_generated": {BI: wrong.generating_forward},
    "backward_layer_matches": {BI: wrong.accepting_anything},
    "backward_layer_has_the_other_direction": {BI: wrong.accepting_anything},
    "backward_layer_is_refused": {BI: wrong.accepting_anything},
    "bidirectional_call_arguments": {BI: wrong.accepting_anything},
    "bidirectional_has_new_weights": {BI: wrong.keeping_layers},
    "stack_behaves_as_a_cell": {"StackedRNNCells": wrong.with_member("call", wrong.reading_the_last_cell)},
    "stack_takes_cells": {"StackedRNNCells": wrong.accepting_anything},
    "layer_is_applied_to_slices": {TD: wrong.of_time_distributed(lambda _, call, inputs, *__: call(inputs)[:, ::-1])},
    "inputs_of_time_distributed": {TD: wrong.accepting_anything},
    "slices_share_weights": {TD: wrong.with_a_weight_of_its_own},
    "layer_of_time_distributed": {TD: wrong.accepting_anything},
    "nested_inputs_of_time_distributed": {TD: wrong.of_nested},
    "time_distributed_passes": {TD: wrong.of_time_distributed(lambda _, call, inputs, *__: call(inputs))},
    "mask_of_time_distributed": {TD: wrong.of_time_distributed(lambda _, call, inputs, *__: call(inputs))},
    "masking_skips_timesteps": {"Masking": wrong.masking_nothing},
    "masking_needs_all_values": {"Masking": wrong.masking_nothing},
    "masking_before_a_layer_without_masks": dict.fromkeys(("Conv1D", "Flatten", "Reshape"), wrong.refusing_masks),
    "masked_example_is_skipped": {"Masking": wrong.masking_nothing},
    "masks_of_masking": {"Masking": wrong.masking_nothing},
}

# Claims whose experiment needs another class for one of its parameters, or that defaults settle.
OF_CLAIM: Mapping[str, Mapping[str, wrong.Derive]] = {
    "dropout-fraction": {LSTM: wrong.with_cell_dropping_units, "LSTMCell": wrong.dropping_units},
    "recurrent-dropout-fraction": {LSTM: wrong.overruling(recurrent_dropout=0.75)},
    "lstm-training-default": {LSTM: wrong.training_by_default_none},
    "activation-default": {LSTM: wrong.defaulting(activation="relu")},
    "merge-mode-default": {BI: wrong.defaulting(merge_mode="sum")},
    "seed-argument": {LSTM: wrong.overruling(seed=1)},
}


def _zeroing_only_sequences(layer: Any, call: Any) -> Any:
    """The flag is used only where sequences are returned."""
    layer.zero_output_for_mask = layer.zero_output_for_mask and layer.return_sequences
    return call()


@contextmanager
def _replaced(doubles: Mapping[str, wrong.Derive], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    layers = import_keras().layers
    with monkeypatch.context() as patch:
        for name, derive in doubles.items():
            patch.setattr(layers, name, derive(getattr(layers, name)))
        yield


CASES = [
    (claim.id, DOUBLES[claim.settlement.experiment])
    for claim in {(each.settlement.experiment, str(each.settlement.parameters)): each for each in DOCSTRING_CLAIMS}.values()
    if claim.settlement.experiment in DOUBLES
] + list(OF_CLAIM.items())


@pytest.mark.parametrize(("identifier", "doubles"), CASES, ids=[identifier for identifier, _ in CASES])
def test_a_wrong_class_changes_the_verdict(
    identifier: str, doubles: Mapping[str, wrong.Derive], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a class with that fault, or without the one that the docstring has, the sentence settles otherwise."""
    with _replaced(doubles, monkeypatch):
        (result,) = run_claims([claim for claim in DOCSTRING_CLAIMS if claim.id == identifier])
    assert not result.as_expected


def test_every_experiment_has_a_wrong_class() -> None:
    """One that no wrong class fails is no experiment; examples are tested with code of their own."""
    named = {claim.settlement.experiment for claim in DOCSTRING_CLAIMS if claim.id in OF_CLAIM}
    assert set(DOUBLES) | named - {""} | {example_runs.__name__} == set(EXPERIMENTS)
