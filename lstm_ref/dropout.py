"""Dropout: the masks that a training call multiplies its inputs and hidden states by; drawn elsewhere, applied here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.errors import DtypeError, ShapeError
from lstm_ref.weights import GATE_ORDER


@dataclass(frozen=True, kw_only=True, eq=False)
class DropoutMasks:
    """Inverted dropout, constant over time (Gal & Ghahramani 2016): 0 where dropped, 1 / (1 - rate) where kept.

    Attributes:
        inputs: (1, batch, input_dim), shared by the gates, or (4, batch, input_dim), one per gate i, f, c, o; None for none.
        hidden: (1, batch, units) or (4, batch, units), likewise, for the hidden state.

    Raises:
        ShapeError: neither one mask nor four.
        DtypeError: no array of real numbers.
    """

    inputs: Array | None = None
    hidden: Array | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "hidden"):
            masks = getattr(self, name)
            if masks is None:
                continue
            if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "biuf":
                given = getattr(masks, "dtype", type(masks).__name__)
                raise DtypeError(f"dropout masks of {name} must be an array of real numbers; got {given}")
            if masks.ndim != 3 or len(masks) not in (1, len(GATE_ORDER)):
                raise ShapeError(f"dropout masks of {name} must have shape (1 or 4, batch, size); got {masks.shape}")

    def check(self, batch: int, input_dim: int, units: int) -> None:
        """Refuse masks that are not those of a call with so many rows, features and units.

        Raises:
            ShapeError: the message says which masks, and what they should be.
        """
        for name, size in (("inputs", input_dim), ("hidden", units)):
            masks = getattr(self, name)
            if masks is not None and masks.shape[1:] != (batch, size):
                raise ShapeError(
                    f"dropout masks of {name} must have shape (1 or 4, {batch}, {size}) in this call; got {masks.shape}"
                )

    def applied(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        """What a gate reads of x_t (batch, input_dim) and of hidden (batch, units)."""
        return _masked(x_t, self.inputs, gate), _masked(hidden, self.hidden, gate)

    def mapped(self, change: Callable[[Array], Array]) -> DropoutMasks:
        """The same with each kind's masks changed, where there are such."""
        return DropoutMasks(**{kind: None if masks is None else change(masks) for kind, masks in vars(self).items()})

    def tiled(self, copies: int) -> DropoutMasks:
        """The same masks for a batch that holds the sequences several times over."""
        return self.mapped(lambda masks: np.tile(masks, (1, copies, 1)))


def _masked(values: Array, masks: Array | None, gate: str) -> Array:
    return values if masks is None else values * masks[GATE_ORDER.index(gate) if len(masks) > 1 else 0]
