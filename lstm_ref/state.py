"""The two states of an LSTM, by name."""

from dataclasses import dataclass

from lstm_ref.arrays import Array


@dataclass(frozen=True, eq=False)
class State:
    """The state of an LSTM between two timesteps.

    Attributes:
        hidden: h, shape (batch, units); also the output of its timestep.
        cell: c, shape (batch, units); Keras calls it carry.
    """

    hidden: Array
    cell: Array
