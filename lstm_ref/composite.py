"""What LSTMs are built into: layers or cells one above the other, and the two directions of a Bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from lstm_ref.arrays import Array, real_array
from lstm_ref.errors import LSTMError, ShapeError
from lstm_ref.gradients import Gradients
from lstm_ref.layer import LSTM
from lstm_ref.state import State

# As Keras has them; None returns both halves' outputs.
MERGE_MODES = ("concat", "sum", "ave", "mul", None)


class Composite(Protocol):
    """One or more LSTMs that answer as one.

    Initial states are given as Keras takes them: of each layer a State or [h, c], or all arrays in one flat list, h and c of the
    first layer first.
    """

    layers: tuple[LSTM, ...]

    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """Outputs, those of two halves that are not merged side by side, and the final state of each layer, asked for or not.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: see Composite; zeros, or the stored states of stateful layers, by default.
            mask: (batch, timesteps), True = use the timestep.

        Raises:
            ShapeError, DtypeError: an argument does not fit; no layer's stored state is changed.
        """

    def gradients(
        self,
        inputs: Any,
        d_outputs: Any,
        d_states: Any = None,
        initial_state: Any = None,
        mask: Any = None,
        *,
        copies: int = 1,
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """The gradient of the inputs, and those of each layer, for the call with these arguments; see `LSTM.gradients`.

        Args:
            inputs: of the call.
            d_outputs: the loss's derivative with respect to the outputs of `forward`, of their shape.
            d_states: with respect to the final states, given as initial states are; zeros by default.
            initial_state: of the call.
            mask: of the call.
            copies: number of equal parts of the batch that have a loss of their own each.
        """


class _Parts:
    """What both compositions have."""

    layers: tuple[LSTM, ...]

    def reset_state(self) -> None:
        """Forget the stored states: the next call of stateful layers starts from zeros.

        Raises:
            LSTMError: the layers are not stateful.
        """
        for layer in self.layers:
            layer.reset_state()


class Stacked(_Parts):
    """Layers one above the other: each reads the outputs of the one below, which returns sequences.

    Args:
        layers: the lowest first; one alone is that LSTM itself. The cells of one RNN are layers of which only the lowest may go
            backwards, for all of them. What is returned is said by the uppermost.

    Raises:
        LSTMError: no layers, or one below another that does not return sequences.
        ShapeError: a layer that reads another number of features than the one below has units.
    """

    def __init__(self, layers: Sequence[LSTM]) -> None:
        self.layers = tuple(_checked_layers("layers", layers))
        if not self.layers:
            raise LSTMError("layers must be one LSTM or more, the lowest first; got none")
        for position, (below, above) in enumerate(zip(self.layers, self.layers[1:], strict=False)):
            if not below.config.return_sequences:
                raise LSTMError(f"layer {position} must have return_sequences=True: the layer above reads each timestep")
            if above.weights.input_dim != below.config.units:
                raise ShapeError(
                    f"layer {position + 1} reads {above.weights.input_dim} features, the one below has {below.config.units} units"
                )

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """As `keras.layers.RNN` over several cells returns it; arguments as of `forward`.

        Returns:
            The outputs, (batch, timesteps, units) where the uppermost layer returns sequences, else (batch, units); where it has
            return_state=True, a tuple of them and [h, c] of each layer, the lowest first.
        """
        outputs, states = self.forward(inputs, initial_state, mask)
        return (outputs, *([state.hidden, state.cell] for state in states)) if self.layers[-1].config.return_state else outputs

    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """See Composite. Where a layer's outputs come in reverse order of the timesteps, so does the mask of what reads them."""
        runs, states, outputs = [], [], inputs
        for layer, given in zip(self.layers, states_of_parts("initial_state", initial_state, len(self.layers)), strict=True):
            runs.append(layer.passed(outputs, given, mask))
            outputs, state = layer.present(runs[-1])
            states.append(state)
            mask = _mask_above(layer, mask)
        for layer, passed in zip(self.layers, runs, strict=True):
            layer.keep(passed)
        return outputs, tuple(states)

    def gradients(
        self, inputs: Any, d_outputs: Any, d_states: Any = None, initial_state: Any = None, mask: Any = None, *, copies: int = 1
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        given = states_of_parts("initial_state", initial_state, len(self.layers))
        calls, read = [], inputs
        for layer, state, d_final in zip(self.layers, given, states_of_parts("d_states", d_states, len(self.layers)), strict=True):
            calls.append((layer, read, d_final, state, mask))
            read = layer.trajectory(read, state, mask).outputs
            mask = _mask_above(layer, mask)
        found: list[Gradients] = []
        for layer, read, d_final, state, mask in reversed(calls):
            found.insert(0, layer.gradients(read, d_outputs, d_final, state, mask, copies=copies))
            d_outputs = self.to_layer_below(found[0].inputs)
        return found[0].inputs, tuple(found)

    def to_layer_below(self, d_inputs: Array) -> Array:
        """What is said of a layer's inputs, said of the outputs of the one below."""
        return d_inputs


class Bidirectional(_Parts):
    """One LSTM from the first timestep to the last, another from the last to the first, and their outputs joined.

    The halves are as they are given; Keras sets zero_output_for_mask of both to return_sequences.

    Args:
        forward: units, and return_sequences, return_state and stateful as of the whole.
        backward: an LSTM that reads the other way, with go_backwards=True, and the same flags otherwise; its outputs are put in the
            order of the timesteps.
        merge_mode: "concat", "sum", "ave", "mul", or None, which returns both halves' outputs.

    Raises:
        LSTMError: unknown merge_mode, halves that cannot be joined so, or that read the same way.
        ShapeError: halves that read different numbers of features.
    """

    def __init__(self, forward: LSTM, backward: LSTM, merge_mode: str | None = "concat") -> None:
        if not (merge_mode is None or isinstance(merge_mode, str)) or merge_mode not in MERGE_MODES:
            raise LSTMError(f"merge_mode must be one of {', '.join(map(str, MERGE_MODES))}; got {merge_mode!r}")
        self.layers = tuple(_checked_layers("forward and backward", (forward, backward)))
        ahead, behind = forward.config, backward.config
        if ahead.go_backwards == behind.go_backwards:
            raise LSTMError(f"one half must have go_backwards=True, the backward one; got {ahead.go_backwards} for both")
        for flag in ("return_sequences", "return_state", "stateful"):
            if getattr(ahead, flag) != getattr(behind, flag):
                raise LSTMError(f"both halves must have the same {flag}; got {getattr(ahead, flag)} and {getattr(behind, flag)}")
        if merge_mode in ("sum", "ave", "mul") and ahead.units != behind.units:
            raise LSTMError(
                f"halves of {ahead.units} and {behind.units} units cannot be joined by {merge_mode!r}; use 'concat' or None"
            )
        if forward.weights.input_dim != backward.weights.input_dim:
            raise ShapeError(
                f"both halves read the same inputs; got {forward.weights.input_dim} and {backward.weights.input_dim} features"
            )
        self.merge_mode = merge_mode

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """As `keras.layers.Bidirectional` returns it; arguments as of `forward`.

        Returns:
            The outputs, (batch, timesteps, units of the merged halves) with return_sequences, else (batch, units). With
            merge_mode=None the list of both halves' outputs; with return_state a tuple of the outputs, of one half or of both, and
            forward h, c, backward h, c.
        """
        outputs, states = self.forward(inputs, initial_state, mask)
        config = self.layers[0].config
        halves = [outputs] if self.merge_mode is not None else np.split(outputs, [config.units], axis=-1)
        if config.return_state:
            return (*halves, *(array for state in states for array in (state.hidden, state.cell)))
        return halves if self.merge_mode is None else outputs

    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """See Composite; initial and final states are those of the forward half, then those of the backward half."""
        given = states_of_parts("initial_state", initial_state, 2)
        runs = [layer.passed(inputs, state, mask) for layer, state in zip(self.layers, given, strict=True)]
        (ahead, first), (behind, second) = (layer.present(passed) for layer, passed in zip(self.layers, runs, strict=True))
        for layer, passed in zip(self.layers, runs, strict=True):
            layer.keep(passed)
        return self.merge(ahead, self.aligned(behind)), (first, second)

    def gradients(
        self, inputs: Any, d_outputs: Any, d_states: Any = None, initial_state: Any = None, mask: Any = None, *, copies: int = 1
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        given, d_finals = states_of_parts("initial_state", initial_state, 2), states_of_parts("d_states", d_states, 2)
        ahead, behind = (
            layer.present(layer.trajectory(inputs, state, mask))[0] for layer, state in zip(self.layers, given, strict=True)
        )
        behind = self.aligned(behind)
        d_outputs, expected = real_array("d_outputs", d_outputs), self.merge(ahead, behind).shape
        if d_outputs.shape != expected:
            raise ShapeError(f"d_outputs must have the shape of the outputs, {expected}; got {d_outputs.shape}")
        d_ahead, d_behind = self.unmerge(d_outputs, ahead, behind)
        found = tuple(
            layer.gradients(inputs, d_half, d_final, state, mask, copies=copies)
            for layer, d_half, d_final, state in zip(self.layers, (d_ahead, self.aligned(d_behind)), d_finals, given, strict=True)
        )
        return found[0].inputs + found[1].inputs, found

    def aligned(self, behind: Array) -> Array:
        """The backward half's outputs in the order of the timesteps; a last output, (batch, units), belongs to all of them."""
        return behind[:, ::-1] if behind.ndim == 3 else behind

    def merge(self, ahead: Array, behind: Array) -> Array:
        """Both halves' outputs joined, or side by side where they are not merged, (batch, [timesteps,] units) each."""
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


def states_of_parts(argument: str, given: Any, parts: int) -> list[Any]:
    """Of each part its State or [h, c], from a list of these or from a flat list of arrays; None of each where none is given.

    Raises:
        ShapeError: neither so many pairs nor twice as many arrays.
    """
    if given is None:
        return [None] * parts
    values = list(given) if isinstance(given, list | tuple) else []
    if len(values) == parts:
        return values
    if len(values) == 2 * parts and not any(isinstance(value, State) for value in values):
        return [values[position : position + 2] for position in range(0, len(values), 2)]
    got = f"{len(values)} values" if isinstance(given, list | tuple) else f"one {type(given).__name__}"
    raise ShapeError(
        f"{argument} must be a list of {parts} pairs, a State or [h, c] of each part, or the flat list of their {2 * parts} "
        f"arrays; got {got}"
    )


def _checked_layers(name: str, layers: Any) -> Sequence[LSTM]:
    if not isinstance(layers, list | tuple) or not all(isinstance(layer, LSTM) for layer in layers):
        raise LSTMError(f"{name} must be LSTMs of lstm_ref; got {layers!r}")
    return layers


def _mask_above(layer: LSTM, mask: Any) -> Any:
    """The mask of what a layer emits, in the order in which it emits it."""
    return np.asarray(mask)[:, ::-1] if mask is not None and layer.config.go_backwards else mask
