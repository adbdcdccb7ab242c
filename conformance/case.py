"""A case: one configuration, one input size, one way of computing it, one seed; and its readable, stable id."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lstm_ref import LSTMConfig, LSTMError
from lstm_ref.deviations import Need

_ID = re.compile(
    r"u(?P<units>\d+)-d(?P<input_dim>\d+)-t(?P<timesteps>\d+)-b(?P<batch>\d+)"
    r"(?P<seq>-seq)?(?P<stateful>-stateful)?(?P<eager>-eager)?-s(?P<seed>\d+)"
)


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How the answer is computed, which must not change it; the oracle never sees this.

    Attributes:
        compiled: call the layer inside the backend's compiler with one dynamic time axis, where it has one; else eagerly.
    """

    compiled: bool = True


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the layer, on timesteps start … stop-1 of the stimulus; the state is reset before it where `after_reset`."""

    start: int
    stop: int
    after_reset: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Family:
    """The cases that share weights and inputs: shorter cases and smaller batches read a prefix of the longest and largest."""

    units: int
    input_dim: int
    seed: int

    def __str__(self) -> str:
        """The part of the case id that all members share."""
        return f"u{self.units}-d{self.input_dim}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked of an implementation.

    Attributes:
        config: what the answer is; always with return_state, since both states are asserted.
        input_dim: features per timestep.
        timesteps: per call.
        batch: rows.
        seed: of weights and inputs.
        execution: how the answer is computed.
        precision: the compute dtype of the implementation.
        input_dtype: the dtype of the arrays that it is given.
    """

    config: LSTMConfig
    input_dim: int
    timesteps: int
    batch: int
    seed: int = 0
    execution: Execution = field(default_factory=Execution)
    precision: str = "float32"
    input_dtype: str = "float64"

    def __post_init__(self) -> None:
        for name, least in (("input_dim", 1), ("timesteps", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise LSTMError(f"{name} must be at least {least}; got {getattr(self, name)}")
        if not self.config.return_state:
            raise LSTMError("a case asserts both states: its configuration needs return_state=True")

    @property
    def id(self) -> str:
        """Readable and stable: `u10-d5-t13-b3-seq-stateful-s0`; `from_id` reads it back."""
        flags = {"-seq": self.config.return_sequences, "-stateful": self.config.stateful, "-eager": not self.execution.compiled}
        said = "".join(flag for flag, is_set in flags.items() if is_set)
        return f"u{self.config.units}-d{self.input_dim}-t{self.timesteps}-b{self.batch}{said}-s{self.seed}"

    @classmethod
    def from_id(cls, text: str) -> Case:
        """The case of that id.

        Raises:
            LSTMError: not an id.
        """
        match = _ID.fullmatch(text)
        if match is None:
            raise LSTMError(f"{text!r} is not a case id; expected one like u10-d5-t13-b3-seq-stateful-s0")
        return cls(
            config=LSTMConfig(
                units=int(match["units"]), return_sequences=bool(match["seq"]), return_state=True, stateful=bool(match["stateful"])
            ),
            input_dim=int(match["input_dim"]),
            timesteps=int(match["timesteps"]),
            batch=int(match["batch"]),
            seed=int(match["seed"]),
            execution=Execution(compiled=not match["eager"]),
        )

    @property
    def family(self) -> Family:
        """What this case shares weights and inputs with."""
        return Family(units=self.config.units, input_dim=self.input_dim, seed=self.seed)

    @property
    def calls(self) -> tuple[Call, ...]:
        """One call; of a stateful layer three that carry over, then a reset and one more over what the first two read in pieces."""
        steps = self.timesteps
        if not self.config.stateful:
            return (Call(start=0, stop=steps),)
        carried = tuple(Call(start=k * steps, stop=(k + 1) * steps) for k in range(3))
        return (*carried, Call(start=0, stop=2 * steps, after_reset=True))

    @property
    def horizon(self) -> int:
        """Timesteps of stimulus that the calls read."""
        return max(call.stop for call in self.calls)

    @property
    def offers(self) -> frozenset[Need]:
        """What the case offers a deviation to show itself."""
        stateful, config = self.config.stateful, self.config
        offered = {
            Need.SEVERAL_UNITS: config.units > 1,
            Need.SEVERAL_FEATURES: self.input_dim > 1,
            Need.SEVERAL_ROWS: self.batch > 1,
            Need.SEVERAL_STEPS: self.timesteps > 1,
            Need.PREVIOUS_STATE: self.timesteps > 1 or stateful,
            Need.CARRIED_CALL: stateful,
            Need.RESET: stateful,
            Need.FULL_SEQUENCE: config.return_sequences,
            Need.LAST_OUTPUT: not config.return_sequences,
            Need.BIAS: config.use_bias,
            Need.WIDE_INPUTS: self.input_dtype != self.precision,
        }
        return frozenset(need for need, is_offered in offered.items() if is_offered)
