"""Experiments on StackedRNNCells, TimeDistributed and Masking."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from conformance.claims.docstrings.calls import MASK
from conformance.claims.docstrings.layers import (
    BATCH,
    INPUT_DIM,
    INPUTS,
    LIMIT,
    TIMESTEPS,
    UNITS,
    call_layers,
    loaded_layers,
    outcome_of,
    same,
    shape_of,
)
from conformance.claims.judging import above, at_most, equal, judge, note
from conformance.claims.measure import as_arrays, gap, import_keras
from conformance.claims.model import Evidence, Finding
from lstm_ref.arrays import Array


def stack_behaves_as_a_cell() -> Finding:
    """A stack called as a cell, step by step, an RNN of it, and one of the list of cells, against two RNNs after each other."""
    layers = import_keras().layers
    cells = [layers.LSTMCell(UNITS, name="first"), layers.LSTMCell(4, name="second")]
    stack = layers.StackedRNNCells(cells)
    whole = as_arrays(layers.RNN(stack, return_sequences=True)(INPUTS))
    listed = as_arrays(layers.RNN(cells, return_sequences=True)(INPUTS))
    apart = as_arrays(layers.RNN(cells[1], return_sequences=True)(layers.RNN(cells[0], return_sequences=True)(INPUTS)))
    states, outputs = stack.get_initial_state(BATCH), []
    for step in range(TIMESTEPS):
        output, states = stack(INPUTS[:, step], states)
        outputs.append(as_arrays(output))
    return judge(
        equal("state_size and output_size of the stack", (stack.state_size, stack.output_size), ([[UNITS] * 2, [4] * 2], 4)),
        at_most("an RNN of the stack against two RNNs", gap(whole, apart), LIMIT),
        at_most("an RNN of the list of cells against two RNNs", gap(listed, apart), LIMIT),
        at_most("the stack, step by step, against two RNNs", gap(np.stack(outputs, axis=1), apart), LIMIT),
    )


def stack_takes_cells() -> Finding:
    """A list of cells, and what is none."""
    layers = import_keras().layers
    return judge(
        equal("a list of cells", outcome_of(lambda: layers.StackedRNNCells([layers.LSTMCell(1), layers.GRUCell(2)])), "accepted"),
        equal("a list of a layer and a number", outcome_of(lambda: layers.StackedRNNCells([layers.LSTMCell(1), 3])), "ValueError"),
        equal(
            "whether a single cell is accepted", outcome_of(lambda: layers.StackedRNNCells(layers.LSTMCell(1))) == "accepted", False
        ),
    )


def layer_is_applied_to_slices() -> Finding:
    """Outputs of TimeDistributed against those of the layer for each slice, and whether a slice moves the outputs of others."""
    layers = import_keras().layers
    blocks = np.stack([INPUTS, -INPUTS, INPUTS[:, ::-1]], axis=1)
    changed = blocks.copy()
    changed[:, 1] += 1
    evidence = []
    for name, layer in {"LSTM": loaded_layers()["LSTM"], "Dense": layers.Dense(UNITS)}.items():
        distributed = layers.TimeDistributed(layer)
        outputs, others = as_arrays(distributed(blocks)), as_arrays(distributed(changed))
        evidence += [
            *(
                at_most(f"{name}: slice {k} against the layer alone", gap(outputs[:, k], as_arrays(layer(blocks[:, k]))), LIMIT)
                for k in range(blocks.shape[1])
            ),
            equal(
                f"{name}: slices that change with slice 1",
                [not same(outputs[:, k], others[:, k]) for k in range(3)],
                [False, True, False],
            ),
        ]
    return judge(*evidence)


def _distributed(layer: Any) -> Any:
    return import_keras().layers.TimeDistributed(layer)


def inputs_of_time_distributed() -> Finding:
    """Numbers of dimensions that are accepted, and the axis whose size the outputs keep."""
    dense = import_keras().layers.Dense
    return judge(
        equal("shape of the outputs for 3 dimensions", shape_of(lambda: _distributed(dense(7))(INPUTS)), (BATCH, TIMESTEPS, 7)),
        equal("shape of the outputs for 4", shape_of(lambda: _distributed(dense(7))(INPUTS[:, :, None])), (BATCH, TIMESTEPS, 1, 7)),
        equal("inputs of 2 dimensions", outcome_of(lambda: _distributed(dense(7))(INPUTS[:, 0])), "ValueError"),
    )


def slices_share_weights() -> Finding:
    """Weights of TimeDistributed at several numbers of timesteps, against those of its layer."""
    evidence = []
    for timesteps in (1, TIMESTEPS):
        layer = import_keras().layers.Dense(UNITS)
        distributed = _distributed(layer)
        distributed(INPUTS[:, :timesteps])
        evidence.append(
            equal(
                f"whether its weights are the layer's, at {timesteps} timesteps",
                [*map(id, distributed.weights)] == [*map(id, layer.weights)],
                True,
            )
        )
    repeated = np.repeat(INPUTS[:, :1], 3, axis=1)
    outputs = as_arrays(distributed(repeated))
    return judge(*evidence, at_most("outputs of equal slices", max(gap(outputs[:, k], outputs[:, 0]) for k in (1, 2)), LIMIT))


def layer_of_time_distributed() -> Finding:
    """A layer, and what is none."""
    return judge(
        equal("a layer", outcome_of(lambda: _distributed(loaded_layers()["LSTM"])), "accepted"),
        equal("a function", outcome_of(lambda: _distributed(abs)), "ValueError"),
    )


def nested_inputs_of_time_distributed() -> Finding:
    """One tensor, and a nested structure of tensors, which the layer takes."""
    layers = import_keras().layers
    return judge(
        equal("shape of the outputs of one tensor", shape_of(lambda: _distributed(layers.Dense(7))(INPUTS)), (BATCH, TIMESTEPS, 7)),
        equal(
            "shape of the outputs of a list of two, around Add",
            shape_of(lambda: _distributed(layers.Add())([INPUTS, INPUTS])),
            INPUTS.shape,
        ),
    )


def _recording_layer(received: list[Any], argument: str | None) -> Any:
    """A layer whose call takes that argument, or none, and adds what it gets to a list."""

    class Training(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        def call(self, inputs: Any, training: Any = None) -> Any:
            received.append(training)
            return inputs

    class Mask(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        def call(self, inputs: Any, mask: Any = None) -> Any:
            received.append(mask)
            return inputs

    class Neither(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        def call(self, inputs: Any) -> Any:
            return inputs

    made: dict[str | None, type] = {"training": Training, "mask": Mask, None: Neither}
    return made[argument]()


def time_distributed_passes(argument: str) -> Finding:
    """What the wrapped layer gets, and a layer that does not take it."""
    value: Any = True if argument == "training" else MASK
    received: list[Any] = []
    _distributed(_recording_layer(received, argument))(INPUTS, **{argument: value})
    expected = [True] * TIMESTEPS if argument == "training" else list(MASK.T)
    got = [each if argument == "training" else as_arrays(each) for each in received if each is not None]
    return judge(
        equal(f"what the wrapped layer gets as {argument}", got, expected),
        equal(
            "a wrapped layer that does not take it",
            outcome_of(lambda: _distributed(_recording_layer([], None))(INPUTS, **{argument: value})),
            "accepted",
        ),
    )


def mask_of_time_distributed() -> Finding:
    """Masks of several shapes, around an LSTM for which a mask per row says whether its block is masked."""

    def outcome(mask: Array) -> str:
        return outcome_of(lambda: _distributed(import_keras().layers.Dense(UNITS))(INPUTS, mask=mask))

    return judge(
        equal("a mask of shape (samples, timesteps)", outcome(MASK), "accepted"),
        equal("a mask of fewer timesteps", outcome(MASK[:, 1:]), "ValueError"),
        equal("a mask of fewer samples", outcome(MASK[1:]), "ValueError"),
        equal("a mask of one dimension", outcome(MASK[:, 0]), "ValueError"),
    )


def _masked_inputs(mask: Array = MASK, value: float = 0.0) -> Array:
    return np.where(mask[:, :, None], INPUTS, np.float32(value))


def masking_skips_timesteps() -> Finding:
    """Layers after Masking against layers with the mask, and without."""
    evidence = []
    for value in (0.0, 9.0):
        inputs = _masked_inputs(value=value)
        masked = import_keras().layers.Masking(mask_value=value)(inputs)
        expected, unmasked = call_layers(inputs, call={"mask": MASK}), call_layers(inputs)
        for name, layer in loaded_layers().items():
            evidence += [
                at_most(
                    f"{name} after Masking({value}) against one with the mask", gap(as_arrays(layer(masked)), expected[name]), LIMIT
                ),
                above(f"{name}: against one without a mask", gap(expected[name], unmasked[name]), LIMIT),
            ]
    return judge(*evidence)


def masking_needs_all_values() -> Finding:
    """The mask of timesteps of which all, some or no values are the mask value; and a layer two layers below."""
    layers = import_keras().layers
    inputs = np.array([[[0, 0], [0, 1], [1, 0], [1, 2]]], np.float32)
    mask = as_arrays(layers.Masking().compute_mask(inputs))
    masked = layers.Masking()(_masked_inputs())
    lstm = loaded_layers()["LSTM"]
    expected = as_arrays(lstm(_masked_inputs(), mask=MASK))
    return judge(
        equal("masked: all values 0, one, the other, none", (~mask[0]).tolist(), [True, False, False, False]),
        at_most(
            "an LSTM after Masking and a layer between them, against one with the mask",
            gap(as_arrays(lstm(layers.Activation("linear")(masked))), expected),
            LIMIT,
        ),
    )


def masking_before_a_layer_without_masks() -> Finding:
    """Layers that do not support masks, after Masking: whether they raise an exception, and whether they warn."""
    layers = import_keras().layers
    unsupporting = {"Conv1D": layers.Conv1D(2, 2), "Flatten": layers.Flatten(), "Reshape": layers.Reshape((INPUT_DIM, TIMESTEPS))}
    evidence: list[Evidence] = []
    for name, layer in unsupporting.items():
        masked = layers.Masking()(_masked_inputs())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            outcome = outcome_of(layer, masked)
        evidence += [
            equal(f"{name}: whether it supports masks", bool(layer.supports_masking), False),
            equal(f"{name}: whether it raises an exception", outcome != "accepted", True),
            note(f"{name}: warnings about masks", sum("mask" in str(each.message) for each in caught)),
        ]
    return judge(*evidence)


def masked_example_is_skipped() -> Finding:
    """An LSTM after Masking, with timesteps 3 and 5 set to 0, against the LSTM without these timesteps."""
    inputs = np.repeat(INPUTS, 2, axis=1)[:, :7] + 1
    inputs[:, 3, :] = 0.0
    inputs[:, 5, :] = 0.0
    kept = np.delete(inputs, (3, 5), axis=1)
    lstm = loaded_layers()["LSTM"]
    masked = as_arrays(lstm(import_keras().layers.Masking(mask_value=0.0)(inputs)))
    return judge(
        at_most("against the LSTM without these timesteps", gap(masked, as_arrays(lstm(kept))), LIMIT),
        above("against the LSTM without Masking", gap(masked, as_arrays(lstm(inputs))), LIMIT),
    )


def masks_of_masking() -> Finding:
    """The mask of Masking, and what an LSTM makes of True and False."""
    mask = as_arrays(import_keras().layers.Masking().compute_mask(_masked_inputs()))
    unmasked = call_layers()["LSTM"]
    ones = as_arrays(loaded_layers()["LSTM"](INPUTS, mask=np.ones_like(MASK)))
    return judge(
        equal("the mask: where an input is not the mask value", same(mask, MASK), True),
        at_most("an LSTM with a mask of True against one without a mask", gap(ones, unmasked), LIMIT),
        above("an LSTM with this mask", gap(as_arrays(loaded_layers()["LSTM"](INPUTS, mask=MASK)), unmasked), LIMIT),
    )
