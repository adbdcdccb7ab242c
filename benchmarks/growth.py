"""How time and memory grow: of the engines with units, timesteps and batch, of a run of the suite with its cases.

    uv run python -m benchmarks.growth [--json FILE]

prints, for each, what was measured at every size and the exponent k of size^k through it (least squares of the logarithms), beside
the exponent that its work and its results would have. Time is the median of some rounds and is only reported. Memory is the peak
that `tracemalloc` counts, NumPy's arrays included: the same on every run, and `conformance/tests/test_growth.py` holds it.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.refusals import write
from conformance.cases.case import Case
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run
from conformance.system.repetition import SingleValued
from lstm_ref import LSTM, LSTMConfig, LSTMWeights

Work = Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Of one measurement."""

    units: int = 128
    input_dim: int = 64
    timesteps: int = 64
    batch: int = 32


@dataclass(frozen=True, kw_only=True)
class Axis:
    """What is made larger.

    Attributes:
        name: of the size.
        values: each twice the one before.
        time: the expected exponent of the time.
        memory: of the peak memory.
    """

    name: str
    values: tuple[int, ...]
    time: float
    memory: float


# The recurrent product is of units², and so are the weights' gradients; the arrays of a forward pass are of units.
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
    """What was measured along an axis.

    Attributes:
        of: what is measured.
        axis: along which.
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


def verified(count: int) -> Work:
    """So many cases, each with weights and inputs of its own, run and judged in this process; their results are let go."""
    case = Case.from_id("u3-d2-t5-b4-seq-mask_left-s0")
    cases = [case.replace(seed=seed) for seed in range(count)]

    def work() -> None:
        for _ in run(cases, ReferenceAdapter(), samples=True):
            if tracemalloc.is_tracing():
                gc.collect()  # what waits to be collected, or to be used again, is not held

    return work


def peak_bytes(work: Work) -> int:
    """The most that is held at a time beyond what was held before; once it has run, so that what is kept for good is there."""
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
    """The k of the size^k that is nearest to the values, in their logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def growths(rounds: int) -> Iterator[Growth]:
    """All that is measured."""
    for engine in ENGINES:
        for name, make, axes in (("forward", forward, FORWARD), ("gradients", gradients, GRADIENTS)):
            for axis in axes:
                works = [make(replace(Sizes(), **{axis.name: value}), engine) for value in axis.values]
                yield _measured(f"{engine}, {name}", axis, works, rounds)
    yield _measured("a run of the suite", CASES, [verified(count) for count in CASES.values], rounds)


def _measured(of: str, axis: Axis, works: Sequence[Work], rounds: int) -> Growth:
    """The sizes take turns, so that what disturbs the machine disturbs all."""
    peaks = tuple(peak_bytes(work) for work in works)
    turns = [[_seconds(work) for work in works] for _ in range(rounds)]
    return Growth(of=of, axis=axis, seconds=tuple(map(statistics.median, zip(*turns, strict=True))), peaks=peaks)


def _seconds(work: Work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def table(measured: Sequence[Growth]) -> Table:
    """A row each for time and for memory, sizes from left to right."""
    shown = Table(title="growth: size^k, k found and expected")
    for name in ("of", "with", "sizes", "time (ms)", "k", "expected", "peak memory (KiB)", "k", "expected"):
        shown.add_column(name, justify="left" if name in ("of", "with") else "right")
    for growth in measured:
        sizes = growth.axis.values
        shown.add_row(
            growth.of,
            growth.axis.name,
            " ".join(map(str, sizes)),
            " ".join(f"{1000 * each:.3g}" for each in growth.seconds),
            f"{exponent(sizes, growth.seconds):.2f}",
            f"{growth.axis.time:g}",
            " ".join(f"{each / 1024:.0f}" for each in growth.peaks),
            f"{exponent(sizes, growth.peaks):.2f}",
            f"{growth.axis.memory:g}",
        )
    return shown


@click.command(cls=SingleValued)
@click.option("--rounds", type=click.IntRange(min=1), default=7, show_default=True, help="Rounds whose median is the time.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write what was measured as JSON.")
def main(rounds: int, json_file: Path | None) -> None:
    """Print how time and memory grow.

    Exit codes: 0 they are printed, 2 wrong usage, or the file cannot be written.
    """
    measured = list(growths(rounds))
    Console(width=160).print(table(measured))
    if json_file is not None:
        write(json_file, json.dumps([asdict(growth) for growth in measured], indent=1) + "\n")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.growth")
