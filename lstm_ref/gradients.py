"""Back-propagation through time: the chain rule, from the last timestep to the first.

With δa for the derivative of a loss with respect to a, and the equations of `cell`::

    δo_t = δh_t ⊙ g(c_t)
    δc_t = δh_t ⊙ o_t ⊙ g'(c_t) + the δc_t of the next timestep and of the loss
    δi_t = δc_t ⊙ c̃_t      δf_t = δc_t ⊙ c_{t-1}      δc̃_t = δc_t ⊙ i_t
    δz_t = the gate's derivative at z_t, applied to δi_t, δf_t, δc̃_t, δo_t
    δx_t = Σ δz_t Wᵀ       δh_{t-1} = Σ δz_t Uᵀ       δc_{t-1} = δc_t ⊙ f_t           (sums over the four gates)
    δW = Σ x_tᵀ δz_t       δU = Σ h_{t-1}ᵀ δz_t       δb = Σ δz_t                     (sums over timesteps and rows)

A masked timestep takes no step, and no gradient flows through it: the gradients of its states go to the states before it. The
gradient of its output goes to the output that it repeats, or is dropped where it emits zeros. The gradient of its inputs is zero,
whatever they hold, NaN included.

Werbos, Backpropagation through time, 1990; Gers, Schraudolph & Schmidhuber, Learning precise timing with LSTM, 2002, with the whole
gradient instead of the truncated one, as in Graves & Schmidhuber, Framewise phoneme classification, 2005, appendix A.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.config import LSTMConfig
from lstm_ref.derivatives import vjp
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER, LSTMWeights


class ForwardPass(Protocol):
    """The part of `lstm_ref.LSTM` that the chain rule needs."""

    config: LSTMConfig
    weights: LSTMWeights
    emits_initial_state: bool

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        """The trajectory of one call."""

    def preactivations(self, x_t: Array, hidden: Array) -> dict[str, Array]:
        """The argument of each gate's activation, (batch, units)."""

    def activate_gates(self, z: Mapping[str, Array]) -> Gates:
        """The gates' values, (batch, units)."""

    def cell_activation(self, cell: Array) -> Array:
        """The activation of the cell state, (batch, units)."""

    def gate_inputs(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        """The inputs and the hidden state as a gate reads them, after dropout."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of a loss, each with the shape of its variable.

    Attributes:
        inputs: (batch, timesteps, input_dim).
        initial_state: (batch, units) each.
        weights: by Keras' names; with a first axis over the copies where the batch holds several.
    """

    inputs: Array
    initial_state: State
    weights: Mapping[str, Array]


class StepGradients(NamedTuple):
    """The gradients of one timestep's inputs, previous state and pre-activations of each gate, (batch, …) each."""

    x_t: Array
    previous_state: State
    z: dict[str, Array]


# x_t, h_{t-1} and the gradients of z_t of one step.
StepRecord = tuple[Array, Array, Mapping[str, Array]]


class Backpropagation:
    """The chain rule of one LSTM. Subclasses that round or deviate replace one of its methods.

    Args:
        lstm: the LSTM of the forward pass.
        copies: number of equal parts of the batch, each with a loss of its own.
    """

    def __init__(self, lstm: ForwardPass, copies: int = 1) -> None:
        self.lstm = lstm
        self.copies = copies

    def backpropagate(self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State) -> Gradients:
        """The gradients of one call.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: (batch, units) each.
            mask: (batch, timesteps), True = use; None for none.
            d_outputs: derivative with respect to the returned outputs, (batch, timesteps, units), or (batch, units) of the last.
            d_final: with respect to the final states, (batch, units) each.
        """
        steps, rounded = inputs.shape[1], self.rounded
        trajectory = self.lstm.run(inputs, initial_state, mask)
        order = range(steps)[:: -1 if self.lstm.config.go_backwards else 1]
        used = np.ones((len(inputs), steps), bool) if mask is None else mask
        d_outputs, d_state, d_emitted = rounded(_for_each_step(d_outputs, steps)), d_final, np.zeros_like(d_final.hidden)
        d_inputs, step_records = np.zeros_like(inputs), []
        for k in reversed(range(steps)):
            t, use = order[k], used[:, order[k], np.newaxis]
            d_emitted = rounded(d_emitted + d_outputs[:, k])
            d_new = State(*(np.where(use, d, 0) for d in (rounded(d_state.hidden + d_emitted), d_state.cell)))
            x_t = np.where(use, inputs[:, t], 0)
            previous = State(trajectory.hidden[:, k - 1], trajectory.cell[:, k - 1]) if k else initial_state
            step = self.backpropagate_step(x_t, previous, trajectory.cell[:, k], d_new)
            d_inputs[:, t] = step.x_t
            d_state = self.previous_state_gradient(k, use, step.previous_state, d_state)
            d_emitted = np.where(use, 0, self.repeated_output_gradient(d_emitted))
            step_records.append((x_t, previous.hidden, step.z))
        if self.lstm.emits_initial_state:
            d_state = State(hidden=rounded(d_state.hidden + d_emitted), cell=d_state.cell)
        return Gradients(inputs=d_inputs, initial_state=d_state, weights=self.weight_gradients(step_records))

    def previous_state_gradient(self, k: int, use: Array, used: State, masked: State) -> State:  # noqa: ARG002  # for subclasses
        """The gradient of the state before step k: `used` through the step, or `masked` past it where it is masked."""
        return State(hidden=np.where(use, used.hidden, masked.hidden), cell=np.where(use, used.cell, masked.cell))

    def repeated_output_gradient(self, d_emitted: Array) -> Array:
        """The gradient of the output that a masked timestep repeats."""
        return 0 * d_emitted if self.lstm.config.zero_output_for_mask else d_emitted

    def backpropagate_step(self, x_t: Array, previous: State, cell: Array, d_new: State) -> StepGradients:
        """The gradients of one step from those of the state after it; cell: c_t, (batch, units)."""
        z = self.lstm.preactivations(x_t, previous.hidden)
        gates = self.lstm.activate_gates(z)
        d_cell = self.cell_gradient(gates, cell, d_new)
        config = self.lstm.config
        d_z = {
            gate: self.derivative(config.activation if gate == "c" else config.recurrent_activation, z[gate], d_gate)
            for gate, d_gate in self.gate_gradients(gates, previous, cell, d_cell, d_new.hidden).items()
        }
        d_x, d_hidden = self.input_and_hidden_gradients(d_z)
        d_previous = State(hidden=d_hidden, cell=self.previous_cell_gradient(gates, d_cell))
        return StepGradients(x_t=d_x, previous_state=d_previous, z=d_z)

    def cell_gradient(self, gates: Gates, cell: Array, d_new: State) -> Array:
        """The gradient of c_t, through h_t and from the next timestep."""
        through_hidden = self.derivative(self.lstm.config.activation, cell, self.rounded(d_new.hidden * gates.o))
        return self.rounded(d_new.cell + through_hidden)

    def gate_gradients(self, gates: Gates, previous: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        """The gradients of the four gates' values."""
        return {
            "i": self.rounded(d_cell * gates.candidate),
            "f": self.rounded(d_cell * previous.cell),
            "c": self.rounded(d_cell * gates.i),
            "o": self.rounded(d_hidden * self.lstm.cell_activation(cell)),
        }

    def previous_cell_gradient(self, gates: Gates, d_cell: Array) -> Array:
        """The gradient of c_{t-1}."""
        return self.rounded(d_cell * gates.f)

    def input_and_hidden_gradients(self, d_z: Mapping[str, Array]) -> tuple[Array, Array]:
        """The gradients of the inputs and of h_{t-1}, from those of the gates' pre-activations."""
        d_x: Array | float = 0.0
        d_hidden: Array | float = 0.0
        for gate, d in d_z.items():
            W, U, _ = self.lstm.weights.gate(gate)
            # The product with a dropout mask is its own transpose.
            from_x, from_hidden = self.lstm.gate_inputs(gate, self.dot(d, W.T), self.dot(d, U.T))
            d_x, d_hidden = self.rounded(d_x + from_x), self.rounded(d_hidden + from_hidden)
        return np.asarray(d_x), np.asarray(d_hidden)

    def weight_gradients(self, step_records: Sequence[StepRecord]) -> dict[str, Array]:
        """The gradients of the weights."""
        blocks: dict[str, list[Array]] = {"kernel": [], "recurrent_kernel": [], "bias": []}
        for gate in GATE_ORDER:
            gate_inputs = [self.lstm.gate_inputs(gate, x_t, hidden) for x_t, hidden, _ in step_records]
            x, hidden = (self._by_copy(arrays) for arrays in zip(*gate_inputs, strict=True))
            d_z = self._by_copy([d_z[gate] for _, _, d_z in step_records])
            blocks["kernel"].append(self.dot(np.swapaxes(x, 1, 2), d_z))
            blocks["recurrent_kernel"].append(self.dot(np.swapaxes(hidden, 1, 2), d_z))
            blocks["bias"].append(self.dot(np.ones((1, d_z.shape[1])), d_z)[:, 0])
        weights = {name: np.concatenate(blocks[name], axis=-1) for name in self.lstm.weights.arrays}
        return {name: array[0] for name, array in weights.items()} if self.copies == 1 else weights

    def _by_copy(self, arrays: Sequence[Array]) -> Array:
        """(copies, timesteps · rows of one copy, size), from (batch, size) of each timestep."""
        stacked = np.stack(arrays)
        copies = stacked.reshape(len(arrays), self.copies, -1, stacked.shape[-1])
        return np.swapaxes(copies, 0, 1).reshape(self.copies, -1, stacked.shape[-1])

    # --- arithmetic ------------------------------------------------------------------------------------------------------------

    def rounded(self, value: Array) -> Array:
        """The result of an operation."""
        return value

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """Vectors @ matrix."""
        return np.asarray(vectors @ matrix)

    def derivative(self, activation: str | None, z: Array, cotangent: Array) -> Array:
        """The gradient of an activation's argument, from the gradient of its value."""
        return vjp(activation)(z, cotangent)


def _for_each_step(d_outputs: Array, steps: int) -> Array:
    """(batch, timesteps, units); zeros before it where only the last output has a gradient."""
    if d_outputs.ndim == 3:
        return d_outputs
    return np.concatenate([np.zeros((len(d_outputs), steps - 1, d_outputs.shape[-1])), d_outputs[:, np.newaxis]], axis=1)
