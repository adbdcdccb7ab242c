"""Deviations in the arithmetic: one part a little off, or computed in a narrower dtype."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

from lstm_ref.arrays import Array, representable
from lstm_ref.cell import Gates
from lstm_ref.deviations.deviation import Deviation, Need, needing
from lstm_ref.layer import LSTM
from lstm_ref.sequence import Trajectory
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

# Relative error → why it may hide. The bounds of float32 are derived for errors of a few unit roundoffs at every operation.
OFF_BY = {"1e-3": "", "1e-4": "", "1e-5": "", "1e-6": "17 unit roundoffs of float32: of the size of the bound itself"}
_DAMPED = "168 unit roundoffs of float32, which reach the states damped by the gates' slopes: one unit may lose them in its bound"
NARROW = ("float16", "bfloat16")


class _Off(LSTM):
    """The reference with one part multiplied by `factor`."""

    factor: float


class SigmoidOff(_Off):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(i=self.factor * gates.i, f=self.factor * gates.f, o=self.factor * gates.o)


class CandidateOff(_Off):
    def gates(self, x_t: Array, state: State) -> Gates:
        gates = super().gates(x_t, state)
        return gates._replace(candidate=self.factor * gates.candidate)


class CellOff(_Off):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        return replace(new, cell=self.factor * new.cell)


class OutputOff(_Off):
    def step(self, x_t: Array, state: State) -> State:
        new = super().step(x_t, state)
        return replace(new, hidden=self.factor * new.hidden)


def _layer_off(kind: type[_Off], factor: float) -> type[LSTM]:
    return type(kind.__name__, (kind,), {"factor": factor})


def _weight_off(part: str, factor: float) -> Callable[[LSTMWeights], LSTMWeights]:
    return lambda weights: replace(weights, **{part: factor * getattr(weights, part)})


def _needs(size: str, *needs: Need) -> frozenset[Need]:
    """In a loss, which is one number for all outputs, the smaller errors cancel out."""
    return needing(Need.FLOAT32, *needs, *((Need.OUTPUTS,) if size in ("1e-5", "1e-6") else ()))


_LAYERS = {"sigmoid": SigmoidOff, "candidate": CandidateOff, "cell": CellOff, "output": OutputOff}
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


def _layer_in(kind: type[_Narrow], dtype: str) -> type[LSTM]:
    return type(kind.__name__, (kind,), {"narrow": dtype})


DEVIATIONS = (
    *(
        Deviation(
            name=f"{part}_off_by_{size}",
            summary=f"each {part} is too large by a relative {size}",
            needs=_needs(size, *((Need.STATES,) if kind is CellOff else ())),
            hides=hides,
            layer=_layer_off(kind, 1 + float(size)),
        )
        for (part, kind), (size, hides) in itertools.product(_LAYERS.items(), OFF_BY.items())
    ),
    *(
        Deviation(
            name=f"{part}_off_by_{size}",
            summary=f"the {part} is too large by a relative {size}",
            needs=_needs(size, *needs),
            hides=_DAMPED if (part, size) == ("recurrent_kernel", "1e-5") else hides,
            weights=_weight_off(part, 1 + float(size)),
        )
        for (part, needs), (size, hides) in itertools.product(_WEIGHTS.items(), OFF_BY.items())
    ),
    *(
        Deviation(
            name=f"weights_in_{dtype}",
            summary=f"the weights are rounded to {dtype}",
            needs=needing(Need.FLOAT32),
            weights=_weights_in(dtype),
        )
        for dtype in NARROW
    ),
    *(
        Deviation(
            name=f"inputs_in_{dtype}",
            summary=f"the inputs are rounded to {dtype}",
            needs=needing(Need.FLOAT32, Need.FRACTIONS),
            layer=_layer_in(InputsNarrow, dtype),
        )
        for dtype in NARROW
    ),
    *(
        Deviation(
            name=f"state_in_{dtype}",
            summary=f"the states are rounded to {dtype} between two timesteps",
            needs=needing(Need.FLOAT32, Need.PREVIOUS_STATE, Need.OUTPUTS),
            layer=_layer_in(StateNarrow, dtype),
        )
        for dtype in NARROW
    ),
)
