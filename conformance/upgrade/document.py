"""A page of headings, lines, tables and scripts, for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.report.console import show_table


@dataclass(frozen=True)
class Heading:
    """A line above what follows; level 1 is that of a whole file."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Lines:
    """One or more paragraphs of one line each."""

    lines: Sequence[str]
    style: str = ""


@dataclass(frozen=True)
class Rows:
    """A table; every row has a cell for each column."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Script:
    """Code, which a terminal names only, with its title."""

    title: str
    code: str


Block = Heading | Lines | Rows | Script


def show(blocks: Sequence[Block], console: Console) -> None:
    """In colour in a terminal, plain when piped."""
    for block in blocks:
        match block:
            case Heading(text):
                console.print(Text(f"\n{text}", style="bold"), soft_wrap=True)
            case Lines(lines, style):
                for line in lines:
                    console.print(Text(line, style=style), soft_wrap=True)
            case Rows(columns, rows):
                show_table(_table(columns, rows), console)
            case Script(title):
                console.print(Text(title), soft_wrap=True)


def as_markdown(blocks: Sequence[Block]) -> str:
    """For a file or the summary of a CI run."""
    return "\n".join(map(_markdown, blocks)) + "\n"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'' if level == 1 else chr(10)}{'#' * level} {_escaped(text)}\n"
        case Lines(lines):
            return "\n".join(f"{_escaped(line)}  " for line in lines) + "\n"
        case Rows(columns, rows):
            ruled = [columns, ["---"] * len(columns), *([_escaped(cell) for cell in row] for row in rows)]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled) + "\n"
        case Script(title, code):
            return f"<details><summary>{_escaped(title)}</summary>\n\n```python\n{code.rstrip()}\n```\n\n</details>\n"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it stands, in one line."""
    for character in "\\`*_<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
