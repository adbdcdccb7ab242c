"""Claims about the meaning of `units`."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from conformance.adapters.observation import Observation
from conformance.claims.cells import PROJECTED, WIDE
from conformance.claims.judging import above, at_most, equal, judge, judge_under, note
from conformance.claims.measure import (
    as_arrays,
    default_lstm,
    gap,
    import_keras,
    random_inputs,
    random_weights,
    record,
    rounding_limit,
    run_lstm,
)
from conformance.claims.model import ClaimVerdict, Evidence, Finding, claim
from conformance.claims.systems import recorded_adapter
from lstm_ref.arrays import Array

# The values that the documents name.
UNITS = (1, 2, 10, 32, 100, 128)
INPUT_DIMS = (1, 2, 5, 10, 28, 64)


@claim(documents=("D0", "D2"), statement="`units` is the size of the layer's output.")
def units_are_output_size() -> Finding:
    """The output's last axis, and the rows that a following Dense reads, for the documents' units."""
    keras = import_keras()
    inputs = random_inputs(2, 6, 5)
    outputs = [default_lstm(units, inputs.shape)(inputs) for units in UNITS]
    rows = []
    for output in outputs:
        dense = keras.layers.Dense(3)
        dense(output)
        rows.append(dense.kernel.shape[0])
    return judge(
        equal(f"size of the output at units = {UNITS}", [output.shape[-1] for output in outputs], UNITS),
        equal("inputs of each unit of a Dense that follows", rows, UNITS),
    )


@claim(
    documents=("D0", "D2", "D1"),
    statement="Cell state, hidden state and output gate have size `units`; both states are (batch, units).",
)
def states_have_size_units() -> Finding:
    """Shapes of h, c and o; o is recorded in the cell and checked by h = o tanh(c)."""
    batch, timesteps, input_dim, units = 2, 6, 5, 4
    weights, inputs = random_weights(units, input_dim), random_inputs(batch, timesteps, input_dim)
    iterations, (_, hidden, cell) = record(weights, inputs, return_state=True)
    output_gate = as_arrays(iterations[-1]["o"].value)
    # tanh and the product round once each, for numbers below 1, and the two tanh may differ by as much again. The limit of whole
    # runs includes these roundings.
    return judge(
        equal("shape of the hidden state h", hidden.shape, (batch, units)),
        equal("shape of the cell state c", cell.shape, (batch, units)),
        equal("shape of the output gate o, as the cell computed it", output_gate.shape, (batch, units)),
        at_most(
            "largest |h - o tanh(c)|: that gate is o",
            gap(hidden, output_gate * np.tanh(cell)),
            rounding_limit(weights, inputs),
        ),
    )


@claim(documents=("D0", "D1"), statement="A layer holds one cell of width `units`, used again at every timestep.")
def one_block_of_width_units() -> Finding:
    """Weights at several lengths, and one LSTMCell applied again and again against the layer."""
    keras = import_keras()
    batch, timesteps, input_dim, units = 2, 6, 5, 4
    weights, inputs = random_weights(units, input_dim), random_inputs(batch, timesteps, input_dim)
    cell = keras.layers.LSTMCell(units, dtype="float32")
    cell.build((batch, input_dim))
    cell.set_weights(list(weights.arrays.values()))
    state = [np.zeros((batch, units), np.float32)] * 2
    for t in range(timesteps):
        _, state = cell(inputs[:, t], state)
    counts = [default_lstm(units, (batch, length, input_dim)).count_params() for length in (1, 6, 50, 150)]
    return judge(
        equal("parameters at 1, 6, 50 and 150 timesteps", counts, [cell.count_params()] * 4),
        equal("width of the cell: columns of one gate", weights.gate("i").kernel.shape[1], units),
        at_most(
            "largest difference between the layer and one cell applied 6 times",
            gap(run_lstm(weights, inputs), as_arrays(state[0])),
            rounding_limit(weights, inputs),
        ),
    )


@claim(documents=("D0",), statement="The values f, i, C and h are scalars at one unit and vectors of length n at n units.")
def scalars_at_one_unit() -> Finding:
    """Number of values in each gate and state per sample, at one unit and at five."""
    return judge(*(_numbers_per_sample(units) for units in (1, 5)))


def _numbers_per_sample(units: int) -> Evidence:
    batch = 2
    (step,), (_, hidden, cell) = record(random_weights(units, 3), random_inputs(batch, 1, 3), return_state=True)
    tensors = {name: gate.value for name, gate in step.items()} | {"C": cell, "h": hidden}
    sizes = {name: as_arrays(tensor).size // batch for name, tensor in tensors.items()}
    return equal(f"numbers per sample and timestep at units = {units}", sizes, dict.fromkeys(sizes, units))


@claim(documents=("D1",), statement="`units` sizes the latent state, whatever the numbers of features and timesteps are.")
def latent_dim() -> Finding:
    """The size of both states as units, input_dim and timesteps vary one at a time."""
    varied = {
        "units": [(units, 5, 6) for units in (2, 10, 32)],
        "input_dim": [(4, input_dim, 6) for input_dim in (2, 10, 28)],
        "timesteps": [(4, 5, timesteps) for timesteps in (1, 6, 50)],
    }
    return judge(
        *(
            equal(
                f"sizes of h and c as {name} takes 3 values",
                [_state_sizes(*sizes) for sizes in cases],
                [(units, units) for units, _, _ in cases],
            )
            for name, cases in varied.items()
        )
    )


def _state_sizes(units: int, input_dim: int, timesteps: int) -> tuple[int, int]:
    inputs = random_inputs(2, timesteps, input_dim)
    _, hidden, cell = default_lstm(units, inputs.shape, return_state=True)(inputs)
    return hidden.shape[-1], cell.shape[-1]


@claim(
    documents=("D1",),
    statement="In TensorFlow's cells, hidden state and output both have num_units elements.",
    expected=ClaimVerdict.HOLDS_ONLY_WHEN,
)
def num_units_is_hidden_size() -> Finding:
    """Sizes of the recorded outputs of TensorFlow's cells, with and without a projection, and of Keras' layer."""
    keras = import_keras()
    basic, plain = WIDE.observe(recorded_adapter("basic-lstm-cell")), WIDE.observe(recorded_adapter("lstm-cell"))
    projected = PROJECTED.observe(recorded_adapter("lstm-cell"))
    weights, inputs = random_weights(128, 28), random_inputs(2, 6, 28)
    output, hidden, _ = run_lstm(weights, inputs, return_state=True)
    arguments = inspect.signature(keras.layers.LSTM.__init__).parameters
    return judge_under(
        "the cell has no projection: LSTMCell with num_proj=p returns p values and feeds them back, its cell state keeps num_units",
        when=[
            equal("BasicLSTMCell(128), recorded: sizes of output and hidden state", _sizes_of(basic), (128, 128)),
            equal("BasicLSTMCell(128) on 28 features, recorded: parameters", basic.parameter_count, 80_384),
            equal("LSTMCell(128), recorded: sizes of output and hidden state", _sizes_of(plain), (128, 128)),
            equal("Keras 3, LSTM(128): sizes of output and hidden state", (output.shape[-1], hidden.shape[-1]), (128, 128)),
            equal("Keras 3, LSTM(128) on 28 features: parameters", weights.count, 80_384),
            equal("Keras 3: arguments that name a projection", [name for name in arguments if "proj" in name], ()),
        ],
        otherwise=[
            equal("LSTMCell(3, num_proj=2), recorded: sizes of output and hidden state", _sizes_of(projected), (3, 3)),
            note("LSTMCell(3, num_proj=2), recorded: size of the cell state", _returned(projected, "hidden").shape[-1]),
        ],
    )


def _sizes_of(observed: Observation) -> tuple[int, int]:
    """Sizes of output and hidden state of a cell, which returns its states as (c, h)."""
    return _returned(observed, "outputs").shape[-1], _returned(observed, "cell").shape[-1]


def _returned(observed: Observation, name: str) -> Array:
    return np.asarray(getattr(observed.calls[0], name))


@claim(documents=("D1",), statement="The more units, the more learned parameters.")
def num_units_is_capacity() -> Finding:
    """Trainable parameters at increasing units."""
    units = (1, 2, 4, 8, 10, 16, 32, 64, 100, 128)
    counts = [_trainable(default_lstm(size, (2, 6, 28))) for size in units]
    return judge(
        note("units", units),
        note("trainable parameters at input_dim = 28", counts),
        above("smallest growth from one to the next", np.diff(counts).min(), 0),
    )


def _trainable(layer: Any) -> int:
    return sum(int(np.prod(variable.shape)) for variable in layer.trainable_variables)


@claim(documents=("D0",), statement="The number of features per timestep need not equal `units`.")
def input_dim_free() -> Finding:
    """Output and kernel shapes at the documents' feature sizes, smaller than, equal to and larger than units."""
    units, batch, timesteps = 10, 2, 6
    layers = {size: default_lstm(units, (batch, timesteps, size)) for size in INPUT_DIMS}
    outputs = [tuple(layer(random_inputs(batch, timesteps, size)).shape) for size, layer in layers.items()]
    return judge(
        equal(f"output shapes at units = 10 and input_dim = {INPUT_DIMS}", outputs, [(batch, units)] * len(INPUT_DIMS)),
        equal("rows of the kernel", [layer.cell.kernel.shape[0] for layer in layers.values()], INPUT_DIMS),
    )


@claim(
    documents=("D1",),
    statement="150 characters make 3 sequences of 50 timesteps; states are (batch, units), outputs (batch, timesteps, units).",
)
def shapes_3_50() -> Finding:
    """150 letters, one-hot over 27, as a batch of 3 sequences of 50."""
    batch, timesteps, letters, units = 3, 50, 27, 128
    text = np.random.default_rng(0).integers(letters, size=150).reshape(batch, timesteps)
    inputs = np.eye(letters, dtype=np.float32)[text]
    outputs, hidden, cell = default_lstm(units, inputs.shape, return_sequences=True, return_state=True)(inputs)
    return judge(
        equal("shape of the inputs", inputs.shape, (batch, timesteps, letters)),
        equal("shape of the outputs", tuple(outputs.shape), (batch, timesteps, units)),
        equal("shapes of h and c", (tuple(hidden.shape), tuple(cell.shape)), ((batch, units), (batch, units))),
    )


@claim(documents=("D2",), statement="A layer that reads T timesteps has T neurons and T outputs.", expected=ClaimVerdict.FAILS)
def timesteps_equal_neurons() -> Finding:
    """The outputs of LSTM(32) at several numbers of timesteps."""
    units, lengths = 32, (1, 10, 13, 100)
    outputs = [default_lstm(units, (2, timesteps, 64))(random_inputs(2, timesteps, 64)) for timesteps in lengths]
    return judge(
        equal(f"outputs of LSTM(32) at timesteps = {lengths}", [output.shape[-1] for output in outputs], lengths),
    )
