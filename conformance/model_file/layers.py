"""What is known of each LSTM of a model file, before anything is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lstm_ref import LSTMConfig, LSTMWeights


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a layer stands.

    Attributes:
        path: for people: the names of the layers around it and its own, "model/encoder/bidirectional/forward".
        stored: where a .keras archive keeps its variables.
        top: name of the model's own layer that it is, or is part of.
        trainable: whether it and all around it are, which decides the order of weights in a .h5 file.
        uses: how often it is called in one call of the model.
    """

    path: str
    stored: str
    top: str = ""
    trainable: bool = True
    uses: int = 1


@dataclass(frozen=True, kw_only=True)
class FoundLSTM:
    """One LSTM of the configuration: a layer, or one cell of a stack.

    Attributes:
        place: where it stands; of a shared layer, where it stands first, with all of its uses.
        name: of the layer that is called, as the configuration has it.
        written_as: "LSTM", "RNN(LSTMCell)", "StackedRNNCells" …
        config: what it computes; None where that cannot be known, for `reason`.
        policy: its dtype policy.
        arguments: of the layer's constructor, as they are in the file.
        reason: why it is not verified; "" where it can be.
    """

    place: Place
    name: str
    written_as: str
    config: LSTMConfig | None
    policy: str
    arguments: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ForeignLayer:
    """A layer or cell whose class is none of Keras': the file has its configuration, and not its code.

    Attributes:
        place: where it stands.
        class_name: by all that the file says of it: "Mine>LSTM", "my_code.LSTM", "LSTM (module null)".
    """

    place: Place
    class_name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelLSTM:
    """An LSTM with its weights, and what is wrong with them.

    Attributes:
        found: in the configuration.
        weights: in the dtype in which they are stored; None where there are none that fit.
        faults: what makes it fail before it is run: NaN weights, shapes that do not fit …
    """

    found: FoundLSTM
    weights: LSTMWeights | None
    faults: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Its name in reports."""
        return self.found.place.path
