"""Memory grows no faster than what is computed and what is asked for; counted in bytes, so the same on every machine."""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.growth import (
    ENGINES,
    FORWARD,
    GRADIENTS,
    Axis,
    Sizes,
    Work,
    exponent,
    forward,
    gradients,
    peak_bytes,
    suite_run,
)
from conformance.cases.case import Case
from conformance.judging.verdict import Result
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.files import write_json, write_junit
from conformance.report.model import Report
from conformance.running.runner import run
from conformance.running.session import Session

SMALL = Sizes(units=16, input_dim=8, timesteps=16, batch=8)
MAKERS: dict[str, Callable[[Sizes, str], Work]] = {"forward": forward, "gradients": gradients}
AXES = [(name, axis) for name, axes in (("forward", FORWARD), ("gradients", GRADIENTS)) for axis in axes]


def peaks(name: str, engine: str, axis: str) -> list[int]:
    """At a small size, twice and four times that; the call's own results among what is held."""
    smallest = getattr(SMALL, axis)
    return [peak_bytes(MAKERS[name](replace(SMALL, **{axis: smallest << doublings}), engine)) for doublings in range(3)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "axis"), AXES, ids=lambda value: value.name if isinstance(value, Axis) else value)
def test_memory_of_an_engine_grows_as_expected(engine: str, name: str, axis: Axis) -> None:
    """The exponent is that of what each doubling adds, since a part of the memory does not grow."""
    added = np.diff(peaks(name, engine, axis.name)).tolist()
    assert exponent((1, 2), added) <= axis.memory + 0.05


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "most"), [("forward", 7), ("gradients", 15)])
def test_a_timestep_takes_some_arrays_of_the_size_of_its_outputs(engine: str, name: str, most: int) -> None:
    """Four gates, two states; for the gradients, as many derivatives and the inputs too."""
    _, *added = np.diff(peaks(name, engine, "timesteps"))
    outputs = 8 * SMALL.batch * SMALL.units * 2 * SMALL.timesteps
    assert added[0] <= most * outputs


def test_a_run_holds_nothing_of_a_case_that_it_has_handed_on() -> None:
    """A result has thousands of bytes, a stimulus more; what is held of a case is its place in the order."""
    few, more = (peak_bytes(suite_run(count)) for count in (8, 24))
    assert (more - few) / 16 < 1024


# --- the report of a deep run -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """Of cases with few numbers and many, with all that pooled tests need."""
    ids = ("u3-d2-t5-b4-s0", "u3-d2-t5-b4-seq-mask_left-s0", "u3-d2-t5-b4-seq-via_gradient-s0", "u3-d2-t5-b4-seq-bidi-s0")
    return list(run([Case.from_id(each) for each in ids], ReferenceAdapter(), samples=True))


def received(results: list[Result], count: int) -> list[Result]:
    """So many results as workers send them, in chunks of eight, each case with a seed of its own."""
    seeds = range(0, count, 8)
    named = [[replace(results[k % 4], case_id=_with_seed(results[k % 4], seed + k)) for k in range(8)] for seed in seeds]
    sent = [pickle.dumps(chunk) for chunk in named]
    return [result for chunk in sent for result in pickle.loads(chunk)]  # noqa: S301  # our own


def _with_seed(result: Result, seed: int) -> str:
    return f"{result.case_id.removesuffix('-s0')}-s{seed}"


def report_of(results: list[Result]) -> Report:
    """Of a run that planned these."""
    planned = [Case.from_id(result.case_id) for result in results]
    session = Session(planned=planned, level="deep", make_adapter=ReferenceAdapter, workers=1)
    return Report(environment={"implementation": "lstm_ref"}, plan=session.plan, results=tuple(results), seconds=1.0)


def test_a_result_is_a_summary(results: list[Result]) -> None:
    """What a session holds of a case until its report: thousands of cases are some megabytes."""
    tracemalloc.start()
    try:
        held = received(results, 512)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] / len(held) < 4096
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("write", "most"), [(write_json, 2048), (write_junit, 2048)], ids=["JSON", "JUnit"])
def test_a_report_is_written_from_what_is_held(
    results: list[Result], write: Callable[[Report, Path], None], most: int, tmp_path: Path
) -> None:
    """JSON holds no more of a case than its id, JUnit XML its elements."""
    reports = [report_of(received(results, count)) for count in (32, 128)]
    fewer, more = (peak_bytes(lambda report=report: write(report, tmp_path / "report")) for report in reports)  # type: ignore[misc]  # each its own
    assert (more - fewer) / 96 < most
