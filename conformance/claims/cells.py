"""Arguments that only TensorFlow's cells have: other forget biases, peepholes, projections, limits of the cell state.

A case runs with these arguments and is compared with the reference plus the deviations by which `lstm_ref.layouts` describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from conformance.adapters.observation import CallObservation, Observation
from conformance.adapters.protocol import observation_of, question_of
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import NotRecordedError
from conformance.environments.spec import parse
from conformance.judging.verdict import Result, Verdict, exception_line
from conformance.reference.oracle import Oracle
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.system.infrastructure import infrastructure_fault
from lstm_ref import LSTMError
from lstm_ref.arrays import Array
from lstm_ref.deviations import Deviation
from lstm_ref.layouts import LAYOUTS
from lstm_ref.layouts.forms import PEEPHOLES, PROJECTION

_ARRAYS = ("outputs", "hidden", "cell")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A case of a cell with additional arguments.

    Attributes:
        arguments: the field `cell` of the question.
        case_id: id of the case.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    case_id: str = "u3-d2-t5-b4-seq-s0"

    @property
    def name(self) -> str:
        """The case and the arguments."""
        return " ".join([self.case_id, *(f"{name}={value}" for name, value in self.arguments.items())])

    def observe(self, adapter: EnvironmentAdapter) -> Observation:
        """The observation of a started cell.

        Raises:
            LSTMError: the cell raised, has no such argument, or its recording does not have this case.
        """
        case, stimulus = self._draw()
        question, arrays = question_of(case, stimulus)
        extra = self._extra_weights(case)
        recurrent_dim = self.arguments.get("num_proj", case.config.units)
        extra["0.recurrent_kernel"] = arrays["0.recurrent_kernel"][:recurrent_dim]
        return observation_of(case, adapter.request("lstm", {**arrays, **extra}, **question, cell=dict(self.arguments)))

    def judge(self, adapter: EnvironmentAdapter, system: str) -> Result:
        """Whether a started cell is as described, within the reference's largest σ of each array: a deviation has no derived σ."""
        case, stimulus = self._draw()
        try:
            (observed,) = self.observe(adapter).calls
        except LSTMError as error:
            unresolved = isinstance(error, NotRecordedError) or infrastructure_fault(exception_line(error))
            verdict = Verdict.UNRESOLVED if unresolved else Verdict.ERROR
            return Result(case_id=self.name, group="cells", verdict=verdict, reason=str(error))
        description = self.description(system)
        (expected,) = Oracle(build=description.build, precision=case.precision).observe(case, stimulus)
        (sigma,) = expected_calls(case, stimulus).sigma
        largest_error = max(_error_in_sigma(name, observed, expected, sigma) for name in _ARRAYS)
        if largest_error > ELEMENT_LIMIT:
            reason = f"{largest_error:.3g} σ off what describes it, {description.name}"
            return Result(case_id=self.name, group="cells", verdict=Verdict.FAIL, reason=reason)
        reason = f"as described: {description.summary}"
        return Result(case_id=self.name, group="cells", verdict=Verdict.KNOWN_DIFFERENCE, reason=reason, known=description.name)

    def description(self, system: str) -> Deviation:
        """The system with these arguments, as Keras 3 plus deviations."""
        layout = LAYOUTS[system]
        changes = {name: self.arguments.get(name, getattr(layout, name)) for name in ("forget_bias", "cell_clip")}
        extra = {name: array.astype(np.float64) for name, array in self._extra_weights(Case.from_id(self.case_id)).items()}
        weights = dict(zip(PEEPHOLES[0], extra.get("0.peepholes", ()), strict=False))
        if "0.projection" in extra:
            weights[PROJECTION] = extra["0.projection"]
        return replace(layout, **changes).description(weights, self.arguments.get("proj_clip", np.inf))

    def _draw(self) -> tuple[Case, Stimulus]:
        case = Case.from_id(self.case_id)
        return case, draw([case])

    def _extra_weights(self, case: Case) -> dict[str, Array]:
        """Weights that only a cell with these arguments has: dense, of both signs, all different."""
        units, values = case.config.units, self.arguments.get("num_proj", 0)
        has_peepholes = any(self.arguments.get(name) for name in ("use_peephole", "use_peepholes"))
        shapes = {"0.peepholes": (3, units) if has_peepholes else (), "0.projection": (units, values) if values else ()}
        return {
            name: np.cos(np.arange(1.0, np.prod(shape) + 1)).reshape(shape).astype(np.float32)
            for name, shape in shapes.items()
            if shape
        }


def _error_in_sigma(name: str, observed: CallObservation, expected: CallObservation, sigma: CallObservation) -> float:
    """The largest error in σ; the values that a projection removes count as zeros."""
    got, right = getattr(observed, name), getattr(expected, name)
    padded = np.pad(got, [(0, 0)] * (got.ndim - 1) + [(0, right.shape[-1] - got.shape[-1])])
    return float(np.abs(padded - right).max() / getattr(sigma, name).max())


PROJECTED = Variant(arguments={"num_proj": 2})
WIDE = Variant(case_id="u128-d28-t1-b1-s0")

_BLOCK_VARIANTS = (Variant(arguments={"cell_clip": 0.25}), Variant(arguments={"use_peephole": True}))

VARIANTS: Mapping[str, tuple[Variant, ...]] = {
    "basic-lstm-cell": (WIDE, Variant(arguments={"forget_bias": 0.5})),
    "lstm-cell": (
        WIDE,
        Variant(arguments={"forget_bias": 0.5}),
        Variant(arguments={"cell_clip": 0.25}),
        Variant(arguments={"use_peepholes": True}),
        PROJECTED,
        Variant(arguments={"num_proj": 2, "proj_clip": 0.125}),
        Variant(arguments={"forget_bias": 0.5, "cell_clip": 0.5, "use_peepholes": True, "num_proj": 2, "proj_clip": 0.125}),
    ),
    "block-lstm": (Variant(arguments={"forget_bias": 0.5}), *_BLOCK_VARIANTS),
    "block-lstm-v2": _BLOCK_VARIANTS,
}


def variants_of(spec: str) -> tuple[Variant, ...]:
    """The variants that an environment runs besides the cases of every system."""
    return VARIANTS.get(parse(spec).system, ())
