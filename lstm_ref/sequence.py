"""From one timestep to a sequence: order, masks, and the output of each timestep."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.state import State

Step = Callable[[Array, State], State]
Hold = Callable[[Array, State, State], State]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The outputs and states of one run over a sequence, in processing order.

    Attributes:
        outputs: (batch, timesteps, units); they differ from `hidden` only under a mask.
        hidden: h after each timestep, (batch, timesteps, units).
        cell: c after each timestep, (batch, timesteps, units).
    """

    outputs: Array
    hidden: Array
    cell: Array

    @property
    def final_state(self) -> State:
        """The state after the last processed timestep, (batch, units) each."""
        return State(hidden=self.hidden[:, -1], cell=self.cell[:, -1])


def hold(use: Array, new: State, old: State) -> State:
    """The new state of the rows that use the timestep, the old state of the others; use: (batch, 1)."""
    return State(hidden=np.where(use, new.hidden, old.hidden), cell=np.where(use, new.cell, old.cell))


def run(
    step: Step,
    inputs: Array,
    initial_state: State,
    mask: Array | None = None,
    *,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
    emits_initial_state: bool = False,
    hold: Hold = hold,
) -> Trajectory:
    """Take one step per timestep of inputs (batch, timesteps, input_dim), at least one.

    mask: (batch, timesteps), True = use. A masked timestep holds both states and repeats the previous output. Before the first
    unmasked timestep the output is zeros, or the initial hidden state with `emits_initial_state`; Keras' backends differ in this
    convention, and the states do not depend on it. `zero_output_for_mask` emits zeros at every masked timestep. `go_backwards`
    reads inputs and mask from the last timestep to the first.
    """
    order = range(inputs.shape[1])[:: -1 if go_backwards else 1]
    state, emitted = initial_state, initial_state.hidden if emits_initial_state else np.zeros_like(initial_state.hidden)
    steps: list[tuple[Array, State]] = []
    for t in order:
        new = step(inputs[:, t], state)
        if mask is None:
            state, emitted = new, new.hidden
        else:
            use = mask[:, t, np.newaxis]
            state = hold(use, new, state)
            emitted = np.where(use, new.hidden, 0 if zero_output_for_mask else emitted)
        steps.append((emitted, state))
    return Trajectory(
        outputs=np.stack([output for output, _ in steps], axis=1),
        hidden=np.stack([state.hidden for _, state in steps], axis=1),
        cell=np.stack([state.cell for _, state in steps], axis=1),
    )
