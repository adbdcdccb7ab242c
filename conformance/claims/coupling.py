"""Claims about the units of one layer: their coupling, elementwise activations, the equations of the four gates."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.claims.judging import at_most, equal, judge, judge_under, note
from conformance.claims.measure import (
    FLOAT32_ROUNDOFF,
    as_arrays,
    build_lstm,
    default_lstm,
    gap,
    gradient_of_sum,
    hidden_jacobian,
    import_keras,
    jacobian,
    random_inputs,
    random_state,
    random_weights,
    record,
    rounding_limit,
    run_lstm,
)
from conformance.claims.model import ClaimVerdict, Evidence, Finding, claim
from conformance.claims.systems import recorded_adapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT
from lstm_ref import GATE_ORDER, LSTMWeights
from lstm_ref.activations import sigmoid
from lstm_ref.arrays import Array


@claim(
    documents=("D0",),
    statement="A layer of n units is n one-unit LSTMs side by side that do not see each other.",
    expected=ClaimVerdict.FAILS,
)
def independent_copies() -> Finding:
    """LSTM(n) against n LSTM(1) with the same weights, and ∂h_t/∂h_{t-1} off its diagonal, dense and diagonal."""
    units, input_dim = 4, 5
    initializers = import_keras().initializers
    seeded = {"kernel_initializer": initializers.GlorotUniform(seed=0), "recurrent_initializer": initializers.Orthogonal(seed=1)}
    initial = LSTMWeights.from_arrays(*default_lstm(units, (2, 6, input_dim), **seeded).get_weights())
    dense = random_weights(units, input_dim)
    return judge(
        *_compare_with_copies("as initialised by Keras", initial),
        *_compare_with_copies("dense recurrent kernel", dense),
        exception="every gate's block of the recurrent kernel is diagonal",
        under_exception=_compare_with_copies("diagonal recurrent blocks", _diagonal(dense)),
    )


def _compare_with_copies(name: str, weights: LSTMWeights) -> list[Evidence]:
    inputs = random_inputs(2, 6, weights.input_dim)
    layer = build_lstm(weights, inputs.shape)
    outputs = as_arrays(layer(inputs))
    copies = np.concatenate([run_lstm(_copy_of_unit(weights, k), inputs) for k in range(weights.units)], axis=-1)
    coupling = hidden_jacobian(layer, inputs[:1, :1], random_state(1, weights.units))
    return [
        at_most(f"{name}: largest difference from n one-unit LSTMs", gap(outputs, copies), rounding_limit(weights, inputs)),
        # A product with an exact zero is zero in any precision, so independent units have no rounding here.
        at_most(f"{name}: largest |∂h_t/∂h_(t-1)| off the diagonal", np.abs(coupling - np.diag(np.diag(coupling))).max(), 0),
        note(f"{name}: smallest |∂h_t/∂h_(t-1)| on the diagonal", np.abs(np.diag(coupling)).min()),
    ]


def _copy_of_unit(weights: LSTMWeights, unit: int) -> LSTMWeights:
    """A one-unit LSTM with the unit's column of each gate; its recurrent weight is the unit's weight of itself."""
    columns = np.s_[unit :: weights.units]
    bias = None if weights.bias is None else weights.bias[columns]
    return LSTMWeights(weights.kernel[:, columns], weights.recurrent_kernel[unit : unit + 1, columns], bias)


def _diagonal(weights: LSTMWeights) -> LSTMWeights:
    blocks = [np.diag(np.diag(weights.gate(gate).recurrent_kernel)) for gate in GATE_ORDER]
    return LSTMWeights(weights.kernel, np.concatenate(blocks, axis=1), weights.bias)


@claim(documents=("D2",), statement="Each of 32 units reads all 64 features at each of 10 timesteps.")
def each_unit_sees_all_features() -> Finding:
    """∂h_T/∂x of LSTM(32) over 10 steps of 64 features, and ∂h_t/∂h_{t-1}: how many entries are not zero."""
    units, timesteps, input_dim = 32, 10, 64
    weights, inputs = random_weights(units, input_dim), random_inputs(1, timesteps, input_dim)
    layer = build_lstm(weights, inputs.shape)
    by_input = jacobian(layer, inputs[0])
    by_hidden = hidden_jacobian(layer, inputs[:, :1], random_state(1, units))
    by_kernel = gradient_of_sum(layer, layer.cell.kernel, inputs)
    return judge(
        note("shape of ∂h_10/∂x: unit, timestep, feature", by_input.shape),
        equal("its entries that are not zero", np.count_nonzero(by_input), units * timesteps * input_dim),
        equal("kernel entries that act on the output", np.count_nonzero(by_kernel), input_dim * 4 * units),
        equal("pairs of units in which one reads the other's h", np.count_nonzero(by_hidden), units * units),
        note("median |∂h_10/∂x| by timestep", [float(f"{value:.2e}") for value in np.median(np.abs(by_input), axis=(0, 2))]),
    )


@claim(documents=("D1",), statement="The tanh and sigmoid of the usual drawing act on every element of a vector by itself.")
def elementwise_tanh() -> Finding:
    """Permuted units against permuted outputs, and the units that one unit's bias changes in one step."""
    units, input_dim = 5, 3
    weights, inputs = random_weights(units, input_dim), random_inputs(2, 6, input_dim)
    order = np.array([2, 0, 4, 1, 3])
    permuted = run_lstm(_permute(weights, order), inputs)
    iterations, _ = record(weights, inputs)
    return judge(
        at_most(
            "permuted units: largest difference from permuted outputs",
            gap(permuted, run_lstm(weights, inputs)[:, order]),
            rounding_limit(weights, inputs),
        ),
        equal("shape that each step's tanh acts on", tuple(iterations[0]["candidate"].argument.shape), (2, units)),
        equal("units that unit 1's biases move in one step", _moved_by_unit(weights, 1), [1]),
        note(
            "units moved if the activation were softmax, which is not elementwise", _moved_by_unit(weights, 1, activation="softmax")
        ),
    )


def _permute(weights: LSTMWeights, order: Array) -> LSTMWeights:
    """The same layer with its units in another order: the columns of every gate and the rows of the recurrent kernel."""
    columns = np.concatenate([order + gate * weights.units for gate in range(len(GATE_ORDER))])
    bias = None if weights.bias is None else weights.bias[columns]
    return LSTMWeights(weights.kernel[:, columns], weights.recurrent_kernel[np.ix_(order, columns)], bias)


def _moved_by_unit(weights: LSTMWeights, unit: int, **arguments: Any) -> list[int]:
    """Units whose first output changes with the biases of one unit; from the zero state, nothing else can change them."""
    inputs = random_inputs(1, 1, weights.input_dim)
    assert weights.bias is not None  # noqa: S101  # for the type checker; all callers have a bias
    larger_bias = np.where(np.arange(weights.bias.size) % weights.units == unit, weights.bias + 1, weights.bias)
    changed = LSTMWeights(weights.kernel, weights.recurrent_kernel, larger_bias)
    difference = run_lstm(changed, inputs, **arguments) - run_lstm(weights, inputs, **arguments)
    return [int(k) for k in np.flatnonzero(difference[0])]


@claim(
    documents=("D1",),
    statement="Each timestep's input is multiplied by one [input_dim, n_hidden] matrix, which gives n_hidden numbers.",
    expected=ClaimVerdict.HOLDS_ONLY_WHEN,
)
def input_times_matrix() -> Finding:
    """The first pre-activation of every gate, from the zero state without bias, against x_t times each block of the kernel."""
    batch, input_dim, units = 2, 10, 4
    weights, inputs = random_weights(units, input_dim, use_bias=False), random_inputs(batch, 1, input_dim)
    (step,), _ = record(weights, inputs)
    matrices = build_lstm(weights, inputs.shape).cell.kernel.shape[1] // units
    computed = {("c" if name == "candidate" else name): as_arrays(gate.argument) for name, gate in step.items()}
    products = {name: _product(inputs[:, 0], weights.gate(name).kernel) for name in GATE_ORDER}
    # Each of the input_dim products and sums rounds once, in any order, so |fl(xW) - xW| ≤ input_dim u |x||W| to first order.
    magnitudes = {name: _product(np.abs(inputs[:, 0]), np.abs(weights.gate(name).kernel)).max() for name in GATE_ORDER}
    limits = {name: input_dim * FLOAT32_ROUNDOFF * magnitude for name, magnitude in magnitudes.items()}
    return judge_under(
        "it is said of each gate: four such matrices lie side by side in `kernel`, [input_dim, 4 units]",
        when=[
            equal(
                "shape of each gate's matrix", [weights.gate(name).kernel.shape for name in GATE_ORDER], [(input_dim, units)] * 4
            ),
            *(
                at_most(f"gate {name}: largest |z - x W_{name}|", gap(computed[name], products[name]), limits[name])
                for name in GATE_ORDER
            ),
        ],
        otherwise=[
            equal("such matrices that the layer's kernel holds", matrices, 1),
            *(
                at_most(f"gate {name} by W_i, were there one matrix only", gap(computed[name], products["i"]), limits[name])
                for name in GATE_ORDER[1:]
            ),
        ],
    )


def _product(vectors: Array, matrix: Array) -> Array:
    return np.asarray(vectors.astype(np.float64) @ matrix.astype(np.float64))


@claim(
    documents=("D3",),
    statement="Keras computes the well-known blog's equations over the concatenated [h, x].",
    expected=ClaimVerdict.HOLDS_ONLY_WHEN,
)
def colah_consistent() -> Finding:
    """The layer against the equations over the concatenated [h, x], with sigmoid and with the hard sigmoids of Keras 3 and 2."""
    weights, inputs = random_weights(4, 5), random_inputs(2, 6, 5)
    written_out, limit = _concatenated_lstm(weights, inputs), rounding_limit(weights, inputs, runs=1)
    default, hard = run_lstm(weights, inputs), run_lstm(weights, inputs, recurrent_activation="hard_sigmoid")
    label = "largest difference from the equations over [h, x]"
    return judge_under(
        "recurrent_activation is the sigmoid, as it is by default since Keras 2.3.0",
        when=[
            at_most(f"default arguments: {label}", gap(default, written_out), limit),
            at_most(
                f'recurrent_activation="sigmoid": {label}',
                gap(run_lstm(weights, inputs, recurrent_activation="sigmoid"), written_out),
                limit,
            ),
            *(_recorded_gap(spec, "sigmoid") for spec in KERAS_2_BEFORE_SIGMOID),
        ],
        otherwise=[
            at_most(f'recurrent_activation="hard_sigmoid" of Keras 3: {label}', gap(hard, written_out), limit),
            *(_recorded_gap(spec) for spec in KERAS_2_BEFORE_SIGMOID),
        ],
    )


# Stand-alone versions from the time of the printed signature; 2.0.0, older still, does not return its states.
KERAS_2_BEFORE_SIGMOID = ("keras==2.0.6", "keras==2.2.4")


def _recorded_gap(spec: str, recurrent_activation: str = "") -> Evidence:
    """The difference of a layer's recorded outputs, with this recurrent activation or its default, from the equations."""
    words = "" if recurrent_activation else "its default "
    recurrent_activation = recurrent_activation or ast.literal_eval(
        recorded_adapter(spec).describe()["arguments"]["recurrent_activation"]
    )
    case = Case.from_id("u3-d2-t5-b4-seq-s0").replace(recurrent_activation=recurrent_activation)
    stimulus = draw([case])
    (call,), ((weights,), (sigma,)) = case.calls, (stimulus.weights_of(case), expected_calls(case, stimulus).sigma)
    observed = recorded_adapter(spec).observe(case, stimulus).calls[0].outputs[:, -1]
    written_out = _concatenated_lstm(weights, stimulus.inputs_of(case, call).astype(np.float32))
    return at_most(
        f'{spec}, {words}recurrent_activation="{recurrent_activation}", recorded: largest difference from these equations',
        gap(observed, written_out),
        ELEMENT_LIMIT * float(sigma.outputs.max()),
    )


def _concatenated_lstm(weights: LSTMWeights, inputs: Array) -> Array:
    """The last h of the equations over [h_{t-1}, x_t], in float64: (batch, units), from inputs (batch, timesteps, input_dim)."""
    exact = weights.astype(np.float64)
    gates = [exact.gate(name) for name in ("f", "i", "c", "o")]
    W_f, W_i, W_C, W_o = (np.concatenate([gate.recurrent_kernel, gate.kernel]) for gate in gates)
    b_f, b_i, b_C, b_o = (np.zeros(1) if gate.bias is None else gate.bias for gate in gates)
    h = C = np.zeros((inputs.shape[0], weights.units))
    for t in range(inputs.shape[1]):
        hx = np.concatenate([h, inputs[:, t]], axis=1)
        f, i, o = sigmoid(hx @ W_f + b_f), sigmoid(hx @ W_i + b_i), sigmoid(hx @ W_o + b_o)
        C = f * C + i * np.tanh(hx @ W_C + b_C)
        h = o * np.tanh(C)
    return np.asarray(h)
