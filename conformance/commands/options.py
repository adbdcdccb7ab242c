"""Options that several commands have, and the cases that they name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from conformance import matrix
from conformance.backends import BACKENDS

FILE = click.Path(dir_okay=False, writable=True, path_type=Path)

markdown = click.option(
    "--markdown", "markdown_file", type=FILE, help="Write the report as Markdown, short enough for a CI summary."
)
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
    "--case", "patterns", multiple=True, metavar="ID", help="Only the cases with this id or pattern (*, ?); repeatable."
)
level = click.option(
    "--level", type=click.Choice(list(matrix.LEVELS)), help="Cases of the surface at this level, not of the documents' matrix."
)


def chosen(level: str | None, seed: int, patterns: Sequence[str], *, compiled: bool = True) -> list[matrix.Planned]:
    """The cases that the options name.

    Raises:
        LSTMError: a pattern names none.
    """
    planned = matrix.surface(level, seed) if level else list(matrix.documents_matrix(seed, compiled=compiled))
    return matrix.select(planned, patterns)
