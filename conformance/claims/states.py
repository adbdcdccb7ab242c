"""Claims about the initial and final state of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np

from conformance.claims.judging import above, at_most, equal, judge, judge_under
from conformance.claims.measure import (
    as_arrays,
    build_lstm,
    gap,
    import_keras,
    random_inputs,
    random_state,
    random_weights,
    rounding_limit,
    run_lstm,
)
from conformance.claims.model import ClaimVerdict, Evidence, Finding, claim
from lstm_ref import LSTMWeights
from lstm_ref.arrays import Array


@claim(
    documents=("D0", "D3"),
    statement="With `stateful=True` each sample's next call starts from the state in which its last call ended.",
)
def stateful_carries() -> Finding:
    """Successive calls of a stateful layer against one long call: by `__call__`, by `predict`, after reset, at another batch."""
    weights, inputs = random_weights(4, 5), random_inputs(3, 12, 5)
    parts = np.split(inputs, 3, axis=1)
    limit = rounding_limit(weights, inputs)
    expected = np.split(run_lstm(weights, inputs, return_sequences=True), 3, axis=1)
    layer = build_lstm(weights, parts[0].shape, stateful=True, return_sequences=True)
    calls = [as_arrays(layer(part)) for part in parts]
    layer.reset_state()
    after_reset = as_arrays(layer(parts[0]))
    from_zeros = run_lstm(weights, parts[1], return_sequences=True)
    return judge(
        *(
            at_most(f"call {k}: largest difference from steps of one long call", gap(calls[k - 1], expected[k - 1]), limit)
            for k in (1, 2, 3)
        ),
        above("call 2: largest difference from a call that starts from zeros", gap(calls[1], from_zeros), limit),
        above(
            "call 2: difference if samples had swapped states",
            gap(calls[1][:, 0], _with_swapped_states(weights, parts)[:, 0]),
            limit,
        ),
        at_most("after reset_state(): largest difference from the first call", gap(after_reset, calls[0]), limit),
        *_through_predict(weights, parts, expected, limit),
        equal("a call with a batch of 2 on a layer that holds 3 states", _outcome_of_batch(layer, parts[0][:2]), "ValueError"),
    )


def _with_swapped_states(weights: LSTMWeights, parts: list[Array]) -> Array:
    """The second part's outputs where each sample continues from another sample's state."""
    _, hidden, cell = run_lstm(weights, parts[0], return_state=True)
    return np.asarray(
        run_lstm(weights, parts[1], initial_state=[np.roll(h, 1, axis=0) for h in (hidden, cell)], return_sequences=True)
    )


def _through_predict(weights: LSTMWeights, parts: list[Array], expected: list[Array], limit: float) -> list[Evidence]:
    keras = import_keras()
    layer = build_lstm(weights, parts[0].shape, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=parts[0].shape), layer])
    first, second = (model.predict(part, batch_size=len(part), verbose=0) for part in parts[:2])
    layer.reset_state()
    after_reset = model.predict(parts[0], batch_size=len(parts[0]), verbose=0)
    return [
        at_most("predict 1: largest difference from steps of one long call", gap(first, expected[0]), limit),
        at_most("predict 2: largest difference from steps of one long call", gap(second, expected[1]), limit),
        at_most("predict after reset_state(): largest difference from predict 1", gap(after_reset, first), limit),
    ]


def _outcome_of_batch(layer: Any, inputs: Array) -> str:
    try:
        return f"shape {tuple(layer(inputs).shape)}"
    except ValueError as error:
        return type(error).__name__


@claim(documents=("D1",), statement="Before the first timestep the state is all zeros.", expected=ClaimVerdict.HOLDS_ONLY_WHEN)
def initial_state_zero() -> Finding:
    """The first step with nothing passed, against zeros passed, a state passed, and a stateful layer's second call."""
    batch, units = 2, 4
    weights, inputs = random_weights(units, 5), random_inputs(batch, 6, 5)
    limit = rounding_limit(weights, inputs)
    default = run_lstm(weights, inputs)
    without_recurrence = LSTMWeights(weights.kernel, np.zeros_like(weights.recurrent_kernel), weights.bias)
    zeros = [np.zeros((batch, units), np.float32)] * 2
    layer, stateful = build_lstm(weights, inputs.shape), build_lstm(weights, inputs.shape, stateful=True)
    calls, stateful_calls = ([as_arrays(called(inputs)) for _ in range(2)] for called in (layer, stateful))
    label = "largest difference from a start at zeros"
    return judge_under(
        "no initial_state is passed, and the layer is not stateful or has just been built or reset",
        when=[
            at_most(f"nothing passed: {label}", gap(default, run_lstm(weights, inputs, initial_state=zeros)), limit),
            # From h = 0 the recurrent kernel multiplies zeros only, and a product with zero is exact.
            at_most(
                "first step: what the recurrent kernel contributes",
                gap(run_lstm(weights, inputs[:, :1]), run_lstm(without_recurrence, inputs[:, :1])),
                0,
            ),
            at_most(f"second call of the same layer: {label}", gap(calls[1], default), limit),
            at_most(f"first call of a stateful layer: {label}", gap(stateful_calls[0], default), limit),
        ],
        otherwise=[
            at_most(
                f"initial_state passed: {label}",
                gap(run_lstm(weights, inputs, initial_state=random_state(batch, units)), default),
                limit,
            ),
            at_most(f"second call of a stateful layer: {label}", gap(stateful_calls[1], default), limit),
        ],
    )
