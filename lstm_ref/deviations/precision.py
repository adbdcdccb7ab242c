"""Deviations in the arithmetic: one part with a small relative error, or computed in a narrower dtype."""

import itertools
from collections.abc import Callable
from dataclasses import replace

from lstm_ref.arrays import Array, representable
from lstm_ref.cell import Gates
from lstm_ref.deviations.deviation import Chapter, Need, step_needs, subclass
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

# Relative error → why it may stay undetected. The bounds of float32 allow errors of a few unit roundoffs in every operation.
RELATIVE_ERRORS = {"1e-3": "", "1e-4": "", "1e-5": "", "1e-6": "17 unit roundoffs of float32: of the size of the bound itself"}

_DAMPED = "168 unit roundoffs of float32, which reach the states damped by the gates' slopes: one unit may lose them in its bound"

NARROW = ("float16", "bfloat16")


class _Scaled(LSTM):
    """The reference with one part multiplied by `factor`."""

    factor: float


class SigmoidScaled(_Scaled):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(i=self.factor * gates.i, f=self.factor * gates.f, o=self.factor * gates.o)


class CandidateScaled(_Scaled):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(candidate=self.factor * gates.candidate)


class CellScaled(_Scaled):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        return replace(new, cell=self.factor * new.cell)


class OutputScaled(_Scaled):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        return replace(new, hidden=self.factor * new.hidden)


def _scaled_weights(part: str, factor: float) -> Callable[[LSTMWeights], LSTMWeights]:
    return lambda weights: replace(weights, **{part: factor * getattr(weights, part)})


def _needs(size: str, *needs: Need) -> frozenset[Need]:
    """The smaller errors need outputs: in a loss, one number for all outputs, they cancel."""
    return step_needs(Need.FLOAT32, *needs, *((Need.OUTPUTS,) if size in ("1e-5", "1e-6") else ()))


_LAYERS = {"sigmoid": SigmoidScaled, "candidate": CandidateScaled, "cell": CellScaled, "output": OutputScaled}

_WEIGHTS: dict[str, tuple[Need, ...]] = {"kernel": (), "recurrent_kernel": (Need.PREVIOUS_STATE,)}


def _weights_in(dtype: str) -> Callable[[LSTMWeights], LSTMWeights]:
    return lambda weights: LSTMWeights(**{name: representable(array, dtype) for name, array in weights.arrays.items()})


class _Narrow(LSTM):
    """The reference with one part rounded to `narrow`."""

    narrow: str


class InputsNarrow(_Narrow):
    def run(self, inputs: Array, initial_state: State, mask: Array | None = None) -> Trajectory:
        return super().run(representable(inputs, self.narrow), initial_state, mask)


class StateNarrow(_Narrow):
    def step(self, x_t: Array, state: State) -> State:
        rounded = State(hidden=representable(state.hidden, self.narrow), cell=representable(state.cell, self.narrow))
        return super().step(x_t, rounded)


DEVIATIONS = Chapter()

for (_part, _kind), (_size, _hides) in itertools.product(_LAYERS.items(), RELATIVE_ERRORS.items()):
    DEVIATIONS.add(
        f"{_part}_off_by_{_size}",
        f"each {_part} is too large by a relative {_size}",
        _needs(_size, *((Need.STATES,) if _kind is CellScaled else ())),
        hides=_hides,
        layer=subclass(_kind, factor=1 + float(_size)),
    )
for (_part, _part_needs), (_size, _hides) in itertools.product(_WEIGHTS.items(), RELATIVE_ERRORS.items()):
    DEVIATIONS.add(
        f"{_part}_off_by_{_size}",
        f"the {_part} is too large by a relative {_size}",
        _needs(_size, *_part_needs),
        hides=_DAMPED if (_part, _size) == ("recurrent_kernel", "1e-5") else _hides,
        weights=_scaled_weights(_part, 1 + float(_size)),
    )
for _dtype in NARROW:
    _summary = f"the weights are rounded to {_dtype}"
    DEVIATIONS.add(f"weights_in_{_dtype}", _summary, step_needs(Need.FLOAT32), weights=_weights_in(_dtype))
for _dtype in NARROW:
    _summary, _layer = f"the inputs are rounded to {_dtype}", subclass(InputsNarrow, narrow=_dtype)
    DEVIATIONS.add(f"inputs_in_{_dtype}", _summary, step_needs(Need.FLOAT32, Need.FRACTIONS), layer=_layer)
for _dtype in NARROW:
    _summary, _layer = f"the states are rounded to {_dtype} between two timesteps", subclass(StateNarrow, narrow=_dtype)
    DEVIATIONS.add(f"state_in_{_dtype}", _summary, step_needs(Need.FLOAT32, Need.PREVIOUS_STATE, Need.OUTPUTS), layer=_layer)
