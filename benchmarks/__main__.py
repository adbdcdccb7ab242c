"""`python -m benchmarks`: tables, pages, plots and comparisons of result files."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from benchmarks import tables
from benchmarks.compare import Change, compare, warnings
from benchmarks.plots import Plot, as_html, plots
from benchmarks.results import read
from benchmarks.trend import points
from conformance.report.console import stdout
from conformance.report.document import show
from conformance.report.files import write_text
from conformance.report.markdown import as_markdown
from conformance.system.repetition import SingleValued
from conformance.system.streams import accept_every_character

SLOWER = 1
WIDE = 150


class Percentage(click.ParamType[float]):
    """`5%` or `0.05`."""

    name = "percentage"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As a fraction of 1, not negative."""
        text = str(value).strip()
        try:
            fraction = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            fraction = -1.0
        if not 0 <= fraction < float("inf"):
            self.fail(f"{value!r} is no percentage: write 5% or 0.05", param, ctx)
        return fraction


_RESULT = click.Path(path_type=Path)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Tables, pages, plots and comparisons of files that `pytest benchmarks --benchmark-json=FILE` writes."""
    accept_every_character()


@main.command(cls=SingleValued)
@click.argument("files", metavar="RESULT…", type=_RESULT, nargs=-1, required=True)
@click.option("--markdown", type=_FILE, help="Write the tables as Markdown.")
@click.option("--html", type=_FILE, help="Write tables and plots as one page.")
@click.option("--plots", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write each plot as SVG and PNG.")
@click.option("--trend", type=_FILE, help="Write ratios and medians as github-action-benchmark reads them (customSmallerIsBetter).")
def report(*, files: tuple[Path, ...], markdown: Path | None, html: Path | None, folder: Path | None, trend: Path | None) -> None:
    """Show the goals of one or several runs, then a table for each workload. Without an option it prints to the terminal.

    Exit codes: 0 the report is written, whether the goals are met or not; 2 a file cannot be used.
    """
    runs = [read(path) for path in files]
    series = points(runs) if trend else []
    summary, details = tables.summary(runs), tables.details(runs)
    figures = list(plots(runs)) if html or folder else []
    if markdown is not None:
        write_text(as_markdown([*summary, *details]), markdown)
    if html is not None:
        write_text(as_html("Benchmarks", summary, figures, details), html)
    if trend is not None:
        write_text(json.dumps(series, indent=1, allow_nan=False, ensure_ascii=False) + "\n", trend)
    if folder is not None:
        for plot in figures:
            _write_plot(plot, folder)
    if not any((markdown, html, folder, trend)):
        show([*summary, *details], stdout(WIDE))


@main.command(cls=SingleValued, name="compare")
@click.argument("before", type=_RESULT)
@click.argument("after", type=_RESULT)
@click.option("--threshold", type=Percentage(), default="5%", show_default=True, help="Smaller differences are not reported.")
@click.option("--markdown", type=_FILE, help="Write the comparison as Markdown too.")
def compare_files(*, before: Path, after: Path, threshold: float, markdown: Path | None) -> None:
    """Report which peers became slower or faster from BEFORE to AFTER, by ratios with their noise.

    Exit codes: 0 no peer is slower, 1 a peer is slower, 2 a file cannot be used.
    """
    first, second = read(before), read(after)
    comparisons = compare(first, second, threshold)
    page = tables.comparison(first, second, comparisons, list(warnings(first, second)), threshold)
    if markdown is not None:
        write_text(as_markdown(page), markdown)
    show(page, stdout(WIDE))
    sys.exit(SLOWER if any(comparison.change is Change.SLOWER for comparison in comparisons) else 0)


def _write_plot(plot: Plot, folder: Path) -> None:
    write_text(plot.svg, folder / f"{plot.name}.svg")
    (folder / f"{plot.name}.png").write_bytes(plot.png())


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
