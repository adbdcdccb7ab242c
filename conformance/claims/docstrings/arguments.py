"""Experiments on the arguments with which an LSTM, an LSTMCell or an RNN is constructed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.claims.docstrings.layers import (
    INPUT_DIM,
    INPUTS,
    LIMIT,
    TIMESTEPS,
    UNITS,
    build,
    call_layers,
    loaded_layers,
    make_layers,
    outcome_of,
    same,
    shape_of,
)
from conformance.claims.judging import above, at_most, equal, judge, judge_under, note
from conformance.claims.measure import as_arrays, gap, import_keras, import_tensorflow
from conformance.claims.model import Evidence, Finding
from lstm_ref.arrays import Array

NONE = "None"  # TOML has no null
CONSTANT = 0.5


def _config(layer: Any) -> Mapping[str, Any]:
    """The layer's configuration without its name, which is another one for each layer."""
    cell = getattr(layer, "cell", None)
    own = layer.get_config() | ({} if cell is None or "cell" not in layer.get_config() else {"cell": cell.get_config()})
    return {name: value for name, value in own.items() if name != "name"}


def evidence_of_default(argument: str, stated: Any) -> Iterator[Evidence]:
    """For each class that has the argument, whether a layer that is not given it has the configuration of one that is."""
    layers = import_keras().layers
    makers: Mapping[str, Callable[..., Any]] = {
        "LSTM": lambda **given: layers.LSTM(UNITS, **given),
        "LSTMCell": lambda **given: layers.LSTMCell(UNITS, **given),
        "RNN": lambda **given: layers.RNN(layers.LSTMCell(UNITS, name="cell"), **given),
        "Bidirectional": lambda **given: layers.Bidirectional(layers.LSTM(UNITS, name="layer"), **given),
    }
    value = None if stated == NONE else stated
    for name, make in makers.items():
        if argument in inspect.signature(getattr(layers, name).__init__).parameters:
            with_default, with_stated = _config(make()), _config(make(**{argument: value}))
            label = f"{name}: whether its configuration without {argument} is that with {argument}={value!r}"
            yield equal(label, with_default == with_stated, True)


def output_size() -> Finding:
    """Sizes of the outputs of layers and cells, and the values of `units` that are refused."""
    keras = import_keras()
    sizes = (1, 2, 7)
    step, state = INPUTS[:, 0], [np.zeros((len(INPUTS), units), np.float32) for units in sizes]
    cells = [keras.layers.LSTMCell(units)(step, [zeros, zeros])[0].shape[-1] for units, zeros in zip(sizes, state, strict=True)]
    return judge(
        equal(f"size of the LSTM's output at units = {sizes}", [keras.layers.LSTM(n)(INPUTS).shape[-1] for n in sizes], sizes),
        equal(f"size of the LSTMCell's output at units = {sizes}", cells, sizes),
        *(equal(f"LSTM({units})", outcome_of(keras.layers.LSTM, units), "ValueError") for units in (0, -1)),
        *(equal(f"LSTMCell({units})", outcome_of(keras.layers.LSTMCell, units), "ValueError") for units in (0, -1)),
    )


def activation_is_called(argument: str, for_each_timestep: int) -> Finding:
    """Calls of a recording activation in an unrolled eager layer, and outputs with another activation."""
    calls: list[Any] = []

    def counted(values: Any) -> Any:
        calls.append(values)
        return values

    given: dict[str, Any] = {argument: counted}
    for layer in make_layers(unroll=True, **given).values():
        layer(INPUTS)
    given = {argument: "relu"}
    default, other = call_layers(), call_layers(**given)
    return judge(
        equal(f"calls of {argument} in both layers, at {TIMESTEPS} timesteps", len(calls), 2 * for_each_timestep * TIMESTEPS),
        *(
            above(f"{name}: how far another {argument} moves the outputs", gap(other[name], default[name]), LIMIT)
            for name in default
        ),
    )


def none_is_linear(argument: str) -> Finding:
    """Outputs with None against those with "linear", and with the default."""
    without, linear, default = (call_layers(**given) for given in ({argument: None}, {argument: "linear"}, {}))
    return judge(
        *(
            equal(f"{name}: whether outputs with None are those with linear", same(without[name], linear[name]), True)
            for name in linear
        ),
        *(above(f"{name}: how far None is from the default", gap(without[name], default[name]), LIMIT) for name in linear),
    )


def bias_is_used() -> Finding:
    """Weights with `use_bias` and without, and outputs with a bias of zeros against those without a bias."""
    evidence = []
    for name in make_layers():
        default, given, without = (
            build(make_layers(**arguments)[name]) for arguments in ({}, {"use_bias": True}, {"use_bias": False})
        )
        evidence.append(
            equal(f"{name}: number of weights by default, with a bias, and without", _counts(default, given, without), (3, 3, 2))
        )
        kernel, recurrent_kernel, bias = given.get_weights()
        without.set_weights([kernel, recurrent_kernel])
        given.set_weights([kernel, recurrent_kernel, np.zeros_like(bias)])
        evidence.append(
            at_most(f"{name}: a bias of zeros against none", gap(as_arrays(given(INPUTS)), as_arrays(without(INPUTS))), LIMIT)
        )
        given.set_weights([kernel, recurrent_kernel, np.ones_like(bias)])
        evidence.append(
            above(f"{name}: a bias of ones against none", gap(as_arrays(given(INPUTS)), as_arrays(without(INPUTS))), LIMIT)
        )
    return judge(*evidence)


def _counts(*layers: Any) -> list[int]:
    return [len(layer.weights) for layer in layers]


def _initial_bias(**arguments: Any) -> dict[str, list[Array]]:
    """The blocks i, f, c, o of the initial bias, by the name of the layer."""
    made = make_layers(**arguments)
    return {name: np.split(build(layer).get_weights()[2], 4) for name, layer in made.items()}


def _constant() -> Any:
    return import_keras().initializers.Constant(CONSTANT)


def initializer_of_bias() -> Finding:
    """Blocks of the initial bias that a constant initialiser sets."""
    label = f"blocks i, f, c, o that bias_initializer={CONSTANT} sets"

    def evidence(*, unit_forget_bias: bool) -> list[Evidence]:
        blocks = _initial_bias(bias_initializer=_constant(), unit_forget_bias=unit_forget_bias)
        return [
            equal(f"{name}: {label}", [bool((b == CONSTANT).all()) for b in found], [True] * 4) for name, found in blocks.items()
        ]

    return judge_under("unit_forget_bias=False", when=evidence(unit_forget_bias=False), otherwise=evidence(unit_forget_bias=True))


def one_is_added_to_the_forget_bias() -> Finding:
    """The forget gate's initial bias with the flag minus that without it."""

    def added(initializer: Any) -> list[Evidence]:
        on, off = (_initial_bias(bias_initializer=initializer, unit_forget_bias=flag) for flag in (True, False))
        return [equal(f"{name}: added to block f", set((on[name][1] - off[name][1]).tolist()).pop(), 1.0) for name in on]

    return judge_under("bias_initializer is zeros", when=added("zeros"), otherwise=added(_constant()))


def unit_forget_bias_forces_zeros() -> Finding:
    """The blocks other than the forget gate's, and the configuration, with another bias_initializer."""
    made = make_layers(bias_initializer=_constant(), unit_forget_bias=True)
    kept = {
        name: _config(layer).get("bias_initializer") or layer.cell.get_config()["bias_initializer"] for name, layer in made.items()
    }
    blocks = _initial_bias(bias_initializer=_constant(), unit_forget_bias=True)
    zeros = _initial_bias(bias_initializer="zeros", unit_forget_bias=True)
    return judge(
        *(
            equal(f"{name}: block {gate} with bias_initializer={CONSTANT}", sorted({*blocks[name][k].tolist()}), [0.0])
            for name in blocks
            for k, gate in ((0, "i"), (2, "c"), (3, "o"))
        ),
        *(note(f"{name}: bias_initializer in the configuration", config["class_name"]) for name, config in kept.items()),
        exception="bias_initializer is zeros anyway",
        under_exception=[
            equal(f"{name}: block {gate} with bias_initializer=zeros", sorted({*zeros[name][k].tolist()}), [0.0])
            for name in zeros
            for k, gate in ((0, "i"), (2, "c"), (3, "o"))
        ],
    )


def activity_of_the_output() -> Finding:
    """The number of penalties that a call adds."""

    def evidence(*, return_state: bool) -> list[Evidence]:
        made = make_layers(activity_regularizer="l2", return_state=return_state)
        return [equal(f"{name}: tensors that a call penalises", _penalties(layer), 1) for name, layer in made.items()]

    return judge_under("return_state=False", when=evidence(return_state=False), otherwise=evidence(return_state=True))


def _penalties(layer: Any) -> int:
    layer(INPUTS)
    return len(layer.losses)


def rate_is_between_0_and_1(argument: str) -> Finding:
    """The rates that layers use of those that are given."""
    given, used = (-0.5, 0.0, 0.25, 1.0, 1.5), (0.0, 0.0, 0.25, 1.0, 1.0)
    return judge(
        *(
            equal(f"{name}: rates used of {argument} = {given}", [_rate(name, argument, rate) for rate in given], used)
            for name in make_layers()
        )
    )


def _rate(name: str, argument: str, rate: float) -> float:
    given: dict[str, Any] = {argument: rate}
    return float(getattr(make_layers(**given)[name].cell, argument))


def fraction_of_the_units_is_dropped(argument: str) -> Finding:
    """How many values of a row the masks of dropout hold: one for each unit, or for each input; and the share that is dropped."""
    rate, units, input_dim = 0.25, 400, 200
    given: dict[str, Any] = {argument: rate}
    made = make_layers(units, **given)
    rows, width = 8, {"dropout": input_dim, "recurrent_dropout": units}[argument]
    deviation = 5 * np.sqrt(rate * (1 - rate) / (rows * width))
    evidence = []
    for name, layer in made.items():
        build(layer, np.zeros((rows, 1, input_dim), np.float32))
        get_mask = layer.cell.get_dropout_mask if argument == "dropout" else layer.cell.get_recurrent_dropout_mask
        mask = get_mask(import_keras().ops.ones((rows, width)))
        one = as_arrays(mask[0] if isinstance(mask, list | tuple) else mask)
        label = f"{name}: values in a row of the mask at {units} units and {input_dim} features"
        evidence += [
            equal(label, one.shape[-1], units),
            at_most(f"{name}: distance of the dropped share from {rate}", abs(float(np.mean(one == 0)) - rate), deviation),
        ]
    return judge(*evidence)


def returned_sequence() -> Finding:
    """The last output against the last of the full sequence."""
    last, full = call_layers(return_sequences=False), call_layers(return_sequences=True)
    return judge(
        *(equal(f"{name}: shape of the full sequence", full[name].shape, (*INPUTS.shape[:2], UNITS)) for name in full),
        *(
            at_most(f"{name}: the last output against the sequence's last", gap(last[name], full[name][:, -1]), LIMIT)
            for name in full
        ),
        *(above(f"{name}: against the sequence's first", gap(last[name], full[name][:, 0]), LIMIT) for name in full),
    )


def returned_state() -> Finding:
    """What is returned in addition, and whether it is the state in which the sequence ends."""
    evidence = []
    for name, outputs in call_layers(return_state=True, return_sequences=True).items():
        sequence, hidden, cell = outputs
        first_part = call_layers(INPUTS[:, :-1], return_state=True)[name][1:]
        continued = as_arrays(loaded_layers(return_state=True)[name](INPUTS[:, -1:], initial_state=list(first_part)))
        evidence += [
            equal(f"{name}: number of tensors without and with return_state", (1, len(outputs)), (1, 3)),
            at_most(f"{name}: h against the last output", gap(hidden, sequence[:, -1]), LIMIT),
            at_most(f"{name}: c against that of the last timestep alone, from the state before it", gap(cell, continued[2]), LIMIT),
        ]
    return judge(*evidence)


def backwards() -> Finding:
    """Outputs with `go_backwards` against those for reversed inputs."""
    back = call_layers(return_sequences=True, go_backwards=True)
    forward, reversed_inputs = call_layers(return_sequences=True), call_layers(INPUTS[:, ::-1], return_sequences=True)
    return judge(
        *(
            at_most(f"{name}: against the outputs for reversed inputs", gap(back[name], reversed_inputs[name]), LIMIT)
            for name in back
        ),
        *(
            above(
                f"{name}: against the reversed outputs for the inputs as they are", gap(back[name], forward[name][:, ::-1]), LIMIT
            )
            for name in back
        ),
    )


def unrolled() -> Finding:
    """Loops in the graphs with unroll=True and without."""
    return judge(
        *(
            equal(f"{name}: loops in the graph with unroll={flag}", _loops(loaded_layers(unroll=flag)[name]), 0 if flag else 1)
            for flag in (True, False)
            for name in make_layers()
        )
    )


def _loops(layer: Any) -> int:
    tf = import_tensorflow()
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec(INPUTS.shape)).graph
    return sum(operation.type in ("While", "StatelessWhile") for operation in graph.get_operations())


def stateful_layer_continues() -> Finding:
    """Calls of stateful layers against one long call, row by row."""
    parts = np.split(INPUTS[:, :4], 2, axis=1)
    whole = call_layers(INPUTS[:, :4], return_sequences=True)
    evidence = []
    for name, layer in loaded_layers(return_sequences=True, stateful=True).items():
        calls = [as_arrays(layer(part)) for part in parts]
        evidence += [
            *(
                at_most(
                    f"{name}: sample {i} of the second batch against one long call", gap(calls[1][i], whole[name][i, 2:]), LIMIT
                )
                for i in range(len(INPUTS))
            ),
            equal(f"{name}: a third batch of two samples", shape_of(layer, parts[0][:2]), "ValueError"),
        ]
    for name, layer in loaded_layers(return_sequences=True).items():
        calls = [as_arrays(layer(part)) for part in parts]
        evidence.append(
            above(f"{name} without stateful: the second batch against one long call", gap(calls[1], whole[name][:, 2:]), LIMIT)
        )
    return judge(*evidence)


def zeros_for_masked_outputs() -> Finding:
    """Outputs of masked timesteps of an RNN with the flag and without it."""
    mask = np.arange(INPUT_DIM * 10).reshape(len(INPUTS), TIMESTEPS) % 3 > 0
    masked = {flag: _masked_rnn(mask, zero_output_for_mask=flag, return_sequences=True) for flag in (True, False)}
    return judge(
        equal("masked outputs that are not 0, with the flag", int(np.count_nonzero(masked[True][~mask])), 0),
        above("masked outputs that are not 0, without it", int(np.count_nonzero(masked[False][~mask])), 0),
        at_most("outputs that are not masked, with it against without it", gap(masked[True][mask], masked[False][mask]), LIMIT),
    )


def zeros_need_sequences_and_mask() -> Finding:
    """Whether the flag changes anything without return_sequences, and without a mask."""
    mask = np.arange(TIMESTEPS) < np.array([[2], [3], [4], [5]])

    def changed(given: Any, *, return_sequences: bool) -> bool:
        flags = (_masked_rnn(given, zero_output_for_mask=flag, return_sequences=return_sequences) for flag in (True, False))
        return not same(*flags)

    return judge(
        equal("whether the flag changes a masked sequence", changed(mask, return_sequences=True), True),
        equal("whether it changes a sequence without a mask", changed(None, return_sequences=True), False),
        equal("whether it changes the last output, masked", changed(mask, return_sequences=False), False),
    )


def _masked_rnn(mask: Any, **arguments: Any) -> Array:
    keras = import_keras()
    layer = build(keras.layers.RNN(keras.layers.LSTMCell(UNITS), **arguments))
    layer.set_weights(list(loaded_layers()["LSTM"].get_weights()))
    return np.asarray(as_arrays(layer(INPUTS, mask=mask)))
