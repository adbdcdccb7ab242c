"""Log-log plots of times against units, timesteps and batch, with a line for each peer and for the floor; the page with them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO, StringIO
from itertools import cycle
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.formats import threads, tick
from benchmarks.results import Results, Timing, Workload
from benchmarks.tables import sweep_points
from conformance.report.document import Block
from conformance.report.html.page import render

DIMENSIONS = ("units", "timesteps", "batch", "input_dim")

# Distinct for every kind of colour vision (Okabe and Ito 2008, without black and yellow), on light and dark backgrounds.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "p")
INK = "#010203"  # of text, axes and the floor; a page replaces it with the colour of its text
FLOOR: dict[str, Any] = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 3.0}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: small files, accessible to screen readers
    "svg.hashsalt": "benchmarks",
    "text.parse_math": False,  # no mathematics in names
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
    """A plot.

    Attributes:
        name: of its files.
        title: in words.
        figure: of matplotlib.
    """

    name: str
    title: str
    figure: Figure

    @cached_property
    def svg(self) -> str:
        """The SVG file."""
        text = StringIO()
        with mpl.rc_context(_STYLE):
            self.figure.savefig(text, format="svg", bbox_inches="tight", metadata=_NO_METADATA, transparent=True)
        return text.getvalue()

    def inline_svg(self) -> str:
        """An element of a page: in the colour of its text, with ids that are unique in the page."""
        element = self.svg[self.svg.index("<svg") :]
        element = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"| xmlns(:xlink)?="[^"]*"| version="1.1"', "", element, count=5)
        element = re.sub(r'<g id="[^"]*">', "<g>", element)
        element = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{self.name}-", element)
        return element.replace(INK, "currentColor")

    def png(self) -> bytes:
        """The PNG file, on white."""
        image = BytesIO()
        with mpl.rc_context(_STYLE):
            self.figure.savefig(image, format="png", dpi=150, bbox_inches="tight", facecolor="white")
        return image.getvalue()


def plots(runs: Sequence[Results]) -> Iterator[Plot]:
    """A plot for each sweep with two or more points and each number of threads."""
    styles = _line_styles(runs)
    for number, ((sweep, count), points) in enumerate(sweep_points(runs).items(), 1):
        varied = next((name for name in _dimensions_of(sweep) if len({getattr(point, name) for point in points}) > 1), None)
        if varied is not None:
            title = f"Time against {varied}, {threads(count)}"
            yield Plot(name=f"{number}-{varied}-{count}", title=title, figure=_figure(title, varied, points, styles))


def _dimensions_of(sweep: str) -> list[str]:
    """The dimensions, first the one in the name of the sweep."""
    return sorted(DIMENSIONS, key=lambda name: name not in sweep)


def _figure(
    title: str, varied: str, points: Mapping[Workload, Mapping[str, Timing]], styles: Mapping[str, dict[str, Any]]
) -> Figure:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(6.4, 4.2))
        axes = figure.add_subplot()
        _draw_lines(axes, _lines(varied, points), styles)
        _draw_axes(axes, varied, sorted({getattr(point, varied) for point in points}))
        axes.set_title(f"{title}\n{_fixed_sizes(varied, list(points))}", loc="left", fontsize=10)
    return figure


def _lines(varied: str, points: Mapping[Workload, Mapping[str, Timing]]) -> list[list[tuple[float, Timing]]]:
    """Each peer's times by the dimension that varies; the slowest at the largest size first, the order of the legend."""
    lines: dict[str, list[tuple[float, Timing]]] = {}
    for workload, peers in sorted(points.items(), key=lambda item: getattr(item[0], varied)):
        for peer, timing in peers.items():
            lines.setdefault(peer, []).append((getattr(workload, varied), timing))
    return sorted(lines.values(), key=lambda line: -line[-1][1].median)


def _line_styles(runs: Sequence[Results]) -> dict[str, dict[str, Any]]:
    """The style of each peer's line, the same in all plots."""
    peers = sorted({timing.peer for run in runs for timing in run.timings if not timing.is_floor})
    return {
        peer: {"color": colour, "marker": marker, "markersize": 6, "markerfacecolor": "none", "linewidth": 1.4}
        for peer, colour, marker in zip(peers, cycle(COLOURS), cycle(MARKERS), strict=False)
    }


def _draw_lines(axes: Axes, lines: Sequence[Sequence[tuple[float, Timing]]], styles: Mapping[str, dict[str, Any]]) -> None:
    plotted = []
    for line in lines:
        timing = line[0][1]
        style = FLOOR if timing.is_floor else styles[timing.peer]
        plotted += axes.plot([x for x, _ in line], [point.median for _, point in line], **style)
    axes.legend(plotted, [line[0][1].peer for line in lines], loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)


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


def _fixed_sizes(varied: str, points: Sequence[Workload]) -> str:
    """The sizes that are the same in all points."""
    sizes = {name: {getattr(point, name) for point in points} for name in DIMENSIONS if name != varied}
    return ", ".join(f"{name} {min(values)}" if len(values) == 1 else f"{name} varies too" for name, values in sizes.items())


def as_html(title: str, summary: Sequence[Block], figures: Sequence[Plot], details: Sequence[Block]) -> str:
    """A report as one HTML page without external resources: the summary, the plots, the details. All text is escaped."""
    pictures = [(plot.title, Markup(plot.inline_svg())) for plot in figures]  # noqa: S704 - matplotlib escapes the text in its SVG
    above, below = ([(type(block).__name__, block) for block in blocks] for blocks in (summary, details))
    return render("document.html.jinja", styles=("document.css",), title=title, summary=above, plots=pictures, details=below)
