"""Whether a peer computes what the oracle does, which it has to before it is timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conformance.case import Case
from conformance.compare import measure
from conformance.reference_run import answer
from conformance.stimulus import Stimulus
from conformance.tolerance import ELEMENT_LIMIT, RMS_LIMIT
from lstm_ref.arrays import Array


class NotConformingError(Exception):
    """A peer computes something else; the message says where."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Expectation:
    """What is expected, array by array.

    Attributes:
        names: of the arrays.
        values: as the float64 oracle has them.
        sigma: how far a correct run in float32 may lie from each element.
        rows: of the batch, which `values` hold of the arrays that have one; None for all.
    """

    names: Sequence[str]
    values: Sequence[Array]
    sigma: Sequence[Array]
    rows: Array | None = None

    @classmethod
    def of(cls, case: Case, stimulus: Stimulus, rows: Array, calls: int) -> Expectation:
        """The oracle's answer to the first calls of a case, which stands for these rows of a larger one."""
        found = answer(case, stimulus)
        if case.execution.route == "gradient":
            (values,), (sigma,) = ([call.gradients for call in each] for each in (found.calls, found.sigma))
            return cls(names=[f"gradient of {name}" for name in values], values=[*values.values()], sigma=[*sigma.values()])
        values, sigma = ([call.outputs for call in each[:calls]] for each in (found.calls, found.sigma))
        return cls(names=[f"outputs of call {k + 1}" for k in range(len(values))], values=values, sigma=sigma, rows=rows)

    def worst_of(self, answers: Sequence[Array]) -> float:
        """The largest |error| / σ of what a peer answers.

        Raises:
            NotConformingError: it is over the suite's limits, or shapes are others.
        """
        if len(answers) != len(self.values):
            raise NotConformingError(f"{len(answers)} arrays, expected {len(self.values)}: {', '.join(self.names)}")
        return max(map(self._worst_of, self.names, answers, self.values, self.sigma))

    def _worst_of(self, name: str, got: Array, expected: Array, sigma: Array) -> float:
        seen = got if self.rows is None or got.ndim == 0 or len(got) <= self.rows[-1] else got[self.rows]
        if seen.shape != expected.shape:
            raise NotConformingError(f"{name} have shape {seen.shape}, expected {expected.shape}")
        gap = measure(np.asarray(seen, np.float64), expected, sigma)
        if gap.worst > ELEMENT_LIMIT or gap.rms > RMS_LIMIT:
            place = ", ".join(map(str, gap.where))
            raise NotConformingError(
                f"{name} [{place}]: got {gap.got:.9g}, expected {gap.expected:.9g}, {gap.worst:.3g} σ apart where {ELEMENT_LIMIT:g} "
                f"are allowed; {gap.rms:.3g} σ in the root mean square, where {RMS_LIMIT:g} are"
            )
        return gap.worst
