"""Deviations in compositions: the halves of a Bidirectional, and stacked layers."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lstm_ref.arrays import Array
from lstm_ref.composite import Bidirectional, Composite, Stacked
from lstm_ref.deviations.deviation import Chapter, Need, step_needs
from lstm_ref.deviations.masks import MaskIgnored, MaskNotReversed
from lstm_ref.gradients import Gradients
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State


class StatesReversed(Composite):
    """A composite that returns the states of its parts in reverse order."""

    def __init__(self, composite: Composite) -> None:
        self.layers, self.composite = composite.layers, composite

    def forward(
        self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None
    ) -> tuple[Array, tuple[State, ...]]:
        outputs, states = self.composite.forward(inputs, initial_state, mask)
        return outputs, states[::-1]

    def gradients(self, *arguments: Any, **keywords: Any) -> tuple[Array, tuple[Gradients, ...]]:
        """Those of the composite without the deviation."""
        return self.composite.gradients(*arguments, **keywords)


class InitialStatesReversed(StatesReversed):
    """A composite whose parts take their initial states in reverse order."""

    def forward(
        self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None
    ) -> tuple[Array, tuple[State, ...]]:
        return self.composite.forward(inputs, None if initial_state is None else initial_state[::-1], mask)


class CellEmitted(LSTM):
    def outputs_and_state(self, trajectory: Trajectory) -> tuple[Array, State]:
        return super().outputs_and_state(replace(trajectory, outputs=trajectory.cell))


class ReadsLastStep(LSTM):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(inputs[:, -1:], initial_state, None if mask is None else mask[:, -1:])


def _with_changes_of(kind: type[LSTM], layer: LSTM) -> LSTM:
    """The layer with the changes of `kind` on top of those that other deviations made in it."""
    own = type(layer)
    combined: type[LSTM] = own if issubclass(own, kind) else kind if issubclass(kind, own) else type(kind.__name__, (kind, own), {})
    return combined(layer.config, layer.weights)


def _layer_as(kind: type[LSTM], position: int) -> Callable[[Sequence[LSTM]], Stacked]:
    """Stacked layers, of which the one at `position` is changed where there are two or more."""

    def stacked(layers: Sequence[LSTM]) -> Stacked:
        changed = list(layers)
        if len(changed) > 1:
            changed[position] = _with_changes_of(kind, changed[position])
        return Stacked(changed)

    return stacked


def _backward_as(kind: type[LSTM]) -> Callable[[LSTM, LSTM, str | None], Bidirectional]:
    return lambda forward, backward, merge_mode: Bidirectional(forward, _with_changes_of(kind, backward), merge_mode)


def _backward_reads_forwards(forward: LSTM, backward: LSTM, merge_mode: str | None) -> Bidirectional:
    bidirectional = Bidirectional(forward, backward, merge_mode)
    backward.config = replace(backward.config, go_backwards=False)
    return bidirectional


def _weights_shared(forward: LSTM, backward: LSTM, merge_mode: str | None) -> Bidirectional:
    is_possible = forward.config.units == backward.config.units
    return Bidirectional(forward, type(backward)(backward.config, forward.weights) if is_possible else backward, merge_mode)


def _other_merge(requested: str, applied: str) -> Callable[[LSTM, LSTM, str | None], Bidirectional]:
    return lambda forward, backward, mode: Bidirectional(forward, backward, applied if mode == requested else mode)


_MERGES = {"concat": Need.MERGE_CONCAT, "sum": Need.MERGE_SUM, "ave": Need.MERGE_AVE, "mul": Need.MERGE_MUL}

DEVIATIONS = Chapter()


@DEVIATIONS.change(
    "bidirectional",
    "backward_half_not_flipped",
    "a Bidirectional joins its backward half's outputs as they come, not in the order of the timesteps",
    step_needs(Need.TWO_DIRECTIONS, Need.FULL_SEQUENCE, Need.SEVERAL_STEPS),
)
class BackwardNotFlipped(Bidirectional):
    def in_time_order(self, backward: Array) -> Array:
        return backward


DEVIATIONS.add(
    "backward_half_reads_forwards",
    "the backward half of a Bidirectional reads the sequence forwards",
    step_needs(Need.TWO_DIRECTIONS, Need.SEVERAL_STEPS),
    bidirectional=_backward_reads_forwards,
)
DEVIATIONS.add(
    "backward_half_unmasked",
    "the backward half of a Bidirectional gets no mask",
    frozenset({Need.TWO_DIRECTIONS, Need.MASKED_SECOND}),
    bidirectional=_backward_as(MaskIgnored),
)
DEVIATIONS.add(
    "backward_half_has_forward_weights",
    "both halves of a Bidirectional have the forward half's weights",
    step_needs(Need.TWO_DIRECTIONS, Need.EQUAL_PARTS),
    bidirectional=_weights_shared,
)


@DEVIATIONS.change(
    "bidirectional",
    "halves_exchanged",
    "the outputs of a Bidirectional's backward half come before those of its forward half",
    step_needs(Need.HALVES_APART),
)
class HalvesExchanged(Bidirectional):
    def merge(self, forward: Array, backward: Array) -> Array:
        return super().merge(backward, forward)


for (_requested, _need), _applied in itertools.product(_MERGES.items(), _MERGES):
    if _requested != _applied:
        DEVIATIONS.add(
            f"merge_{_requested}_by_{_applied}",
            f"merge_mode {_requested!r} does what {_applied!r} should",
            step_needs(_need, Need.EQUAL_PARTS),
            bidirectional=_other_merge(_requested, _applied),
        )
DEVIATIONS.add(
    "part_states_exchanged",
    "the states of two layers, cells or halves are returned in exchanged order",
    step_needs(Need.TWO_PARTS, Need.STATES),
    stacked=lambda layers: StatesReversed(Stacked(layers)),
    bidirectional=lambda *halves: StatesReversed(Bidirectional(*halves)),
)
DEVIATIONS.add(
    "part_initial_states_exchanged",
    "two layers, cells or halves take their initial states in exchanged order",
    frozenset({Need.INITIAL_STATE, Need.TWO_PARTS, Need.EQUAL_PARTS}),
    stacked=lambda layers: InitialStatesReversed(Stacked(layers)),
    bidirectional=lambda *halves: InitialStatesReversed(Bidirectional(*halves)),
)
DEVIATIONS.add(
    "second_layer_reads_last_output",
    "the second of two layers or cells reads the last output of the first only",
    step_needs(Need.TWO_LAYERS, Need.SEVERAL_STEPS),
    stacked=_layer_as(ReadsLastStep, 1),
)
DEVIATIONS.add(
    "second_layer_reads_cell",
    "the second of two layers or cells reads the cell state of the first instead of its output",
    step_needs(Need.TWO_LAYERS),
    stacked=_layer_as(CellEmitted, 0),
)
DEVIATIONS.add(
    "second_layer_unmasked",
    "the second of two layers or cells gets no mask",
    frozenset({Need.TWO_LAYERS, Need.MASKED_SECOND}),
    stacked=_layer_as(MaskIgnored, 1),
)
DEVIATIONS.add(
    "mask_not_reversed_with_outputs",
    "a layer that goes backwards sends on its mask as it came, not in the order of its outputs",
    frozenset({Need.TWO_LAYERS, Need.BACKWARDS, Need.ASYMMETRIC_MASK}),
    hides="the cells of one RNN go backwards together",
    stacked=_layer_as(MaskNotReversed, 1),
)
