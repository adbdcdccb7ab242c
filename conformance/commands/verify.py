"""`verify` runs cases on an implementation and judges them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click

from conformance import matrix
from conformance.adapters.base import Adapter
from conformance.adapters.environment import EnvironmentAdapter
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.adapters.reference import FusedAdapter, ReferenceAdapter
from conformance.case import Case
from conformance.commands import completion, options, pages
from conformance.commands.scripts import script_of
from conformance.progress import telling
from conformance.report import files, text
from conformance.report.console import stdout
from conformance.report.html import verify as verify_page
from conformance.report.markdown import as_markdown
from conformance.report.model import Report
from conformance.report.summary import blocks_of
from conformance.report.volume import Volume
from conformance.session import INTERRUPTED, Session, default_workers
from lstm_ref import LSTMError

FAILED, UNRESOLVED = 1, 3


@click.command()
@options.backend
@options.cases
@options.seed
@click.option("--eager", is_flag=True, help="Call layers eagerly instead of inside the backend's compiler.")
@options.level
@options.json
@click.option("--junit", "junit_file", type=options.FILE, help="Write the report as JUnit XML.")
@options.markdown
@options.html
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
    "--deviation",
    callback=options.deviation_of,
    shell_complete=completion.deviations,
    metavar="NAME",
    help="Verify the reference with this mistake, not Keras.",
)
@click.option("--fused", is_flag=True, help="Verify the reference's fused engine, in float32 and float64, not Keras.")
@click.option(
    "--environment",
    "spec",
    metavar="SPEC",
    shell_complete=completion.environments,
    help="Verify the LSTM of this environment; see `environments`.",
)
@options.volume
def verify(
    *,
    backend: str,
    patterns: tuple[str, ...],
    seed: int,
    eager: bool,
    level: str | None,
    json_file: Path | None,
    junit_file: Path | None,
    markdown_file: Path | None,
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
    volume: Volume,
) -> None:
    """Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.

    Levels, each with all of those before: quick (every value of every feature, alone; a minute), standard (grids where features
    interact, a pairwise covering array, random draws; ten minutes), deep (every pair alone, many draws; hours).

    Exit codes: 0 every case is as expected, 1 some differ, or did not run, 2 wrong usage, or the implementation cannot run here.
    It exits with 3 where nothing differs, but the suite or the machine could not settle some cases (UNRESOLVED): run it again.
    """
    cases = options.chosen(level, seed, patterns, compiled=not eager)
    make_adapter: Callable[[], Adapter] = partial(KerasLayerAdapter, backend)
    if deviation:
        make_adapter = partial(ReferenceAdapter, deviation)
    elif fused:
        make_adapter = FusedAdapter
    elif spec:
        make_adapter = partial(EnvironmentAdapter, spec, time_limit)
        cases = _askable(EnvironmentAdapter(spec), cases, volume)
    if deviation or fused:
        cases = _some_of(cases, [case for case in cases if isinstance(case, Case)], "the reference", volume)
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
        volume=volume,
    )
    report = session.run()
    try:  # Files first: whoever reads the text may close the pipe before its end. A file that cannot be written loses no text.
        files.write_each(
            (json_file, partial(files.write_json, report)),
            (junit_file, partial(files.write_junit, report)),
            (markdown_file, partial(_write_markdown, report)),
            (html_file, partial(_write_page, report)),
        )
    finally:
        text.show(report, stdout(), volume)
        if report.stopped == INTERRUPTED:
            click.echo(options.how_to_go_on("--journal FILE", journal_file), err=True)
    sys.exit(0 if report.as_expected else UNRESOLVED if report.is_unresolved else FAILED)


def _write_markdown(report: Report, path: Path) -> None:
    files.write_text(as_markdown(blocks_of(report, script_of)), path)


def _write_page(report: Report, path: Path) -> None:
    pages.write_page(verify_page.page_of([report.as_read()], script_of), path)


def _askable(adapter: EnvironmentAdapter, planned: Sequence[matrix.Planned], volume: Volume) -> list[matrix.Planned]:
    """What an environment can be asked of all that is planned, the environment built where it is not there.

    Raises:
        LSTMError: nothing.
    """
    with telling(volume) as say:
        adapter.prepare(say)
    adapter.start()
    try:
        return _some_of(planned, matrix.cases_for(adapter.describe(), planned), f"the environment {adapter.spec}", volume)
    finally:
        adapter.stop()


def _some_of(planned: Sequence[matrix.Planned], asked: Sequence[Case], implementation: str, volume: Volume) -> list[matrix.Planned]:
    """The cases that are asked, with a word on those that are not.

    Raises:
        LSTMError: there is none.
    """
    probes = sum(not isinstance(one, Case) for one in planned)
    many = "1 probe is" if probes == 1 else f"{probes:,} probes are"
    why = f"{many} not asked of {implementation}: a probe looks into the Keras that is installed here"
    if not asked:
        lacking = why if probes else f"{implementation} returns no states, which every case that was chosen needs"
        raise LSTMError(f"nothing is left to ask: {lacking}; name other cases with --case, as `list` prints them")
    if probes and volume is not Volume.QUIET:
        click.echo(why, err=True)
    return list(asked)
