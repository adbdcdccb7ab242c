"""An LSTM in plain Python, and the adapter by which the suite asks it.

>>> from conformance.running.runner import run
>>> cases = [Case.from_id(id) for id in ("u2-d1-t6-b3-s0", "u2-d2-t6-b3-seq-stateful-s0", "u2-d1-t6-b3-back-s0")]
>>> for result in run(cases, PlainAdapter()):
...     print(result.case_id, result.verdict, result.reason)
u2-d1-t6-b3-s0 PASS
u2-d2-t6-b3-seq-stateful-s0 PASS
u2-d1-t6-b3-back-s0 UNSUPPORTED only plain sequences are computed
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.adapters.base import UnsupportedError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Call, Case
from conformance.cases.stimulus import Stimulus
from conformance.matrix import documents_matrix, select
from conformance.report.console import stdout
from conformance.report.text import show
from conformance.running.session import Session
from lstm_ref import LSTMWeights

Row = list[float]


def sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), without overflow."""
    return 1 / (1 + math.exp(-z)) if z > 0 else math.exp(z) / (1 + math.exp(z))


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The sum of the products."""
    return sum(p * q for p, q in zip(a, b, strict=True))


def step(weights: LSTMWeights, x: Sequence[float], h: Row, c: Row) -> tuple[Row, Row]:
    """One timestep of one row: the next h and c."""
    units = len(h)
    W, U, b = (weights.arrays[name].T.tolist() for name in ("kernel", "recurrent_kernel", "bias"))
    z = [dot(x, W[j]) + dot(h, U[j]) + b[j] for j in range(4 * units)]
    i, f, candidate, o = (z[gate * units : (gate + 1) * units] for gate in range(4))
    cell = [sigmoid(f[u]) * c[u] + sigmoid(i[u]) * math.tanh(candidate[u]) for u in range(units)]
    return [sigmoid(o[u]) * math.tanh(cell[u]) for u in range(units)], cell


@dataclass(frozen=True)
class PlainAdapter:
    """Runs it call by call, on the cases of the documents' matrix."""

    conventions: Conventions = DEFAULT_CONVENTIONS
    keras: None = None

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "plain Python", "python": platform.python_version()}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """What each call returns, in float32."""
        if not case.is_plain:
            raise UnsupportedError("only plain sequences are computed")
        (weights,) = stimulus.weights_of(case)
        zeros = np.zeros((2, case.batch, case.config.units)).tolist()
        calls, kept = [], zeros
        for call in case.calls:
            before = zeros if call.after_reset or not case.config.stateful else kept
            observed, kept = _call(case, call, weights, stimulus.inputs_of(case, call).tolist(), before)
            calls.append(observed)
        arrays = list(weights.arrays.values())
        return Observation(
            calls=tuple(calls),
            parameter_count=sum(array.size for array in arrays),
            weight_shapes=tuple(array.shape for array in arrays),
            path="plain Python",
        )


def _call(
    case: Case, call: Call, weights: LSTMWeights, inputs: list[list[Row]], before: list[list[Row]]
) -> tuple[CallObservation, list[list[Row]]]:
    """What a call shows that starts from the states `before`, h and c of each row; and the states that it ends in."""
    outputs, states = [], []
    for sequence, h, c in zip(inputs, *before, strict=True):
        emitted = []
        for x in sequence:
            h, c = step(weights, x, h, c)  # noqa: PLW2901  # the state of the row
            emitted.append(h)
        outputs.append(emitted if case.config.return_sequences else emitted[-1])
        states.append((h, c))
    hidden, cell = (np.array(each, "float32") for each in zip(*states, strict=True))
    returned = (np.array(outputs, "float32"), hidden, cell)
    kept: dict[str, Any] = {"stored_hidden": hidden, "stored_cell": cell} if case.config.stateful else {}
    if call.after_reset:
        kept |= dict(zip(("reset_hidden", "reset_cell"), np.array(before), strict=True))
    observation = CallObservation(
        outputs=returned[0],
        hidden=hidden,
        cell=cell,
        returned=tuple(array.shape for array in returned),
        dtypes=tuple(str(array.dtype) for array in returned),
        **kept,
    )
    return observation, [hidden.tolist(), cell.tolist()]


if __name__ == "__main__":
    report = Session(planned=select(list(documents_matrix()), sys.argv[1:]), make_adapter=PlainAdapter, workers=2).run()
    show(report, stdout())
    sys.exit(0 if report.as_expected else 1)
