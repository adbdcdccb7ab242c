"""Dropout: the masks that multiply inputs and hidden states in training. They are drawn elsewhere and applied here."""

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
        hidden: (1, batch, units) or (4, batch, units), the same for the hidden state.

    Raises:
        ShapeError: the first axis is neither 1 nor 4.
        DtypeError: not an array of real numbers.
    """

    inputs: Array | None = None
    hidden: Array | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "hidden"):
            masks = getattr(self, name)
            if masks is None:
                continue
            if not isinstance(masks, np.ndarray) or masks.dtype.kind not in "biuf":
                got = getattr(masks, "dtype", type(masks).__name__)
                raise DtypeError(f"dropout masks of {name} must be an array of real numbers; got {got}")
            if masks.ndim != 3 or len(masks) not in (1, len(GATE_ORDER)):
                raise ShapeError(f"dropout masks of {name} must have shape (1 or 4, batch, size); got {masks.shape}")

    def check(self, batch: int, input_dim: int, units: int) -> None:
        """Refuse masks that do not fit a call with this batch, input_dim and number of units.

        Raises:
            ShapeError: the message names the masks and the expected shape.
        """
        for name, size in (("inputs", input_dim), ("hidden", units)):
            masks = getattr(self, name)
            if masks is not None and masks.shape[1:] != (batch, size):
                raise ShapeError(
                    f"dropout masks of {name} must have shape (1 or 4, {batch}, {size}) in this call; got {masks.shape}"
                )

    def apply(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        """x_t (batch, input_dim) and hidden (batch, units) as a gate reads them."""
        return _masked(x_t, self.inputs, gate), _masked(hidden, self.hidden, gate)

    def map(self, change: Callable[[Array], Array]) -> DropoutMasks:
        """The same with `change` applied to each array of masks."""
        return DropoutMasks(**{kind: None if masks is None else change(masks) for kind, masks in vars(self).items()})

    def tile(self, copies: int) -> DropoutMasks:
        """The same masks for a batch that repeats the sequences."""
        return self.map(lambda masks: np.tile(masks, (1, copies, 1)))


def _masked(values: Array, masks: Array | None, gate: str) -> Array:
    return values if masks is None else values * masks[GATE_ORDER.index(gate) if len(masks) > 1 else 0]
