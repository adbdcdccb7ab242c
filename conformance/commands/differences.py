"""`differences` prints the known differences of released Keras versions."""

import click

from conformance.explaining.catalogue import as_markdown
from conformance.known.known_differences import EARLIER_FILE, known_differences


@click.command(name="differences")
def list_differences() -> None:
    """Print the known differences of released Keras versions as Markdown, each with its reproduction.

    Exit codes: 0 they are printed, 2 the file of known differences cannot be read.
    """
    click.echo(as_markdown(known_differences(), known_differences(EARLIER_FILE)), nl=False)
