"""`upgrade` compares two environments, `history` a range of Keras versions."""

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
from packaging.version import InvalidVersion, Version

from conformance import matrix
from conformance.adapters.base import AdapterStartError
from conformance.adapters.keras.backends import BACKENDS
from conformance.commands import completion, options
from conformance.commands.completion import REFERENCE
from conformance.commands.outputs import Outputs, outputs
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.spec import CELLS, INSTALLED, parse
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.console import stdout
from conformance.report.document import Block, show
from conformance.report.documents import as_document
from conformance.report.verbosity import Verbosity
from conformance.running.progress import status_messages
from conformance.running.session import INTERRUPTED
from conformance.system.lifetime import scratch_folder
from conformance.upgrade import history_page, history_text, text
from conformance.upgrade import page as upgrade_page
from conformance.upgrade.baseline import judge, read_baseline, write_baseline
from conformance.upgrade.history import History, HistoryReport
from conformance.upgrade.side import Implementation
from conformance.upgrade.upgrade import Upgrade
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS, combine


def implementation(spec: str, verbosity: Verbosity = Verbosity.NORMAL, *, recorded: bool = False) -> Implementation:
    """The implementation of a specification: an environment, its recording, or the reference, with a deviation as `reference:NAME`.

    Raises:
        LSTMError: the specification is invalid.
    """
    name, is_reference = parse_target(spec)
    if not is_reference:
        with suppress(AdapterStartError), status_messages(verbosity) as print_message:  # the start of a worker raises it again
            EnvironmentAdapter(name, recorded=recorded).prepare(print_message)
        return Implementation(name=name, make_adapter=partial(EnvironmentAdapter, name, recorded=recorded))
    deviation = name.partition(":")[2]
    return Implementation(name=name, make_adapter=partial(ReferenceAdapter, deviation or None))


def parse_target(spec: str) -> tuple[str, bool]:
    """The name of an implementation, and whether it is the reference. Nothing is built.

    Raises:
        LSTMError: the specification is invalid.
    """
    head, colon, deviation = spec.strip().partition(":")
    if head != REFERENCE:
        return str(parse(spec)), False
    names = deviation.split("+") if colon else []
    for name in names:
        if name not in DEVIATIONS and not difflib.get_close_matches(name, DEVIATIONS):
            raise LSTMError(f"{name!r} is no deviation of the {REFERENCE}; `lstm-conformance deviations` lists them")
    if names:
        combine(names)
    return spec.strip(), True


def _check_targets(specs: Sequence[str], *, recorded: bool) -> None:
    """Refuse invalid targets before anything is built or run.

    Raises:
        LSTMError: a specification names none.
        click.UsageError: --recorded asks for the recording of no environment.
    """
    if all([is_reference for _, is_reference in map(parse_target, specs)]) and recorded:  # noqa: C419  # each is looked at
        raise click.UsageError("--recorded lets the recording of an environment answer, and none is named: leave it out")


def _selected(
    specs: Sequence[str], level: str, seed: int, patterns: Sequence[str]
) -> tuple[list[matrix.CaseOrProbe], tuple[matrix.SkippedCases, ...]]:
    """What is asked, and what is not: the reference is no Keras that a probe could look into."""
    selected = matrix.select(matrix.surface(level, seed), patterns)
    if not any(is_reference for _, is_reference in map(parse_target, specs)):
        return selected, ()
    return matrix.without_probes(selected, patterns)


def _usual_level(*, recorded: bool) -> str:
    """Recordings have the level of single features."""
    return "features" if recorded else "quick"


_level = click.option(
    "--level",
    type=click.Choice(list(matrix.LEVELS)),
    help="Cases of the surface that are asked.  [default: quick; with --recorded features, which recordings have]",
)


@click.command()
@click.argument("before", metavar="FROM", shell_complete=completion.implementations)
@click.argument("after", metavar="TO", shell_complete=completion.implementations)
@_level
@options.cases
@options.seed
@click.option(
    "--baseline",
    type=options.FILE,
    help="File of the expected changes. Any other change fails, and so does an expected change that is absent.",
)
@click.option("--write-baseline", "records", is_flag=True, help="Record the changes in the file of --baseline.")
@outputs
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the outputs and the finished results to this folder, and resume from it if it exists.",
)
@options.recorded
@options.time_limit
@click.option("--reduce/--no-reduce", "reduces", default=True, help="Look for the smallest case, the first timestep and the gate.")
@options.verbosity
@scratch_folder()
def upgrade(
    *,
    before: str,
    after: str,
    level: str | None,
    patterns: tuple[str, ...],
    seed: int,
    baseline: Path | None,
    records: bool,
    outputs: Outputs,
    keep: Path | None,
    recorded: bool,
    time_limit: float,
    reduces: bool,
    verbosity: Verbosity,
) -> None:
    """Run the same cases FROM one version TO another, judge both, and report the changes.

    FROM and TO name environments: "keras==3.15.1 --backend jax", keras==2.2.4, tf-keras==2.21.0, tensorflow==2.15.1, installed, or
    the path of an interpreter; `reference` is the suite's own, `reference:NAME` with a mistake that `deviations` lists.

    Exit codes: 0 nothing changed that the baseline does not expect, 1 something did or the run is not whole, 2 it cannot run.
    """
    _check_targets([before, after], recorded=recorded)
    if records and baseline is None:
        raise LSTMError("--write-baseline records the file that --baseline names: give both")
    expected = None if baseline is None or records else read_baseline(baseline)
    level = level or _usual_level(recorded=recorded)
    cases, not_asked = _selected([before, after], level, seed, patterns)
    report = Upgrade(
        before=implementation(before, verbosity, recorded=recorded),
        after=implementation(after, verbosity, recorded=recorded),
        cases=cases,
        not_asked=not_asked,
        level=level,
        seed=seed,
        time_limit=time_limit,
        keep=keep,
        reduces=reduces,
        verbosity=verbosity,
    ).run()
    comparison = judge(report, expected)
    if records and baseline is not None and comparison.complete:
        write_baseline(report, baseline)
        comparison = judge(report, read_baseline(baseline))
    page = text.page(report, comparison)
    document = report.as_dict(comparison.as_dict())
    try:
        outputs.write(document, lambda: page, lambda: upgrade_page.page_of(document))
    finally:
        show(text.verdict(report, comparison) if verbosity is Verbosity.QUIET else page, stdout())
    if records and not comparison.complete:
        click.echo(f"{baseline} is as it was: a run that is not whole is not recorded", err=True)
    if report.stopped == INTERRUPTED:
        click.echo(options.resume_hint("--keep FOLDER", keep), err=True)
    sys.exit(0 if comparison.as_expected else 1)


@click.command()
@click.option(
    "--versions",
    metavar="V,V,…",
    default=",".join(completion.KERAS_3),
    shell_complete=completion.versions,
    help="Versions of Keras, in order.  [default: the newest of each minor]",
)
@click.option(
    "--backend",
    "backends",
    type=click.Choice(list(BACKENDS)),
    multiple=True,
    default=("tensorflow",),
    show_default=True,
    help="Keras backend to run on; repeatable.",
)
@_level
@options.cases
@options.seed
@outputs
@options.recorded
@options.time_limit
@options.verbosity
@scratch_folder()
def history(
    *,
    versions: str,
    backends: tuple[str, ...],
    level: str | None,
    patterns: tuple[str, ...],
    seed: int,
    outputs: Outputs,
    recorded: bool,
    time_limit: float,
    verbosity: Verbosity,
) -> None:
    """Run the same cases on a range of Keras versions, and show the results and their changes.

    Exit codes: 0 every version ran every case, 1 some did not, 2 it cannot run.
    """
    names = [version.strip() for version in versions.split(",")]
    duplicates = [name for name in names if names.count(name) > 1]
    if duplicates:
        raise LSTMError(f"{duplicates[0]} is given twice: name each version once")
    specs = {backend: {name: _spec_of(name, backend) for name in names} for backend in backends}
    _check_targets([spec for by_version in specs.values() for spec in by_version.values()], recorded=recorded)
    level = level or _usual_level(recorded=recorded)
    cases, not_asked = _selected([spec for by_version in specs.values() for spec in by_version.values()], level, seed, patterns)
    implementations = {
        backend: [replace(implementation(spec, verbosity, recorded=recorded), name=name) for name, spec in by_version.items()]
        for backend, by_version in specs.items()
    }
    reports = {
        backend: History(versions_of_backend, cases, not_asked, time_limit, verbosity).run()
        for backend, versions_of_backend in implementations.items()
    }
    document = as_document("history", {"backends": {backend: report.as_dict() for backend, report in reports.items()}})

    def blocks(of_report: Callable[[HistoryReport, str], list[Block]]) -> list[Block]:
        return [block for backend, report in reports.items() for block in of_report(report, f"Keras on {backend}")]

    on_screen = history_text.verdict if verbosity is Verbosity.QUIET else partial(history_text.page, merged=True)
    try:
        outputs.write(
            document,
            lambda: [*history_text.HEAD, *blocks(partial(history_text.page, merged=False))],
            lambda: history_page.page_of(document["backends"]),
        )
    finally:
        show(blocks(on_screen), stdout())
    sys.exit(0 if all(report.is_whole for report in reports.values()) else 1)


def _spec_of(text: str, backend: str) -> str:
    """The specification of a version of Keras. Other text is a specification already."""
    try:
        return f"keras=={Version(text)} --backend {backend}"
    except InvalidVersion:
        if not any(mark in text for mark in ("=", *CELLS, INSTALLED, REFERENCE, "/", os.sep)):
            raise LSTMError(f"{text!r} is no version of Keras, as in 3.15.1, and no environment, as in tf-keras==2.21.0") from None
        return text
