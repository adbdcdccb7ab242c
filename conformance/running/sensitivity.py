"""How small an error the derived tolerances see: relative errors put into each operation of the reference in float32.

What is tested is a correct implementation but for one factor: it computes in float32, with all of float32's roundings.
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
from conformance.reference.adapter import ReferenceAdapter, as_returned, observation
from conformance.reference.oracle import Oracle
from conformance.running.runner import run_case
from lstm_ref.uncertainty.responses import OPERATIONS, ErringLSTM

SIZES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
ERRORS = tuple(itertools.product(OPERATIONS, SIZES))


@dataclass(frozen=True)
class ErringAdapter(ReferenceAdapter):
    """The reference in float32, one operation of which errs by a factor 1 + error."""

    operation: str = OPERATIONS[0]
    error: float = 0.0

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        name = f"lstm_ref in float32, {self.operation} off by {self.error:g}"
        return {**super().start(), "implementation": name}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """In float32."""
        build = partial(ErringLSTM, dtype="float32", errors={self.operation: np.array([self.error])})
        oracle = Oracle(build=build, precision="float32")
        calls = [as_returned(call, "float32") for call in oracle.observe(case, stimulus)]
        return observation(oracle, case, stimulus, calls)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How an error fared: the cases that reject it alone, and whether the tests that pool the others reject it."""

    operation: str
    error: float
    cases: int
    rejected: int
    pooled: bool


def detections(families: Iterable[Sequence[Case]], errors: Sequence[tuple[str, float]] = ERRORS) -> list[Detection]:
    """Each error in each operation, tried on all the cases of the families."""
    results: dict[tuple[str, float], list[Result]] = {error: [] for error in errors}
    for members in families:
        stimulus = draw(members)
        for case in members:
            for (operation, error), found in results.items():
                adapter = ErringAdapter(operation=operation, error=error)
                found.append(run_case(case, stimulus, adapter, samples=True))
    return [
        Detection(
            operation=operation,
            error=error,
            cases=len(found),
            rejected=sum(result.verdict is Verdict.FAIL for result in found),
            pooled=any(test.verdict is Verdict.FAIL for test in pooled_tests(found)),
        )
        for (operation, error), found in results.items()
    ]


def render(found: Sequence[Detection]) -> Table:
    """Operations down, sizes across: the share of the cases that reject the error alone, and whether they do so together."""
    table = Table(box=box.SIMPLE)
    table.add_column("relative error in")
    sizes = sorted({each.error for each in found}, reverse=True)
    for size in sizes:
        table.add_column(f"{size:.0e}".replace("e-0", "e-"), justify="right", no_wrap=True)
    for operation in dict.fromkeys(each.operation for each in found):
        cells = {each.error: each for each in found if each.operation == operation}
        table.add_row(operation, *(_cell(cells[size]) if size in cells else "" for size in sizes))
    return table


def _cell(each: Detection) -> str:
    return f"{each.rejected / each.cases:.0%}" + (" + pooled" if each.pooled else "")
