"""What LSTMs are built into: layers or cells one above the other, and the two directions of a Bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.errors import LSTMError
from lstm_ref.gradients import Gradients
from lstm_ref.layer import LSTM
from lstm_ref.state import State

MERGE_MODES = ("concat", "sum", "ave", "mul", "none")


class Composite(Protocol):
    """One or more LSTMs that answer as one; each is built with return_state=True."""

    layers: tuple[LSTM, ...]

    def __call__(
        self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None
    ) -> tuple[Array, tuple[State, ...]]:
        """Outputs, and the final state of each layer, in the order in which Keras returns them."""

    def gradients(
        self,
        inputs: Array,
        d_outputs: Array,
        d_states: Sequence[State],
        initial_state: Sequence[State] | None = None,
        mask: Array | None = None,
        *,
        copies: int = 1,
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """The gradient of the inputs, and those of each layer, for the call with these arguments; see `LSTM.gradients`."""


class Stacked:
    """Layers one above the other: each reads the outputs of the one below, which returns sequences.

    Args:
        layers: the lowest first; one alone is that LSTM itself. The cells of one RNN are layers of which only the lowest may go
            backwards, for all of them.
    """

    def __init__(self, layers: Sequence[LSTM]) -> None:
        self.layers = tuple(layers)

    def __call__(
        self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None
    ) -> tuple[Array, tuple[State, ...]]:
        """See Composite. Where a layer's outputs come in reverse order of the timesteps, so does the mask of what reads them."""
        states, outputs = [], inputs
        for position, layer in enumerate(self.layers):
            given = None if initial_state is None else initial_state[position]
            outputs, hidden, cell = layer(outputs, initial_state=given, mask=mask)
            states.append(State(hidden, cell))
            if mask is not None and layer.config.go_backwards:
                mask = mask[:, ::-1]
        return outputs, tuple(states)

    def gradients(
        self,
        inputs: Array,
        d_outputs: Array,
        d_states: Sequence[State],
        initial_state: Sequence[State] | None = None,
        mask: Array | None = None,
        *,
        copies: int = 1,
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        given: Sequence[State | None] = initial_state or [None] * len(self.layers)
        calls, read = [], inputs
        for layer, state, d_final in zip(self.layers, given, d_states, strict=True):
            calls.append((layer, read, d_final, state, mask))
            read = layer.trajectory(read, state, mask).outputs
            mask = mask[:, ::-1] if mask is not None and layer.config.go_backwards else mask
        found: list[Gradients] = []
        for layer, read, d_final, state, mask in reversed(calls):
            found.insert(0, layer.gradients(read, d_outputs, d_final, state, mask, copies=copies))
            d_outputs = self.to_layer_below(found[0].inputs)
        return found[0].inputs, tuple(found)

    def to_layer_below(self, d_inputs: Array) -> Array:
        """What is said of a layer's inputs, said of the outputs of the one below."""
        return d_inputs


class Bidirectional:
    """One LSTM from the first timestep to the last, another from the last to the first, and their outputs joined.

    Args:
        forward: units, and return_sequences as the whole is to return them.
        backward: an LSTM with go_backwards=True and the same return_sequences.
        merge_mode: "concat", "sum", "ave", "mul", or "none", which returns both halves, here side by side.

    Raises:
        LSTMError: unknown merge_mode, halves that cannot be joined so, or a backward half that does not go backwards.
    """

    def __init__(self, forward: LSTM, backward: LSTM, merge_mode: str = "concat") -> None:
        if merge_mode not in MERGE_MODES:
            raise LSTMError(f"merge_mode must be one of {', '.join(MERGE_MODES)}; got {merge_mode!r}")
        if not backward.config.go_backwards or forward.config.go_backwards:
            raise LSTMError("the backward half must have go_backwards=True and the forward half must not")
        if merge_mode in ("sum", "ave", "mul") and forward.config.units != backward.config.units:
            sizes = f"{forward.config.units} and {backward.config.units}"
            raise LSTMError(f"halves of {sizes} units cannot be joined by {merge_mode!r}; use 'concat' or 'none'")
        self.layers: tuple[LSTM, ...] = (forward, backward)
        self.merge_mode = merge_mode

    def __call__(
        self, inputs: Array, initial_state: Sequence[State] | None = None, mask: Array | None = None
    ) -> tuple[Array, tuple[State, ...]]:
        """See Composite; initial and final states are those of the forward half, then those of the backward half."""
        given = [None, None] if initial_state is None else list(initial_state)
        halves = [layer(inputs, initial_state=state, mask=mask) for layer, state in zip(self.layers, given, strict=True)]
        (ahead, *_), (behind, *_) = halves
        states = tuple(State(hidden, cell) for _, hidden, cell in halves)
        return self.merge(ahead, self.aligned(behind)), states

    def gradients(
        self,
        inputs: Array,
        d_outputs: Array,
        d_states: Sequence[State],
        initial_state: Sequence[State] | None = None,
        mask: Array | None = None,
        *,
        copies: int = 1,
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        given: Sequence[State | None] = initial_state or [None, None]
        ahead, behind = (
            layer.present(layer.trajectory(inputs, state, mask))[0] for layer, state in zip(self.layers, given, strict=True)
        )
        d_ahead, d_behind = self.unmerge(d_outputs, ahead, self.aligned(behind))
        found = tuple(
            layer.gradients(inputs, d_half, d_final, state, mask, copies=copies)
            for layer, d_half, d_final, state in zip(self.layers, (d_ahead, self.aligned(d_behind)), d_states, given, strict=True)
        )
        return found[0].inputs + found[1].inputs, found

    def aligned(self, behind: Array) -> Array:
        """The backward half's outputs in the order of the timesteps; a last output, (batch, units), belongs to all of them."""
        return behind[:, ::-1] if behind.ndim == 3 else behind

    def merge(self, ahead: Array, behind: Array) -> Array:
        """Both halves' outputs joined, (batch, [timesteps,] units) each."""
        if self.merge_mode == "sum":
            return ahead + behind
        if self.merge_mode == "ave":
            return (ahead + behind) / 2
        if self.merge_mode == "mul":
            return ahead * behind
        return np.concatenate([ahead, behind], axis=-1)

    def unmerge(self, d_outputs: Array, ahead: Array, behind: Array) -> tuple[Array, Array]:
        """What is said of the joined outputs, said of either half's."""
        if self.merge_mode == "sum":
            return d_outputs, d_outputs
        if self.merge_mode == "ave":
            return d_outputs / 2, d_outputs / 2
        if self.merge_mode == "mul":
            return d_outputs * behind, d_outputs * ahead
        d_ahead, d_behind = np.split(d_outputs, [ahead.shape[-1]], axis=-1)
        return d_ahead, d_behind
