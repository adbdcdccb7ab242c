"""Claims about the number of parameters and the gates that use them."""

from __future__ import annotations

import re

import numpy as np

from conformance.claims.judging import equal, judge, judge_under, note
from conformance.claims.measure import (
    Recorder,
    build_lstm,
    default_lstm,
    gradient_of_sum,
    import_keras,
    import_tensorflow,
    random_inputs,
    random_state,
    random_weights,
)
from conformance.claims.model import ClaimVerdict, Evidence, Finding, claim
from conformance.claims.sizes import INPUT_DIMS, UNITS
from conformance.claims.systems import KERAS_1, KERAS_2, TF_KERAS, recorded_adapter


@claim(
    documents=("D3",),
    statement="One unit on one feature has 12 parameters: 3 each for forget gate, input gate, candidate and output gate.",
)
def twelve_parameters() -> Finding:
    """LSTM(1) on one feature: its count, and how many parameters move each gate's pre-activation."""
    return judge(
        equal("parameters at (units, input_dim) = (1, 1)", _count(1, 1), 12),
        equal("parameters that each gate reads", _parameters_by_gate(1, 1), {"f": 3, "i": 3, "candidate": 3, "o": 3}),
    )


@claim(documents=("D3",), statement="A second feature adds 4 parameters: its weight in each of the four gates.")
def second_feature_adds_four() -> Finding:
    """LSTM(1) on two features and on one: the parameters added to each gate, and the weights of the second feature that act."""
    one_feature, two_features = _parameters_by_gate(1, 1), _parameters_by_gate(1, 2)
    added = {gate: two_features[gate] - one_feature[gate] for gate in two_features}
    layer = build_lstm(random_weights(1, 2), (1, 1, 2))
    kernel_rows = np.count_nonzero(gradient_of_sum(layer, layer.cell.kernel, random_inputs(1, 1, 2), random_state(1, 1)), axis=1)
    return judge(
        equal("parameters at (1, 2) less those at (1, 1)", _count(1, 2) - _count(1, 1), 4),
        equal("added to each gate", added, dict.fromkeys(added, 1)),
        equal("weights of the second feature that act on the output", kernel_rows[1], 4),
    )


@claim(
    documents=("D3",),
    statement="Two units have twice the parameters of one, 24, since neither unit reads the other.",
    expected=ClaimVerdict.FAILS,
)
def two_units_double() -> Finding:
    """LSTM(2) on one feature: its count, and the recurrent weights that lead from one unit to the other."""
    layer = build_lstm(random_weights(2, 1), (1, 1, 1))
    gradient = gradient_of_sum(layer, layer.cell.recurrent_kernel, random_inputs(1, 1, 1), random_state(1, 2))
    between_units = gradient.reshape(2, 4, 2)[[0, 1], :, [1, 0]]
    return judge(
        equal("parameters at (units, input_dim) = (2, 1)", _count(2, 1), 2 * _count(1, 1)),
        equal("recurrent weights from one unit to the other, in all four gates, that act", np.count_nonzero(between_units), 0),
    )


@claim(documents=("D3",), statement="The number of parameters is 4 × ((x + h) × h + h).", expected=ClaimVerdict.HOLDS_ONLY_WHEN)
def count_formula() -> Finding:
    """4((x + h)h + h) at the documents' 36 sizes, with and without bias."""
    sizes = [(units, input_dim) for units in UNITS for input_dim in INPUT_DIMS]
    with_bias = {size: _count(*size) for size in sizes}
    without = {size: _count(*size, use_bias=False) for size in sizes}
    stated = [(1, 1), (1, 2), (2, 1), (2, 2), (10, 5)]
    misses = [size for size in sizes if with_bias[size] != _formula(*size)]
    return judge_under(
        "use_bias is True; without bias the count is 4(x + h)h",
        when=[
            equal(f"parameters at (units, input_dim) = {stated}", [with_bias[size] for size in stated], [12, 16, 32, 40, 640]),
            equal(f"with bias: sizes of {len(sizes)} that miss 4((x + h)h + h)", len(misses), 0),
        ],
        otherwise=[
            equal(
                "without bias: sizes that miss 4((x + h)h + h)", sum(count != _formula(*size) for size, count in without.items()), 0
            ),
            note(
                "without bias: sizes that miss 4(x + h)h",
                sum(count != 4 * (size[0] + size[1]) * size[0] for size, count in without.items()),
            ),
        ],
    )


@claim(documents=("D2",), statement="LSTM(10) on 5 features has as many parameters at 13 timesteps as at 100.")
def timesteps_free_count() -> Finding:
    """LSTM(10) on five features at 13 and at 100 timesteps."""
    counts = [default_lstm(10, (2, timesteps, 5)).count_params() for timesteps in (13, 100)]
    return judge(equal("parameters at 13 and at 100 timesteps", counts, (640, 640)))


@claim(
    documents=("D2",), statement="`model.summary()` of LSTM(10) on 5 features shows (None, 10) and 640 parameters, all trainable."
)
def summary_table() -> Finding:
    """The output of `model.summary()` for LSTM(10) on (13, 5), of the installed Keras and of the recorded versions."""
    keras = import_keras()
    lines: list[str] = []
    keras.Sequential([keras.Input((13, 5)), keras.layers.LSTM(10)]).summary(print_fn=lines.append, line_length=80)
    older = {spec: str(recorded_adapter(spec).describe()["summary"]) for spec in (*KERAS_1, *KERAS_2, *reversed(TF_KERAS))}
    return judge(
        _summary_evidence(f"Keras {keras.__version__}, run here", "\n".join(lines)),
        *(_summary_evidence(f"{spec}, recorded", summary) for spec, summary in older.items()),
    )


def _summary_evidence(label: str, summary: str) -> Evidence:
    """Output shape and parameters in the layer's row, and the totals below it."""
    row = re.search(r"\(LSTM\)\W+(\(.*?\))\W+([\d,.]+)", summary)
    totals = [_total(kind, summary) for kind in ("Total", "Trainable", "Non-trainable")]
    return equal(
        f"{label}: shape and parameters of the layer, parameters in total, trainable and not",
        (*((row[1], _number(row[2])) if row else ("", -1)), *totals),
        ("(None, 10)", 640, 640, 640, 0),
    )


def _total(kind: str, summary: str) -> int:
    """The number in the line "<kind> params: 640 (2.50 KB)"; -1 where there is none."""
    match = re.search(rf"^\s*{kind} params: ([\d,.]+)", summary, re.MULTILINE)
    return _number(match[1]) if match else -1


def _number(printed: str) -> int:
    """A printed number as an integer; Keras 2.0.0 prints floats."""
    return int(float(printed.replace(",", "")))


def _count(units: int, input_dim: int, *, use_bias: bool = True) -> int:
    return int(default_lstm(units, (1, 1, input_dim), use_bias=use_bias).count_params())


def _formula(units: int, input_dim: int) -> int:
    return 4 * ((input_dim + units) * units + units)


def _parameters_by_gate(units: int, input_dim: int) -> dict[str, int]:
    """Number of parameters with a gradient in each gate's pre-activation, one step from a nonzero state."""
    tf = import_tensorflow()
    recorder = Recorder()
    layer = build_lstm(random_weights(units, input_dim), (1, 1, input_dim), **recorder.arguments())
    variables = [variable.value for variable in layer.trainable_variables]
    with tf.GradientTape(persistent=True) as tape:
        layer(random_inputs(1, 1, input_dim), initial_state=random_state(1, units))
    (step,) = recorder.iterations()
    return {
        name: sum(int(np.count_nonzero(gradient)) for gradient in tape.gradient(gate.argument, variables))
        for name, gate in step.items()
    }
