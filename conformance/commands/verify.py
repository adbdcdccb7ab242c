"""`verify` runs cases on an implementation and judges them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from conformance import matrix
from conformance.adapters.base import Adapter
from conformance.adapters.environment import EnvironmentAdapter
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.adapters.reference import FusedAdapter, ReferenceAdapter
from conformance.case import Case
from conformance.commands import options, pages
from conformance.report import files, text
from conformance.report.console import stdout
from conformance.report.html import verify as verify_page
from conformance.report.model import Report
from conformance.session import Session, default_workers
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FAILED = 1


@click.command()
@options.backend
@options.cases
@options.seed
@click.option("--eager", is_flag=True, help="Call layers eagerly instead of inside the backend's compiler.")
@options.level
@click.option("--json", "json_file", type=options.FILE, help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=options.FILE, help="Write the report as JUnit XML.")
@pages.option
@click.option(
    "--keep",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what was observed to this folder, for `agree`.",
)
@click.option(
    "--journal", "journal_file", type=options.FILE, help="Keep each result as it comes, and go on from this file if it is there."
)
@click.option("--time-limit", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds that one case may take.")
@click.option(
    "--reduce/--no-reduce", "reduces", default=True, help="Look for the minimal case of the first differences (with --level)."
)
@click.option("--fail-fast", is_flag=True, help="Stop at the first case that is not as expected.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Worker processes.  [default: one per core, at most 4]")
@click.option(
    "--deviation", type=click.Choice(list(DEVIATIONS)), metavar="NAME", help="Verify the reference with this mistake, not Keras."
)
@click.option("--fused", is_flag=True, help="Verify the reference's fused engine, in float32 and float64, not Keras.")
@click.option("--environment", "spec", metavar="SPEC", help="Verify the LSTM of this environment; see `environments`.")
def verify(
    *,
    backend: str,
    patterns: tuple[str, ...],
    seed: int,
    eager: bool,
    level: str | None,
    json_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    folder: Path | None,
    journal_file: Path | None,
    time_limit: float,
    reduces: bool,
    fail_fast: bool,
    workers: int | None,
    deviation: str | None,
    fused: bool,
    spec: str | None,
) -> None:
    """Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.

    Levels, each with all of those before: quick (every value of every feature, alone; a minute), standard (grids where features
    interact, a pairwise covering array, random draws; ten minutes), deep (every pair alone, many draws; hours).
    """
    cases = options.chosen(level, seed, patterns, compiled=not eager)
    make_adapter: Callable[[], Adapter] = partial(KerasLayerAdapter, backend)
    if deviation:
        make_adapter = partial(ReferenceAdapter, deviation)
    elif fused:
        make_adapter = FusedAdapter
    elif spec:
        make_adapter = partial(EnvironmentAdapter, spec, time_limit)
        cases = _askable(EnvironmentAdapter(spec), cases)
    if deviation or fused:
        cases = [case for case in cases if isinstance(case, Case)]  # a probe looks into Keras
    session = Session(
        planned=cases,
        selection=patterns,
        level=level or "",
        seed=seed,
        make_adapter=make_adapter,
        workers=workers or default_workers(),
        time_limit=time_limit,
        journal=journal_file,
        keep=folder,
        fail_fast=fail_fast,
        reduces=reduces,
    )
    report = session.run()
    # Files first: whoever reads the text may close the pipe before its end. A file that cannot be written loses no text.
    unwritten = [
        _write(files.write_json, report, json_file),
        _write(files.write_junit, report, junit_file),
        _write(_write_page, report, html_file),
    ]
    text.show(report, stdout())
    if any(unwritten):
        raise LSTMError("; ".join(filter(None, unwritten)))
    sys.exit(0 if report.as_expected else FAILED)


def _write(write: Callable[[Any, Path], None], content: Any, path: Path | None) -> str:
    """Write a file that was asked for; what kept it from being written, or nothing."""
    try:
        if path is not None:
            write(content, path)
    except OSError as error:
        return f"{path} could not be written: {error.strerror}"
    return ""


def _write_page(report: Report, path: Path) -> None:
    pages.write_page(verify_page.page_of([report.as_read()], pages.script_of), path)


def _askable(adapter: EnvironmentAdapter, planned: Sequence[matrix.Planned]) -> list[matrix.Planned]:
    """What an environment can be asked of all that is planned, the environment built where it is not there."""
    adapter.prepare(partial(click.echo, err=True))
    adapter.start()
    try:
        return list(matrix.cases_for(adapter.describe(), planned))
    finally:
        adapter.stop()
