"""`python -m benchmarks`: tables, pages, plots and comparisons of result files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks import compare_text, tables
from benchmarks.compare import Change, compare, warnings
from benchmarks.page import as_html
from benchmarks.plots import Plot, plots
from benchmarks.refusals import refusals, write
from benchmarks.results import read
from benchmarks.trend import points
from conformance.report.console import stdout
from conformance.report.document import show
from conformance.report.markdown import as_markdown
from conformance.system.repetition import SingleValued
from conformance.system.streams import accept_every_character

SLOWER = 1
WIDE = 150


class Percentage(click.ParamType[float]):
    """`5%` or `0.05`."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """A part of 1, from 0 on."""
        text = str(value).strip()
        try:
            part = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            part = -1.0
        if not 0 <= part < float("inf"):
            self.fail(f"{value!r} is no percentage: write 5% or 0.05", param, ctx)
        return part


_RESULT = click.Path(path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Tables, pages, plots and comparisons of what `pytest benchmarks --benchmark-json=FILE` has written."""
    accept_every_character()


@main.command(cls=SingleValued)
@click.argument("files", metavar="RESULT…", type=_RESULT, nargs=-1, required=True)
@click.option("--markdown", type=_FILE, help="Write the tables as Markdown.")
@click.option("--html", type=_FILE, help="Write tables and plots as one page.")
@click.option("--plots", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write each plot as SVG and PNG.")
@click.option("--trend", type=_FILE, help="Write ratios and medians as github-action-benchmark reads them (customSmallerIsBetter).")
def report(*, files: tuple[Path, ...], markdown: Path | None, html: Path | None, folder: Path | None, trend: Path | None) -> None:
    """Show one run or several: goals, then a table for each workload. Without an option, in the terminal.

    Exit codes: 0 the report is made, whatever the goals say; 2 a file cannot be used.
    """
    with refusals():
        runs = [read(path) for path in files]
        series = points(runs) if trend else []
    summary, details = tables.summary(runs), tables.details(runs)
    drawn = list(plots(runs)) if html or folder else []
    if markdown is not None:
        write(markdown, as_markdown([*summary, *details]))
    if html is not None:
        write(html, as_html("Benchmarks", summary, drawn, details))
    if trend is not None:
        write(trend, json.dumps(series, indent=1, allow_nan=False, ensure_ascii=False) + "\n")
    if folder is not None:
        for plot in drawn:
            _write_plot(plot, folder)
    if not any((markdown, html, folder, trend)):
        show([*summary, *details], stdout(WIDE))


@main.command(cls=SingleValued, name="compare")
@click.argument("before", type=_RESULT)
@click.argument("after", type=_RESULT)
@click.option("--threshold", type=Percentage(), default="5%", show_default=True, help="Differences up to this are not said.")
@click.option("--markdown", type=_FILE, help="Write the comparison as Markdown too.")
def compare_files(*, before: Path, after: Path, threshold: float, markdown: Path | None) -> None:
    """Judge by ratio, with its noise, which peers became slower or faster from BEFORE to AFTER.

    Exit codes: 0 nothing is slower, 1 something is, 2 a file cannot be used.
    """
    with refusals():
        first, second = read(before), read(after)
        found = compare(first, second, threshold)
    page = compare_text.page(first, second, found, list(warnings(first, second)), threshold)
    if markdown is not None:
        write(markdown, as_markdown(page))
    show(page, stdout(WIDE))
    sys.exit(SLOWER if any(compared.change is Change.SLOWER for compared in found) else 0)


def _write_plot(plot: Plot, folder: Path) -> None:
    write(folder / f"{plot.name}.svg", plot.svg)
    image = folder / f"{plot.name}.png"
    with refusals(image):
        image.write_bytes(plot.png())


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
