"""Measures the smallest error that the derived tolerances detect.

The tested implementation is the reference in float32, with all of its rounding. One operation has a relative error.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from rich import box
from rich.table import Table

from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.judging.pooled import pooled_tests
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import ReferenceAdapter, cast_call, observation
from conformance.reference.oracle import Oracle
from conformance.running.runner import run_case
from lstm_ref.uncertainty.responses import OPERATIONS, PerturbedLSTM

SIZES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
ERRORS = tuple(itertools.product(OPERATIONS, SIZES))


@dataclass(frozen=True)
class ErringAdapter(ReferenceAdapter):
    """The reference in float32. The result of one operation is multiplied by 1 + error."""

    operation: str = OPERATIONS[0]
    error: float = 0.0

    def start(self) -> Mapping[str, str]:
        """Name the operation and its error."""
        name = f"lstm_ref in float32, {self.operation} off by {self.error:g}"
        return {**super().start(), "implementation": name}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Observe the case in float32."""
        build = partial(PerturbedLSTM, dtype="float32", errors={self.operation: np.array([self.error])})
        oracle = Oracle(build=build, precision="float32")
        calls = [cast_call(call, "float32") for call in oracle.observe(case, stimulus)]
        return observation(oracle, case, stimulus, calls)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How many cases reject an error each on its own, and whether the pooled tests reject it."""

    operation: str
    error: float
    cases: int
    rejected: int
    pooled: bool


def detections(families: Iterable[Sequence[Case]], errors: Sequence[tuple[str, float]] = ERRORS) -> list[Detection]:
    """Test each error in each operation on all cases of the families."""
    results: dict[tuple[str, float], list[Result]] = {error: [] for error in errors}
    for members in families:
        stimulus = draw(members)
        for case in members:
            for (operation, error), collected in results.items():
                adapter = ErringAdapter(operation=operation, error=error)
                collected.append(run_case(case, stimulus, adapter, samples=True))
    return [
        Detection(
            operation=operation,
            error=error,
            cases=len(collected),
            rejected=sum(result.verdict is Verdict.FAIL for result in collected),
            pooled=any(test.verdict is Verdict.FAIL for test in pooled_tests(collected)),
        )
        for (operation, error), collected in results.items()
    ]


def render(results: Sequence[Detection]) -> Table:
    """Rows of operations, columns of errors, cells with the share of cases that reject the error, and the pooled result."""
    table = Table(box=box.SIMPLE)
    table.add_column("relative error in")
    sizes = sorted({detection.error for detection in results}, reverse=True)
    for size in sizes:
        table.add_column(f"{size:.0e}".replace("e-0", "e-"), justify="right", no_wrap=True)
    for operation in dict.fromkeys(detection.operation for detection in results):
        cells = {detection.error: detection for detection in results if detection.operation == operation}
        table.add_row(operation, *(_cell(cells[size]) if size in cells else "" for size in sizes))
    return table


def _cell(detection: Detection) -> str:
    return f"{detection.rejected / detection.cases:.0%}" + (" + pooled" if detection.pooled else "")
