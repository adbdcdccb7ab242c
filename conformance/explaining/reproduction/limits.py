"""The limit of a script: the largest difference of Keras from the equations that rounding explains, for the script's arrays.

The lines that make the script's arrays are run here, as the script runs them, and the reference and its σ are computed from these
arrays. The limit uses the largest σ of all compared arrays, so it holds at every element. For the slope of a loss, see
`gradient_lines`. The arrays must also be sensitive to errors: with a seed whose activations are dead, they are not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.observation import CallObservation
from conformance.cases.case import Call, Case
from conformance.cases.stimulus import Stimulus, draw, join_rows
from conformance.explaining.reproduction.data_lines import targets_text
from conformance.reference.oracle import Oracle
from conformance.reference.run import oracle_of, replicated_sigma
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF, arithmetic_of
from lstm_ref import LSTMWeights, State
from lstm_ref.arrays import Array, representable
from lstm_ref.deviations import Need

# The smallest sensitivity to a weight: the change of the compared arrays in σ when the weight changes by the precision's unit
# roundoff. A relative error of 1e-4, which is 1,700 roundings of float32, then changes them by as much as the limit.
_MIN_SENSITIVITY = 2.0**-8
_RECURRENT_KERNEL = 1  # among the arrays of an LSTM


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The reference's answers to the arrays of a script.

    Attributes:
        case, stimulus, oracle: of the run.
        compared: the arrays that the script compares.
        sigma: the largest σ of all of them.
    """

    case: Case
    stimulus: _Stimulus
    oracle: Oracle
    compared: tuple[Array, ...]
    sigma: float

    @property
    def limit(self) -> float:
        """The largest difference that rounding explains, rounded up to two digits."""
        limit = ELEMENT_LIMIT * self.sigma * (TWO_RUNS if self.case.relation else 1)
        digit = 10.0 ** (math.floor(math.log10(limit)) - 1)
        return math.ceil(limit / digit) * digit

    def sensitivity(self) -> list[float]:
        """The sensitivity to errors in weights and inputs: 1 for sensitive enough, 0 where activations are dead or saturated.

        One number for each array that acts in the case, and for the arrays of one kind in all LSTMs, whose errors may cancel in a
        loss. The roundings of the inputs may cancel there too.
        """
        unit = UNIT_ROUNDOFF[self.oracle.precision]
        step = min(2.0**10 * unit, 2.0**-4)  # many roundings, and as little as leaves an activation as dead as it is
        enough = step / unit * self.sigma * _MIN_SENSITIVITY
        kinds = 3 if self.case.config.use_bias else 2
        acting = [kind for kind in range(kinds) if kind != _RECURRENT_KERNEL or Need.PREVIOUS_STATE in self.case.fulfilled_needs]
        places = range(len(self.stimulus.arrays["weights"]))
        moved = [{place} for place in places if place % kinds in acting]
        moved += [{place for place in places if place % kinds == kind} for kind in acting]
        changes = [self._moved_by(each, step) / enough for each in moved]
        if self.case.returns_loss and Need.FLOAT32 in self.case.fulfilled_needs and "x" in self.stimulus.arrays:
            rounded = np.asarray(self.stimulus.arrays["x"], "float16").astype("float64")
            changes.append(self._change(x=rounded) / (2 * ELEMENT_LIMIT * self.sigma))
        return [min(1.0, change) for change in changes]

    def _moved_by(self, places: set[int], step: float) -> float:
        """The largest change of the compared arrays when the weights at these places are multiplied by 1 + step."""
        weights = [array * (1 + step * (place in places)) for place, array in enumerate(self.stimulus.arrays["weights"])]
        return self._change(weights=weights)

    def _change(self, **arrays: Any) -> float:
        """The largest change of the compared arrays with these arrays in the script."""
        arrays = {**self.stimulus.arrays, **arrays}
        moved = replace(self.stimulus, arrays=arrays, given_weights=_weights(self.case, arrays["weights"]))
        calls = self.oracle.observe(self.case, moved)
        differences = [
            np.abs(array - before)
            for array, before in zip((each for _, each in _compared_arrays(calls)), self.compared, strict=True)
        ]
        return max((float(each.max()) for each in differences if each.size), default=0.0)


def _compared_arrays(calls: Sequence[CallObservation]) -> list[tuple[str, Array]]:
    """The compared arrays of each call, by name."""
    names = ("outputs", "hidden", "cell", "loss")
    return [(name, getattr(call, name)) for call in calls for name in names if getattr(call, name) is not None]


# A script is composed in several ways until it is short.
@lru_cache(maxsize=4)
def answers_of(case: Case, backend: str, lines: tuple[str, ...], given: str) -> Answers:
    """The answers to the arrays of a script.

    Args:
        case: of the script.
        backend: whose conventions hold.
        lines: those that make the script's mask, inputs and weights.
        given: the expression of the initial states; "" where the case has none.
    """
    names: dict[str, Any] = {"np": np}
    exec("\n".join(lines), names)  # noqa: S102  # lines of this package, as the script runs them
    stimulus = replace(
        _Stimulus(**vars(draw([case])), arrays=names),
        given_weights=_weights(case, names["weights"]),
        given_states=_states(case, [list(each) for each in eval(given, names)]) if given else None,  # noqa: S307  # likewise
        given_mask=None if case.mask == "none" else np.asarray(join_rows(case, names["mask"])),
    )
    conventions, drawn = CONVENTIONS[backend], stimulus.dropout_of(case) if case.in_training else ()
    oracle = oracle_of(case, conventions, drawn)
    calls = oracle.observe(case, stimulus)
    sigma = replicated_sigma(case, stimulus, calls, oracle, arithmetic_of(oracle.precision, conventions.products))
    pairs = [
        (array, getattr(spread, name))
        for expected, spread in zip(calls, sigma, strict=True)
        for name, array in _compared_arrays([expected])
    ]
    # What is not finite must be the same.
    finite = [spread[np.isfinite(expected)] for expected, spread in pairs]
    largest = max((float(spread.max()) for spread in finite if spread.size), default=0.0)
    return Answers(
        case=case,
        stimulus=stimulus,
        oracle=oracle,
        compared=tuple(array for array, _ in pairs),
        sigma=max(largest, UNIT_ROUNDOFF[oracle.precision]),
    )


def _weights(case: Case, arrays: Sequence[Any]) -> tuple[LSTMWeights, ...]:
    """The list `weights`, as the layers hold it."""
    precision = "float64" if case.dtype == "float64" else "float32"
    held = [representable(np.asarray(array, "float64"), precision) for array in arrays]
    count = 3 if case.config.use_bias else 2
    return tuple(LSTMWeights.from_arrays(*held[k : k + count]) for k in range(0, len(held), count))


def _states(case: Case, states: Any) -> tuple[State, ...]:
    """The arrays of h and c."""
    hidden, cell = states
    pairs = [(hidden, cell)] if len(case.layer_sizes) == 1 else zip(hidden, cell, strict=True)
    return tuple(State(*(np.asarray(array, "float64") for array in pair)) for pair in pairs)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stimulus(Stimulus):
    """The arrays of a script in place of those drawn for the case."""

    arrays: Mapping[str, Any] = field(default_factory=dict)

    def inputs_of(self, case: Case, call: Call) -> Array:
        """The array `x`; of a stateful layer, one for each call."""
        x = self.arrays["x"]
        return np.asarray(join_rows(case, x[case.calls.index(call)] if case.config.stateful else x))

    def targets_of(self, case: Case, outputs_shape: tuple[int, ...]) -> Array:
        """The targets in the script."""
        targets = eval(targets_text(case), {"np": np})  # noqa: S307  # an expression of this package
        return np.asarray(targets).reshape(outputs_shape)

    def embedding_of(self, case: Case) -> Array:
        """A table of the size of the script's, which Keras draws."""
        table = np.random.default_rng(0).uniform(-1, 1, (int(np.max(self.arrays["ids"], initial=0)) + 1, case.input_dim))
        return representable(table, case.precision)

    def ids_of(self, case: Case, call: Call) -> Array:
        """The array `ids`; of a stateful layer, one for each call."""
        ids = self.arrays["ids"]
        return np.asarray(join_rows(case, ids[case.calls.index(call)] if case.config.stateful else ids))
