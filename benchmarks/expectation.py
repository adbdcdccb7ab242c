"""Checks that a peer computes the same as the oracle, before it is timed.

The derived σ assumes that sigmoid is computed as 1 / (1 + exp(-z)), whose error is relative to its value, however small that is.
Some peers compute it as 1/2 + g(z) with an odd function g: a quotient of two rounded expressions (three roundings, as of tanh in
`lstm_ref.uncertainty.budgets`), to which 1/2 is added (one more). Its error is u √(3 (s - 1/2)² + s²), which near s = 0 is 0.9 u
for every s, so that an almost closed gate has a large relative error. Peers that are known to compute in this way are compared with
the σ of that arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.errors import NotConformingError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.observation import CallObservation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.compare import measure
from conformance.judging.judgement import exceeds_limits
from conformance.reference.run import expected_calls, oracle_of, replicated_sigma
from conformance.reference.tolerance import ELEMENT_LIMIT, arithmetic_of, rms_limit
from lstm_ref import activations
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.rounding import RoundingLSTM


class CentredLSTM(RoundingLSTM):
    """Rounding errors of an LSTM whose sigmoid is 1/2 plus an odd function."""

    def activate(self, z: Array, name: str | None) -> Array:
        """The activation of that name, evaluated within its budget."""
        if name != "sigmoid":
            return super().activate(z, name)
        value = activations.sigmoid(z)
        return np.asarray(value + self.rounding.noise(value) * np.sqrt(3 * (value - 0.5) ** 2 + value**2))


@dataclass(frozen=True, kw_only=True, eq=False)
class Expectation:
    """The expected arrays.

    Attributes:
        names: of the arrays.
        values: of the float64 oracle.
        sigma: of each element in a correct float32 run.
        rows: of the batch that `values` hold; None for all.
    """

    names: Sequence[str]
    values: Sequence[Array]
    sigma: Sequence[Array]
    rows: Array | None = None

    @classmethod
    def of(cls, case: Case, stimulus: Stimulus, rows: Array, calls: int, *, centred: bool = False) -> Expectation:
        """The oracle's results for the first calls of a case that holds some rows of a larger one.

        Args:
            case: with these rows.
            stimulus: with these rows.
            rows: their positions in the larger case.
            calls: number of calls.
            centred: whether sigmoid is computed as 1/2 plus an odd function.
        """
        if centred:
            oracle = oracle_of(case, DEFAULT_CONVENTIONS, ())
            expected = oracle.observe(case, stimulus)
            sigma = replicated_sigma(case, stimulus, expected, oracle, arithmetic_of(oracle.precision), rounding=CentredLSTM)
        else:
            run = expected_calls(case, stimulus)
            expected, sigma = run.calls, run.sigma
        values = _compared_arrays(expected[:calls])
        is_gradient = bool(expected[0].gradients)
        return cls(
            names=[*values],
            values=[*values.values()],
            sigma=[*_compared_arrays(sigma[:calls]).values()],
            rows=None if is_gradient else rows,
        )

    def largest_error(self, answers: Sequence[Array]) -> float:
        """The largest |error| / σ of a peer's results.

        Raises:
            NotConformingError: it exceeds the suite's limits, or a shape differs.
        """
        if len(answers) != len(self.values):
            raise NotConformingError(
                f"does not conform: {len(answers)} arrays, expected {len(self.values)}: {', '.join(self.names)}"
            )
        return max(map(self._array_error, self.names, answers, self.values, self.sigma))

    def _array_error(self, name: str, got: Array, expected: Array, sigma: Array) -> float:
        got = got if self.rows is None or len(got) <= self.rows[-1] else got[self.rows]
        if got.shape != expected.shape:
            raise NotConformingError(f"does not conform: {name} have shape {got.shape}, expected {expected.shape}")
        gap = measure(np.asarray(got, np.float64), expected, sigma)
        if exceeds_limits(gap):
            raise NotConformingError(
                f"does not conform: {name} {list(gap.where)}: got {gap.got:.9g}, expected {gap.expected:.9g}: "
                f"off by {gap.worst:.3g} σ (limit {ELEMENT_LIMIT:g}), "
                f"the array by {gap.rms:.3g} σ in the root mean square (limit {rms_limit(gap.size):g})"
            )
        return gap.worst


def _compared_arrays(calls: Sequence[CallObservation]) -> dict[str, Any]:
    """The compared arrays: the gradients of the only call, or the outputs of each call."""
    if calls[0].gradients:
        return {f"gradient of {name}": array for name, array in calls[0].gradients.items()}
    return {f"outputs of call {k + 1}": call.outputs for k, call in enumerate(calls)}
