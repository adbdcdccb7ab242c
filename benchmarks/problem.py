"""The weights and inputs of a workload, the same for every peer."""

from dataclasses import dataclass

from lstm_ref import LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Weights and inputs, all in float32.

    Attributes:
        config: of the LSTM, or of each direction; return_state where states are carried.
        weights: of the LSTM, or of both directions.
        inputs: of each call, (batch, timesteps, input_dim).
        mask: (batch, timesteps), True = use; None for none.
        cotangent: (batch, timesteps, units of all directions), the factors of the outputs in the sum whose gradients are computed;
            None where only outputs are computed.
    """

    config: LSTMConfig
    weights: tuple[LSTMWeights, ...]
    inputs: tuple[Array, ...]
    mask: Array | None = None
    cotangent: Array | None = None

    @property
    def is_bidirectional(self) -> bool:
        """Whether a second LSTM reads the timesteps from the last to the first; the outputs are concatenated."""
        return len(self.weights) == 2

    @property
    def is_carried(self) -> bool:
        """Whether each call starts from the final state of the call before it."""
        return len(self.inputs) > 1

    @property
    def is_right_padded(self) -> bool:
        """Whether the mask only shortens sequences at their end."""
        return self.mask is not None and bool((self.mask[:, 1:] <= self.mask[:, :-1]).all() and self.mask[:, 0].all())
