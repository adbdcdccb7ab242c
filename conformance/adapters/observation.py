"""What an implementation returned for a case, whatever it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstm_ref import DropoutMasks, LSTMError
from lstm_ref.arrays import Array

ARRAYS = ("outputs", "hidden", "cell", "loss", "stored_hidden", "stored_cell", "reset_hidden", "reset_cell")


@dataclass(frozen=True, kw_only=True, eq=False)
class CallObservation:
    """What one call returned: arrays, and None where it does not return such a thing.

    States of several LSTMs stand side by side: h is (sequences, units of all of them), in the order in which they are returned.

    Attributes:
        outputs: (sequences, timesteps, units) with return_sequences, else (sequences, units).
        hidden: final h, (sequences, units).
        cell: final c, (sequences, units).
        loss: mean squared difference from the case's targets, (), from a route that shows no outputs.
        gradients: derivatives of the outputs and states, weighed by the stimulus' cotangents and summed, by the name of what they
            belong to (`Case.gradients_of`), of its shape.
        stored_hidden: h that a stateful layer keeps for its next call; None where it is not stateful.
        stored_cell: c, likewise.
        reset_hidden: h that it kept after the reset before this call; None where there was none.
        reset_cell: c, likewise.
        returned: shape of each array that was returned, in order, as it was returned.
        dtypes: its dtype, likewise; arrays of bfloat16, which NumPy lacks, are kept as float32.

    Raises:
        LSTMError: what stands for an array is none of NumPy's.
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
        """What the call computed, of all that it returns or keeps, by name."""
        values = {name: getattr(self, name) for name in ("outputs", "hidden", "cell", "loss")}
        named = values | {f"gradient of {name}": array for name, array in self.gradients.items()}
        return {name: array for name, array in named.items() if array is not None}


def concatenate_states(arrays: Sequence[Array]) -> Array | None:
    """States of several LSTMs, (sequences, units of all of them); None of none."""
    return np.concatenate(arrays, axis=-1) if arrays else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What an implementation showed of itself in one case.

    Attributes:
        calls: one per call of the case, in order.
        parameter_count: as the implementation counts.
        weight_shapes: of its weights, in its order.
        path: what really ran, in words ("tf.function, dynamic time").
        not_run: what of the execution was asked for and did not run, in words; "" for nothing.
        dropout: per call and LSTM, the masks that dropout drew.
    """

    calls: tuple[CallObservation, ...]
    parameter_count: int
    weight_shapes: tuple[tuple[int, ...], ...]
    path: str
    not_run: str = ""
    dropout: tuple[tuple[DropoutMasks, ...], ...] = ()
