"""Times against units, timesteps and batch: log-log, a line for each peer, and the floor below them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO, StringIO
from itertools import cycle
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.formats import threads, tick
from benchmarks.results import Results, Timing, Workload
from benchmarks.tables import sweep_points

DIMENSIONS = ("units", "timesteps", "batch", "input_dim")

# Distinct to every kind of colour vision (Okabe and Ito 2008, less its black and its yellow), and on light as on dark.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
INK = "#010203"  # of text, axes and the floor: in a page it becomes that of its text
FLOOR: dict[str, Any] = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 3.0}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small, and read aloud
    "svg.hashsalt": "benchmarks",
    "text.parse_math": False,  # names are shown as they are
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9.0,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot, drawn.

    Attributes:
        name: that its files have.
        title: what it shows.
        figure: of matplotlib.
    """

    name: str
    title: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """As a whole file."""
        text = StringIO()
        with mpl.rc_context(_STYLE):
            self.figure.savefig(text, format="svg", bbox_inches="tight", metadata=_NO_METADATA, transparent=True)
        return text.getvalue()

    def inline_svg(self) -> str:
        """As an element of a page: in its ink, with no name that another plot of the page has too."""
        element = self.svg[self.svg.index("<svg") :]
        element = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"| xmlns(:xlink)?="[^"]*"| version="1.1"', "", element, count=5)
        element = re.sub(r'<g id="[^"]*">', "<g>", element)
        element = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{self.name}-", element)
        return element.replace(INK, "currentColor")

    def png(self) -> bytes:
        """On white."""
        image = BytesIO()
        with mpl.rc_context(_STYLE):
            self.figure.savefig(image, format="png", dpi=150, bbox_inches="tight", facecolor="white")
        return image.getvalue()


def plots(runs: Sequence[Results]) -> Iterator[Plot]:
    """One of each sweep that has two points or more, on each number of threads."""
    looks = _looks(runs)
    for number, ((sweep, count), points) in enumerate(sweep_points(runs).items(), 1):
        varied = next((name for name in _named_first(sweep) if len({getattr(point, name) for point in points}) > 1), None)
        if varied is not None:
            title = f"Time against {varied}, {threads(count)}"
            yield Plot(name=f"{number}-{varied}-{count}", title=title, figure=_drawn(title, varied, points, looks))


def _named_first(sweep: str) -> list[str]:
    """The dimensions, the one that a sweep is named after before those that follow it."""
    return sorted(DIMENSIONS, key=lambda name: name not in sweep)


def _drawn(title: str, varied: str, points: Mapping[Workload, Mapping[str, Timing]], looks: Mapping[str, dict[str, Any]]) -> Figure:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.add_subplot()
        _draw_lines(axes, _lines(varied, points), looks)
        _draw_axes(axes, varied, sorted({getattr(point, varied) for point in points}))
        axes.set_title(f"{title}\n{_held(varied, list(points))}", loc="left", fontsize=10)
    return figure


def _lines(varied: str, points: Mapping[Workload, Mapping[str, Timing]]) -> list[list[tuple[float, Timing]]]:
    """Each peer's times by the dimension that varies; the slowest at the right first, as a legend beside the lines has them."""
    found: dict[str, list[tuple[float, Timing]]] = {}
    for workload, peers in sorted(points.items(), key=lambda item: getattr(item[0], varied)):
        for peer, timing in peers.items():
            found.setdefault(peer, []).append((getattr(workload, varied), timing))
    return sorted(found.values(), key=lambda line: -line[-1][1].median)


def _looks(runs: Sequence[Results]) -> dict[str, dict[str, Any]]:
    """How the line of each peer looks, in all plots of some runs."""
    peers = sorted({timing.peer for run in runs for timing in run.timings if not timing.is_floor})
    return {
        peer: {"color": colour, "marker": marker, "markersize": 6, "markerfacecolor": "none", "linewidth": 1.4}
        for peer, colour, marker in zip(peers, cycle(COLOURS), cycle(MARKERS), strict=False)
    }


def _draw_lines(axes: Axes, lines: Sequence[Sequence[tuple[float, Timing]]], looks: Mapping[str, dict[str, Any]]) -> None:
    drawn = []
    for line in lines:
        timing = line[0][1]
        drawn += axes.plot(
            [x for x, _ in line], [each.median for _, each in line], **FLOOR if timing.is_floor else looks[timing.peer]
        )
    axes.legend(drawn, [line[0][1].peer for line in lines], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


def _draw_axes(axes: Axes, varied: str, values: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(varied)
    axes.set_ylabel("median time")
    axes.grid(visible=True, which="major", color="#808080", alpha=0.3, linewidth=0.6)


def _held(varied: str, points: Sequence[Workload]) -> str:
    """The sizes that do not vary."""
    sizes = {name: {getattr(point, name) for point in points} for name in DIMENSIONS if name != varied}
    return ", ".join(f"{name} {min(values)}" if len(values) == 1 else f"{name} varies too" for name, values in sizes.items())
