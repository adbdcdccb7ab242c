"""Deviations of dropout: which masks are drawn, how they are scaled, and where they are applied."""

from collections.abc import Callable

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations.deviation import Chapter, Draws, Need, step_needs
from lstm_ref.dropout import DropoutMasks
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER


def _changed_masks(change: Callable[[DropoutMasks], DropoutMasks]) -> Callable[[Draws, bool], Draws]:
    """Masks in training only, each changed."""
    return lambda drawn, training: tuple(tuple(map(change, call)) for call in drawn) if training else ()


def _per_gate(masks: Array) -> Array:
    return np.stack([np.roll(masks[0], gate) for gate in range(len(GATE_ORDER))]) if len(masks) == 1 else masks


_IN_TRAINING = frozenset({Need.DROPOUT})

DEVIATIONS = Chapter()

DEVIATIONS.add(
    "dropout_at_inference",
    "dropout acts at inference too",
    frozenset({Need.INFERENCE}),
    dropout=lambda drawn, training: drawn,  # noqa: ARG005  # that is the deviation
)
DEVIATIONS.add(
    "dropout_ignored",
    "dropout does nothing, in training either",
    _IN_TRAINING,
    dropout=lambda drawn, training: (),  # noqa: ARG005  # that is the deviation
)
DEVIATIONS.add(
    "dropout_unscaled",
    "what dropout keeps is not scaled by 1 / (1 - rate)",
    _IN_TRAINING,
    dropout=_changed_masks(lambda masks: masks.map(np.sign)),
)
DEVIATIONS.add(
    "dropout_scaled_twice",
    "what dropout keeps is scaled by 1 / (1 - rate) twice",
    _IN_TRAINING,
    dropout=_changed_masks(lambda masks: masks.map(np.square)),
)
DEVIATIONS.add(
    "dropout_mask_per_gate",
    "each gate has a dropout mask of its own where one is to serve all",
    frozenset({Need.MASK_SHARED}),
    dropout=_changed_masks(lambda masks: masks.map(_per_gate)),
)
DEVIATIONS.add(
    "dropout_mask_shared",
    "one dropout mask serves all gates where each is to have its own",
    frozenset({Need.MASK_PER_GATE}),
    dropout=_changed_masks(lambda masks: masks.map(lambda drawn: drawn[:1])),
)


@DEVIATIONS.layer(
    "dropout_mask_per_timestep", "dropout masks are drawn anew at every timestep", step_needs(Need.DROPOUT, Need.SEVERAL_STEPS)
)
class MaskPerTimestep(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        self.dropout = self.dropout and self.dropout.map(lambda masks: np.roll(masks, 1))
        return new


@DEVIATIONS.layer(
    "dropout_mask_of_first_row",
    "the dropout mask of the first row of the batch is taken for all rows",
    step_needs(Need.DROPOUT, Need.SEVERAL_ROWS),
)
class MaskOfFirstRow(LSTM):
    def gate_inputs(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        if self.dropout is None:
            return super().gate_inputs(gate, x_t, hidden)
        return self.dropout.map(lambda masks: masks[:, :1]).apply(gate, x_t, hidden)


@DEVIATIONS.layer(
    "input_dropout_of_hidden",
    "the mask of the inputs' dropout acts on the hidden state that the gates read, too",
    step_needs(Need.INPUT_DROPOUT, Need.PREVIOUS_STATE),
)
class InputMaskOnHidden(LSTM):
    def gate_inputs(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        mask, _ = super().gate_inputs(gate, np.ones_like(x_t), hidden)
        x_t, hidden = super().gate_inputs(gate, x_t, hidden)
        return x_t, hidden * np.resize(mask, hidden.shape)


@DEVIATIONS.layer(
    "recurrent_dropout_of_cell",
    "recurrent dropout acts on the cell state instead of the hidden state that the gates read",
    step_needs(Need.RECURRENT_DROPOUT, Need.PREVIOUS_STATE),
)
class CellDropped(LSTM):
    def gate_inputs(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        return super().gate_inputs(gate, x_t, hidden)[0], hidden

    def step(self, x_t: Array, state: State) -> State:
        _, dropped = super().gate_inputs("f", x_t, state.cell)
        return super().step(x_t, State(hidden=state.hidden, cell=dropped))


@DEVIATIONS.layer(
    "recurrent_dropout_of_output",
    "recurrent dropout acts on the hidden state that is emitted and kept, not only on what the gates read",
    step_needs(Need.RECURRENT_DROPOUT),
)
class MaskKeptInHidden(LSTM):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        return State(hidden=super().gate_inputs("o", x_t, new.hidden)[1], cell=new.cell)
