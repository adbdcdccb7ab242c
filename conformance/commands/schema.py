"""`schema` prints the schema of a format, and checks a document."""

import json
from pathlib import Path

import click

from conformance.report.documents import FORMATS, read, schema, version


@click.command(name="schema")
@click.argument("name", metavar="[FORMAT]", type=click.Choice(list(FORMATS)), required=False)
@click.option(
    "--check",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Say whether this file, JSON or a baseline in *.toml, is as the schema says, and where it is not.",
)
def print_schema(name: str | None, file: Path | None) -> None:
    """Print the JSON schema of a FORMAT that commands write; without FORMAT, list the formats.

    Exit codes: 0 it is printed, or the file is as it says, 2 the file is not.
    """
    if file is not None:
        file_format = read(file, *([name] if name else []))["format"]
        click.echo(f"{file} is a whole document of the format {file_format}, version {version(file_format)}")
    elif name is None:
        for format_name, command in FORMATS.items():
            click.echo(f"{format_name:<13} version {version(format_name)}  {command}")
    else:
        click.echo(json.dumps(schema(name), indent=2, ensure_ascii=False))
