"""What a deviation is, and what it needs of a case to show in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from lstm_ref.composite import Bidirectional, Composite, Stacked
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.gradients import Backpropagation
from lstm_ref.layer import LSTM
from lstm_ref.weights import LSTMWeights

# Dropout masks per call and LSTM; () where none are drawn.
Draws = tuple[tuple[DropoutMasks, ...], ...]


class Need(StrEnum):
    """What a case must offer before a deviation can show in it; without it nothing differs that can be seen."""

    USED_STEP = "a timestep that is used"
    SEVERAL_UNITS = "more than one unit"
    SEVERAL_FEATURES = "more than one input feature"
    SEVERAL_ROWS = "more than one row in the batch"
    SEVERAL_STEPS = "more than one timestep that is used"
    PREVIOUS_STATE = "a timestep that starts from a nonzero state"
    LAST_STEP = "a last timestep that is used, and whose state or output is seen"
    CARRIED_CALL = "a stateful call after a call"
    RESET = "a call after reset_state()"
    FULL_SEQUENCE = "return_sequences=True"
    LAST_OUTPUT = "return_sequences=False"
    OUTPUTS = "outputs that are returned, not a loss of them"
    STATES = "states that are returned"
    BIAS = "use_bias=True"
    TANH = "activation='tanh'"
    SIGMOID = "recurrent_activation='sigmoid'"
    HARD_SIGMOID = "a hard_sigmoid"
    SPARSEMAX = "a sparsemax over more than one unit"
    WIDE_INPUTS = "inputs wider than the compute dtype"
    FRACTIONS = "inputs that are no integers"
    FLOAT32 = "a compute dtype of float32 or wider"
    FORWARDS = "go_backwards=False"
    BACKWARDS = "go_backwards=True"
    HALF_BACKWARDS = "an LSTM that goes backwards, alone or as a half of a Bidirectional"
    INITIAL_STATE = "an initial state that is given"
    MASKED_STEP = "a masked timestep whose state or output is seen"
    MASKED_SECOND = "the same of the second of two LSTMs"
    MASKED_STATE = "a masked timestep whose state is returned or read by a later one"
    HELD_STATE = "the same after a nonzero state"
    HELD_OUTPUT = "the output of a masked timestep after a used one, which no loss leaves out"
    ZEROED_OUTPUT = "the same with zero_output_for_mask=True"
    MASKED_END = "a last timestep that is masked"
    LATE_START = "an output before the first used timestep, after a nonzero state"
    ASYMMETRIC_MASK = "a mask that is another one when it is read from its end"
    ROWS_MASKED_APART = "rows with masks of their own"
    MASKED_NAN = "a masked value that is NaN"
    ACTIVATIONS_APART = "another activation than recurrent_activation"
    ONE_PART = "one LSTM"
    TWO_PARTS = "two LSTMs: layers, cells, or the halves of a Bidirectional"
    EQUAL_PARTS = "two LSTMs of the same number of units"
    TWO_LAYERS = "two LSTMs one above the other"
    TWO_DIRECTIONS = "a Bidirectional"
    HALVES_APART = "a Bidirectional that returns both halves' outputs"
    MERGE_CONCAT = "merge_mode='concat'"
    MERGE_SUM = "merge_mode='sum'"
    MERGE_AVE = "merge_mode='ave'"
    MERGE_MUL = "merge_mode='mul'"
    DROPOUT = "dropout in training"
    GRADIENTS = "gradients through a used timestep"
    GRADIENT_CHAIN = "gradients from one used timestep to another before it, or to an initial state"
    LONG_GRADIENT_CHAIN = "gradients from a timestep at or after an even number of others to one of those"
    HELD_GRADIENT = "gradients of a state past a masked timestep"
    GRADIENT_OF_INPUTS = "gradients of the inputs"
    INFERENCE = "a dropout rate at inference"
    INPUT_DROPOUT = "dropout of the inputs in training"
    RECURRENT_DROPOUT = "dropout of the hidden state in training"
    MASK_SHARED = "one dropout mask for all gates"
    MASK_PER_GATE = "a dropout mask per gate"


def needing(*needs: Need) -> frozenset[Need]:
    """The needs of a deviation that shows in what a timestep computes."""
    return frozenset({Need.USED_STEP, *needs})


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A named departure from Keras' semantics.

    Attributes:
        name: stable identifier.
        summary: what a wrong implementation does, completing "matches Keras if …".
        needs: what a case must offer for the deviation to show.
        hides: why a case that offers it may accept the deviation all the same; "" where none may.
        weights: how the deviating implementation reads Keras' weights.
        config: fields of the configuration that it takes otherwise.
        layer: the reference with one method changed.
        stacked: the composition of layers one above the other, changed.
        bidirectional: the composition of two directions, changed.
        backpropagation: the chain rule, changed; what is computed forwards stays as it should be.
        d_stacked: the composition of layers, its chain rule changed.
        d_bidirectional: the composition of two directions, likewise.
        dropout: the masks that it draws where masks should be drawn so in training (True), and none at inference.
    """

    name: str
    summary: str
    needs: frozenset[Need] = field(default_factory=needing)
    hides: str = ""
    weights: Callable[[LSTMWeights], LSTMWeights] = lambda weights: weights
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    layer: type[LSTM] = LSTM
    stacked: Callable[[Sequence[LSTM]], Composite] = Stacked
    bidirectional: Callable[[LSTM, LSTM, str | None], Composite] = Bidirectional
    backpropagation: type[Backpropagation] = Backpropagation
    d_stacked: Callable[[Sequence[LSTM]], Composite] = Stacked
    d_bidirectional: Callable[[LSTM, LSTM, str | None], Composite] = Bidirectional
    dropout: Callable[[Draws, bool], Draws] = lambda drawn, training: drawn if training else ()

    def build(self, config: LSTMConfig, weights: LSTMWeights, dtype: str = "float64") -> LSTM:
        """The reference, deviating."""
        return self.layer(replace(config, **self.config), self.weights(weights), dtype)
