"""The LSTMs of a model file: their places, configurations and weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lstm_ref import LSTMConfig, LSTMWeights


@dataclass(frozen=True, kw_only=True)
class Place:
    """The place of a layer in a model.

    Attributes:
        path: its name in reports, with the names of the layers around it: "model/encoder/bidirectional/forward".
        stored: the path of its variables in a .keras archive.
        top: name of the model's direct layer that contains it, or that it is.
        trainable: whether it and all layers around it are trainable, which decides the order of weights in a .h5 file.
        uses: number of its calls in one call of the model.
    """

    path: str
    stored: str
    top: str = ""
    trainable: bool = True
    uses: int = 1


@dataclass(frozen=True, kw_only=True)
class LSTMLayer:
    """One LSTM of the configuration: a layer, or one cell of a stack.

    Attributes:
        place: in the model; of a shared layer, its first place, with the number of all its uses.
        name: of the layer in the configuration.
        written_as: "LSTM", "RNN(LSTMCell)", "StackedRNNCells" …
        config: of the reference; None where it is not known, for `reason`.
        policy: its dtype policy.
        arguments: of the layer's constructor, as they are in the file.
        reason: why it is not verified; "" where it is.
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
    """A layer or cell whose class is not Keras' own: the file has its configuration, but not its code.

    Attributes:
        place: in the model.
        class_name: as complete as the file has it: "Mine>LSTM", "my_code.LSTM", "LSTM (module null)".
    """

    place: Place
    class_name: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelLSTM:
    """An LSTM with its weights and their faults.

    Attributes:
        layer: its description in the configuration.
        weights: in their stored dtype; None where the file has none that fit.
        faults: reasons to fail before it runs: NaN weights, shapes that do not fit …
    """

    layer: LSTMLayer
    weights: LSTMWeights | None
    faults: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Its name in reports."""
        return self.layer.place.path
