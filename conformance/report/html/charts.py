"""Coordinates of pictures, which a template draws: charts of lines, and a heatmap of errors in σ.

The input is a JSON document, in which infinity and NaN are names. A line is broken where a value is not finite.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Size of a chart in its own units.
WIDTH, HEIGHT, MARGIN = 240.0, 84.0, 6.0
# Limits between the colours of the heatmap, in σ. Errors below the first are rounding.
STEPS = (2.0, 8.0, 100.0, 10_000.0)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart of the expected and the returned values.

    Attributes:
        name: of the chart.
        expected, got: paths of the two lines.
        dots: centres of the dots of `got`.
        low, high: values at the lower and the upper edge.
        worst: the largest error in σ as text; "" if σ is unknown.
        is_worst: whether this chart has the largest error of the picture.
    """

    name: str
    expected: str
    got: str
    dots: Sequence[tuple[float, float]]
    low: str
    high: str
    worst: str
    is_worst: bool


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """The error in σ of each line and place.

    Attributes:
        columns: names of the places.
        rows: name of each line, and its cells: strength of the colour from 0, and text.
    """

    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[tuple[int, str]]]]


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """The picture of a result.

    Attributes:
        title: name of the array.
        across: name of the horizontal axis.
        first, last: places at its ends.
        charts: one for each line.
        heatmap: of the errors.
        numbers: of the line with the largest error: place, reference, implementation, error in σ.
        gates_title: title of the gates; "" if there are none.
        gates: one chart for each gate.
    """

    title: str
    across: str
    first: str
    last: str
    charts: Sequence[Chart]
    heatmap: Heatmap
    numbers: Sequence[Sequence[str]]
    gates_title: str
    gates: Sequence[Chart]


def drawing_of(picture: Mapping[str, Any]) -> Drawing:
    """The drawing of a `Picture` in a JSON document."""
    lines, places = picture["lines"], [str(place) for place in picture["places"]]
    worst = next(line for line in lines if line["name"] == picture["worst"])
    values = (places, worst["expected"], worst["got"], worst["errors"])
    return Drawing(
        title=picture["of"],
        across=picture["across"],
        first=places[0],
        last=places[-1],
        charts=[_chart(line, is_worst=line is worst) for line in lines],
        heatmap=Heatmap(columns=places, rows=[(line["name"], [_cell(error) for error in line["errors"]]) for line in lines]),
        numbers=[
            (place, f"{float(expected):.9g}", f"{float(got):.9g}", in_sigma(error))
            for place, expected, got, error in zip(*values, strict=True)
        ],
        gates_title=picture["gates_of"],
        gates=[_chart(line, is_worst=False) for line in picture["gates"]],
    )


def in_sigma(value: Any) -> str:
    """A multiple of σ as a short text."""
    return "" if value is None else f"{float(value):.3g} σ".replace("inf", "∞")


def _chart(line: Mapping[str, Any], *, is_worst: bool) -> Chart:
    expected, got = ([float(value) for value in line[name]] for name in ("expected", "got"))
    finite = [value for value in (*expected, *got) if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    lines = [_points(values, low, high) for values in (expected, got)]
    errors = [abs(float(error)) for error in line["errors"]]
    return Chart(
        name=line["name"],
        expected=_path(lines[0]),
        got=_path(lines[1]),
        dots=[point for point in lines[1] if point],
        low=f"{low:.3g}",
        high=f"{high:.3g}",
        worst=in_sigma(max(errors, key=_by_size)) if errors else "",
        is_worst=is_worst,
    )


def _by_size(error: float) -> float:
    return math.inf if math.isnan(error) else error


def _points(values: Sequence[float], low: float, high: float) -> list[tuple[float, float] | None]:
    """The point of each value; None if the value is not finite."""
    step = (WIDTH - 2 * MARGIN) / max(1, len(values) - 1)
    span = (high - low) or 1.0
    return [
        (round(MARGIN + step * place, 1), round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / span, 1))
        if math.isfinite(value)
        else None
        for place, value in enumerate(values)
    ]


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    """The path through the points, broken where a point is missing."""
    commands, pen = [], "M"
    for point in points:
        commands.append(f"{pen}{point[0]:g} {point[1]:g}" if point else "")
        pen = "L" if point else "M"
    return "".join(commands)


def _cell(error: Any) -> tuple[int, str]:
    size = _by_size(abs(float(error)))
    text = f"{size:.0e}".replace("e+0", "e").replace("e+", "e") if 1000 <= size < math.inf else f"{size:.0f}"
    return sum(size > step for step in STEPS), text
