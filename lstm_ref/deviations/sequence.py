"""Deviations in the sequence: the order in which it is read, and the returned outputs."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Deviation, Need, step_needs
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


class LastStepSkipped(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        use = np.ones(inputs.shape[:2], dtype=bool) if mask is None else mask.copy()
        use[:, 0 if self.config.go_backwards else -1] = False
        return super().run(inputs, initial_state, use)


class FirstStepOnly(LSTM):
    def call_trajectory(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Trajectory:
        first = slice(-1, None) if self.config.go_backwards else slice(1)
        return super().call_trajectory(inputs[:, first], initial_state, None if mask is None else mask[:, first])


class RowsReversed(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        if not self.config.go_backwards:
            return super().run(inputs, initial_state, mask)
        # With go_backwards, reversed inputs are read in their original order.
        return super().run(inputs[::-1, ::-1], initial_state, None if mask is None else mask[::-1, ::-1])


class FirstOutput(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        if self.config.return_sequences:
            return super().outputs_and_state(trajectory)
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, :1]))


class OutputsReversed(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, ::-1]))


class BackwardsInTimeOrder(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        if not (self.config.go_backwards and self.config.return_sequences):
            return super().outputs_and_state(trajectory)
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.outputs[:, ::-1]))


class TimeMajor(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, outputs=np.swapaxes(trajectory.outputs, 0, 1)))


class UnitsReversed(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(
            Trajectory(*(array[..., ::-1] for array in (trajectory.outputs, trajectory.hidden, trajectory.cell)))
        )


class InputNotCast(LSTM):
    casts_inputs = False


DEVIATIONS = (
    Deviation(
        name="units_reversed",
        summary="outputs and states number the units from the last to the first",
        needs=step_needs(Need.SEVERAL_UNITS),
        layer=UnitsReversed,
    ),
    Deviation(
        name="last_step_skipped",
        summary="the last timestep is not read",
        needs=step_needs(Need.LAST_STEP),
        layer=LastStepSkipped,
    ),
    Deviation(
        name="first_step_only",
        summary="the first timestep is read and no other, as by a loop that was traced over one timestep",
        needs=step_needs(Need.SEVERAL_STEPS),
        layer=FirstStepOnly,
    ),
    Deviation(
        name="first_output",
        summary="the first output is returned instead of the last",
        needs=step_needs(Need.SEVERAL_STEPS, Need.LAST_OUTPUT),
        layer=FirstOutput,
    ),
    Deviation(
        name="read_backwards",
        summary="the sequence is read from the last timestep to the first",
        needs=step_needs(Need.SEVERAL_STEPS, Need.FORWARDS, Need.ONE_PART),
        config=MappingProxyType({"go_backwards": True}),
    ),
    Deviation(
        name="go_backwards_ignored",
        summary="the sequence is read from the first timestep to the last, whatever go_backwards says",
        needs=step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS),
        config=MappingProxyType({"go_backwards": False}),
    ),
    Deviation(
        name="go_backwards_reverses_rows",
        summary="go_backwards reverses the batch instead of the sequence",
        needs=step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS),
        layer=RowsReversed,
    ),
    Deviation(
        name="go_backwards_outputs_in_time_order",
        summary="with go_backwards the outputs come in the order of the timesteps, not in that of processing",
        needs=step_needs(Need.SEVERAL_STEPS, Need.BACKWARDS, Need.FULL_SEQUENCE),
        layer=BackwardsInTimeOrder,
    ),
    Deviation(
        name="outputs_reversed",
        summary="the outputs come from the last timestep to the first",
        needs=step_needs(Need.SEVERAL_STEPS, Need.FULL_SEQUENCE),
        layer=OutputsReversed,
    ),
    Deviation(
        name="outputs_time_major",
        summary="the outputs have the axes (timesteps, batch, units)",
        needs=step_needs(Need.SEVERAL_STEPS, Need.FULL_SEQUENCE, Need.ONE_PART, Need.OUTPUTS),
        layer=TimeMajor,
    ),
    Deviation(
        name="return_sequences_ignored",
        summary="only the last output is returned, whatever return_sequences says",
        needs=frozenset({Need.FULL_SEQUENCE, Need.ONE_PART}),
        config=MappingProxyType({"return_sequences": False}),
    ),
    Deviation(
        name="return_sequences_forced",
        summary="all outputs are returned, whatever return_sequences says",
        needs=frozenset({Need.LAST_OUTPUT, Need.ONE_PART}),
        config=MappingProxyType({"return_sequences": True}),
    ),
    Deviation(
        name="input_not_cast",
        summary="inputs keep their own dtype instead of being cast to the compute dtype",
        needs=frozenset({Need.WIDE_INPUTS, Need.OUTPUTS}),
        layer=InputNotCast,
    ),
)
