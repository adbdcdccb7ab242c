"""The report as one HTML page without external resources."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from benchmarks.plots import Plot
from conformance.report.document import Block
from conformance.report.html.page import render


def as_html(title: str, summary: Sequence[Block], plots: Sequence[Plot], details: Sequence[Block]) -> str:
    """The summary, the plots, the details. The template escapes all text, matplotlib that of the plots."""
    figures = [(plot.title, Markup(plot.inline_svg())) for plot in plots]  # noqa: S704 - matplotlib escapes the text in its SVG
    above, below = ([(type(block).__name__, block) for block in blocks] for blocks in (summary, details))
    return render("document.html.jinja", styles=("document.css",), title=title, summary=above, plots=figures, details=below)
