"""The real `keras.layers.LSTMCell`, one timestep at a time, with what its gates let through.

The cell returns states only. Its activations are wrapped in functions that keep what they return, so the gates are those that Keras
computed, not a recomputation of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
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
    recorder = _Recorder(adapter.keras, case)
    cell = recorder.cell
    cell.build((None, case.input_dim))
    cell.set_weights([array.astype(case.precision) for array in stimulus.weights.arrays.values()])
    state = cell.get_initial_state(batch_size=case.batch)
    calls = []
    for call in case.calls:
        if call.after_reset:
            state = cell.get_initial_state(batch_size=case.batch)
        inputs = stimulus.inputs_of(case, call).astype(case.precision)
        steps = []
        for t in range(inputs.shape[1]):
            step, state = recorder.step(inputs[:, t], state)
            steps.append(step)
        calls.append(steps)
    return calls


class _Recorder:
    """A cell whose activations are kept as they are computed."""

    def __init__(self, keras: Any, case: Case) -> None:
        self._keras = keras
        self._kept: dict[str, list[Array]] = {"activation": [], "recurrent_activation": []}
        config = case.config
        arguments = {argument: self._keeping(argument, getattr(config, argument)) for argument in self._kept}
        self.cell = keras.layers.LSTMCell(config.units, use_bias=config.use_bias, dtype=case.precision, **arguments)

    def step(self, x_t: Array, state: list[Any]) -> tuple[CellStep, list[Any]]:
        """One timestep from a state, x_t: (batch, input_dim), and the state after it."""
        for values in self._kept.values():
            values.clear()
        _, state = self.cell(self._keras.ops.convert_to_tensor(x_t), state)
        i, f, o = self._kept["recurrent_activation"]
        gates = {"i": i, "f": f, "candidate": self._kept["activation"][0], "o": o}
        hidden, cell = (self._to_numpy(tensor) for tensor in state)
        return CellStep(gates=gates, hidden=hidden, cell=cell), state

    def _keeping(self, argument: str, name: str | None) -> Any:
        function = self._keras.activations.get(name)

        def keep(x: Any) -> Any:
            value = function(x)
            self._kept[argument].append(self._to_numpy(value))
            return value

        return keep

    def _to_numpy(self, tensor: Any) -> Array:
        return np.asarray(self._keras.ops.convert_to_numpy(tensor))
