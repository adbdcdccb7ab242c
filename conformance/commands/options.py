"""Options that several commands have, and the cases that they name."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from conformance import matrix
from conformance.backends import BACKENDS
from conformance.commands import completion
from conformance.report.volume import Volume
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


class Deviation(click.ParamType):
    """The name of a deviation; one that is not known is answered with the nearest, not with all."""

    name = "deviation"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name itself."""
        if value not in DEVIATIONS:
            near = difflib.get_close_matches(value, DEVIATIONS, n=3)
            meant = f"Did you mean {' or '.join(near)}? " if near else ""
            self.fail(f"{value!r} is none. {meant}`lstm-conformance deviations` lists them.", param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Those that begin so, each with what it is."""
        del ctx, param
        return [CompletionItem(name, help=each.summary) for name, each in DEVIATIONS.items() if name.startswith(incomplete)]


def volume(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--quiet` and `--verbose`, which a command is given as one argument, `volume`."""

    @functools.wraps(command)
    def heard(*arguments: Any, quiet: bool, verbose: bool, **options: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose contradict each other: leave one of them out")
        said = Volume.QUIET if quiet else Volume.VERBOSE if verbose else Volume.USUAL
        return command(*arguments, volume=said, **options)

    flags = (
        click.option("-q", "--quiet", is_flag=True, help="No progress; of the report, what is not as expected and its last line."),
        click.option("-v", "--verbose", is_flag=True, help="Each result as it comes, with its time and path; all of what ran."),
    )
    return functools.reduce(lambda decorated, flag: flag(decorated), reversed(flags), heard)


def chosen(level: str | None, seed: int, patterns: Sequence[str], *, compiled: bool = True) -> list[matrix.Planned]:
    """The cases that the options name.

    Raises:
        LSTMError: a pattern names none.
    """
    planned = matrix.surface(level, seed) if level else list(matrix.documents_matrix(seed, compiled=compiled))
    return matrix.select(planned, patterns)
