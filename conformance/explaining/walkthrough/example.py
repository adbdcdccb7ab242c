"""`Example`: a layer and the calls on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import urlencode

from lstm_ref import LSTMConfig, LSTMError, count_params

# In larger layers, a weight is too small to point at, and the sliders are too slow.
LARGEST: Mapping[str, int] = MappingProxyType({"units": 256, "input_dim": 256, "timesteps": 200, "batch": 64})

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "units": "numbers in the layer's state and output",
        "input_dim": "numbers in the input of each timestep",
        "timesteps": "length of a sequence",
        "batch": "sequences in a batch",
    }
)

_FLAGS = ("return_sequences", "return_state", "go_backwards", "stateful")


class InputPattern(StrEnum):
    """The timesteps of a call that have inputs."""

    ALL = "all"
    FIRST = "first"  # zeros at all others
    MASKED = "masked"  # all others are masked


@dataclass(frozen=True, kw_only=True)
class Example:
    """A layer and the calls on it, under Keras' names.

    Attributes:
        units, input_dim, timesteps, batch: sizes, from 1 to those of LARGEST.
        return_sequences, return_state, go_backwards, stateful, use_bias: as in Keras.
        given: the timesteps that have inputs.
        seed: of weights and inputs.

    Raises:
        LSTMError: a size or the seed is out of range; the message has the range.

    >>> Example(units=10, input_dim=5).count
    640
    """

    units: int = 3
    input_dim: int = 2
    timesteps: int = 4
    batch: int = 2
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    use_bias: bool = True
    given: InputPattern = InputPattern.ALL
    seed: int = 0

    def __post_init__(self) -> None:
        for name, largest in LARGEST.items():
            size = getattr(self, name)
            if not 1 <= size <= largest:
                raise LSTMError(f"{name} must be 1 to {largest}, the most that is drawn; got {size}")
        if not 0 <= self.seed < 2**32:
            raise LSTMError(f"seed must be 0 to {2**32 - 1}; got {self.seed}")

    @property
    def config(self) -> LSTMConfig:
        """The configuration of the reference."""
        return LSTMConfig(units=self.units, use_bias=self.use_bias, **{flag: getattr(self, flag) for flag in _FLAGS})

    @property
    def count(self) -> int:
        """Number of weights."""
        return count_params(self.units, self.input_dim, self.use_bias)

    @property
    def constructor(self) -> str:
        """The constructor call of the layer in Keras, with the arguments that are not the defaults."""
        arguments = [str(self.units), *(f"{flag}=True" for flag in _FLAGS if getattr(self, flag))]
        return f"LSTM({', '.join(arguments if self.use_bias else [*arguments, 'use_bias=False'])})"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of inputs, states and outputs, by name."""
        state = (self.batch, self.units)
        outputs = (self.batch, self.timesteps, self.units) if self.return_sequences else state
        return {
            "inputs": (self.batch, self.timesteps, self.input_dim),
            "x at one timestep": (self.batch, self.input_dim),
            "hidden state h, cell state c": state,
            "outputs": outputs,
        }

    @property
    def address(self) -> dict[str, str]:
        """The parameters of the page's address: the sizes, and the fields that are not the defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: str(int(value) if isinstance(value, bool) else value)
            for name, value in values.items()
            if name in LARGEST or value != DEFAULTS[name]
        }


DEFAULTS: Mapping[str, int | bool | str] = MappingProxyType(asdict(Example()))


def fragment(example: Example, **view: int | str) -> str:
    """The part of the page's address after `#` that shows the example, with the parts that the view selects.

    >>> fragment(Example(units=2, stateful=True), step=3)
    'units=2&input_dim=2&timesteps=4&batch=2&stateful=1&step=3'
    """
    return urlencode({**example.address, **view})
