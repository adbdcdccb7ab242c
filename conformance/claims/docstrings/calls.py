"""Experiments on the arguments with which an LSTM, an LSTMCell or an RNN is called."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from conformance.claims.docstrings.arguments import NONE
from conformance.claims.docstrings.layers import (
    BATCH,
    INPUT_DIM,
    INPUTS,
    LIMIT,
    TIMESTEPS,
    UNITS,
    WEIGHTS,
    call_layers,
    cell_calls,
    loaded_layers,
    make_layers,
    outcome_of,
    same,
    shape_of,
)
from conformance.claims.judging import above, at_most, equal, judge, judge_under
from conformance.claims.measure import as_arrays, gap, import_keras, random_state
from conformance.claims.model import Evidence, Finding
from lstm_ref.arrays import Array

MASK = np.arange(TIMESTEPS) < np.array([[2], [3], [4], [5]])


def evidence_of_default(argument: str, stated: Any) -> Evidence:
    """The default of an argument of a call of the LSTM."""
    default = inspect.signature(import_keras().layers.LSTM.call).parameters[argument].default
    return equal(f"default of {argument} in LSTM.call", str(default), str(None if stated == NONE else stated))


def inputs_of_three_dimensions(name: str, of: str) -> Finding:
    """Shapes of inputs that are accepted, by position and by this name."""
    layer = make_layers()[of]
    flat, deep = INPUTS[:, 0], INPUTS[:, :, None]
    accepted = equal("shape of the outputs for (batch, timesteps, features)", shape_of(lambda: layer(INPUTS)), (BATCH, UNITS))
    refused = [
        equal(
            f"shape of the outputs for {inputs.ndim} dimensions",
            shape_of(layer, inputs) == (BATCH, UNITS),
            False,
        )
        for inputs in (flat, deep)
    ]
    by_name = equal(f"shape of the outputs for {name}=…", shape_of(lambda: layer(**{name: INPUTS})), (BATCH, UNITS))
    return judge_under("the inputs are passed by position", when=[accepted, *refused], otherwise=[by_name])


def mask_is_binary() -> Finding:
    """Shapes and dtypes of masks that are used as a mask of booleans is."""
    expected, unmasked = call_layers(call={"mask": MASK}), call_layers()
    evidence = [
        above(f"{name}: how far the mask moves the outputs", gap(expected[name], unmasked[name]), LIMIT) for name in expected
    ]
    for dtype in ("int32", "float32"):
        outcomes = {name: _masked_gap(layer, expected[name], MASK.astype(dtype)) for name, layer in loaded_layers().items()}
        evidence += [
            equal(f"{name}: a mask of {dtype} against one of booleans", outcome, "equal") for name, outcome in outcomes.items()
        ]
    for mask in (MASK[:, :-1], MASK[:-1]):
        evidence += [
            equal(
                f"{name}: whether a mask of shape {mask.shape} is accepted",
                outcome_of(layer, INPUTS, mask=mask) == "accepted",
                False,
            )
            for name, layer in loaded_layers().items()
        ]
    return judge(*evidence)


def _masked_gap(layer: Any, expected: Array, mask: Array) -> str:
    """What a mask gives: equal outputs within rounding, different ones, or the name of an exception."""
    try:
        return "equal" if gap(as_arrays(layer(INPUTS, mask=mask)), expected) <= LIMIT else "different"
    except Exception as error:  # noqa: BLE001  # the outcome is the measurement
        return type(error).__name__


def true_says_used() -> Finding:
    """Whether a True in the mask says that a timestep is used, a False that it is ignored."""
    return judge(
        *(equal(f"{name}: the timesteps marked True are", meaning, "used") for name, meaning in _meaning_of_true().items())
    )


def _meaning_of_true() -> dict[str, str]:
    """What the outputs say of each row: those of its True timesteps alone, or those of its False timesteps alone."""
    mask = np.array([True, False, True, True, False])
    masked = call_layers(call={"mask": np.tile(mask, (BATCH, 1))})
    kept, dropped = call_layers(INPUTS[:, mask]), call_layers(INPUTS[:, ~mask])
    return {
        name: "used"
        if gap(masked[name], kept[name]) <= LIMIT
        else "masked"
        if gap(masked[name], dropped[name]) <= LIMIT
        else "neither"
        for name in masked
    }


def training_reaches_the_cell() -> Finding:
    """The value of `training` in the calls of the cell."""
    evidence = []
    for given in (True, False):
        for name, layer in loaded_layers().items():
            calls = cell_calls(layer)
            layer(INPUTS, training=given)
            received = sorted({str(named.get("training")) for _, named in calls})
            evidence.append(equal(f"{name}: training in the cell's calls, of training={given}", received, [str(given)]))
    return judge(*evidence)


def training_matters_with_dropout_only() -> Finding:
    """Whether outputs in training differ from those at inference, with each dropout and without."""
    rates: dict[str, dict[str, float]] = {
        "no dropout": {},
        "dropout": {"dropout": 0.5},
        "recurrent_dropout": {"recurrent_dropout": 0.5},
    }
    return judge(
        *(
            equal(
                f"{name}: whether training changes the outputs, with {label}",
                not same(as_arrays(layer(INPUTS, training=True)), as_arrays(layer(INPUTS, training=False))),
                bool(arguments),
            )
            for label, arguments in rates.items()
            for name, layer in loaded_layers(**arguments).items()
        )
    )


def _first_states(name: str, initial_state: Any, *, calls: int = 1, **arguments: Any) -> list[Array]:
    """The states that the cell's first call gets, in the last of some calls of the layer."""
    layer = loaded_layers(**arguments)[name]
    received = cell_calls(layer)
    for _ in range(calls):
        received.clear()
        layer(INPUTS, initial_state=initial_state)
    positional, named = received[0]
    return [as_arrays(state) for state in (positional[1] if len(positional) > 1 else named["states"])]


def initial_state_reaches_the_cell() -> Finding:
    """The states that the cell's first call gets."""
    given = random_state(BATCH, UNITS)
    return judge(
        *(
            equal(
                f"{name}: whether the cell's first call gets the states given",
                same(_first_states(name, given, unroll=True), given),
                True,
            )
            for name in make_layers()
        )
    )


def no_initial_state_is_zeros() -> Finding:
    """The states that the cell's first call gets where none are given, and where some are."""
    given, zeros = random_state(BATCH, UNITS), np.zeros((2, BATCH, UNITS), np.float32)

    def evidence(**arguments: Any) -> list[Evidence]:
        return [
            equal(
                f"{name}: whether the cell's first call gets zeros for None",
                same(_first_states(name, None, unroll=True, **arguments), zeros),
                True,
            )
            for name in make_layers()
        ]

    passed = [
        equal(f"{name}: whether it gets the states given", same(_first_states(name, given, unroll=True), given), True)
        for name in make_layers()
    ]
    return judge_under(
        "the layer is not stateful, or has not been called", when=[*passed, *evidence()], otherwise=evidence(stateful=True, calls=2)
    )


def cell_processes_one_step() -> Finding:
    """The cell, called step by step, against one call of the LSTM; and the name by which the docstring calls the LSTM."""
    keras = import_keras()
    cell = keras.layers.LSTMCell(UNITS)
    cell.build((BATCH, INPUT_DIM))
    cell.set_weights(list(WEIGHTS.arrays.values()))
    states: Any = [np.zeros((BATCH, UNITS), np.float32)] * 2
    outputs = []
    for step in range(TIMESTEPS):
        output, states = cell(INPUTS[:, step], states)
        outputs.append(as_arrays(output))
    whole = call_layers(return_sequences=True)["LSTM"]
    return judge_under(
        "it is called keras.layers.LSTM",
        when=[
            at_most(
                "outputs of the cell, step by step, against those of keras.layers.LSTM",
                gap(np.stack(outputs, axis=1), whole),
                LIMIT,
            )
        ],
        otherwise=[equal("whether keras.layer.LSTM exists", hasattr(getattr(keras, "layer", None), "LSTM"), True)],
    )


def cell_inputs() -> Finding:
    """Shapes of inputs of a cell, by position and by name."""
    cell = import_keras().layers.LSTMCell(UNITS)
    states = random_state(BATCH, UNITS)
    return judge(
        equal("shape of the output for (batch, features)", shape_of(lambda: cell(INPUTS[:, 0], states)[0]), (BATCH, UNITS)),
        equal("shape of the output for inputs=…", shape_of(lambda: cell(inputs=INPUTS[:, 0], states=states)[0]), (BATCH, UNITS)),
        equal("shape of the output for 3 dimensions", shape_of(lambda: cell(INPUTS, states)[0]) == (BATCH, UNITS), False),
    )


def cell_states() -> Finding:
    """A single tensor as states of a cell, and the list of two that its RNN passes."""
    cell = import_keras().layers.LSTMCell(UNITS)
    hidden, carry = random_state(BATCH, UNITS)
    expected = (BATCH, UNITS)
    step = INPUTS[:, 0]
    cell(step, [hidden, carry])
    return judge(
        equal("shape of the new states for one tensor (batch, units)", shape_of(lambda: cell(step, hidden)[1]), expected),
        equal("shape of the output for a list of two such tensors", shape_of(lambda: cell(step, [hidden, carry])[0]), expected),
        above(
            "how far the second of the two moves the output",
            gap(*(as_arrays(cell(step, [hidden, each])[0]) for each in (carry, -carry))),
            LIMIT,
        ),
    )


def embedding_introduces_masks() -> Finding:
    """An Embedding with mask_zero before an RNN against the RNN with the mask of tokens that are not 0."""
    layers = import_keras().layers
    tokens = np.where(MASK, np.arange(1, TIMESTEPS + 1), 0)
    evidence = []
    for name, layer in make_layers().items():
        embedding = layers.Embedding(TIMESTEPS + 1, INPUT_DIM, mask_zero=True)
        embedded = as_arrays(embedding(tokens))
        masked, unmasked = as_arrays(layer(embedded, mask=MASK)), as_arrays(layer(embedded))
        evidence += [
            at_most(
                f"{name} after an Embedding against one with the mask", gap(as_arrays(layer(embedding(tokens))), masked), LIMIT
            ),
            above(f"{name}: against one without a mask", gap(masked, unmasked), LIMIT),
        ]
    return judge(*evidence)


def state_is_given_symbolically() -> Finding:
    """A functional model whose initial states are inputs of its own, against the states themselves."""
    keras = import_keras()
    given = random_state(BATCH, UNITS)
    evidence = []
    for name, layer in loaded_layers().items():
        inputs, *states = (keras.Input(each.shape[1:]) for each in (INPUTS, *given))
        model = keras.Model([inputs, *states], layer(inputs, initial_state=states))
        with_states, without = as_arrays(layer(INPUTS, initial_state=given)), as_arrays(layer(INPUTS))
        evidence += [
            at_most(
                f"{name}: symbolic states against the same in numbers", gap(as_arrays(model([INPUTS, *given])), with_states), LIMIT
            ),
            above(f"{name}: how far the states move the outputs", gap(with_states, without), LIMIT),
        ]
    return judge(*evidence)
