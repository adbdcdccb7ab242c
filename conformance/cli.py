"""The command line; `lstm-conformance --help` lists its commands.

Exit codes: 0 everything as expected; 1 something differs, or the run ended before its plan; 2 wrong usage, or the implementation
cannot run here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.progress import track

from conformance import matrix
from conformance.adapters.base import Adapter, AdapterStartError
from conformance.adapters.environment import EnvironmentAdapter
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.adapters.reference import ReferenceAdapter
from conformance.agreement import agree
from conformance.backends import BACKENDS
from conformance.case import Case
from conformance.catalogue import as_markdown
from conformance.commands.claims import claims
from conformance.commands.environments import askable, environments, record
from conformance.commands.model import model
from conformance.commands.upgrade import history, upgrade
from conformance.explain import View, explain
from conformance.journal import JournalError
from conformance.kill_matrix import WIDTH as KILL_MATRIX_WIDTH
from conformance.kill_matrix import blind_cases, kill_matrix
from conformance.kill_matrix import render as render_kills
from conformance.known_differences import EARLIER, known_differences
from conformance.report import files, text
from conformance.report.console import stdout
from conformance.reproduce import known_reproduction, reproduction
from conformance.reproduce import run as run_script
from conformance.runner import families
from conformance.sensitivity import detections
from conformance.sensitivity import render as render_detections
from conformance.session import Session, default_workers
from conformance.tolerance import ELEMENT_LIMIT
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FAILED, UNUSABLE = 1, 2

_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_backend = click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="tensorflow",
    envvar="KERAS_BACKEND",
    show_default=True,
    show_envvar=True,
    help="Keras backend to run on.",
)
_seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of weights and inputs.")
_cases = click.option(
    "--case", "patterns", multiple=True, metavar="ID", help="Only the cases with this id or pattern (*, ?); repeatable."
)
_level = click.option(
    "--level", type=click.Choice(list(matrix.LEVELS)), help="Cases of the surface at this level, not of the documents' matrix."
)
_eager = click.option("--eager", is_flag=True, help="Call layers eagerly instead of inside the backend's compiler.")


class _Refusing(click.Group):
    """Commands that refuse what a user can mend, wherever they are defined."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _refusals():
            return super().invoke(ctx)


@click.group(cls=_Refusing, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="keras-lstm-conformance")
def main() -> None:
    """Decide whether an LSTM is a Keras LSTM.

    Exit codes: 0 as expected, 1 differences or an unfinished run, 2 usage or environment error.
    """


@main.command()
@_cases
@_seed
@_level
def deviations(patterns: tuple[str, ...], seed: int, level: str | None) -> None:
    """List the mistakes that the suite can name, and which check rejects each (the kill matrix; default: --case 'u2-d2-t6-b3*').

    Fails if a case accepts a mistake that can show in it, and that does not say why it may hide.
    """
    with _refusals():
        chosen = _chosen(level, seed, patterns or (() if level else ("u2-d2-t6-b3*",)))
        cases = [case for case in chosen if isinstance(case, Case)]
        if not cases:
            raise LSTMError("deviations are tried on cases, and only probes were chosen; name a case, as `list` prints them")
    progress = Console(stderr=True)
    kills = kill_matrix(cases, track(list(DEVIATIONS), "mistakes tried", console=progress, disable=not progress.is_terminal))
    console = stdout(KILL_MATRIX_WIDTH)
    console.print(render_kills(kills))
    for deviation in DEVIATIONS.values():
        console.print(f"{deviation.name}: {deviation.summary}", highlight=False, markup=False, soft_wrap=True)
    blind = blind_cases(kills)
    for case_id, names in blind.items():
        console.print(f"{case_id} is blind to {', '.join(names)}", highlight=False, soft_wrap=True)
    sys.exit(FAILED if blind else 0)


@main.command()
@_backend
@_cases
@_seed
@_eager
@_level
@click.option("--json", "json_file", type=_FILE, help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=_FILE, help="Write the report as JUnit XML.")
@click.option(
    "--keep",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write what was observed to this folder, for `agree`.",
)
@click.option(
    "--journal", "journal_file", type=_FILE, help="Keep each result as it comes, and go on from this file if it is there."
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
    folder: Path | None,
    journal_file: Path | None,
    time_limit: float,
    reduces: bool,
    fail_fast: bool,
    workers: int | None,
    deviation: str | None,
    spec: str | None,
) -> None:
    """Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.

    Levels, each with all of those before: quick (every value of every feature, alone; a minute), standard (grids where features
    interact, a pairwise covering array, random draws; ten minutes), deep (every pair alone, many draws; hours).
    """
    with _refusals():
        cases = _chosen(level, seed, patterns, compiled=not eager)
        make_adapter: Callable[[], Adapter] = partial(KerasLayerAdapter, backend)
        if deviation:
            make_adapter = partial(ReferenceAdapter, deviation)
        elif spec:
            make_adapter = partial(EnvironmentAdapter, spec, time_limit)
            cases = askable(EnvironmentAdapter(spec), cases)
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
    unwritten = [_write(files.write_json, report, json_file), _write(files.write_junit, report, junit_file)]
    text.show(report, stdout())
    for message in filter(None, unwritten):
        _refuse(message)
    sys.exit(0 if report.as_expected else FAILED)


@main.command()
@_cases
@_seed
def sensitivity(patterns: tuple[str, ...], seed: int) -> None:
    """Show how small an error the tolerances see: the share of cases that reject it alone, and whether all do together.

    A relative error is put into one operation at a time of the reference in float32. Default: --case '*-t28-b32-seq-s*'.
    """
    with _refusals():
        cases = matrix.select(list(matrix.documents_matrix(seed)), patterns or ("*-t28-b32-seq-s*",))
    progress = Console(stderr=True)
    shown = track(families(cases), "sets of weights", console=progress, disable=not progress.is_terminal)
    stdout().print(render_detections(detections(shown)))


@main.command(name="list")
@_cases
@_seed
@_level
def list_cases(patterns: tuple[str, ...], seed: int, level: str | None) -> None:
    """Print the ids of the documents' matrix, or of a level of the surface, one a line."""
    with _refusals():
        for case in _chosen(level, seed, patterns):
            click.echo(case.id)


@main.command(name="agree")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def agree_pairwise(folders: tuple[Path, ...]) -> None:
    """Compare what implementations returned with one another, pair by pair (folders of `verify --keep`)."""
    if len(folders) < 2:
        _refuse("agree compares two or more folders; make each with: lstm-conformance verify --backend NAME --keep FOLDER")
    with _refusals():
        agreements = agree(folders)
    for agreement in agreements:
        names = " and ".join(agreement.names)
        agreeing = agreement.cases - len(agreement.differing) - len(agreement.known)
        click.echo(
            f"{names}: {agreeing:,} of {agreement.cases:,} cases agree (worst {agreement.worst:.2g} σ), "
            f"{len(agreement.known):,} differ as known"
        )
        for case_id, worst in agreement.differing:
            click.echo(f"  {case_id}: {worst:.3g} σ apart, limit {ELEMENT_LIMIT:g} σ of two runs")
    sys.exit(FAILED if any(agreement.differing for agreement in agreements) else 0)


@main.command(name="explain")
@click.argument("case_id", metavar="CASE")
@_backend
@click.option("--row", default=0, show_default=True, help="Row of the batch to show.")
@click.option("--unit", default=0, show_default=True, help="Unit to show.")
@click.option("--steps", default=3, show_default=True, help="First timesteps of each call to show, beside its last; 0 for all.")
def explain_case(case_id: str, backend: str, row: int, unit: int, steps: int) -> None:
    """Show a case's numbers step by step and gate by gate, reference beside Keras."""
    with _refusals():
        case, view = Case.from_id(case_id), View(row=row, unit=unit, steps=steps)
        view.check(case)
        adapter = KerasLayerAdapter(backend)
        adapter.start()
        explain(case, adapter, view, stdout())


@main.command()
@click.argument("case_id", metavar="CASE|DIFFERENCE")
@_backend
@click.option("--run", "runs", is_flag=True, help="Run it, in a fresh interpreter, and exit as it does: 0 no difference, 1 one.")
def reproduce(case_id: str, backend: str, *, runs: bool) -> None:
    """Print a case, or a known difference, as a script of under 20 lines that needs only Keras and NumPy."""
    with _refusals():
        known = {entry.id: entry for entry in known_differences()}.get(case_id)
        if known is None:
            script = reproduction(Case.from_id(case_id), backend)
        else:
            script = known_reproduction(known, backend if backend in known.backends else known.backends[0])
    click.echo(script, nl=False)
    if runs:
        sys.stdout.flush()
        sys.exit(run_script(script))


@main.command(name="differences")
def list_differences() -> None:
    """Print the known differences of released Keras versions as Markdown, each with its reproduction."""
    with _refusals():
        click.echo(as_markdown(known_differences(), known_differences(EARLIER)), nl=False)


for _command in (claims, environments, record, upgrade, history, model):
    main.add_command(_command)


def _chosen(level: str | None, seed: int, patterns: tuple[str, ...], *, compiled: bool = True) -> list[matrix.Planned]:
    """The cases that the options name."""
    planned = matrix.surface(level, seed) if level else list(matrix.documents_matrix(seed, compiled=compiled))
    return matrix.select(planned, patterns)


def _write(write: Callable[[Any, Path], None], content: Any, path: Path | None) -> str:
    """Write a file that was asked for; what kept it from being written, or nothing."""
    try:
        if path is not None:
            write(content, path)
    except OSError as error:
        return f"{path} could not be written: {error.strerror}"
    return ""


@contextmanager
def _refusals() -> Iterator[None]:
    """What a user can mend becomes one message and exit code 2."""
    try:
        yield
    except (LSTMError, AdapterStartError, JournalError) as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(UNUSABLE)
