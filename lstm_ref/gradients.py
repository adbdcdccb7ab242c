"""Back-propagation through time: the chain rule, from the last timestep to the first.

With δa for the derivative of a loss with respect to a, and the equations of `cell`::

    δo_t = δh_t ⊙ g(c_t)
    δc_t = δh_t ⊙ o_t ⊙ g'(c_t) + what the timestep after it and the loss say of c_t
    δi_t = δc_t ⊙ c̃_t      δf_t = δc_t ⊙ c_{t-1}      δc̃_t = δc_t ⊙ i_t
    δz_t = the gate's derivative at z_t, applied to δi_t, δf_t, δc̃_t, δo_t
    δx_t = Σ δz_t Wᵀ       δh_{t-1} = Σ δz_t Uᵀ       δc_{t-1} = δc_t ⊙ f_t           (sums over the four gates)
    δW = Σ x_tᵀ δz_t       δU = Σ h_{t-1}ᵀ δz_t       δb = Σ δz_t                     (sums over timesteps and rows)

A masked timestep takes no step, so that nothing flows through it: what is said of the states goes to those before it, and what is
said of its output to the output that it repeats, or nowhere where it emits zeros. It does not read its inputs: their derivative
is zero, whatever they hold.

Werbos, Backpropagation through time, 1990; Gers, Schraudolph & Schmidhuber, Learning precise timing with LSTM, 2002, with the whole
gradient instead of the truncated one, as in Graves & Schmidhuber, Framewise phoneme classification, 2005, appendix A.
"""

from __future__ import annotations

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
    """What the chain rule reads of an LSTM: its methods are those of `lstm_ref.LSTM`."""

    config: LSTMConfig
    weights: LSTMWeights
    emits_initial_state: bool

    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        """All timesteps of one call."""

    def preactivations(self, x_t: Array, hidden: Array) -> dict[str, Array]:
        """The argument of each gate's activation, (batch, units)."""

    def gates_of(self, z: Mapping[str, Array]) -> Gates:
        """The gates' values, (batch, units)."""

    def cell_activation(self, cell: Array) -> Array:
        """The activation of the cell state, (batch, units)."""

    def read_by(self, gate: str, x_t: Array, hidden: Array) -> tuple[Array, Array]:
        """The inputs and the hidden state as a gate reads them, after dropout."""


@dataclass(frozen=True, eq=False)
class Gradients:
    """Derivatives of a loss, of the shape of what they belong to.

    Attributes:
        inputs: (batch, timesteps, input_dim).
        initial_state: (batch, units) each.
        weights: by Keras' names; with a first axis over the copies, where a batch holds several.
    """

    inputs: Array
    initial_state: State
    weights: Mapping[str, Array]


class StepGradients(NamedTuple):
    """Of one timestep: of what it reads, and of each gate's pre-activation, (batch, …) each."""

    x_t: Array
    before: State
    z: dict[str, Array]


class Backpropagation:
    """The chain rule on one LSTM; what rounds, or deviates, replaces one of its methods.

    Args:
        lstm: whose gradients.
        copies: into how many equal parts the batch falls, each with a loss of its own.
    """

    def __init__(self, lstm: ForwardPass, copies: int = 1) -> None:
        self.lstm = lstm
        self.copies = copies

    def through_sequence(
        self, inputs: Array, initial_state: State, mask: Array | None, d_outputs: Array, d_final: State
    ) -> Gradients:
        """The gradients of one call.

        Args:
            inputs: (batch, timesteps, input_dim).
            initial_state: (batch, units) each.
            mask: (batch, timesteps), True = use; None for none.
            d_outputs: derivative with respect to the returned outputs, (batch, timesteps, units), or (batch, units) of the last.
            d_final: with respect to the final states, (batch, units) each.
        """
        steps, rounded = inputs.shape[1], self.rounded
        passed = self.lstm.run(inputs, initial_state, mask)
        order = range(steps)[:: -1 if self.lstm.config.go_backwards else 1]
        used = np.ones((len(inputs), steps), bool) if mask is None else mask
        emitted, d_state, d_emitted = rounded(_of_each_step(d_outputs, steps)), d_final, np.zeros_like(d_final.hidden)
        d_inputs, taken = np.zeros_like(inputs), []
        for k in reversed(range(steps)):
            t, use = order[k], used[:, order[k], np.newaxis]
            d_emitted = rounded(d_emitted + emitted[:, k])
            d_new = State(*(np.where(use, d, 0) for d in (rounded(d_state.hidden + d_emitted), d_state.cell)))
            x_t = np.where(use, inputs[:, t], 0)
            before = State(passed.hidden[:, k - 1], passed.cell[:, k - 1]) if k else initial_state
            step = self.through_step(x_t, before, passed.cell[:, k], d_new)
            d_inputs[:, t] = step.x_t
            d_state = self.of_state_before(k, use, step.before, d_state)
            d_emitted = np.where(use, 0, self.of_repeated(d_emitted))
            taken.append((x_t, before.hidden, step.z))
        if self.lstm.emits_initial_state:
            d_state = State(hidden=rounded(d_state.hidden + d_emitted), cell=d_state.cell)
        return Gradients(inputs=d_inputs, initial_state=d_state, weights=self.of_weights(taken))

    def of_state_before(self, k: int, use: Array, stepped: State, held: State) -> State:  # noqa: ARG002  # of the k-th step
        """Of the state before a timestep: through its step, or past it where it is masked."""
        return State(hidden=np.where(use, stepped.hidden, held.hidden), cell=np.where(use, stepped.cell, held.cell))

    def of_repeated(self, d_emitted: Array) -> Array:
        """Of the output that a masked timestep repeats."""
        return 0 * d_emitted if self.lstm.config.zero_output_for_mask else d_emitted

    def through_step(self, x_t: Array, before: State, cell: Array, d_new: State) -> StepGradients:
        """From the states after a timestep to what it read; cell: c_t, (batch, units)."""
        z = self.lstm.preactivations(x_t, before.hidden)
        gates = self.lstm.gates_of(z)
        d_cell = self.of_cell(gates, cell, d_new)
        config = self.lstm.config
        d_z = {
            gate: self.derivative(config.activation if gate == "c" else config.recurrent_activation, z[gate], d_gate)
            for gate, d_gate in self.of_gates(gates, before, cell, d_cell, d_new.hidden).items()
        }
        d_x, d_hidden = self.of_what_is_read(d_z)
        return StepGradients(x_t=d_x, before=State(hidden=d_hidden, cell=self.of_cell_before(gates, d_cell)), z=d_z)

    def of_cell(self, gates: Gates, cell: Array, d_new: State) -> Array:
        """Of c_t, by way of h_t and from what comes after."""
        by_hidden = self.derivative(self.lstm.config.activation, cell, self.rounded(d_new.hidden * gates.o))
        return self.rounded(d_new.cell + by_hidden)

    def of_gates(self, gates: Gates, before: State, cell: Array, d_cell: Array, d_hidden: Array) -> dict[str, Array]:
        """Of the four gates' values."""
        return {
            "i": self.rounded(d_cell * gates.candidate),
            "f": self.rounded(d_cell * before.cell),
            "c": self.rounded(d_cell * gates.i),
            "o": self.rounded(d_hidden * self.lstm.cell_activation(cell)),
        }

    def of_cell_before(self, gates: Gates, d_cell: Array) -> Array:
        """Of c_{t-1}."""
        return self.rounded(d_cell * gates.f)

    def of_what_is_read(self, d_z: Mapping[str, Array]) -> tuple[Array, Array]:
        """Of the inputs and of the hidden state before, from the gates' pre-activations."""
        d_x: Array | float = 0.0
        d_hidden: Array | float = 0.0
        for gate, d in d_z.items():
            W, U, _ = self.lstm.weights.gate(gate)
            # A product with dropout's masks is its own transpose.
            from_x, from_hidden = self.lstm.read_by(gate, self.dot(d, W.T), self.dot(d, U.T))
            d_x, d_hidden = self.rounded(d_x + from_x), self.rounded(d_hidden + from_hidden)
        return np.asarray(d_x), np.asarray(d_hidden)

    def of_weights(self, taken: Sequence[tuple[Array, Array, Mapping[str, Array]]]) -> dict[str, Array]:
        """Of the weights, from x_t, h_{t-1} and the derivatives of z_t of every step that was taken."""
        blocks: dict[str, list[Array]] = {"kernel": [], "recurrent_kernel": [], "bias": []}
        for gate in GATE_ORDER:
            reads = [self.lstm.read_by(gate, x_t, hidden) for x_t, hidden, _ in taken]
            x, hidden = (self._by_copy(arrays) for arrays in zip(*reads, strict=True))
            d_z = self._by_copy([d_z[gate] for _, _, d_z in taken])
            blocks["kernel"].append(self.dot(np.swapaxes(x, 1, 2), d_z))
            blocks["recurrent_kernel"].append(self.dot(np.swapaxes(hidden, 1, 2), d_z))
            blocks["bias"].append(self.dot(np.ones((1, d_z.shape[1])), d_z)[:, 0])
        weights = {name: np.concatenate(blocks[name], axis=-1) for name in self.lstm.weights.arrays}
        return {name: array[0] for name, array in weights.items()} if self.copies == 1 else weights

    def _by_copy(self, arrays: Sequence[Array]) -> Array:
        """(copies, timesteps · rows of one copy, size), from (batch, size) of each timestep."""
        stacked = np.stack(arrays)
        apart = stacked.reshape(len(arrays), self.copies, -1, stacked.shape[-1])
        return np.swapaxes(apart, 0, 1).reshape(self.copies, -1, stacked.shape[-1])

    # --- arithmetic ------------------------------------------------------------------------------------------------------------

    def rounded(self, value: Array) -> Array:
        """The result of an operation."""
        return value

    def dot(self, vectors: Array, matrix: Array) -> Array:
        """Vectors @ matrix."""
        return np.asarray(vectors @ matrix)

    def derivative(self, activation: str | None, z: Array, cotangent: Array) -> Array:
        """What is said of an activation's value, said of its argument."""
        return vjp(activation)(z, cotangent)


def _of_each_step(d_outputs: Array, steps: int) -> Array:
    """(batch, timesteps, units); of the last output alone, zeros before it."""
    if d_outputs.ndim == 3:
        return d_outputs
    return np.concatenate([np.zeros((len(d_outputs), steps - 1, d_outputs.shape[-1])), d_outputs[:, np.newaxis]], axis=1)
