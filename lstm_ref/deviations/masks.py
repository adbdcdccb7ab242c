"""Deviations under a mask: the masked timesteps, their states, and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.composite import Composite, Stacked
from lstm_ref.deviations.deviation import Chapter, Need
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


def _cells_not_reversed(layers: Sequence[LSTM]) -> Composite:
    """Of several cells of one RNN only the lowest reads backwards, for all; the outputs of the uppermost are zeroed."""
    if layers[0].config.go_backwards and not layers[-1].config.go_backwards:
        for layer in (layer for layer in layers if isinstance(layer, ZeroOutputNotReversed)):
            layer.emits_reversed = layer is layers[-1]
    return Stacked(layers)


_MASKED = frozenset({Need.MASKED_STEP})

DEVIATIONS = Chapter()


@DEVIATIONS.layer("mask_ignored", "every timestep is used, whatever the mask says", _MASKED)
class MaskIgnored(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:  # noqa: ARG002  # that is the deviation
        return super().run(inputs, initial_state)


@DEVIATIONS.layer(
    "mask_ignored_with_initial_state",
    "a call that is given initial states uses every timestep, whatever the mask says",
    frozenset({Need.MASKED_STEP, Need.INITIAL_STATE}),
)
class MaskIgnoredWithInitialState(LSTM):
    def _checked(self, inputs: Any, initial_state: Any, mask: Any) -> tuple[Array, State, Array | None]:
        return super()._checked(inputs, initial_state, mask if initial_state is None else None)


@DEVIATIONS.layer(
    "mask_ignored_by_cell",
    "the mask holds the hidden state only: the cell state goes on at masked timesteps",
    frozenset({Need.MASKED_STATE}),
)
class MaskIgnoredByCell(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return replace(super().hold(use, new, old), cell=new.cell)


@DEVIATIONS.layer(
    "mask_ignored_by_hidden",
    "the mask holds the cell state only: the hidden state goes on at masked timesteps",
    frozenset({Need.MASKED_STATE}),
)
class MaskIgnoredByHidden(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return replace(super().hold(use, new, old), hidden=new.hidden)


@DEVIATIONS.layer("mask_inverted", "the mask is inverted: True masks a timestep", _MASKED)
class MaskInverted(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs, initial_state, None if mask is None else ~mask)


@DEVIATIONS.layer(
    "mask_not_reversed",
    "go_backwards reverses the inputs and not their mask",
    frozenset({Need.HALF_BACKWARDS, Need.ASYMMETRIC_MASK}),
)
class MaskNotReversed(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        if mask is None or not self.config.go_backwards:
            return super().run(inputs, initial_state, mask)
        return super().run(inputs, initial_state, mask[:, ::-1])


@DEVIATIONS.layer(
    "mask_of_first_row", "the mask of the first row of the batch is taken for all rows", frozenset({Need.ROWS_MASKED_APART})
)
class MaskOfFirstRow(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs, initial_state, None if mask is None else np.repeat(mask[:1], len(mask), axis=0))


@DEVIATIONS.layer(
    "mask_multiplied",
    "masked states are multiplied by 0 and added, so that NaN gets through, and infinity where no gate bounds it",
    frozenset({Need.MASKED_NAN}),
)
class MaskMultiplied(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return State(hidden=new.hidden * use + old.hidden * ~use, cell=new.cell * use + old.cell * ~use)


@DEVIATIONS.layer(
    "masked_state_zeroed", "a masked timestep leaves zeros in both states instead of what they were", frozenset({Need.HELD_STATE})
)
class MaskedStateZeroed(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return super().hold(use, new, self.zero_state(len(old.hidden)))


@DEVIATIONS.layer(
    "masked_output_not_held",
    "a masked timestep emits what it computes instead of the previous output",
    frozenset({Need.HELD_OUTPUT}),
)
class MaskedOutputNotHeld(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        self.computed.append(new.hidden)
        return new

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        self.computed: list[Array] = []
        return replace(super().run(inputs, initial_state, mask), outputs=np.stack(self.computed, axis=1))


DEVIATIONS.add(
    "zero_output_ignored",
    "a masked timestep emits the previous output, whatever zero_output_for_mask says",
    frozenset({Need.ZEROED_OUTPUT}),
    config={"zero_output_for_mask": False},
)


@DEVIATIONS.layer(
    "zero_output_not_reversed",
    "zero_output_for_mask zeroes the outputs that the mask names as it came, though go_backwards reverses them",
    frozenset({Need.ZEROED_OUTPUT, Need.HALF_BACKWARDS, Need.FULL_SEQUENCE}),
    hides="a mask that reads alike from its end names the same outputs",
    stacked=_cells_not_reversed,
)
class ZeroOutputNotReversed(LSTM):
    # Whether the outputs are in reverse order of the timesteps; None: as go_backwards has it.
    emits_reversed: bool | None = None

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        trajectory, config = super().run(inputs, initial_state, mask), self.config
        is_reversed = config.go_backwards if self.emits_reversed is None else self.emits_reversed
        if mask is None or not (config.zero_output_for_mask and config.return_sequences and is_reversed):
            return trajectory
        processed = mask[:, ::-1] if config.go_backwards else mask
        started = np.cumsum(processed, axis=1) > 0
        return replace(trajectory, outputs=np.where((processed[:, ::-1] & started)[:, :, np.newaxis], trajectory.hidden, 0))


DEVIATIONS.add(
    "zero_output_forced",
    "a masked timestep emits zeros, whatever zero_output_for_mask says",
    frozenset({Need.HELD_OUTPUT}),
    config={"zero_output_for_mask": True},
)


@DEVIATIONS.layer(
    "initial_hidden_emitted",
    "the output before the first used timestep is the initial hidden state instead of zeros",
    frozenset({Need.LATE_START}),
)
class InitialHiddenEmitted(LSTM):
    emits_initial_state = True
