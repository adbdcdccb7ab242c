"""The explanation for a terminal: text, shapes, weights and values; plain when piped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Column, Table

from conformance.explaining.explain import View, table_of_numbers
from conformance.explaining.walkthrough.example import Example
from conformance.explaining.walkthrough.values import CallTrace, trace_call, weights_of
from conformance.report.console import show_table
from conformance.system.error_messages import counted
from lstm_ref import GATE_ORDER
from lstm_ref.cell import Gates

# The most rows and columns of a gate, and timesteps of a call, that are drawn one by one; fewer in a narrow terminal.
_PICTURE = 20
_BOXES = 6

# The names in the page's captions.
_NAMES = dict(zip(Gates._fields, ("i, input gate", "f, forget gate", "candidate", "o, output gate"), strict=True))


def render(example: Example, view: View, console: Console) -> None:
    """Print the parts of the layer, and the values of its first call that the view selects.

    Raises:
        LSTMError: the layer has no such row or unit.
    """
    view.check(example.constructor, batch=example.batch, units=example.units)
    _print_lines(console, *_words(example))
    show_table(_shapes(example), console)
    show_table(_weights(example), console)
    _print_lines(console, _sum(example), "", *_picture(example, console.width), "", *_timesteps(example, console.width))
    show_table(_values(example, view, trace_call(example)), console)


def _print_lines(console: Console, *lines: str) -> None:
    """Print lines, broken between words where they are wider than the terminal."""
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _words(example: Example) -> Iterator[str]:
    units, count = example.units, f"{example.count:,}"
    inputs = "the one input" if example.input_dim == 1 else f"all {example.input_dim} inputs"
    others = "it said" if units == 1 else f"all {units} units said"
    yield f"{example.constructor} on inputs {example.shapes['inputs']}"
    yield (
        f"units = {units}: the layer remembers {counted(units, 'number')} (its cell state c) and says as many (its hidden state "
        f"h) after each timestep; the output is as wide. Each unit reads {inputs} and what {others} one step before, "
        f"in each of four gates: {count} weights, whatever timesteps and batch are."
    )


def _shapes(example: Example) -> Table:
    table = Table("", Column("shape", justify="right"), "axes", title="what flows through it", box=box.SIMPLE, title_justify="left")
    for name, shape in example.shapes.items():
        axes = ["batch", "timesteps", "units"] if len(shape) == 3 else ["batch", "units"]
        if name in ("inputs", "x at one timestep"):
            axes[-1] = "input_dim"
        table.add_row(name, str(shape), ", ".join(axes))
    return table


def _weights(example: Example) -> Table:
    units, read = example.units, example.input_dim
    bias = units if example.use_bias else 0
    table = table_of_numbers("its weights", "", f"for x: {read} × {units}", f"for h: {units} × {units}", "bias", "all")
    parts = (read * units, units * units, bias, example.count // len(GATE_ORDER))
    for name in Gates._fields:
        table.add_row(_NAMES[name], *(f"{part:,}" for part in parts))
    table.add_row("all four", *(f"{len(GATE_ORDER) * part:,}" for part in parts), style="bold")
    return table


def _sum(example: Example) -> str:
    """4 × ((x + h) × h + h) with symbols, with numbers, and the result."""
    x, h, gate = example.input_dim, example.units, example.count // len(GATE_ORDER)
    if example.use_bias:
        return f"4 × ((x + h) × h + h) = 4 × (({x} + {h}) × {h} + {h}) = 4 × {gate:,} = {example.count:,} weights"
    return f"4 × (x + h) × h = 4 × ({x} + {h}) × {h} = 4 × {gate:,} = {example.count:,} weights"


def _picture(example: Example, width: int) -> Iterator[str]:
    """The four gates side by side: a row for each input, h and bias, a column for each unit."""
    columns = min(_PICTURE, width // len(GATE_ORDER) - 4)  # behind the names of the rows, and apart
    scale = max(math.ceil((example.input_dim + example.units) / _PICTURE), math.ceil(example.units / max(1, columns)))
    if scale > 1:
        yield from _scaled_picture(example, scale)
        return
    yield "every weight by its sign: a row for each number that is read, a column for each unit"
    yield _gate_row("", Gates._fields, example.units)
    names = [*(f"x[{k}]" for k in range(example.input_dim)), *(f"h[{k}]" for k in range(example.units)), "bias"]
    for name, row in zip(names, np.vstack([*weights_of(example).arrays.values()]), strict=False):
        signs = "".join("+" if weight >= 0 else "-" for weight in row)
        yield _gate_row(name, [signs[k : k + example.units] for k in range(0, len(signs), example.units)], example.units)


def _scaled_picture(example: Example, scale: int) -> Iterator[str]:
    """The parts of the gates, with one letter for many weights."""
    columns = math.ceil(example.units / scale)
    yield f"each letter is up to {scale} × {scale} weights: a row for each number that is read, a column for each unit"
    yield _gate_row("", Gates._fields, columns)
    for letter, size in (("x", example.input_dim), ("h", example.units), ("b", int(example.use_bias))):
        for _ in range(math.ceil(size / scale)):
            yield _gate_row("", [letter * columns] * len(GATE_ORDER), columns)


def _gate_row(name: str, blocks: Iterable[str], columns: int) -> str:
    return f"{name:>6}  {'  '.join(block.ljust(max(columns, len('candidate'))) for block in blocks)}".rstrip()


def _timesteps(example: Example, width: int) -> Iterator[str]:
    """The cell once for each timestep of a call; of many timesteps, the first ones and the last."""
    order = list(range(1, example.timesteps + 1))[:: -1 if example.go_backwards else 1]
    times = "once" if example.timesteps == 1 else f"{example.timesteps} times"
    yield f"one set of {example.count:,} weights, used {times}; h and c go from each step to the next"
    start, end = "zeros > ", "h, c" + " returned" * example.return_state + " kept" * example.stateful
    most = max(3, min(_BOXES, (width - len(start) - len(end)) // len("[cell] > ")))
    shown: list[int | None] = [*order] if len(order) <= most else [*order[: most - 2], None, order[-1]]
    leaves = ["out" if step is not None and (example.return_sequences or step == order[-1]) else "" for step in shown]
    boxes = ["[cell]" if step else "..." for step in shown]
    named = [f"x {step}" if step else "" for step in shown]
    yield " " * len(start) + _columns(leaves, boxes)
    yield start + " > ".join(boxes) + f" > {end}"
    yield " " * len(start) + _columns(named, boxes)


def _columns(texts: Sequence[str], boxes: Sequence[str]) -> str:
    return "   ".join(text.center(len(drawn)) for text, drawn in zip(texts, boxes, strict=True)).rstrip()


def _values(example: Example, view: View, trace: CallTrace) -> Table:
    title = f"real values: row {view.row} of the batch, unit {view.unit} (both counted from 0), seed {example.seed}"
    table = table_of_numbers(title, "timestep", *Gates._fields, "c", "h")
    for k in view.timesteps(example.timesteps):
        values = [array[view.row, k, view.unit] for array in (*trace.gates, trace.after.cell, trace.after.hidden)]
        table.add_row(str(trace.order[k] + 1), *(f"{value:+.4f}" for value in values))
    return table
