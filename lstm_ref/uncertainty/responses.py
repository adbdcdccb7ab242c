"""How a run responds to a small relative error that one operation makes in every evaluation.

Rounding errors have either sign. A mistake in an operation, a fast approximation of an exponential or a truncation in place of a
rounding has an error of one sign in every evaluation. To first order, its effect on outputs and states is the derivative of the run
with respect to a factor on the operation's result.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.layer import LSTM
from lstm_ref.state import State

# The operations with an error: the products with the weights, the activations wherever they are applied, the sum that gives the
# cell state, and the product that gives the output.
OPERATIONS = ("kernel", "recurrent_kernel", "bias", "recurrent_activation", "activation", "cell", "output")


class PerturbedLSTM(LSTM):
    """The reference with the results of some operations multiplied by 1 + error.

    Args:
        arguments, keywords: as of `LSTM`.
        errors: operation → relative errors, (copies,): the batch consists of that number of equal parts, one after the other, each
            with its own error.
    """

    def __init__(self, *arguments: Any, errors: Mapping[str, Array], **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._factors = {operation: 1 + np.asarray(error, np.float64) for operation, error in errors.items()}

    def _perturb(self, operation: str, result: Array) -> Array:
        factors = self._factors.get(operation)
        if factors is None:
            return result
        # The factor is in float64 and the product is rounded once: float32 cannot represent 1 + 1e-7.
        return np.asarray(result * np.repeat(factors, len(result) // len(factors))[:, None], self.dtype)

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """Z of one gate from perturbed products."""
        W, U, b = self.weights.gate(gate)
        x_t, hidden = self.gate_inputs(gate, x_t, hidden)
        z = self._perturb("kernel", x_t @ W) + self._perturb("recurrent_kernel", hidden @ U)
        return z if b is None else z + self._perturb("bias", np.broadcast_to(b, z.shape))

    def activate_gates(self, z: Mapping[str, Array]) -> Gates:
        """The gates from perturbed activations."""
        i, f, candidate, o = super().activate_gates(z)
        i, f, o = (self._perturb("recurrent_activation", gate) for gate in (i, f, o))
        return Gates(i=i, f=f, candidate=self._perturb("activation", candidate), o=o)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep, from a perturbed sum and perturbed products."""
        gates = self.gates(x_t, state)
        cell = self._perturb("cell", gates.f * state.cell + gates.i * gates.candidate)
        return State(hidden=self._perturb("output", gates.o * self._perturb("activation", self.cell_activation(cell))), cell=cell)


def one_error_per_copy(error: float) -> dict[str, Array]:
    """Errors of one copy for each operation, which has that error in its operation alone."""
    return dict(zip(OPERATIONS, error * np.eye(len(OPERATIONS)), strict=True))
