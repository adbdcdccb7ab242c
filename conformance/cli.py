"""The command line: verify, list, explain, claims.

Exit codes: 0 everything as expected; 1 something differs, or the run ended before its plan; 2 wrong usage, or the implementation
cannot run here.
"""

from __future__ import annotations

import collections
import difflib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from conformance import matrix
from conformance.adapters.base import Adapter, AdapterStartError
from conformance.adapters.keras_layer import BACKENDS, KerasLayerAdapter
from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.checks import CHECKS
from conformance.claims import CLAIMS, SYSTEMS, plot_accuracy, settle
from conformance.claims import text as claims_text
from conformance.diagnosis import Diagnostician
from conformance.explain import View, explain
from conformance.kill_matrix import WIDTH as KILL_MATRIX_WIDTH
from conformance.kill_matrix import kill_matrix
from conformance.kill_matrix import render as render_kills
from conformance.progress import Progress
from conformance.report import files, text
from conformance.report.model import Plan, Report
from conformance.runner import Diagnose, Pool
from conformance.tolerance import ELEMENT_LIMIT, RMS_LIMIT
from conformance.verdict import Result
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FAILED, UNUSABLE = 1, 2

# Wide enough for the tables when there is no terminal to ask.
PIPED_WIDTH = 110

DRAWN_CLAIM = "fewer-units-suffice"

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
_eager = click.option("--eager", is_flag=True, help="Call layers eagerly instead of inside the backend's compiler.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="keras-lstm-conformance")
def main() -> None:
    """Decide whether an LSTM is a Keras LSTM.

    Exit codes: 0 as expected, 1 differences or an unfinished run, 2 usage or environment error.
    """


@main.command()
@_cases
@_seed
def deviations(patterns: tuple[str, ...], seed: int) -> None:
    """List the mistakes that the suite can name, and which check rejects each (the kill matrix; default: --case 'u2-d2-t6-b3*')."""
    with _refusals():
        cases = matrix.select(list(matrix.documents_matrix(seed)), patterns or ("u2-d2-t6-b3*",))
    console = _console(KILL_MATRIX_WIDTH)
    console.print(render_kills(kill_matrix(cases)))
    for deviation in DEVIATIONS.values():
        console.print(f"{deviation.name}: {deviation.summary}", highlight=False, soft_wrap=True)


@main.command()
@_backend
@_cases
@_seed
@_eager
@click.option("--json", "json_file", type=_FILE, help="Write the report as JSON.")
@click.option("--junit", "junit_file", type=_FILE, help="Write the report as JUnit XML.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first case that is not as expected.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Worker processes.  [default: one per core, at most 4]")
@click.option(
    "--deviation", type=click.Choice(list(DEVIATIONS)), metavar="NAME", help="Verify the reference with this mistake, not Keras."
)
def verify(
    *,
    backend: str,
    patterns: tuple[str, ...],
    seed: int,
    eager: bool,
    json_file: Path | None,
    junit_file: Path | None,
    fail_fast: bool,
    workers: int | None,
    deviation: str | None,
) -> None:
    """Run the documents' matrix on the installed Keras and judge every case."""
    with _refusals():
        cases = matrix.select(list(matrix.documents_matrix(seed, compiled=not eager)), patterns)
        make_adapter = partial(ReferenceAdapter, deviation) if deviation else partial(KerasLayerAdapter, backend)
        report = _run(cases, patterns, make_adapter, workers or default_workers(), fail_fast=fail_fast)
    # Files first: whoever reads the text may close the pipe before its end. A file that cannot be written loses no text.
    unwritten = [_write(files.write_json, report, json_file), _write(files.write_junit, report, junit_file)]
    text.show(report, _console())
    for message in filter(None, unwritten):
        _refuse(message)
    sys.exit(0 if report.as_expected else FAILED)


@main.command(name="list")
@_cases
@_seed
def list_cases(patterns: tuple[str, ...], seed: int) -> None:
    """Print the ids of the documents' matrix, one a line."""
    with _refusals():
        for case in matrix.select(list(matrix.documents_matrix(seed)), patterns):
            click.echo(case.id)


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
        explain(case, adapter, view, _console())


@main.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--json", "json_file", type=_FILE, help="Write verdicts and evidence as JSON.")
@click.option("--plot", "plot_file", type=_FILE, help="Draw accuracy against units (claim fewer-units-suffice) as PNG or SVG.")
def claims(ids: tuple[str, ...], json_file: Path | None, plot_file: Path | None) -> None:
    """Settle the documents' statements by running them, and show the evidence."""
    known = {claim.id: claim for claim in CLAIMS}
    for claim_id in ids:
        if claim_id not in known:
            near = difflib.get_close_matches(claim_id, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of: {', '.join(known)}"
            _refuse(f"unknown claim {claim_id!r}; {hint}")
    chosen = [known[claim_id] for claim_id in ids] or list(CLAIMS)
    if plot_file and DRAWN_CLAIM not in {claim.id for claim in chosen}:
        _refuse(f"--plot draws the claim {DRAWN_CLAIM}: name it among the ids")
    console, settled = _console(), []
    for outcome in settle(chosen):
        claims_text.render(outcome, console)
        settled.append(outcome)
    if not ids:
        claims_text.render_systems(SYSTEMS, console)
    counts = collections.Counter(outcome.outcome for outcome in settled)
    console.print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()), style="bold", highlight=False)
    for outcome in settled:
        if plot_file and outcome.claim.id == DRAWN_CLAIM and outcome.finding:
            plot_accuracy(outcome.finding, plot_file)
    as_json = json.dumps([claims_text.as_json(outcome) for outcome in settled], indent=1, ensure_ascii=False) + "\n"
    if message := _write(files.write_text, as_json, json_file):
        _refuse(message)
    sys.exit(0 if all(outcome.as_expected for outcome in settled) else FAILED)


def suite_version() -> str:
    """This distribution's version; a checkout that is run without being installed has none."""
    try:
        return metadata.version("keras-lstm-conformance")
    except metadata.PackageNotFoundError:
        return "not installed"


def default_workers() -> int:
    """One process per core that this process may use, at most 4: each holds a copy of the framework."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


def _run(
    cases: Sequence[Case], patterns: Sequence[str], make_adapter: Callable[[], Adapter], workers: int, *, fail_fast: bool
) -> Report:
    """Run the cases and keep what finished, however the run ends."""
    # The workers are the parallelism: a linear algebra library with threads of its own would only fight them for the cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    results: list[Result] = []
    stopped = ""
    environment: Mapping[str, str] = {"implementation": "interrupted before it had started"}
    pool = Pool(make_adapter, min(workers, len({case.family for case in cases})), make_diagnose)
    started = time.perf_counter()
    try:
        with Progress(cases) as progress, _terminated_as_interrupt():
            environment = {**pool.environment(), "suite": suite_version(), "platform": platform.platform()}
            progress.started(environment)
            for result in pool.run(cases):
                results.append(result)
                progress.finished(result)
                if fail_fast and not result.verdict.is_expected:
                    stopped = "stopped at the first difference, as --fail-fast asks"
                    break
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        pool.stop()
    seconds = time.perf_counter() - started
    plan = _plan(cases, patterns)
    return Report(environment=environment, plan=plan, results=tuple(results), seconds=seconds, stopped=stopped)


def _plan(cases: Sequence[Case], patterns: Sequence[str]) -> Plan:
    return Plan(
        matrix="the documents' matrix",
        selection=tuple(patterns),
        seed=cases[0].seed,
        cases=len(cases),
        cells=matrix.cell_count(cases),
        case_ids=tuple(case.id for case in cases),
        checks=tuple(check.name for check in CHECKS),
        element_limit=ELEMENT_LIMIT,
        rms_limit=RMS_LIMIT,
    )


def _write(write: Callable[[Any, Path], None], content: Any, path: Path | None) -> str:
    """Write a file that was asked for; what kept it from being written, or nothing."""
    try:
        if path is not None:
            write(content, path)
    except OSError as error:
        return f"{path} could not be written: {error.strerror}"
    return ""


def make_diagnose() -> Diagnose:
    """What explains failing cases, one per worker."""
    return Diagnostician().explain


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """A polite kill ends a run as Ctrl-C does: what finished is kept."""
    before = signal.signal(signal.SIGTERM, lambda *_: _interrupt())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _refusals() -> Iterator[None]:
    """What a user can mend becomes one message and exit code 2."""
    try:
        yield
    except (LSTMError, AdapterStartError) as error:
        _refuse(str(error))


def _refuse(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(UNUSABLE)


def _console(piped_width: int = PIPED_WIDTH) -> Console:
    return Console() if sys.stdout.isatty() else Console(width=piped_width)
