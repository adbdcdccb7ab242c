"""The reference as an implementation under test: itself, or with a deviation. It must be accepted, and each deviation rejected."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.case import Call, Case
from conformance.observation import CallObservation, Observation
from conformance.stimulus import Stimulus
from lstm_ref import LSTM, State
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS


@dataclass(frozen=True)
class ReferenceAdapter:
    """Runs `lstm_ref.LSTM` call by call, as a user would; with the name of a deviation, a known wrong implementation."""

    deviation: str | None = None

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        name = "lstm_ref" if self.deviation is None else f"lstm_ref with {self.deviation}"
        return {"implementation": name, "numpy": np.__version__, "python": platform.python_version()}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """In float64, on inputs rounded to the case's precision; the results get the dtype that Keras would return."""
        build = LSTM if self.deviation is None else DEVIATIONS[self.deviation].build
        layer = build(case.config, stimulus.weights)
        arrays = layer.weight_arrays.values()
        return Observation(
            calls=tuple(_observe_call(layer, case, call, stimulus.inputs_of(case, call)) for call in case.calls),
            parameter_count=sum(array.size for array in arrays),
            weight_shapes=tuple(array.shape for array in arrays),
            path="NumPy, float64",
        )


def _observe_call(layer: LSTM, case: Case, call: Call, inputs: Any) -> CallObservation:
    returned_dtype = case.precision if layer.casts_inputs else inputs.dtype
    reset: State | None = None
    if call.after_reset:
        layer.reset_state()
        reset = layer.state or layer.zero_state(case.batch)
    outputs, hidden, cell = layer(inputs.astype(returned_dtype))
    stored = layer.state

    def as_returned(array: Array | None) -> Any:
        return None if array is None else array.astype(returned_dtype)

    return CallObservation(
        outputs=as_returned(outputs),
        hidden=as_returned(hidden),
        cell=as_returned(cell),
        stored_hidden=as_returned(None if stored is None else stored.hidden),
        stored_cell=as_returned(None if stored is None else stored.cell),
        reset_hidden=as_returned(None if reset is None else reset.hidden),
        reset_cell=as_returned(None if reset is None else reset.cell),
    )
