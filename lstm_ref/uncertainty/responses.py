"""How a run responds to a small relative error that one operation makes every time.

Rounding errs in either direction, evaluation after evaluation; a mistake in an operation, a fast approximation of an exponential
or a truncation where there should be rounding errs in the same one. The first order of what that does to outputs and states is the
derivative of the run with respect to a factor on the operation's result.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lstm_ref.arrays import Array
from lstm_ref.cell import Gates
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

# What errs: the products with the weights, the activations wherever they are applied, the sum that is the cell state, and the
# product that is the output.
OPERATIONS = ("kernel", "recurrent_kernel", "bias", "recurrent_activation", "activation", "cell", "output")


class ErringLSTM(LSTM):
    """The reference, the results of some operations multiplied by 1 + error.

    Args:
        config, weights, dtype, dropout: as of `LSTM`.
        errors: operation → relative errors, (copies,): the batch consists of so many equal parts, one after the other, each of
            which errs by its own.
    """

    def __init__(
        self,
        config: LSTMConfig,
        weights: LSTMWeights,
        dtype: str = "float64",
        dropout: DropoutMasks | None = None,
        *,
        errors: Mapping[str, Array],
    ) -> None:
        super().__init__(config, weights, dtype, dropout)
        self._factors = {operation: 1 + np.asarray(error, np.float64) for operation, error in errors.items()}

    def _erring(self, operation: str, result: Array) -> Array:
        factors = self._factors.get(operation)
        if factors is None:
            return result
        # The factor stays in float64, and the product is rounded once: float32 cannot hold 1 + 1e-7.
        return np.asarray(result * np.repeat(factors, len(result) // len(factors))[:, None], self.dtype)

    def preactivation(self, x_t: Array, hidden: Array, gate: str) -> Array:
        """Z of one gate from products that err."""
        W, U, b = self.weights.gate(gate)
        x_t, hidden = self.read_by(gate, x_t, hidden)
        z = self._erring("kernel", x_t @ W) + self._erring("recurrent_kernel", hidden @ U)
        return z if b is None else z + self._erring("bias", np.broadcast_to(b, z.shape))

    def gates_of(self, z: Mapping[str, Array]) -> Gates:
        """The gates from activations that err."""
        i, f, candidate, o = super().gates_of(z)
        i, f, o = (self._erring("recurrent_activation", gate) for gate in (i, f, o))
        return Gates(i=i, f=f, candidate=self._erring("activation", candidate), o=o)

    def step(self, x_t: Array, state: State) -> State:
        """The state after one timestep, from a sum and products that err."""
        gates = self.gates(x_t, state)
        cell = self._erring("cell", gates.f * state.cell + gates.i * gates.candidate)
        return State(hidden=self._erring("output", gates.o * self._erring("activation", self.cell_activation(cell))), cell=cell)


def one_each(error: float) -> dict[str, Array]:
    """As many copies as there are operations, each with that error in its own operation."""
    return dict(zip(OPERATIONS, error * np.eye(len(OPERATIONS)), strict=True))
