"""Deviations in what LSTMs are built into: the halves of a Bidirectional, and layers one above the other."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

from lstm_ref.arrays import Array
from lstm_ref.composite import Bidirectional, Composite, Stacked
from lstm_ref.deviations.deviation import Deviation, Need, needing
from lstm_ref.deviations.masks import MaskIgnored, MaskNotReversed
from lstm_ref.gradients import Gradients
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State

Answered = tuple[Array, tuple[State, ...]]


class StatesReversed:
    """What a composite returns, the states of its parts in reverse order."""

    def __init__(self, whole: Composite) -> None:
        self.layers = whole.layers
        self.whole = whole

    def forward(self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None) -> Answered:
        outputs, states = self.whole.forward(inputs, initial_state, mask)
        return outputs, states[::-1]

    @property
    def gradients(self) -> Callable[..., tuple[Array, tuple[Gradients, ...]]]:
        """Those of the whole as it should be."""
        return self.whole.gradients


class InitialStatesReversed(StatesReversed):
    """A composite whose parts take their initial states in reverse order."""

    def forward(self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None) -> Answered:
        return self.whole.forward(inputs, None if initial_state is None else initial_state[::-1], mask)


class BackwardNotFlipped(Bidirectional):
    def aligned(self, behind: Array) -> Array:
        return behind


class HalvesExchanged(Bidirectional):
    def merge(self, ahead: Array, behind: Array) -> Array:
        return super().merge(behind, ahead)


class CellEmitted(LSTM):
    def present(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().present(replace(trajectory, outputs=trajectory.cell))


class ReadsLastStep(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs[:, -1:], initial_state, None if mask is None else mask[:, -1:])


def _changed(layer: LSTM, kind: type[LSTM]) -> LSTM:
    """A layer that is changed as `kind` is, beside what other deviations have changed in it."""
    other = type(layer)
    both: type[LSTM] = (
        other if issubclass(other, kind) else kind if issubclass(kind, other) else type(kind.__name__, (kind, other), {})
    )
    return both(layer.config, layer.weights)


def _layer_as(kind: type[LSTM], position: int) -> Callable[[Sequence[LSTM]], Stacked]:
    """Of two or more layers, one changed."""

    def stacked(layers: Sequence[LSTM]) -> Stacked:
        changed = list(layers)
        if len(changed) > 1:
            changed[position] = _changed(changed[position], kind)
        return Stacked(changed)

    return stacked


def _backward_as(kind: type[LSTM]) -> Callable[[LSTM, LSTM, str | None], Bidirectional]:
    return lambda forward, backward, merge_mode: Bidirectional(forward, _changed(backward, kind), merge_mode)


def _backward_reads_forwards(forward: LSTM, backward: LSTM, merge_mode: str | None) -> Bidirectional:
    whole = Bidirectional(forward, backward, merge_mode)
    backward.config = replace(backward.config, go_backwards=False)
    return whole


def _weights_shared(forward: LSTM, backward: LSTM, merge_mode: str | None) -> Bidirectional:
    is_possible = forward.config.units == backward.config.units
    return Bidirectional(forward, type(backward)(backward.config, forward.weights) if is_possible else backward, merge_mode)


def _merged_otherwise(asked: str, done: str) -> Callable[[LSTM, LSTM, str | None], Bidirectional]:
    return lambda forward, backward, mode: Bidirectional(forward, backward, done if mode == asked else mode)


_MERGES = {"concat": Need.MERGE_CONCAT, "sum": Need.MERGE_SUM, "ave": Need.MERGE_AVE, "mul": Need.MERGE_MUL}

DEVIATIONS = (
    Deviation(
        name="backward_half_not_flipped",
        summary="a Bidirectional joins its backward half's outputs as they come, not in the order of the timesteps",
        needs=needing(Need.TWO_DIRECTIONS, Need.FULL_SEQUENCE, Need.SEVERAL_STEPS),
        bidirectional=BackwardNotFlipped,
    ),
    Deviation(
        name="backward_half_reads_forwards",
        summary="the backward half of a Bidirectional reads the sequence forwards",
        needs=needing(Need.TWO_DIRECTIONS, Need.SEVERAL_STEPS),
        bidirectional=_backward_reads_forwards,
    ),
    Deviation(
        name="backward_half_unmasked",
        summary="the backward half of a Bidirectional gets no mask",
        needs=frozenset({Need.TWO_DIRECTIONS, Need.MASKED_SECOND}),
        bidirectional=_backward_as(MaskIgnored),
    ),
    Deviation(
        name="backward_half_has_forward_weights",
        summary="both halves of a Bidirectional have the forward half's weights",
        needs=needing(Need.TWO_DIRECTIONS, Need.EQUAL_PARTS),
        bidirectional=_weights_shared,
    ),
    Deviation(
        name="halves_exchanged",
        summary="the outputs of a Bidirectional's backward half come before those of its forward half",
        needs=needing(Need.HALVES_APART),
        bidirectional=HalvesExchanged,
    ),
    *(
        Deviation(
            name=f"merge_{asked}_by_{done}",
            summary=f"merge_mode {asked!r} does what {done!r} should",
            needs=needing(need, Need.EQUAL_PARTS),
            bidirectional=_merged_otherwise(asked, done),
        )
        for (asked, need), done in itertools.product(_MERGES.items(), _MERGES)
        if asked != done
    ),
    Deviation(
        name="part_states_exchanged",
        summary="the states of two layers, cells or halves are returned in exchanged order",
        needs=needing(Need.TWO_PARTS, Need.STATES),
        stacked=lambda layers: StatesReversed(Stacked(layers)),
        bidirectional=lambda *halves: StatesReversed(Bidirectional(*halves)),
    ),
    Deviation(
        name="part_initial_states_exchanged",
        summary="two layers, cells or halves take their initial states in exchanged order",
        needs=frozenset({Need.INITIAL_STATE, Need.TWO_PARTS, Need.EQUAL_PARTS}),
        stacked=lambda layers: InitialStatesReversed(Stacked(layers)),
        bidirectional=lambda *halves: InitialStatesReversed(Bidirectional(*halves)),
    ),
    Deviation(
        name="second_layer_reads_last_output",
        summary="the second of two layers or cells reads the last output of the first only",
        needs=needing(Need.TWO_LAYERS, Need.SEVERAL_STEPS),
        stacked=_layer_as(ReadsLastStep, 1),
    ),
    Deviation(
        name="second_layer_reads_cell",
        summary="the second of two layers or cells reads the cell state of the first instead of its output",
        needs=needing(Need.TWO_LAYERS),
        stacked=_layer_as(CellEmitted, 0),
    ),
    Deviation(
        name="second_layer_unmasked",
        summary="the second of two layers or cells gets no mask",
        needs=frozenset({Need.TWO_LAYERS, Need.MASKED_SECOND}),
        stacked=_layer_as(MaskIgnored, 1),
    ),
    Deviation(
        name="mask_not_reversed_with_outputs",
        summary="a layer that goes backwards sends on its mask as it came, not in the order of its outputs",
        needs=frozenset({Need.TWO_LAYERS, Need.BACKWARDS, Need.ASYMMETRIC_MASK}),
        hides="the cells of one RNN go backwards together",
        stacked=_layer_as(MaskNotReversed, 1),
    ),
)
