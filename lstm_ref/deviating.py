"""The reference with one method changed: the layers behind those deviations that no change of weights or configuration makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates, preactivation
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


class OutputTanhMissing(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        new, gates = super().step(x_t, state), self.gates(x_t, state)
        return State(hidden=gates.o * new.cell, cell=new.cell)


class CandidateTanhMissing(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, state)._replace(candidate=preactivation(x_t, state.hidden, self.weights, "c"))


class ForgetGateAbsent(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=np.ones_like(gates.f))


class ForgetCoupledToInput(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(f=1 - gates.i)


class CellFeedsGates(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(x_t, State(hidden=state.cell, cell=state.cell))


class BatchRowsMixed(LSTM):
    def gates(self, x_t: Array, state: State) -> Gates:
        return super().gates(np.roll(x_t, 1, axis=0), state)


class LastStepSkipped(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        use = np.ones(inputs.shape[:2], dtype=bool) if mask is None else mask.copy()
        use[:, 0 if self.config.go_backwards else -1] = False
        return super().run(inputs, initial_state, use)


class FirstOutput(LSTM):
    def present(self, trajectory: Trajectory) -> Any:
        return super().present(replace(trajectory, outputs=trajectory.outputs[:, :1]))


class OutputsReversed(LSTM):
    def present(self, trajectory: Trajectory) -> Any:
        return super().present(replace(trajectory, outputs=trajectory.outputs[:, ::-1]))


class TimeMajor(LSTM):
    def present(self, trajectory: Trajectory) -> Any:
        return super().present(replace(trajectory, outputs=np.swapaxes(trajectory.outputs, 0, 1)))


class UnitsReversed(LSTM):
    def present(self, trajectory: Trajectory) -> Any:
        return super().present(
            Trajectory(*(array[..., ::-1] for array in (trajectory.outputs, trajectory.hidden, trajectory.cell)))
        )


class StatesExchanged(LSTM):
    def present(self, trajectory: Trajectory) -> Any:
        return super().present(replace(trajectory, hidden=trajectory.cell, cell=trajectory.hidden))


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


class ResetIgnored(LSTM):
    def reset_state(self) -> None:
        """Keep everything."""


class CellNotReset(LSTM):
    def reset_state(self) -> None:
        kept = self.state
        super().reset_state()
        if kept is not None:
            self.state = State(hidden=np.zeros_like(kept.hidden), cell=kept.cell)


class HiddenNotReset(LSTM):
    def reset_state(self) -> None:
        kept = self.state
        super().reset_state()
        if kept is not None:
            self.state = State(hidden=kept.hidden, cell=np.zeros_like(kept.cell))


class InputNotCast(LSTM):
    casts_inputs = False


class TwoBiases(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {
            name: np.concatenate([array, 0 * array]) if name == "bias" else array for name, array in super().weight_arrays.items()
        }


class WeightsTransposed(LSTM):
    @property
    def weight_arrays(self) -> dict[str, Array]:
        return {name: array.T for name, array in super().weight_arrays.items()}
