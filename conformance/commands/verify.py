"""`verify` runs cases on an implementation and judges them."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from conformance import matrix
from conformance.adapters.base import Adapter
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.commands import completion, options
from conformance.commands.outputs import Outputs, outputs
from conformance.commands.scripts import script_of
from conformance.environments.adapter import EnvironmentAdapter
from conformance.reference.adapter import FusedAdapter, ReferenceAdapter
from conformance.report import files, text
from conformance.report.console import stdout
from conformance.report.html import verify as verify_page
from conformance.report.summary import blocks_of
from conformance.report.verbosity import Verbosity
from conformance.running.progress import status_messages
from conformance.running.session import INTERRUPTED, Session, default_workers
from conformance.system.lifetime import scratch_folder
from lstm_ref import LSTMError

FAILED, UNRESOLVED = 1, 3


@click.command()
@options.backend
@options.cases
@options.seed
@click.option("--eager", is_flag=True, help="Call layers eagerly instead of inside the backend's compiler.")
@options.level
@click.option("--junit", "junit_file", type=options.FILE, help="Write the report as JUnit XML.")
@outputs
@click.option(
    "--keep",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the observations to this folder, for `agree`.",
)
@click.option(
    "--journal", "journal_file", type=options.FILE, help="Write each result at once, and resume from this file if it exists."
)
@options.time_limit
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
@options.recorded
@options.verbosity
@scratch_folder()
def verify(
    *,
    backend: str,
    patterns: tuple[str, ...],
    seed: int,
    eager: bool,
    level: str | None,
    junit_file: Path | None,
    outputs: Outputs,
    folder: Path | None,
    journal_file: Path | None,
    time_limit: float,
    reduces: bool,
    fail_fast: bool,
    workers: int | None,
    deviation: str | None,
    fused: bool,
    spec: str | None,
    recorded: bool,
    verbosity: Verbosity,
) -> None:
    """Run the documents' matrix, or a level of the surface, on the installed Keras and judge every case.

    Levels: quick (cases and probes that together reject what standard rejects; a minute), features (every value of every feature,
    alone), standard (both, grids where features interact, a pairwise covering array, random draws; ten minutes), deep (all of
    these, every pair alone, many draws; hours).

    Exit codes: 0 every case is as expected, 1 some differ, or did not run, 2 wrong usage, or the implementation cannot run here.
    It exits with 3 where nothing differs, but the suite or the machine could not settle some cases (UNRESOLVED): run it again.
    """
    _check_targets(recorded=recorded)
    planned = options.selected_cases(level, seed, patterns, compiled=not eager)
    not_asked: tuple[matrix.SkippedCases, ...] = ()
    make_adapter: Callable[[], Adapter] = partial(KerasLayerAdapter, backend)
    if deviation or fused:
        planned, not_asked = matrix.without_probes(planned, patterns)
        make_adapter = partial(ReferenceAdapter, deviation) if deviation else FusedAdapter
    elif spec:
        make_adapter = partial(EnvironmentAdapter, spec, time_limit, recorded)
        planned, not_asked = matrix.supported_cases(planned, [_describe(EnvironmentAdapter(spec, recorded=recorded), verbosity)])
    if not planned:
        raise LSTMError(f"no case is left to run; {'; '.join(map(str, not_asked))}: name other cases, as `list` prints them")
    session = Session(
        planned=planned,
        selection=patterns,
        not_asked=not_asked,
        level=level or "",
        seed=seed,
        make_adapter=make_adapter,
        workers=workers or default_workers(),
        time_limit=time_limit,
        journal=journal_file,
        keep=folder,
        fail_fast=fail_fast,
        reduces=reduces,
        verbosity=verbosity,
    )
    report = session.run()
    try:  # Files first, since the reader of the text may close the pipe. An error in a file does not lose the text.
        outputs.write(
            report.as_dict(),
            lambda: blocks_of(report, script_of),
            lambda: verify_page.page_of([report.as_parsed_json()], script_of),
            (junit_file, partial(files.write_junit, report)),
        )
    finally:
        text.show(report, stdout(), verbosity, script_of)
        if report.stopped == INTERRUPTED:
            click.echo(options.resume_hint("--journal FILE", journal_file), err=True)
    sys.exit(0 if report.as_expected else UNRESOLVED if report.is_unresolved else FAILED)


def _check_targets(*, recorded: bool) -> None:
    """Refuse a second implementation, and --recorded without an environment.

    Raises:
        click.UsageError: the command line names two implementations, or --recorded has no environment.
    """
    context = click.get_current_context()
    options_given = [name for name in _TARGETS if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if len(options_given) > 1:
        names = " and ".join(_TARGETS[name] for name in options_given)
        hint = (
            "; an environment names its backend itself: --environment 'keras==3.15.1 --backend jax'"
            if "spec" in options_given
            else ""
        )
        raise click.UsageError(f"{names} name one implementation each, and one is verified: leave the others out{hint}", context)
    if recorded and "spec" not in options_given:
        raise click.UsageError("--recorded lets the recording of an environment answer: name it with --environment", context)


# Options that select the implementation, by parameter name.
_TARGETS = {"backend": "--backend", "deviation": "--deviation", "fused": "--fused", "spec": "--environment"}


def _describe(adapter: EnvironmentAdapter, verbosity: Verbosity) -> Mapping[str, Any]:
    """The description of an environment's interface. The environment is built if necessary."""
    with status_messages(verbosity) as print_message:
        adapter.prepare(print_message)
    adapter.start()
    try:
        return adapter.describe()
    finally:
        adapter.stop()
