"""`list` prints the ids of cases."""

import click

from conformance.commands import options


@click.command(name="list")
@options.cases
@options.seed
@options.level
def list_cases(patterns: tuple[str, ...], seed: int, level: str | None) -> None:
    """Print the ids of the documents' matrix, or of a level of the surface, one per line.

    Exit codes: 0 they are printed, 2 no case matches.
    """
    for case in options.selected_cases(level, seed, patterns):
        click.echo(case.id)
