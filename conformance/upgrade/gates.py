"""Which gate of a timestep is another one: by the deviation that says so, or by the states that the timestep leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.reference.run import answer
from conformance.reference.tolerance import ELEMENT_LIMIT
from lstm_ref import GATE_ORDER, LSTM, LSTMError, State, activations
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations import combined

# What an activation's values lie in; a gate outside of it was not made by it.
_RANGES = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh"), (-1.0, 1.0)),
}
# A gate computed from rounded states may lie a little outside of its range.
_SLACK = 1e-3


@dataclass(frozen=True, kw_only=True)
class Parting:
    """A timestep of a case's first call, before which nothing differs.

    Attributes:
        case: one LSTM, without dropout.
        timestep: from 0, in the order in which it is read.
    """

    case: Case
    timestep: int

    @cached_property
    def reference(self) -> LSTM:
        """The layer, right."""
        return LSTM(self.case.config, draw([self.case]).weights_of(self.case)[0])

    @cached_property
    def inputs(self) -> Array:
        """What the timestep reads, (batch, input_dim)."""
        timestep = -1 - self.timestep if self.case.config.go_backwards else self.timestep
        return self._all_inputs[:, timestep]

    @cached_property
    def state(self) -> State:
        """What it starts from, (batch, units) each."""
        given = draw([self.case]).initial_state_of(self.case, self.case.calls[0])
        start = given[0] if given else self.reference.zero_state(self.case.batch)
        passed = self.reference.run(self._all_inputs, start, draw([self.case]).mask_of(self.case, self.case.calls[0]))
        before = State(hidden=passed.hidden[:, self.timestep - 1], cell=passed.cell[:, self.timestep - 1])
        return before if self.timestep else start

    @cached_property
    def _all_inputs(self) -> Array:
        return draw([self.case]).inputs_of(self.case, self.case.calls[0]).astype(np.float64)


def gates_by_deviation(parting: Parting, before: str, after: str) -> tuple[str, str]:
    """The gates in which two deviations ("" for the reference) differ at the timestep, and how that is known."""
    try:
        first, second = (_gates_of(name, parting) for name in (before, after))
    except LSTMError:
        return "", "the gate is not known"
    differing = tuple(gate for gate, one, other in zip(GATE_ORDER, first, second, strict=True) if not np.array_equal(one, other))
    names = ", then ".join(name for name in (before, after) if name)
    if not differing:
        return "", f"no gate: all four are the same (by the deviation {names})"
    return _listed(differing, "and"), f"by the deviation {names}"


def _listed(gates: Sequence[str], last: str) -> str:
    """`i, f and o`."""
    head = ", ".join(gates[:-1])
    return f"{head} {last} {gates[-1]}" if head else "".join(gates)


def _gates_of(deviation: str, parting: Parting) -> Gates:
    reference = parting.reference
    layer = combined(deviation.split("+")).build(reference.config, reference.weights) if deviation else reference
    return layer.gates(parting.inputs, parting.state)


def gates_by_states(parting: Parting, *, hidden: Array, cell: Array) -> tuple[str, str]:
    """The gates that, each alone, may have made these states, (batch, units) each, of the timestep, which is the case's last.

    The timestep is not masked. The output gate acts on h only; of the three that make c, one is ruled out where it would have to
    leave its activation's range.
    """
    lstm, case = parting.reference, parting.case
    sigma = answer(case, draw([case])).sigma[0]
    gates, before = lstm.gates(parting.inputs, parting.state), parting.state
    right = lstm.step(parting.inputs, before)
    activation = activations.get(case.config.activation)
    cell_differs = bool((np.abs(cell - right.cell) > ELEMENT_LIMIT * sigma.cell).any())
    # With the c that is there, h is what the right output gate makes of it, or not.
    output_differs = bool((np.abs(hidden - gates.o * activation(cell)) > 2 * ELEMENT_LIMIT * sigma.hidden).any())
    if not cell_differs:
        return ("o", "c is right, h is not") if output_differs else ("", "the gate is not known")
    if output_differs:
        return "", "more than one gate: both c, and h given c, are other ones"
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = {
            "i": (cell - gates.f * before.cell) / gates.candidate,
            "f": (cell - gates.i * gates.candidate) / before.cell,
            "c": (cell - gates.f * before.cell) / gates.i,
        }
    found = tuple(gate for gate, values in needed.items() if _possible(gate, values, case))
    if not found:
        return "", "no gate alone explains c within its activation's range"
    return _listed(found, "or"), "h follows from c, which is another one"


def _possible(gate: str, values: Array, case: Case) -> bool:
    """Whether a gate may have these values."""
    name = str(case.config.activation if gate == "c" else case.config.recurrent_activation)
    low, high = _RANGES.get(name, (-np.inf, np.inf))
    return bool((np.isfinite(values) & (values >= low - _SLACK) & (values <= high + _SLACK)).all())
