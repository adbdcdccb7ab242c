"""Deviations in the states: initial, returned, stored and reset ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Deviation, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


class StatesExchanged(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, hidden=trajectory.cell, cell=trajectory.hidden))


class InitialStateIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:  # noqa: ARG002  # that is the deviation
        return super().starting_state(None, batch)


class InitialStatesExchanged(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and State(hidden=initial_state.cell, cell=initial_state.hidden), batch)


class InitialHiddenIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and replace(initial_state, hidden=np.zeros_like(initial_state.hidden)), batch)


class InitialCellIgnored(LSTM):
    def starting_state(self, initial_state: State | None, batch: int) -> State:
        return super().starting_state(initial_state and replace(initial_state, cell=np.zeros_like(initial_state.cell)), batch)


class InitialStateKept(LSTM):
    first_state: State | None = None

    def starting_state(self, initial_state: State | None, batch: int) -> State:
        self.first_state = initial_state or self.first_state
        return super().starting_state(self.first_state if self.config.stateful else initial_state, batch)

    def reset_state(self) -> None:
        super().reset_state()
        self.first_state = None


class InitialStateNotStored(LSTM):
    was_given = False

    def starting_state(self, initial_state: State | None, batch: int) -> State:
        self.was_given = initial_state is not None
        return super().starting_state(initial_state, batch)

    def store(self, state: State) -> None:
        if not self.was_given:
            super().store(state)


class StateNotCarried(LSTM):
    def store(self, state: State) -> None:
        super().store(self.zero_state(len(state.hidden)))


class StateCarriedLate(LSTM):
    waiting: State | None = None

    def store(self, state: State) -> None:
        super().store(self.zero_state(len(state.hidden)) if self.waiting is None else self.waiting)
        self.waiting = state

    def reset_state(self) -> None:
        super().reset_state()
        self.waiting = None


class StoredStateUnmasked(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        self.last = super().step(x_t, state)
        return self.last

    def store(self, state: State) -> None:  # noqa: ARG002  # that is the deviation
        super().store(self.last)


class ResetIgnored(LSTM):
    def reset_state(self) -> None:
        """Do nothing."""


class CellNotReset(LSTM):
    def reset_state(self) -> None:
        before = self.state
        super().reset_state()
        if before is not None:
            self.state = State(hidden=np.zeros_like(before.hidden), cell=before.cell)


class HiddenNotReset(LSTM):
    def reset_state(self) -> None:
        before = self.state
        super().reset_state()
        if before is not None:
            self.state = State(hidden=before.hidden, cell=np.zeros_like(before.cell))


DEVIATIONS = (
    Deviation(
        name="states_exchanged",
        summary="cell state and hidden state are returned in exchanged places",
        needs=step_needs(Need.STATES),
        layer=StatesExchanged,
    ),
    Deviation(
        name="initial_state_ignored",
        summary="the call starts from zeros, or from the stored state, whatever initial_state says",
        needs=frozenset({Need.INITIAL_STATE}),
        layer=InitialStateIgnored,
    ),
    Deviation(
        name="initial_states_exchanged",
        summary="initial_state is taken as [c, h]",
        needs=frozenset({Need.INITIAL_STATE}),
        layer=InitialStatesExchanged,
    ),
    Deviation(
        name="initial_hidden_ignored",
        summary="of initial_state only the cell state is used",
        needs=frozenset({Need.INITIAL_STATE}),
        layer=InitialHiddenIgnored,
    ),
    Deviation(
        name="initial_cell_ignored",
        summary="of initial_state only the hidden state is used",
        needs=frozenset({Need.INITIAL_STATE}),
        layer=InitialCellIgnored,
    ),
    Deviation(
        name="initial_state_kept",
        summary="a stateful layer starts every later call from the initial_state that it was given once",
        needs=step_needs(Need.INITIAL_STATE, Need.CARRIED_CALL),
        layer=InitialStateKept,
    ),
    Deviation(
        name="initial_state_not_stored",
        summary="a stateful call that is given an initial_state leaves the stored state alone",
        needs=step_needs(Need.INITIAL_STATE, Need.CARRIED_CALL),
        layer=InitialStateNotStored,
    ),
    Deviation(
        name="state_not_carried",
        summary="a stateful call starts from zeros",
        needs=step_needs(Need.CARRIED_CALL),
        layer=StateNotCarried,
    ),
    Deviation(
        name="state_carried_late",
        summary="a stateful call starts from the state before the last call",
        needs=step_needs(Need.CARRIED_CALL),
        layer=StateCarriedLate,
    ),
    Deviation(
        name="stored_state_unmasked",
        summary="a stateful layer keeps the state that its last timestep computes, masked or not",
        needs=frozenset({Need.MASKED_END, Need.CARRIED_CALL}),
        layer=StoredStateUnmasked,
    ),
    Deviation(name="reset_ignored", summary="reset_state() resets nothing", needs=step_needs(Need.RESET), layer=ResetIgnored),
    Deviation(
        name="cell_not_reset",
        summary="reset_state() leaves the cell state",
        needs=step_needs(Need.RESET),
        layer=CellNotReset,
    ),
    Deviation(
        name="hidden_not_reset",
        summary="reset_state() leaves the hidden state",
        needs=step_needs(Need.RESET),
        layer=HiddenNotReset,
    ),
)
