"""Masks by the name of their pattern, and the needs of deviations that a mask fulfils."""

from __future__ import annotations

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.deviations import Need


def mask_of(pattern: str, rows: int, steps: int) -> Array:
    """Return a mask, (rows, timesteps), True = use; lengths differ from row to row."""
    mask = np.ones((rows, steps), dtype=bool)
    for row in range(rows):
        hidden = 1 + row % max(steps - 1, 1)
        if pattern == "right":
            mask[row, steps - hidden :] = False
        elif pattern == "left":
            mask[row, :hidden] = False
        elif pattern == "interior":
            mask[row, 1 + row % max(steps - 2, 1) : steps - 1 : 2] = False
        elif pattern == "first":
            mask[row, 0] = False
        elif pattern == "all" or (pattern == "row" and row == 0):
            mask[row] = False
    return mask


def visible_outputs(mask: Array, *, shows_all: bool, in_loss: bool) -> Array:
    """Whether the output of a timestep is visible, (rows, timesteps) as the mask. A loss leaves out masked timesteps."""
    if shows_all:
        return mask if in_loss else np.ones_like(mask)
    return np.asarray(np.ones_like(mask).cumsum(axis=1) == mask.shape[1])


def state_needs(mask: Array, started: Array, visible: Array, *, returned: bool, carried: bool) -> dict[Need, bool]:
    """The needs of deviations of the states that one pass over a sequence fulfils.

    Args:
        mask: in the order of processing, (rows, timesteps).
        started: whether a row's state is nonzero before the pass, (rows,).
        visible: whether the output of a timestep is visible, (rows, timesteps).
        returned: whether the final states are returned.
        carried: whether another pass continues from them.
    """
    before = np.concatenate([started[:, np.newaxis], started[:, np.newaxis] | _used_until(mask)[:, :-1]], axis=1)
    seen_at_last = np.logical_or(returned, np.logical_and(carried, mask.any(axis=1)))
    seen = np.concatenate([_used_until(mask[:, :0:-1])[:, ::-1], np.zeros_like(mask[:, :1])], axis=1) | seen_at_last[:, np.newaxis]
    either = seen | visible
    return {
        Need.USED_STEP: bool(mask.any()),
        Need.SEVERAL_STEPS: bool((mask.sum(axis=1) > 1).any()),
        Need.PREVIOUS_STATE: bool((mask & before).any()),
        Need.LAST_STEP: bool((mask & either)[:, -1].any()),
        Need.MASKED_STEP: bool((~mask & either).any()),
        Need.MASKED_STATE: bool((~mask & seen).any()),
        Need.HELD_STATE: bool((~mask & before & seen).any()),
        Need.MASKED_END: bool((~mask[:, -1] & seen_at_last).any()),
        Need.ASYMMETRIC_MASK: not np.array_equal(mask, mask[:, ::-1]),
        Need.ROWS_MASKED_APART: bool(((mask != mask[:1]) & either).any()),
    }


def output_needs(mask: Array, started: Array, visible: Array, *, zeroes: bool) -> dict[Need, bool]:
    """The needs of deviations of the outputs that one pass fulfils.

    Args:
        mask: in the order of processing, (rows, timesteps).
        started: whether a row's state is nonzero before the pass, (rows,).
        visible: whether the output of a timestep is visible, (rows, timesteps).
        zeroes: whether masked timesteps emit zeros.
    """
    used = _used_until(mask)
    held = bool((~mask & used & visible).any())
    return {
        Need.HELD_OUTPUT: held and not zeroes,
        Need.ZEROED_OUTPUT: held and zeroes,
        Need.LATE_START: bool((~used & started[:, np.newaxis] & visible).any()) and not zeroes,
    }


def _used_until(mask: Array) -> Array:
    """Whether a row has used this timestep or an earlier one."""
    return np.asarray(np.logical_or.accumulate(mask, axis=1))


def gradient_needs(mask: Array, *, given: bool, returned: bool, shows_all: bool, zeroes: bool) -> dict[Need, bool]:
    """The needs of deviations of the gradients that one pass fulfils.

    Args:
        mask: in the order of processing, (rows, timesteps).
        given: whether there is an initial state, whose gradient is requested.
        returned: whether the final states are returned.
        shows_all: whether all outputs are returned, not only the last.
        zeroes: whether masked timesteps emit zeros.
    """
    # If only the last output is returned and is zero, the row has no gradient.
    mask = mask & (np.True_ if returned or shows_all or not zeroes else mask[:, -1:])
    rows, steps = mask.shape
    nothing = np.zeros((rows, 1), dtype=bool)
    earlier = np.concatenate([nothing, _used_until(mask)[:, :-1]], axis=1)
    now_or_later = _used_until(mask[:, ::-1])[:, ::-1] | returned
    later = np.concatenate([now_or_later[:, 1:], nothing | returned], axis=1)
    chained = earlier & now_or_later
    return {
        Need.GRADIENTS: bool(mask.any()),
        Need.GRADIENT_CHAIN: bool((earlier & mask).any() or (given and mask.any())),
        Need.LONG_GRADIENT_CHAIN: bool(chained[:, 2:steps:2].any()),
        Need.HELD_GRADIENT: bool((~mask & (earlier | given) & later).any()),
    }
