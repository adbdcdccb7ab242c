"""Claims about timesteps: the number of iterations, the outputs that are returned, and the inputs of each."""

from __future__ import annotations

import numpy as np

from conformance.claims.judging import above, at_most, equal, judge, judge_under, note
from conformance.claims.measure import (
    FLOAT32_ROUNDOFF,
    as_arrays,
    build_lstm,
    default_lstm,
    gap,
    import_keras,
    import_tensorflow,
    jacobian,
    random_inputs,
    random_weights,
    record,
    reference_lstm,
    rounding_limit,
    run_lstm,
)
from conformance.claims.model import ClaimVerdict, Finding, claim


@claim(
    documents=("D0",),
    statement="`units=N` makes the cell iterate N times and return N successive outputs.",
    expected=ClaimVerdict.FAILS,
)
def output_is_N_steps() -> Finding:  # noqa: N802  # the id of the claim
    """Iterations of the real cell and number of outputs, at units and timesteps that differ."""
    sizes = [(4, 1), (4, 6), (2, 6), (6, 2)]
    runs = [record(random_weights(units, 3), random_inputs(2, steps, 3), return_sequences=True) for units, steps in sizes]
    return judge(
        equal(
            f"iterations at (units, timesteps) = {sizes}",
            [len(iterations) for iterations, _ in runs],
            [units for units, _ in sizes],
        ),
        equal("successive outputs returned", [outputs.shape[1] for _, outputs in runs], [units for units, _ in sizes]),
    )


@claim(
    documents=("D0", "D2"),
    statement="`return_sequences=True` gives (batch, timesteps, units), False gives the last of these, (batch, units).",
)
def return_sequences_shapes() -> Finding:
    """Shapes of both settings, and that the single output is the last one, forwards and with go_backwards."""
    batch, timesteps, units = 2, 6, 4
    weights, inputs = random_weights(units, 5), random_inputs(batch, timesteps, 5)
    limit = rounding_limit(weights, inputs)
    backwards_limit = rounding_limit(weights, inputs[:, ::-1])
    every, last = run_lstm(weights, inputs, return_sequences=True), run_lstm(weights, inputs)
    every_back = run_lstm(weights, inputs, return_sequences=True, go_backwards=True)
    last_back = run_lstm(weights, inputs, go_backwards=True)
    return judge(
        equal("shape with return_sequences=True", every.shape, (batch, timesteps, units)),
        equal("shape with return_sequences=False", last.shape, (batch, units)),
        at_most("largest difference between it and the last of the sequence", gap(last, every[:, -1]), limit),
        above("largest difference between it and the first of the sequence", gap(last, every[:, 0]), limit),
        equal("shapes with go_backwards", (every_back.shape, last_back.shape), (every.shape, last.shape)),
        at_most("go_backwards: difference from the last in processing order", gap(last_back, every_back[:, -1]), backwards_limit),
        above("go_backwards: difference from the output at the last timestep", gap(last_back, every_back[:, 0]), backwards_limit),
        at_most(
            "go_backwards: difference from a run over reversed inputs, so x[0] is read last",
            gap(last_back, run_lstm(weights, inputs[:, ::-1])),
            backwards_limit,
        ),
    )


@claim(
    documents=("D0",),
    statement="The user has to prepare lagged inputs x[t-N] to x[t], one for each unit.",
    expected=ClaimVerdict.FAILS,
)
def manual_lagging() -> Finding:
    """A layer of four units on one feature per step: the features that it reads, and the lags that its output depends on."""
    units, timesteps = 4, 6
    weights, inputs = random_weights(units, 1), random_inputs(2, timesteps, 1)
    layer = build_lstm(weights, inputs.shape)
    by_input = jacobian(layer, inputs[0])[..., 0]
    reach = np.abs(by_input).max(axis=0)[::-1]
    return judge(
        equal("features per step that this LSTM(4) reads", layer.cell.kernel.shape[0], units),
        note("shape of its output", run_lstm(weights, inputs).shape),
        at_most("smallest of max |∂h_T/∂x[T-k]| over the lags k = 1 to 5, none of them made by hand", reach[1:].min(), 0),
    )


@claim(
    documents=("D0",),
    statement="Zeros at all later steps are the way to give input at the first step only.",
    expected=ClaimVerdict.HOLDS_ONLY_WHEN,
)
def zero_pad_after_first_step() -> Finding:
    """One input followed by zeros, against the equations with x = 0 and against no input at those steps."""
    batch, timesteps, units = 2, 6, 4
    weights, unbiased = random_weights(units, 3), random_weights(units, 3, use_bias=False)
    inputs = random_inputs(batch, timesteps, 3)
    inputs[:, 1:] = 0
    limit = rounding_limit(weights, inputs)
    padded = run_lstm(weights, inputs)
    mask = np.arange(timesteps)[np.newaxis].repeat(batch, axis=0) == 0
    first = run_lstm(weights, inputs[:, :1])
    return judge_under(
        "the later steps are meant to read a zero vector; where they are meant to have no input, a mask is needed",
        when=[
            equal("shape of the output of the padded call", padded.shape, (batch, units)),
            at_most(
                "difference from the equations with x = 0 at the later steps",
                gap(padded, reference_lstm(weights)(inputs)),
                rounding_limit(weights, inputs, runs=1),
            ),
            at_most(
                "difference of the masked run from the output after step 1", gap(run_lstm(weights, inputs, mask=mask), first), limit
            ),
        ],
        otherwise=[
            at_most(
                "difference of the zero-padded run from the masked run", gap(padded, run_lstm(weights, inputs, mask=mask)), limit
            ),
            at_most(
                "the same without any bias: recurrence and forget gate alone move the state",
                gap(run_lstm(unbiased, inputs), run_lstm(unbiased, inputs, mask=mask)),
                rounding_limit(unbiased, inputs),
            ),
        ],
    )


@claim(documents=("D1",), statement="A layer has as many cells as its window has timesteps.", expected=ClaimVerdict.FAILS)
def cells_equal_window() -> Finding:
    """Weights, units and states do not grow with the window; copies of the cell in an unrolled graph do."""
    units, windows = 4, (6, 12)
    layers = [default_lstm(units, (2, window, 3)) for window in windows]
    one = default_lstm(units, (2, 1, 3)).count_params()
    unrolled = [_cells_in_graph(window, unroll=True) for window in windows]
    rolled = [_cells_in_graph(window, unroll=False) for window in windows]
    return judge(
        equal(
            f"parameters at windows of {windows}, if each cell had its own", [l.count_params() for l in layers], [6 * one, 12 * one]
        ),
        equal("sizes of the state, if each cell were a unit", [layer.cell.state_size[0] for layer in layers], windows),
        equal("cells in the default layer's graph: one in the loop's body, one traced ahead of it for its shapes", rolled, windows),
        exception="cells are counted in the picture of the loop unrolled over time: copies that share one set of weights",
        under_exception=[equal("cells in the graph with unroll=True", unrolled, windows)],
    )


def _cells_in_graph(window: int, *, unroll: bool) -> int:
    """Number of cells in TensorFlow's graph of the layer, loop bodies counted once: each cell splits z into gates once."""
    tf = import_tensorflow()
    layer = default_lstm(4, (2, window, 3), unroll=unroll)
    graph = tf.function(layer).get_concrete_function(tf.TensorSpec((2, window, 3))).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return sum(node.op == "Split" for node in nodes)


@claim(documents=("D2",), statement="The 32 values of the last timestep are what a following Dense(2) reads.")
def last_step_feeds_dense() -> Finding:
    """Sequential LSTM(32) and Dense(2): counts, and the output against the last step times the Dense's kernel by hand."""
    keras = import_keras()
    weights, inputs = random_weights(32, 64), random_inputs(3, 10, 64)
    model = keras.Sequential([keras.Input((10, 64)), keras.layers.LSTM(32), keras.layers.Dense(2)])
    lstm, dense = model.layers
    kernel, bias = np.split(np.random.default_rng(3).standard_normal((33, 2)).astype(np.float32), [32])
    lstm.set_weights(list(weights.arrays.values()))
    dense.set_weights([kernel, bias[0]])
    outputs = as_arrays(model(inputs))
    every = run_lstm(weights, inputs, return_sequences=True)
    by_hand = every.astype(np.float64) @ kernel + bias[0]
    # Dense rounds each term at most 33 times: the product, and the sums after it. The last step's error is multiplied by |W|.
    dense_limit = 33 * FLOAT32_ROUNDOFF * (np.abs(every) @ np.abs(kernel) + np.abs(bias)).max()
    limit = dense_limit + rounding_limit(weights, inputs) * np.abs(kernel).sum(axis=0).max()
    return judge(
        equal("parameters of LSTM(32) on (10, 64) and of Dense(2)", [lstm.count_params(), dense.count_params()], [12_416, 66]),
        equal("inputs and outputs of the Dense", tuple(dense.kernel.shape), (32, 2)),
        at_most("largest difference from the last step times the kernel", gap(outputs, by_hand[:, -1]), limit),
        above("largest difference from the step before it times the kernel", gap(outputs, by_hand[:, -2]), limit),
    )
