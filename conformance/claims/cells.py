"""What only TensorFlow's cells have: other forget biases, peepholes, projections, limits to the cell state.

A case is asked with these arguments and compared with the reference plus the deviations that `lstm_ref.layouts` describes them by.
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
from conformance.claims.measure import SIGMAS
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import NotRecordedError
from conformance.environments.spec import parse
from conformance.judging.verdict import Result, Verdict, exception_line
from conformance.reference.oracle import Oracle
from conformance.reference.run import expected_calls
from conformance.system.infrastructure import infrastructure_fault
from lstm_ref import LSTMError
from lstm_ref.arrays import Array
from lstm_ref.deviations import Deviation
from lstm_ref.layouts import LAYOUTS
from lstm_ref.layouts.forms import PEEPHOLES, PROJECTION

_ARRAYS = ("outputs", "hidden", "cell")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A case of a cell with arguments of its own.

    Attributes:
        arguments: as a question's field `cell` has them.
        case_id: what is asked beside.
    """

    arguments: Mapping[str, Any] = field(default_factory=dict)
    case_id: str = "u3-d2-t5-b4-seq-s0"

    @property
    def name(self) -> str:
        """The case and the arguments."""
        return " ".join([self.case_id, *(f"{name}={value}" for name, value in self.arguments.items())])

    def ask(self, adapter: EnvironmentAdapter) -> Observation:
        """What a started cell shows.

        Raises:
            LSTMError: it raised, has no such argument, or was not asked when it was recorded.
        """
        case, stimulus = self._drawn()
        question, arrays = question_of(case, stimulus)
        own = self._own(case)
        fed_back = self.arguments.get("num_proj", case.config.units)
        own["0.recurrent_kernel"] = arrays["0.recurrent_kernel"][:fed_back]
        return observation_of(case, adapter.ask("lstm", {**arrays, **own}, **question, cell=dict(self.arguments)))

    def judge(self, adapter: EnvironmentAdapter, system: str) -> Result:
        """Whether a started cell is as described, within the limit of each array's largest σ: a deviation's own is not derived."""
        case, stimulus = self._drawn()
        try:
            (observed,) = self.ask(adapter).calls
        except LSTMError as error:
            unresolved = isinstance(error, NotRecordedError) or infrastructure_fault(exception_line(error))
            verdict = Verdict.UNRESOLVED if unresolved else Verdict.ERROR
            return Result(case_id=self.name, group="cells", verdict=verdict, reason=str(error))
        description = self.description(system)
        (expected,) = Oracle(build=description.build, precision=case.precision).observe(case, stimulus)
        (sigma,) = expected_calls(case, stimulus).sigma
        off = max(_off(name, observed, expected, sigma) for name in _ARRAYS)
        if off > SIGMAS:
            reason = f"{off:.3g} σ off what describes it, {description.name}"
            return Result(case_id=self.name, group="cells", verdict=Verdict.FAIL, reason=reason)
        reason = f"as described: {description.summary}"
        return Result(case_id=self.name, group="cells", verdict=Verdict.KNOWN_DIFFERENCE, reason=reason, known=description.name)

    def description(self, system: str) -> Deviation:
        """The system with these arguments, as Keras 3 plus deviations."""
        usual = LAYOUTS[system]
        changed = {name: self.arguments.get(name, getattr(usual, name)) for name in ("forget_bias", "cell_clip")}
        own = {name: array.astype(np.float64) for name, array in self._own(Case.from_id(self.case_id)).items()}
        named = dict(zip(PEEPHOLES[0], own.get("0.peepholes", ()), strict=False))
        if "0.projection" in own:
            named[PROJECTION] = own["0.projection"]
        return replace(usual, **changed).description(named, self.arguments.get("proj_clip", np.inf))

    def _drawn(self) -> tuple[Case, Stimulus]:
        case = Case.from_id(self.case_id)
        return case, draw([case])

    def _own(self, case: Case) -> dict[str, Array]:
        """Weights that only a cell with these arguments has: dense, of both signs, no two alike."""
        units, values = case.config.units, self.arguments.get("num_proj", 0)
        has_peepholes = any(self.arguments.get(name) for name in ("use_peephole", "use_peepholes"))
        shapes = {"0.peepholes": (3, units) if has_peepholes else (), "0.projection": (units, values) if values else ()}
        return {
            name: np.cos(np.arange(1.0, np.prod(shape) + 1)).reshape(shape).astype(np.float32)
            for name, shape in shapes.items()
            if shape
        }


def _off(name: str, observed: CallObservation, expected: CallObservation, sigma: CallObservation) -> float:
    """By how many σ; where a projection has left fewer values, the others are zeros."""
    got, wanted = getattr(observed, name), getattr(expected, name)
    widened = np.pad(got, [(0, 0)] * (got.ndim - 1) + [(0, wanted.shape[-1] - got.shape[-1])])
    return float(np.abs(widened - wanted).max() / getattr(sigma, name).max())


PROJECTED = Variant(arguments={"num_proj": 2})
WIDE = Variant(case_id="u128-d28-t1-b1-s0")

_OF_THE_OPERATIONS = (Variant(arguments={"cell_clip": 0.25}), Variant(arguments={"use_peephole": True}))

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
    "block-lstm": (Variant(arguments={"forget_bias": 0.5}), *_OF_THE_OPERATIONS),
    "block-lstm-v2": _OF_THE_OPERATIONS,
}


def variants_of(spec: str) -> tuple[Variant, ...]:
    """What an environment is asked beside the cases of every system."""
    return VARIANTS.get(parse(spec).system, ())
