"""Finds the gates that differ at a timestep, from the deviation that explains the difference or from the states after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT
from lstm_ref import GATE_ORDER, LSTM, LSTMError, State, activations
from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.deviations import combine

# The range of each activation's values.
_RANGES = {
    **dict.fromkeys(("sigmoid", "hard_sigmoid", "sparse_sigmoid"), (0.0, 1.0)),
    **dict.fromkeys(("tanh", "hard_tanh"), (-1.0, 1.0)),
}
# A gate computed from rounded states may lie a little outside of its range.
_SLACK = 1e-3


@dataclass(frozen=True, kw_only=True)
class DifferingTimestep:
    """The first timestep of a case's first call at which two runs differ.

    Attributes:
        case: of one LSTM, without dropout.
        timestep: from 0, in the order in which the layer reads them.
    """

    case: Case
    timestep: int

    @cached_property
    def reference(self) -> LSTM:
        """The reference with the case's weights."""
        return LSTM(self.case.config, draw([self.case]).weights_of(self.case)[0])

    @cached_property
    def inputs(self) -> Array:
        """The inputs of the timestep, (batch, input_dim)."""
        timestep = -1 - self.timestep if self.case.config.go_backwards else self.timestep
        return self._all_inputs[:, timestep]

    @cached_property
    def state(self) -> State:
        """The state before the timestep, (batch, units) each."""
        stimulus, call = draw([self.case]), self.case.calls[0]
        initial_states = stimulus.initial_state_of(self.case, call)
        start = initial_states[0] if initial_states else self.reference.zero_state(self.case.batch)
        if not self.timestep:
            return start
        trajectory = self.reference.run(self._all_inputs, start, stimulus.mask_of(self.case, call))
        return State(hidden=trajectory.hidden[:, self.timestep - 1], cell=trajectory.cell[:, self.timestep - 1])

    @cached_property
    def _all_inputs(self) -> Array:
        return draw([self.case]).inputs_of(self.case, self.case.calls[0]).astype(np.float64)


def gates_by_deviation(timestep: DifferingTimestep, before: str, after: str) -> tuple[str, str]:
    """The gates in which two deviations ("" for the reference) differ at the timestep, and how they are known."""
    try:
        first, second = (_gates_of(name, timestep) for name in (before, after))
    except LSTMError:
        return "", "the gate is not known"
    differing = tuple(
        gate for gate, *values in zip(GATE_ORDER, first, second, strict=True) if not np.array_equal(values[0], values[1])
    )
    names = ", then ".join(name for name in (before, after) if name)
    if not differing:
        return "", f"no gate: all four are the same (by the deviation {names})"
    return _listed(differing, "and"), f"by the deviation {names}"


def _listed(gates: Sequence[str], last: str) -> str:
    """`i, f and o`."""
    head = ", ".join(gates[:-1])
    return f"{head} {last} {gates[-1]}" if head else "".join(gates)


def _gates_of(deviation: str, timestep: DifferingTimestep) -> Gates:
    reference = timestep.reference
    layer = combine(deviation.split("+")).build(reference.config, reference.weights) if deviation else reference
    return layer.gates(timestep.inputs, timestep.state)


def gates_by_states(timestep: DifferingTimestep, *, hidden: Array, cell: Array) -> tuple[str, str]:
    """The gates of which each alone explains these states, (batch, units) each, and how they are known.

    The states are those after the timestep, which is the case's last and is not masked. The output gate acts on h only. Of the
    three gates that make c, one is ruled out where its values would be outside of its activation's range.
    """
    lstm, case = timestep.reference, timestep.case
    sigma = expected_calls(case, draw([case])).sigma[0]
    gates, before = lstm.gates(timestep.inputs, timestep.state), timestep.state
    right = lstm.step(timestep.inputs, before)
    activation = activations.get(case.config.activation)
    cell_differs = bool((np.abs(cell - right.cell) > ELEMENT_LIMIT * sigma.cell).any())
    # Whether h differs from what the right output gate makes of this c.
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
    possible = tuple(gate for gate, values in needed.items() if _in_range(gate, values, case))
    if not possible:
        return "", "no gate alone explains c within its activation's range"
    return _listed(possible, "or"), "h follows from c, which is another one"


def _in_range(gate: str, values: Array, case: Case) -> bool:
    """Whether a gate's activation can have these values."""
    name = str(case.config.activation if gate == "c" else case.config.recurrent_activation)
    low, high = _RANGES.get(name, (-np.inf, np.inf))
    return bool((np.isfinite(values) & (values >= low - _SLACK) & (values <= high + _SLACK)).all())
