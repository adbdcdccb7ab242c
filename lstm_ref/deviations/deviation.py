"""What a deviation is, and which properties of a case make it show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from lstm_ref.composite import Bidirectional, Composite, Stacked
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.gradients import Backpropagation
from lstm_ref.layer import LSTM
from lstm_ref.weights import LSTMWeights

AnyClass = TypeVar("AnyClass", bound=type)

# The dropout masks of each call and LSTM; () without dropout.
Draws = tuple[tuple[DropoutMasks, ...], ...]


class Need(StrEnum):
    """A property that a case must have for a deviation to show; without it, the results are those of the reference."""

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


def step_needs(*needs: Need) -> frozenset[Need]:
    """The needs of a deviation that changes the computation of a timestep."""
    return frozenset({Need.USED_STEP, *needs})


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """A named departure from Keras' semantics.

    Attributes:
        name: stable identifier.
        summary: what the wrong implementation does.
        needs: the properties of a case in which the deviation shows.
        hides: why such a case may accept the deviation nevertheless; "" where none may.
        weights: maps Keras' weights to those that the deviating implementation uses.
        config: the fields of the configuration that it changes.
        layer: the reference with one method changed.
        stacked: composes stacked layers, with the change.
        bidirectional: composes two directions, with the change.
        backpropagation: the chain rule, with the change; the forward pass is right.
        d_stacked: composes stacked layers, with the change in the chain rule.
        d_bidirectional: composes two directions, with the change in the chain rule.
        dropout: maps the right masks, and whether the call is in training, to the masks that are used.
    """

    name: str
    summary: str
    needs: frozenset[Need] = field(default_factory=step_needs)
    hides: str = ""
    weights: Callable[[LSTMWeights], LSTMWeights] = lambda weights: weights
    config: Mapping[str, Any] = field(default_factory=dict)
    layer: type[LSTM] = LSTM
    stacked: Callable[[Sequence[LSTM]], Composite] = Stacked
    bidirectional: Callable[[LSTM, LSTM, str | None], Composite] = Bidirectional
    backpropagation: type[Backpropagation] = Backpropagation
    d_stacked: Callable[[Sequence[LSTM]], Composite] = Stacked
    d_bidirectional: Callable[[LSTM, LSTM, str | None], Composite] = Bidirectional
    dropout: Callable[[Draws, bool], Draws] = lambda drawn, training: drawn if training else ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", MappingProxyType(dict(self.config)))

    def build(self, config: LSTMConfig, weights: LSTMWeights, dtype: str = "float64") -> LSTM:
        """The reference with the deviation."""
        return self.layer(replace(config, **self.config), self.weights(weights), dtype)


class Chapter(list[Deviation]):
    """The deviations of a module, in the order in which they are listed; the arguments are the fields of `Deviation`."""

    def add(self, name: str, summary: str, needs: frozenset[Need] = step_needs(), **changes: Any) -> Deviation:
        """Add a deviation."""
        self.append(Deviation(name=name, summary=summary, needs=needs, **changes))
        return self[-1]

    def change(
        self, field: str, name: str, summary: str, needs: frozenset[Need] = step_needs(), **changes: Any
    ) -> Callable[[AnyClass], AnyClass]:
        """Add the deviation whose value of a field is the decorated class."""

        def decorate(changed: AnyClass) -> AnyClass:
            self.add(name, summary, needs, **changes, **{field: changed})
            return changed

        return decorate

    def layer(self, name: str, summary: str, needs: frozenset[Need], **changes: Any) -> Callable[[AnyClass], AnyClass]:
        """Add the deviation whose layer is the decorated class."""
        return self.change("layer", name, summary, needs, **changes)


def subclass(kind: type[Any], **fields: object) -> type[Any]:
    """A class with these values of its fields."""
    return type(kind.__name__, (kind,), fields)
