"""The real `keras.layers.LSTMCell`, one timestep at a time, with what its gates let through.

The cell returns states only. Its activations are wrapped in functions that keep what they return, so the gates are those that Keras
computed, not a recomputation of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.case import Call, Case
from conformance.stimulus import Stimulus
from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class CellStep:
    """One timestep of the real cell, (batch, units) each.

    `gates` holds i, f, candidate, o, told apart by the order in which the cell evaluated its activations; that they are what those
    names say, c = f c + i candidate shows.
    """

    gates: dict[str, Array]
    hidden: Array
    cell: Array


def observe_steps(adapter: KerasLayerAdapter, case: Case, stimulus: Stimulus) -> list[list[CellStep]]:
    """Every timestep of every call of the case, through one eager LSTMCell; the state carries over and is reset as asked."""
    keras = adapter.keras
    kept: dict[str, list[Array]] = {"activation": [], "recurrent_activation": []}

    def keeping(argument: str) -> Any:
        function = keras.activations.get(getattr(case.config, argument))

        def keep(x: Any) -> Any:
            value = function(x)
            kept[argument].append(np.asarray(keras.ops.convert_to_numpy(value)))
            return value

        return keep

    cell = keras.layers.LSTMCell(
        case.config.units,
        activation=keeping("activation"),
        recurrent_activation=keeping("recurrent_activation"),
        use_bias=case.config.use_bias,
        dtype=case.precision,
    )
    cell.build((None, case.input_dim))
    cell.set_weights([array.astype(case.precision) for array in stimulus.weights.arrays.values()])

    def one_call(call: Call, state: list[Any]) -> tuple[list[CellStep], list[Any]]:
        steps = []
        inputs = stimulus.inputs_of(case, call).astype(case.precision)
        for t in range(inputs.shape[1]):
            for values in kept.values():
                values.clear()
            _, state = cell(keras.ops.convert_to_tensor(inputs[:, t]), state)
            i, f, o = kept["recurrent_activation"]
            gates = {"i": i, "f": f, "candidate": kept["activation"][0], "o": o}
            hidden, carried = (np.asarray(keras.ops.convert_to_numpy(value)) for value in state)
            steps.append(CellStep(gates=gates, hidden=hidden, cell=carried))
        return steps, state

    calls, state = [], cell.get_initial_state(batch_size=case.batch)
    for call in case.calls:
        if call.after_reset:
            state = cell.get_initial_state(batch_size=case.batch)
        steps, state = one_call(call, state)
        calls.append(steps)
    return calls
