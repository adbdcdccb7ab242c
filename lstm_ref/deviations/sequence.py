"""Deviations in the sequence: the order in which it is read, and the returned outputs."""

from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Chapter, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State

DEVIATIONS = Chapter()


@DEVIATIONS.layer(
    "units_reversed", "outputs and states number the units from the last to the first", step_needs(Need.SEVERAL_UNITS)
)
class UnitsReversed(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(
            Trajectory(*(array[..., ::-1] for array in (trajectory.outputs, trajectory.hidden, trajectory.cell)))
        )


@DEVIATIONS.layer("last_step_skipped", "the last timestep is not read", step_needs(Need.LAST_STEP))
class LastStepSkipped(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        use = np.ones(inputs.shape[:2], dtype=bool) if mask is None else mask.copy()
        use[:, 0 if self.config.go_backwards else -1] = False
        return super().run(inputs, initial_state, use)


@DEVIATIONS.layer(
    "first_step_only",
    "the first timestep is read and no other, as by a loop that was traced over one timestep",
    step_needs(Need.SEVERAL_STEPS),
)
class FirstStepOnly(LSTM):
    def call_trajectory(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Trajectory:
        first = slice(-1, None) if self.config.go_backwards else slice(1)
        return super().call_trajectory(inputs[:, first], initial_state, None if mask is None else mask[:, first])


@DEVIATIONS.layer(
    "first_output", "the first output is returned instead of the last", step_needs(Need.SEVERAL_STEPS, Need.LAST_OUTPUT)
)
class FirstOutput(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        if self.config.return_sequences:
            return super().outputs_and_state(trajectory)
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, :1]))


DEVIATIONS.add(
    "read_backwards",
    "the sequence is read from the last timestep to the first",
    step_needs(Need.SEVERAL_STEPS, Need.FORWARDS, Need.ONE_PART),
    config={"go_backwards": True},
)
DEVIATIONS.add(
    "go_backwards_ignored",
    "the sequence is read from the first timestep to the last, whatever go_backwards says",
    step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS),
    config={"go_backwards": False},
)


@DEVIATIONS.layer(
    "go_backwards_reverses_rows",
    "go_backwards reverses the batch instead of the sequence",
    step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS),
)
class RowsReversed(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        if not self.config.go_backwards:
            return super().run(inputs, initial_state, mask)
        # With go_backwards, reversed inputs are read in their original order.
        return super().run(inputs[::-1, ::-1], initial_state, None if mask is None else mask[::-1, ::-1])


@DEVIATIONS.layer(
    "go_backwards_outputs_in_time_order",
    "with go_backwards the outputs come in the order of the timesteps, not in that of processing",
    step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS, Need.FULL_SEQUENCE),
)
class BackwardsInTimeOrder(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        if not (self.config.go_backwards and self.config.return_sequences):
            return super().outputs_and_state(trajectory)
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, ::-1]))


@DEVIATIONS.layer(
    "outputs_reversed", "the outputs come from the last timestep to the first", step_needs(Need.SEVERAL_STEPS, Need.FULL_SEQUENCE)
)
class OutputsReversed(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, ::-1]))


@DEVIATIONS.layer(
    "outputs_time_major",
    "the outputs have the axes (timesteps, batch, units)",
    step_needs(Need.SEVERAL_STEPS, Need.FULL_SEQUENCE, Need.ONE_PART, Need.OUTPUTS),
)
class TimeMajor(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, outputs=np.swapaxes(trajectory.outputs, 0, 1)))


DEVIATIONS.add(
    "return_sequences_ignored",
    "only the last output is returned, whatever return_sequences says",
    frozenset({Need.FULL_SEQUENCE, Need.ONE_PART}),
    config={"return_sequences": False},
)
DEVIATIONS.add(
    "return_sequences_forced",
    "all outputs are returned, whatever return_sequences says",
    frozenset({Need.LAST_OUTPUT, Need.ONE_PART}),
    config={"return_sequences": True},
)


@DEVIATIONS.layer(
    "input_not_cast",
    "inputs keep their own dtype instead of being cast to the compute dtype",
    frozenset({Need.WIDE_INPUTS, Need.OUTPUTS}),
)
class InputNotCast(LSTM):
    casts_inputs = False
