"""Options of several commands, and the cases that they select."""

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
time_limit = click.option(
    "--time-limit", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds that one case may take."
)
recorded = click.option(
    "--recorded",
    is_flag=True,
    help="Use the recording of an environment, if there is one, in place of a run. Every report notes this.",
)


def deviation_of(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name of a deviation.

    Raises:
        click.BadParameter: there is no such deviation; the message names similar ones.
    """
    if name is not None and name not in DEVIATIONS:
        near = difflib.get_close_matches(name, DEVIATIONS, n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        raise click.BadParameter(f"{name!r} is none. {hint}`lstm-conformance deviations` lists them.", context, parameter)
    return name


def resume_hint(option: str, kept: Path | None) -> str:
    """How to resume an interrupted run, with the option that keeps its finished results."""
    if kept is None:
        return f"what finished is in the report; with {option}, the same command would go on from there"
    return f"{kept} keeps what finished; the same command goes on from there"


def verbosity(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--quiet` and `--verbose`. The command receives them as one argument, `verbosity`."""

    @functools.wraps(command)
    def with_verbosity(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose contradict each other: leave one of them out")
        level = Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
        return command(*arguments, verbosity=level, **options)

    flags = (
        click.option(
            "-q",
            "--quiet",
            is_flag=True,
            help="Print no progress, and of the report only what is not as expected and the last line.",
        ),
        click.option(
            "-v",
            "--verbose",
            is_flag=True,
            help="Print each result when its case has finished, with its time and path, and the whole environment.",
        ),
    )
    return functools.reduce(lambda decorated, flag: flag(decorated), reversed(flags), with_verbosity)


def selected_cases(level: str | None, seed: int, patterns: Sequence[str], *, compiled: bool = True) -> list[matrix.CaseOrProbe]:
    """The cases that the options select.

    Raises:
        LSTMError: a pattern matches no case, or a compiled case with --eager.
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
