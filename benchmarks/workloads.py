"""The timed workloads: named cases of the suite, with the sizes of the documents and of common uses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.expectation import Expectation
from benchmarks.problem import Problem
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from lstm_ref import LSTMConfig
from lstm_ref.arrays import Array

# Number of calls of a stateful case that are timed.
CARRIED_CALLS = 3

# Number of rows of a batch that are checked: rows are independent, and σ costs as much as 24 runs. Gradients need all rows.
CHECKED_ROWS = 4


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A case to be timed.

    Attributes:
        name: without spaces.
        case: the computation.
        sweep: the size that varies, where it is a point of a curve.
        is_quick: whether `--quick` includes it.
    """

    name: str
    case: Case
    sweep: str | None = None
    is_quick: bool = False

    @property
    def direction(self) -> str:
        """Either "forward", or "gradient": of weights and inputs, forward and backward pass together."""
        return "gradient" if self.case.execution.route == "gradient" else "forward"

    @property
    def extra_info(self) -> dict[str, Any]:
        """The description of the workload in a result file."""
        return {
            "workload": self.name,
            "batch": self.case.batch,
            "timesteps": self.case.timesteps,
            "input_dim": self.case.input_dim,
            "units": self.case.config.units,
            "sweep": self.sweep,
            "masked": self.case.mask != "none",
            "direction": self.direction,
        }

    @cached_property
    def problem(self) -> Problem:
        """Weights and inputs, the same for every peer."""
        calls, stimulus = self.case.calls[:CARRIED_CALLS], self.stimulus
        return Problem(
            config=replace(self.case.config, stateful=False, return_state=len(calls) > 1),
            weights=tuple(weights.astype(np.float32) for weights in stimulus.weights_of(self.case)),
            inputs=tuple(stimulus.inputs_of(self.case, call).astype(np.float32) for call in calls),
            mask=stimulus.mask_of(self.case, calls[0]),
            cotangent=stimulus.cotangents_of(self.case, calls[0])[0].astype(np.float32) if self.direction == "gradient" else None,
        )

    def expectation(self, *, centred: bool = False) -> Expectation:
        """The results of conforming peers, in some rows where rows are independent; `centred`: see `Expectation.of`."""
        batch = self.case.batch
        rows = np.arange(batch) if self.direction == "gradient" else np.unique(np.linspace(0, batch - 1, CHECKED_ROWS, dtype=int))
        stimulus = self.stimulus
        mask = None if stimulus.given_mask is None else stimulus.given_mask[rows]
        selected = replace(stimulus, inputs=stimulus.inputs[rows], given_mask=mask)
        return Expectation.of(self.case.replace(batch=len(rows)), selected, rows, CARRIED_CALLS, centred=centred)

    @cached_property
    def stimulus(self) -> Stimulus:
        """Weights, inputs and mask."""
        return replace(draw([self.case]), given_mask=_mask(self.case))


def _mask(case: Case) -> Array | None:
    """Random gaps, or random lengths; the first timestep of each row is used."""
    if case.mask == "none":
        return None
    random = np.random.Generator(np.random.PCG64(case.seed))
    if case.mask == "right":
        return np.arange(case.timesteps) < random.integers(1, case.timesteps, (case.batch, 1), endpoint=True)
    used = random.random((case.batch, case.timesteps)) < 0.7
    used[:, 0] = True
    return used


def _case(batch: int, timesteps: int, input_dim: int, units: int, **features: Any) -> Case:
    bare = Case(config=LSTMConfig(units, return_sequences=True), batch=batch, timesteps=timesteps, input_dim=input_dim)
    return bare.replace(**features)


_GRADIENT = {"route": "gradient"}

# (batch, timesteps, input_dim, units), and further features of the case.
_NAMED: Mapping[str, tuple[tuple[int, int, int, int], dict[str, Any]]] = {
    "one-unit": ((32, 1, 1, 1), {}),
    "ten-units": ((1, 10, 5, 10), {}),
    "characters": ((3, 50, 64, 32), {}),
    "word-vectors": ((32, 10, 64, 32), {}),
    "hundred-units": ((32, 100, 10, 100), {}),
    "largest-of-the-documents": ((32, 150, 64, 128), {}),
    "image-rows": ((128, 28, 28, 128), {}),
    "text": ((32, 100, 64, 128), {}),
    "wide": ((64, 128, 256, 256), {}),
    "one-long-sequence": ((1, 512, 128, 512), {}),
    "many-units": ((256, 50, 128, 1024), {}),
    "padded": ((32, 100, 64, 128), {"mask": "right", "zero_output_for_mask": True}),
    "gaps": ((32, 100, 64, 128), {"mask": "interior"}),
    "stateful": ((32, 50, 64, 128), {"stateful": True}),
    "bidirectional": ((32, 50, 64, 128), {"architecture": "bidi"}),
    "word-vectors-gradient": ((32, 10, 64, 32), _GRADIENT),
    "image-rows-gradient": ((128, 28, 28, 128), _GRADIENT),
    "text-gradient": ((32, 100, 64, 128), _GRADIENT),
}

_QUICK = {"ten-units", "word-vectors", "word-vectors-gradient"}

# One size varies, the others have these values.
_BASE = {"batch": 32, "timesteps": 32, "input_dim": 64, "units": 64}
_SWEEPS = {"units": (8, 32, 128, 512), "timesteps": (4, 16, 64, 256), "batch": (1, 8, 64, 512)}

_ALL = (
    *(Workload(name=name, case=_case(*sizes, **features), is_quick=name in _QUICK) for name, (sizes, features) in _NAMED.items()),
    *(
        Workload(name=f"{size}-{value}", case=_case(**{**_BASE, size: value}), sweep=size)
        for size, values in _SWEEPS.items()
        for value in values
    ),
)

WORKLOADS: Mapping[str, Workload] = MappingProxyType({workload.name: workload for workload in _ALL})
