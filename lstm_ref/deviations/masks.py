"""Deviations under a mask: the masked timesteps, their states, and their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.composite import Composite, Stacked
from lstm_ref.deviations.deviation import Deviation, Need
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


class MaskIgnored(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:  # noqa: ARG002  # that is the deviation
        return super().run(inputs, initial_state)


class MaskInverted(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs, initial_state, None if mask is None else ~mask)


class MaskNotReversed(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        if mask is None or not self.config.go_backwards:
            return super().run(inputs, initial_state, mask)
        return super().run(inputs, initial_state, mask[:, ::-1])


class MaskOfFirstRow(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs, initial_state, None if mask is None else np.repeat(mask[:1], len(mask), axis=0))


class MaskIgnoredByCell(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return replace(super().hold(use, new, old), cell=new.cell)


class MaskIgnoredByHidden(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return replace(super().hold(use, new, old), hidden=new.hidden)


class MaskedStateZeroed(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return super().hold(use, new, self.zero_state(len(old.hidden)))


class MaskMultiplied(LSTM):
    def hold(self, use: Array, new: State, old: State) -> State:
        return State(hidden=new.hidden * use + old.hidden * ~use, cell=new.cell * use + old.cell * ~use)


class MaskedOutputNotHeld(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        self.computed.append(new.hidden)
        return new

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        self.computed: list[Array] = []
        return replace(super().run(inputs, initial_state, mask), outputs=np.stack(self.computed, axis=1))


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


def _cells_not_reversed(layers: Sequence[LSTM]) -> Composite:
    """Of several cells of one RNN only the lowest reads backwards, for all; the outputs of the uppermost are zeroed."""
    if layers[0].config.go_backwards and not layers[-1].config.go_backwards:
        for layer in (layer for layer in layers if isinstance(layer, ZeroOutputNotReversed)):
            layer.emits_reversed = layer is layers[-1]
    return Stacked(layers)


class InitialHiddenEmitted(LSTM):
    emits_initial_state = True


_MASKED = frozenset({Need.MASKED_STEP})

DEVIATIONS = (
    Deviation(name="mask_ignored", summary="every timestep is used, whatever the mask says", needs=_MASKED, layer=MaskIgnored),
    Deviation(
        name="mask_ignored_by_cell",
        summary="the mask holds the hidden state only: the cell state goes on at masked timesteps",
        needs=frozenset({Need.MASKED_STATE}),
        layer=MaskIgnoredByCell,
    ),
    Deviation(
        name="mask_ignored_by_hidden",
        summary="the mask holds the cell state only: the hidden state goes on at masked timesteps",
        needs=frozenset({Need.MASKED_STATE}),
        layer=MaskIgnoredByHidden,
    ),
    Deviation(name="mask_inverted", summary="the mask is inverted: True masks a timestep", needs=_MASKED, layer=MaskInverted),
    Deviation(
        name="mask_not_reversed",
        summary="go_backwards reverses the inputs and not their mask",
        needs=frozenset({Need.HALF_BACKWARDS, Need.ASYMMETRIC_MASK}),
        layer=MaskNotReversed,
    ),
    Deviation(
        name="mask_of_first_row",
        summary="the mask of the first row of the batch is taken for all rows",
        needs=frozenset({Need.ROWS_MASKED_APART}),
        layer=MaskOfFirstRow,
    ),
    Deviation(
        name="mask_multiplied",
        summary="masked states are multiplied by 0 and added, so that NaN gets through, and infinity where no gate bounds it",
        needs=frozenset({Need.MASKED_NAN}),
        layer=MaskMultiplied,
    ),
    Deviation(
        name="masked_state_zeroed",
        summary="a masked timestep leaves zeros in both states instead of what they were",
        needs=frozenset({Need.HELD_STATE}),
        layer=MaskedStateZeroed,
    ),
    Deviation(
        name="masked_output_not_held",
        summary="a masked timestep emits what it computes instead of the previous output",
        needs=frozenset({Need.HELD_OUTPUT}),
        layer=MaskedOutputNotHeld,
    ),
    Deviation(
        name="zero_output_ignored",
        summary="a masked timestep emits the previous output, whatever zero_output_for_mask says",
        needs=frozenset({Need.ZEROED_OUTPUT}),
        config=MappingProxyType({"zero_output_for_mask": False}),
    ),
    Deviation(
        name="zero_output_not_reversed",
        summary="zero_output_for_mask zeroes the outputs that the mask names as it came, though go_backwards reverses them",
        needs=frozenset({Need.ZEROED_OUTPUT, Need.HALF_BACKWARDS, Need.FULL_SEQUENCE}),
        hides="a mask that reads alike from its end names the same outputs",
        layer=ZeroOutputNotReversed,
        stacked=_cells_not_reversed,
    ),
    Deviation(
        name="zero_output_forced",
        summary="a masked timestep emits zeros, whatever zero_output_for_mask says",
        needs=frozenset({Need.HELD_OUTPUT}),
        config=MappingProxyType({"zero_output_for_mask": True}),
    ),
    Deviation(
        name="initial_hidden_emitted",
        summary="the output before the first used timestep is the initial hidden state instead of zeros",
        needs=frozenset({Need.LATE_START}),
        layer=InitialHiddenEmitted,
    ),
)
