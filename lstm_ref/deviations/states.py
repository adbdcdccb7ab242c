"""Deviations in the states: initial, returned, stored and reset ones."""

from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Chapter, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State

DEVIATIONS = Chapter()


@DEVIATIONS.layer("states_exchanged", "cell state and hidden state are returned in exchanged places", step_needs(Need.STATES))
class StatesExchanged(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, hidden=trajectory.cell, cell=trajectory.hidden))


@DEVIATIONS.layer(
    "initial_state_ignored",
    "the call starts from zeros, or from the stored state, whatever initial_state says",
    frozenset({Need.INITIAL_STATE}),
)
class InitialStateIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:  # noqa: ARG002  # that is the deviation
        return super().starting_state(None, batch)


@DEVIATIONS.layer("initial_states_exchanged", "initial_state is taken as [c, h]", frozenset({Need.INITIAL_STATE}))
class InitialStatesExchanged(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and State(hidden=initial_state.cell, cell=initial_state.hidden), batch)


@DEVIATIONS.layer("initial_hidden_ignored", "of initial_state only the cell state is used", frozenset({Need.INITIAL_STATE}))
class InitialHiddenIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and replace(initial_state, hidden=np.zeros_like(initial_state.hidden)), batch)


@DEVIATIONS.layer("initial_cell_ignored", "of initial_state only the hidden state is used", frozenset({Need.INITIAL_STATE}))
class InitialCellIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and replace(initial_state, cell=np.zeros_like(initial_state.cell)), batch)


@DEVIATIONS.layer(
    "initial_state_kept",
    "a stateful layer starts every later call from the initial_state that it was given once",
    step_needs(Need.INITIAL_STATE, Need.CARRIED_CALL),
)
class InitialStateKept(LSTM):
    first_state: State | None = None

    def starting_state(self, initial_state: State | None, batch: int) -> State:
        self.first_state = initial_state or self.first_state
        return super().starting_state(self.first_state if self.config.stateful else initial_state, batch)

    def reset_state(self) -> None:
        super().reset_state()
        self.first_state = None


@DEVIATIONS.layer(
    "initial_state_not_stored",
    "a stateful call that is given an initial_state leaves the stored state alone",
    step_needs(Need.INITIAL_STATE, Need.CARRIED_CALL),
)
class InitialStateNotStored(LSTM):
    was_given = False

    def starting_state(self, initial_state: State | None, batch: int) -> State:
        self.was_given = initial_state is not None
        return super().starting_state(initial_state, batch)

    def store(self, state: State) -> None:
        if not self.was_given:
            super().store(state)


@DEVIATIONS.layer("state_not_carried", "a stateful call starts from zeros", step_needs(Need.CARRIED_CALL))
class StateNotCarried(LSTM):
    def store(self, state: State) -> None:
        super().store(self.zero_state(len(state.hidden)))


@DEVIATIONS.layer("state_carried_late", "a stateful call starts from the state before the last call", step_needs(Need.CARRIED_CALL))
class StateCarriedLate(LSTM):
    waiting: State | None = None

    def store(self, state: State) -> None:
        super().store(self.zero_state(len(state.hidden)) if self.waiting is None else self.waiting)
        self.waiting = state

    def reset_state(self) -> None:
        super().reset_state()
        self.waiting = None


@DEVIATIONS.layer(
    "stored_state_unmasked",
    "a stateful layer keeps the state that its last timestep computes, masked or not",
    frozenset({Need.MASKED_END, Need.CARRIED_CALL}),
)
class StoredStateUnmasked(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        self.last = super().step(x_t, state)
        return self.last

    def store(self, state: State) -> None:  # noqa: ARG002  # that is the deviation
        super().store(self.last)


@DEVIATIONS.layer("reset_ignored", "reset_state() resets nothing", step_needs(Need.RESET))
class ResetIgnored(LSTM):
    def reset_state(self) -> None:
        """Do nothing."""


@DEVIATIONS.layer("cell_not_reset", "reset_state() leaves the cell state", step_needs(Need.RESET))
class CellNotReset(LSTM):
    def reset_state(self) -> None:
        before = self.state
        super().reset_state()
        if before is not None:
            self.state = State(hidden=np.zeros_like(before.hidden), cell=before.cell)


@DEVIATIONS.layer("hidden_not_reset", "reset_state() leaves the hidden state", step_needs(Need.RESET))
class HiddenNotReset(LSTM):
    def reset_state(self) -> None:
        before = self.state
        super().reset_state()
        if before is not None:
            self.state = State(hidden=before.hidden, cell=np.zeros_like(before.cell))
