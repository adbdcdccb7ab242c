"""Options that several commands have, and the cases that they name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from conformance import matrix
from conformance.adapters.keras.backends import BACKENDS
from conformance.cases.case import Case
from conformance.commands import completion
from conformance.probes import PROBES
from conformance.report.verbosity import Verbosity
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)

json = click.option("--json", "json_file", type=FILE, help="Write the report as JSON.")
markdown = click.option(
    "--markdown", "markdown_file", type=FILE, help="Write the report as Markdown, short enough for a CI summary."
)
html = click.option("--html", "html_file", type=FILE, help="Write the report as a page: one file, for any browser.")
backend = click.option(
    "--backend",
    type=click.Choice(list(BACKENDS)),
    default="tensorflow",
    envvar="KERAS_BACKEND",
    show_default=True,
    show_envvar=True,
    help="Keras backend to run on.",
)
seed = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of weights and inputs.")
cases = click.option(
    "--case",
    "patterns",
    multiple=True,
    metavar="ID",
    shell_complete=completion.cases,
    help="Only the cases with this id or pattern (*, ?); repeatable.",
)
level = click.option(
    "--level", type=click.Choice(list(matrix.LEVELS)), help="Cases of the surface at this level, not of the documents' matrix."
)
recorded = click.option(
    "--recorded",
    is_flag=True,
    help="Let the recording of an environment answer, where there is one, in place of a run; every report says so.",
)


def deviation_of(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name of a deviation; one that is not known is answered with the nearest, not with all.

    Raises:
        click.BadParameter: it is not known.
    """
    if name is not None and name not in DEVIATIONS:
        near = difflib.get_close_matches(name, DEVIATIONS, n=3)
        meant = f"Did you mean {' or '.join(near)}? " if near else ""
        raise click.BadParameter(f"{name!r} is none. {meant}`lstm-conformance deviations` lists them.", context, parameter)
    return name


def resume_hint(option: str, kept: Path | None) -> str:
    """What to tell of an interrupted run: by the option that keeps what finished, if a place was named for it."""
    if kept is None:
        return f"what finished is in the report; with {option}, the same command would go on from there"
    return f"{kept} keeps what finished; the same command goes on from there"


def verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--quiet` and `--verbose`, which a command is given as one argument, `verbosity`."""

    @functools.wraps(command)
    def heard(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose contradict each other: leave one of them out")
        said = Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
        return command(*arguments, verbosity=said, **options)

    flags = (
        click.option("-q", "--quiet", is_flag=True, help="No progress; of the report, what is not as expected and its last line."),
        click.option("-v", "--verbose", is_flag=True, help="Each result as it comes, with its time and path; all of what ran."),
    )
    return functools.reduce(lambda decorated, flag: flag(decorated), reversed(flags), heard)


def chosen(level: str | None, seed: int, patterns: Sequence[str], *, compiled: bool = True) -> list[matrix.CaseOrProbe]:
    """The cases that the options name.

    Raises:
        LSTMError: a pattern names none, or one that is compiled where none is to be.
    """
    if level and not compiled:
        raise LSTMError("--eager asks the documents' matrix; of a level, name the cases that are: --case '*-eager-*'")
    planned = matrix.surface(level, seed) if level else list(matrix.documents_matrix(seed, compiled=compiled))
    planned = [*planned, *(probe for probe in PROBES if not level and probe.id in patterns)]
    selected = matrix.select(planned, patterns)
    for case in selected if not compiled else ():
        if not isinstance(case, Case) or case.execution.compiled:
            raise LSTMError(f"{case.id} is no eager case: one has -eager before its seed; leave --eager out, or name another")
    return selected
