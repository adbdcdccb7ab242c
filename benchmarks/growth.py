"""How time and memory grow: those of the engines with units, timesteps and batch, those of a run of the suite with its cases.

    uv run python -m benchmarks.growth [--json FILE]

prints the measurements at every size, the exponent k of size^k fitted to them (least squares of the logarithms), and the expected
exponent. Time is the median of some rounds and is only reported. Memory is the peak that `tracemalloc` counts, NumPy's arrays
included: it is the same in every run, and `conformance/tests/test_growth.py` asserts its growth.
"""

import gc
import json
import statistics
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from timeit import timeit

import click
import numpy as np
from rich.console import Console

from conformance.cases.case import Case
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.document import Heading, Rows, show
from conformance.report.files import write_text
from conformance.running.runner import run
from conformance.system.repetition import SingleValued
from lstm_ref import LSTM, LSTMConfig, LSTMWeights

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of one measurement."""

    units: int = 128
    input_dim: int = 64
    timesteps: int = 64
    batch: int = 32


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A size that grows.

    Attributes:
        name: of the size.
        values: each is twice the one before.
        time: the expected exponent of the time.
        memory: of the peak memory.
    """

    name: str
    values: tuple[int, ...]
    time: float
    memory: float


# The recurrent product and the gradients of the weights grow with units², the arrays of a forward pass with units.
SEQUENCE = (
    Axis(name="timesteps", values=(32, 64, 128, 256), time=1, memory=1),
    Axis(name="batch", values=(32, 64, 128, 256), time=1, memory=1),
)
FORWARD = (*SEQUENCE, Axis(name="units", values=(128, 256, 512), time=2, memory=1))
GRADIENTS = (*SEQUENCE, Axis(name="units", values=(128, 256, 512), time=2, memory=2))
CASES = Axis(name="cases", values=(8, 16, 32, 64), time=1, memory=0)

ENGINES: Mapping[str, Callable[[LSTMConfig, LSTMWeights], LSTM]] = {
    "oracle": LSTM,
    "fused": partial(LSTM, dtype="float32", engine="fused"),
}


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The measurements along an axis.

    Attributes:
        of: the measured computation.
        axis: of the sizes.
        seconds: median of the rounds, at each size.
        peaks: bytes, at each size.
    """

    of: str
    axis: Axis
    seconds: tuple[float, ...]
    peaks: tuple[int, ...]


def forward(sizes: Sizes, engine: str = "oracle") -> Work:
    """A call that returns all outputs."""
    lstm, inputs = _lstm_and_inputs(sizes, engine)
    return lambda: lstm(inputs)


def gradients(sizes: Sizes, engine: str = "oracle") -> Work:
    """A call's gradients with respect to weights, inputs and states."""
    lstm, inputs = _lstm_and_inputs(sizes, engine)
    d_outputs = np.ones((sizes.batch, sizes.timesteps, sizes.units))
    return lambda: lstm.gradients(inputs, d_outputs)


def _lstm_and_inputs(sizes: Sizes, engine: str) -> tuple[LSTM, np.ndarray]:
    random = np.random.default_rng(0)
    shapes = ((sizes.input_dim, 4 * sizes.units), (sizes.units, 4 * sizes.units), (4 * sizes.units,))
    weights = LSTMWeights(*(random.uniform(-0.1, 0.1, shape) for shape in shapes))
    config = LSTMConfig(units=sizes.units, return_sequences=True)
    return ENGINES[engine](config, weights), random.standard_normal((sizes.batch, sizes.timesteps, sizes.input_dim))


def suite_run(count: int) -> Work:
    """A run of that number of cases with different weights and inputs, in this process; the results are not kept."""
    case = Case.from_id("u3-d2-t5-b4-seq-mask_left-s0")
    cases = [case.replace(seed=seed) for seed in range(count)]

    def work() -> None:
        for _ in run(cases, ReferenceAdapter(), samples=True):
            if tracemalloc.is_tracing():
                gc.collect()  # garbage does not count as held memory

    return work


def peak_bytes(work: Work) -> int:
    """The peak memory of a second run, beyond the memory held before it; the first run fills permanent caches."""
    work()
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The k of the size^k that fits the values best, in logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def growths(rounds: int) -> Iterator[Growth]:
    """All measurements."""
    for engine in ENGINES:
        for name, make, axes in (("forward", forward, FORWARD), ("gradients", gradients, GRADIENTS)):
            for axis in axes:
                works = [make(replace(Sizes(), **{axis.name: value}), engine) for value in axis.values]
                yield _measure(f"{engine}, {name}", axis, works, rounds)
    yield _measure("a run of the suite", CASES, [suite_run(count) for count in CASES.values], rounds)


def _measure(of: str, axis: Axis, works: Sequence[Work], rounds: int) -> Growth:
    """The sizes take turns, so that a disturbance of the machine affects all."""
    peaks = tuple(peak_bytes(work) for work in works)
    turns = [[timeit(work, number=1) for work in works] for _ in range(rounds)]
    return Growth(of=of, axis=axis, seconds=tuple(map(statistics.median, zip(*turns, strict=True))), peaks=peaks)


def table(measured: Sequence[Growth]) -> Rows:
    """A row for each growth, sizes from left to right."""
    columns = ("of", "with", "sizes", "time (ms)", "k", "expected", "peak memory (KiB)", "k", "expected")
    rows = []
    for growth in measured:
        sizes, times, peaks = growth.axis.values, growth.seconds, growth.peaks
        in_time = (" ".join(f"{1000 * seconds:.3g}" for seconds in times), f"{exponent(sizes, times):.2f}", f"{growth.axis.time:g}")
        in_memory = (" ".join(f"{peak / 1024:.0f}" for peak in peaks), f"{exponent(sizes, peaks):.2f}", f"{growth.axis.memory:g}")
        rows.append((growth.of, growth.axis.name, " ".join(map(str, sizes)), *in_time, *in_memory))
    return Rows(columns, rows, numeric=range(2, len(columns)))


@click.command(cls=SingleValued)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds whose median is the time.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the measurements as JSON.")
def main(rounds: int, json_file: Path | None) -> None:
    """Print how time and memory grow.

    Exit codes: 0 success, 2 wrong usage, or the file cannot be written.
    """
    measured = list(growths(rounds))
    show([Heading("growth: size^k, k measured and expected"), table(measured)], Console(width=160))
    if json_file is not None:
        write_text(json.dumps([asdict(growth) for growth in measured], indent=1) + "\n", json_file)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.growth")
