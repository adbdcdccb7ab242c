"""How far what Keras returns to a script may lie from the script's equations: the suite's own bound, for the script's own numbers.

The lines that make the script's arrays are run here, as the script will run them, and the case's reference and its σ computed from
what they make. The script's limit is that of the largest σ of all that is compared, so that it holds at every element. Of a loss's
slope, see `gradient_lines`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.backends import CONVENTIONS
from conformance.case import Call, Case
from conformance.reference_run import oracle_of, replicated_sigma
from conformance.reproduction.data_lines import targets_text
from conformance.stimulus import Stimulus, draw, join_rows
from conformance.tolerance import ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF, arithmetic_of
from lstm_ref import LSTMWeights, State
from lstm_ref.arrays import Array, representable


# A script is composed in several ways until it is short.
@lru_cache(maxsize=4)
def limit_of(case: Case, backend: str, lines: tuple[str, ...], given: str = "") -> float:
    """The largest difference that rounding explains, rounded up to two digits.

    Args:
        case: of the script.
        backend: whose conventions hold.
        lines: those that make the script's mask, inputs and weights.
        given: the expression of the initial states, where the case has some.
    """
    names: dict[str, Any] = {"np": np}
    exec("\n".join(lines), names)  # noqa: S102  # lines of this package, as the script runs them
    if given:
        names["states"] = [list(each) for each in eval(given, names)]  # noqa: S307  # likewise
    stimulus = _Stimulus(**vars(draw([case])), arrays=names)
    conventions, drawn = CONVENTIONS[backend], stimulus.dropout_of(case) if case.in_training else ()
    oracle = oracle_of(case, conventions, drawn)
    calls = oracle.observe(case, stimulus)
    sigma = replicated_sigma(case, stimulus, calls, oracle, arithmetic_of(oracle.precision, conventions.products))
    pairs = [
        (getattr(expected, name), getattr(spread, name))
        for expected, spread in zip(calls, sigma, strict=True)
        for name in ("outputs", "hidden", "cell", "loss")
        if getattr(expected, name) is not None
    ]
    # What is not finite must be the same.
    finite = [spread[np.isfinite(expected)] for expected, spread in pairs]
    largest = max((float(spread.max()) for spread in finite if spread.size), default=0.0)
    limit = ELEMENT_LIMIT * max(largest, UNIT_ROUNDOFF[oracle.precision]) * (TWO_RUNS if case.relation else 1)
    digit = 10.0 ** (math.floor(math.log10(limit)) - 1)
    return math.ceil(limit / digit) * digit


@dataclass(frozen=True, kw_only=True, eq=False)
class _Stimulus(Stimulus):
    """The arrays of a script, in place of what would be drawn for its case."""

    arrays: Mapping[str, Any] = field(default_factory=dict)

    def inputs_of(self, case: Case, call: Call) -> Array:
        """The array `x`; of a stateful layer, one for each call."""
        x = self.arrays["x"]
        return np.asarray(join_rows(case, x[case.calls.index(call)] if case.config.stateful else x))

    def weights_of(self, case: Case) -> tuple[LSTMWeights, ...]:
        """The list `weights`, as its layers hold it."""
        precision = "float64" if case.dtype == "float64" else "float32"
        arrays = [representable(np.asarray(array, "float64"), precision) for array in self.arrays["weights"]]
        count = 3 if case.config.use_bias else 2
        return tuple(
            LSTMWeights(arrays[k], arrays[k + 1], arrays[k + 2] if case.config.use_bias else None)
            for k in range(0, len(arrays), count)
        )

    def mask_of(self, case: Case, call: Call) -> Array | None:  # noqa: ARG002  # the same for all calls
        """The array `mask`."""
        return None if case.mask == "none" else np.asarray(join_rows(case, self.arrays["mask"]))

    def initial_state_of(self, case: Case, call: Call) -> tuple[State, ...] | None:
        """What was drawn for h and c."""
        if not call.initial_state:
            return None
        hidden, cell = self.arrays["states"]
        pairs = [(hidden, cell)] if len(case.layer_sizes) == 1 else zip(hidden, cell, strict=True)
        return tuple(State(*(np.asarray(array, "float64") for array in pair)) for pair in pairs)

    def targets_of(self, case: Case, outputs_shape: tuple[int, ...]) -> Array:
        """Those that the script writes."""
        targets = eval(targets_text(case), {"np": np})  # noqa: S307  # an expression of this package
        return np.asarray(targets).reshape(outputs_shape)

    def embedding_of(self, case: Case) -> Array:
        """Of the size of the script's; Keras draws that one."""
        table = np.random.default_rng(0).uniform(-1, 1, (int(np.max(self.arrays["ids"], initial=0)) + 1, case.input_dim))
        return representable(table, case.precision)

    def ids_of(self, case: Case, call: Call) -> Array:
        """The array `ids`; of a stateful layer, one for each call."""
        ids = self.arrays["ids"]
        return np.asarray(join_rows(case, ids[case.calls.index(call)] if case.config.stateful else ids))
