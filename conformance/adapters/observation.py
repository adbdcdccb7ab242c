"""The results of an implementation for a case, in one form for all implementations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_ref import DropoutMasks, LSTMError
from lstm_ref.arrays import Array

ARRAYS = ("outputs", "hidden", "cell", "loss", "stored_hidden", "stored_cell", "reset_hidden", "reset_cell")


@dataclass(frozen=True, kw_only=True, eq=False)
class CallObservation:
    """The results of one call: arrays, or None for an array that the call does not return.

    States of several LSTMs are concatenated: h is (sequences, units of all LSTMs), in the order in which they are returned.

    Attributes:
        outputs: (sequences, timesteps, units) with return_sequences, else (sequences, units).
        hidden: final h, (sequences, units).
        cell: final c, (sequences, units).
        loss: mean squared difference from the case's targets, (), from a route that returns no outputs.
        gradients: name → gradient, of the shape of the named array (`Case.gradients_of`), of the sum of outputs and states weighted
            by the stimulus' cotangents.
        stored_hidden: h that a stateful layer keeps for its next call; None if the layer is not stateful.
        stored_cell: c, likewise.
        reset_hidden: h after the reset before this call; None if there was no reset.
        reset_cell: c, likewise.
        returned: shape of each returned array, in order.
        dtypes: dtype of each returned array, in order. Arrays of bfloat16, which NumPy lacks, are stored as float32.

    Raises:
        LSTMError: a value is not a NumPy array.
    """

    outputs: Any = None
    hidden: Any = None
    cell: Any = None
    loss: Any = None
    gradients: Mapping[str, Any] = field(default_factory=dict)
    stored_hidden: Any = None
    stored_cell: Any = None
    reset_hidden: Any = None
    reset_cell: Any = None
    returned: tuple[tuple[int, ...], ...] = ()
    dtypes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, array in (*((name, getattr(self, name)) for name in ARRAYS), *self.gradients.items()):
            if not (array is None or isinstance(array, np.ndarray | np.generic)):
                raise LSTMError(f"{name} of a call is a {type(array).__name__}, expected a NumPy array, as numpy.asarray makes one")

    @property
    def computed(self) -> dict[str, Any]:
        """The computed arrays by name: outputs, states, loss and gradients; stored and reset states are left out."""
        values = {name: getattr(self, name) for name in ("outputs", "hidden", "cell", "loss")}
        arrays = values | {f"gradient of {name}": array for name, array in self.gradients.items()}
        return {name: array for name, array in arrays.items() if array is not None}


def concatenate_states(arrays: Sequence[Array]) -> Array | None:
    """Concatenate states of several LSTMs, (sequences, units of all LSTMs); None for no states."""
    return np.concatenate(arrays, axis=-1) if arrays else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """The results of an implementation in one case.

    Attributes:
        calls: one per call of the case, in order.
        parameter_count: as the implementation counts.
        weight_shapes: shapes of the weights, in the implementation's order.
        path: the code path that ran, in words ("tf.function, dynamic time").
        not_run: the part of the requested execution that did not run, in words; "" for nothing.
        dropout: per call and LSTM, the masks that dropout drew.
    """

    calls: tuple[CallObservation, ...]
    parameter_count: int
    weight_shapes: tuple[tuple[int, ...], ...]
    path: str
    not_run: str = ""
    dropout: tuple[tuple[DropoutMasks, ...], ...] = ()
