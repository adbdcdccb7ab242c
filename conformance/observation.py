"""What an implementation returned for a case, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass

from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class CallObservation:
    """What one call returned.

    Attributes:
        outputs: (batch, timesteps, units) with return_sequences, else (batch, units).
        hidden: final h, (batch, units).
        cell: final c, (batch, units).
        stored_hidden: h that a stateful layer keeps for its next call; None where it is not stateful.
        stored_cell: c, likewise.
        reset_hidden: h that it kept after the reset before this call; None where there was none.
        reset_cell: c, likewise.
    """

    outputs: Array
    hidden: Array
    cell: Array
    stored_hidden: Array | None = None
    stored_cell: Array | None = None
    reset_hidden: Array | None = None
    reset_cell: Array | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Observation:
    """What an implementation showed of itself in one case.

    Attributes:
        calls: one per call of the case, in order.
        parameter_count: as the implementation counts.
        weight_shapes: of its weights, in its order.
        path: what really ran, in words ("tf.function, dynamic time").
    """

    calls: tuple[CallObservation, ...]
    parameter_count: int
    weight_shapes: tuple[tuple[int, ...], ...]
    path: str
