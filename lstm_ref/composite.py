"""Compositions of LSTMs: stacked layers or cells, and the two directions of a Bidirectional."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from lstm_ref.arrays import Array, real_array
from lstm_ref.errors import LSTMError, ShapeError
from lstm_ref.gradients import Gradients
from lstm_ref.layer import LSTM
from lstm_ref.state import State

# The merge modes of Keras; None returns the outputs of both halves.
MERGE_MODES = ("concat", "sum", "ave", "mul", None)


class Composite(ABC):
    """One or more LSTMs that are called as one layer.

    Initial states are given as in Keras: a list with a State or [h, c] for each layer, or one flat list of all arrays, which starts
    with h and c of the first layer.
    """

    layers: tuple[LSTM, ...]

    @abstractmethod
    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """The outputs, and the final state of each layer whatever return_state is. Unmerged halves are side by side in the outputs.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: see Composite; by default zeros, or the stored states of stateful layers.
            mask: (batch, timesteps), True = use the timestep.

        Raises:
            ShapeError, DtypeError: an argument does not fit; no layer's stored state is changed.
        """

    @abstractmethod
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
        """The gradient of the inputs, and the gradients of each layer, for the call with these arguments; see `LSTM.gradients`.

        Args:
            inputs: of the call.
            d_outputs: the loss's derivative with respect to the outputs of `forward`, of their shape.
            d_states: with respect to the final states, in the form of initial states; zeros by default.
            initial_state: of the call.
            mask: of the call.
            copies: number of equal parts of the batch, each with a loss of its own.
        """

    def reset_state(self) -> None:
        """Forget the stored states: the next call of stateful layers starts from zeros.

        Raises:
            LSTMError: the layers are not stateful.
        """
        for layer in self.layers:
            layer.reset_state()


class Stacked(Composite):
    """Stacked layers: each reads the outputs of the layer below, which returns sequences.

    Args:
        layers: the lowest first; one layer alone computes what that LSTM computes. Of the cells of one RNN only the lowest may go
            backwards, and it does so for all of them. The uppermost layer decides what is returned.

    Raises:
        LSTMError: no layers, or one below another that does not return sequences.
        ShapeError: a layer reads another number of features than the layer below has units.
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
        """What `keras.layers.RNN` over several cells returns; the arguments are those of `forward`.

        Returns:
            The outputs, (batch, timesteps, units) where the uppermost layer returns sequences, else (batch, units); where it has
            return_state=True, a tuple of them and [h, c] of each layer, the lowest first.
        """
        outputs, states = self.forward(inputs, initial_state, mask)
        return (outputs, *([state.hidden, state.cell] for state in states)) if self.layers[-1].config.return_state else outputs

    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """See Composite. Where a layer goes backwards, its outputs and the mask for the layer above come in processing order."""
        trajectories, states, outputs = [], [], inputs
        for layer, initial in zip(self.layers, states_of_parts("initial_state", initial_state, len(self.layers)), strict=True):
            trajectories.append(layer.call_trajectory(outputs, initial, mask))
            outputs, state = layer.outputs_and_state(trajectories[-1])
            states.append(state)
            mask = _mask_above(layer, mask)
        for layer, trajectory in zip(self.layers, trajectories, strict=True):
            layer.store_final_state(trajectory)
        return outputs, tuple(states)

    def gradients(
        self, inputs: Any, d_outputs: Any, d_states: Any = None, initial_state: Any = None, mask: Any = None, *, copies: int = 1
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        initial_states = states_of_parts("initial_state", initial_state, len(self.layers))
        d_finals = states_of_parts("d_states", d_states, len(self.layers))
        calls = []
        for layer, state, d_final in zip(self.layers, initial_states, d_finals, strict=True):
            calls.append((layer, inputs, d_final, state, mask))
            inputs = layer.trajectory(inputs, state, mask).outputs
            mask = _mask_above(layer, mask)
        gradients: list[Gradients] = []
        for layer, layer_inputs, d_final, state, layer_mask in reversed(calls):
            gradients.insert(0, layer.gradients(layer_inputs, d_outputs, d_final, state, layer_mask, copies=copies))
            d_outputs = self.to_layer_below(gradients[0].inputs)
        return gradients[0].inputs, tuple(gradients)

    def to_layer_below(self, d_inputs: Array) -> Array:
        """The gradient of a layer's outputs, from the gradient of the inputs of the layer above."""
        return d_inputs


class Bidirectional(Composite):
    """One LSTM from the first timestep to the last, another from the last to the first, and their merged outputs.

    The halves are used as they are; Keras sets zero_output_for_mask of both to return_sequences.

    Args:
        forward: its return_sequences, return_state and stateful are those of the whole.
        backward: an LSTM with go_backwards=True and otherwise the same flags; its outputs are put into the order of the timesteps.
        merge_mode: "concat", "sum", "ave", "mul", or None, which returns the outputs of both halves.

    Raises:
        LSTMError: unknown merge_mode, halves that it cannot merge, or halves that read in the same direction.
        ShapeError: the halves read different numbers of features.
    """

    def __init__(self, forward: LSTM, backward: LSTM, merge_mode: str | None = "concat") -> None:
        if not (merge_mode is None or isinstance(merge_mode, str)) or merge_mode not in MERGE_MODES:
            raise LSTMError(f"merge_mode must be one of {', '.join(map(str, MERGE_MODES))}; got {merge_mode!r}")
        self.layers = tuple(_checked_layers("forward and backward", (forward, backward)))
        first, second = forward.config, backward.config
        if first.go_backwards == second.go_backwards:
            raise LSTMError(f"one half must have go_backwards=True, the backward one; got {first.go_backwards} for both")
        for flag in ("return_sequences", "return_state", "stateful"):
            if getattr(first, flag) != getattr(second, flag):
                raise LSTMError(f"both halves must have the same {flag}; got {getattr(first, flag)} and {getattr(second, flag)}")
        if merge_mode in ("sum", "ave", "mul") and first.units != second.units:
            raise LSTMError(
                f"halves of {first.units} and {second.units} units cannot be joined by {merge_mode!r}; use 'concat' or None"
            )
        if forward.weights.input_dim != backward.weights.input_dim:
            raise ShapeError(
                f"both halves read the same inputs; got {forward.weights.input_dim} and {backward.weights.input_dim} features"
            )
        self.merge_mode = merge_mode

    def __call__(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """What `keras.layers.Bidirectional` returns; the arguments are those of `forward`.

        Returns:
            The outputs, (batch, timesteps, units of the merged halves) with return_sequences, else (batch, units). With
            merge_mode=None the list of both halves' outputs. With return_state a tuple of the merged outputs, or of both halves'
            outputs, and of forward h, c, backward h, c.
        """
        outputs, states = self.forward(inputs, initial_state, mask)
        config = self.layers[0].config
        halves = [outputs] if self.merge_mode is not None else np.split(outputs, [config.units], axis=-1)
        if config.return_state:
            return (*halves, *(array for state in states for array in (state.hidden, state.cell)))
        return halves if self.merge_mode is None else outputs

    def forward(self, inputs: Any, initial_state: Any = None, mask: Any = None) -> tuple[Array, tuple[State, ...]]:
        """See Composite; initial and final states are those of the forward half, then those of the backward half."""
        initial_states = states_of_parts("initial_state", initial_state, 2)
        calls = [
            (layer, layer.call_trajectory(inputs, state, mask)) for layer, state in zip(self.layers, initial_states, strict=True)
        ]
        (forward, first), (backward, second) = (layer.outputs_and_state(trajectory) for layer, trajectory in calls)
        for layer, trajectory in calls:
            layer.store_final_state(trajectory)
        return self.merge(forward, self.in_time_order(backward)), (first, second)

    def gradients(
        self, inputs: Any, d_outputs: Any, d_states: Any = None, initial_state: Any = None, mask: Any = None, *, copies: int = 1
    ) -> tuple[Array, tuple[Gradients, ...]]:
        """See Composite."""
        states, d_finals = states_of_parts("initial_state", initial_state, 2), states_of_parts("d_states", d_states, 2)
        forward, backward = (
            layer.outputs_and_state(layer.trajectory(inputs, state, mask))[0]
            for layer, state in zip(self.layers, states, strict=True)
        )
        backward = self.in_time_order(backward)
        d_outputs, expected = real_array("d_outputs", d_outputs), self.merge(forward, backward).shape
        if d_outputs.shape != expected:
            raise ShapeError(f"d_outputs must have the shape of the outputs, {expected}; got {d_outputs.shape}")
        d_forward, d_backward = self.unmerge(d_outputs, forward, backward)
        d_halves = d_forward, self.in_time_order(d_backward)
        gradients = tuple(
            layer.gradients(inputs, d_half, d_final, state, mask, copies=copies)
            for layer, d_half, d_final, state in zip(self.layers, d_halves, d_finals, states, strict=True)
        )
        return gradients[0].inputs + gradients[1].inputs, gradients

    def in_time_order(self, backward: Array) -> Array:
        """The backward half's outputs in the order of the timesteps; a last output, (batch, units), stays as it is."""
        return backward[:, ::-1] if backward.ndim == 3 else backward

    def merge(self, forward: Array, backward: Array) -> Array:
        """The merged outputs of both halves, (batch, [timesteps,] units) each; side by side with "concat" and None."""
        if self.merge_mode == "sum":
            return forward + backward
        if self.merge_mode == "ave":
            return (forward + backward) / 2
        if self.merge_mode == "mul":
            return forward * backward
        return np.concatenate([forward, backward], axis=-1)

    def unmerge(self, d_outputs: Array, forward: Array, backward: Array) -> tuple[Array, Array]:
        """The gradients of both halves' outputs, from the gradient of the merged outputs."""
        if self.merge_mode == "sum":
            return d_outputs, d_outputs
        if self.merge_mode == "ave":
            return d_outputs / 2, d_outputs / 2
        if self.merge_mode == "mul":
            return d_outputs * backward, d_outputs * forward
        d_forward, d_backward = np.split(d_outputs, [forward.shape[-1]], axis=-1)
        return d_forward, d_backward


def states_of_parts(argument: str, states: Any, parts: int) -> list[Any]:
    """The State or [h, c] of each part, from a list of these or from a flat list of arrays; None of each where `states` is None.

    Raises:
        ShapeError: neither one pair nor two arrays for each part.
    """
    if states is None:
        return [None] * parts
    values = list(states) if isinstance(states, list | tuple) else []
    if len(values) == parts:
        return values
    if len(values) == 2 * parts and not any(isinstance(value, State) for value in values):
        return [values[position : position + 2] for position in range(0, len(values), 2)]
    got = f"{len(values)} values" if isinstance(states, list | tuple) else f"one {type(states).__name__}"
    raise ShapeError(
        f"{argument} must be a list of {parts} pairs, a State or [h, c] of each part, or the flat list of their {2 * parts} "
        f"arrays; got {got}"
    )


def _checked_layers(name: str, layers: Any) -> Sequence[LSTM]:
    if not isinstance(layers, list | tuple) or not all(isinstance(layer, LSTM) for layer in layers):
        raise LSTMError(f"{name} must be LSTMs of lstm_ref; got {layers!r}")
    return layers


def _mask_above(layer: LSTM, mask: Any) -> Any:
    """The mask for the layer above: in the order in which this layer emits its outputs."""
    return np.asarray(mask)[:, ::-1] if mask is not None and layer.config.go_backwards else mask
