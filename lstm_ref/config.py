"""LSTMConfig: the arguments that decide the result of an LSTM, under Keras' names."""

from dataclasses import dataclass
from numbers import Integral

from lstm_ref import activations
from lstm_ref.errors import LSTMError


@dataclass(frozen=True)
class LSTMConfig:
    """The semantic arguments of `keras.layers.LSTM`, with Keras' names and defaults.

    It does not hold how the result is computed (`unroll`, `implementation`, `use_cudnn`, `jit_compile` …), nor arguments that act
    only at initialisation or in training (initialisers, `unit_forget_bias`, regularisers, dropout): the reference computes
    inference.

    Args:
        units: size of the output and of both states, at least 1.
        activation: name of the candidate's and the output's activation; None is "linear".
        recurrent_activation: name of the three gates' activation; None is "linear".
        use_bias: whether a bias is added.
        return_sequences: outputs of all timesteps (batch, timesteps, units), else of the last (batch, units).
        return_state: also return hidden and cell state, (batch, units) each.
        go_backwards: read the inputs from the last timestep to the first; the outputs have that processing order.
        stateful: start each call from the final state of the last call.
        zero_output_for_mask: emit zeros at masked timesteps instead of the previous output.

    Raises:
        LSTMError: units is not a positive integer, or a flag is not a bool.
        UnsupportedConfigError: an LSTM cannot use an activation, or the reference does not know it.
    """

    units: int
    activation: str | None = "tanh"
    recurrent_activation: str | None = "sigmoid"
    use_bias: bool = True
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    zero_output_for_mask: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.units, bool) or not isinstance(self.units, Integral) or self.units < 1:
            raise LSTMError(f"units must be a positive integer, the size of the output; got {self.units!r}")
        for name in ("use_bias", "return_sequences", "return_state", "go_backwards", "stateful", "zero_output_for_mask"):
            if not isinstance(getattr(self, name), bool):
                raise LSTMError(f"{name} must be True or False; got {getattr(self, name)!r}")
        activations.get(self.activation)
        activations.get(self.recurrent_activation)
