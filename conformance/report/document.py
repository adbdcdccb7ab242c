"""A document of headings, lines, tables and scripts, and its output in a terminal. `markdown` writes it to a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.report.console import show_table


@dataclass(frozen=True)
class Heading:
    """A heading. Level 1 is the title of a file."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Lines:
    """Paragraphs of one line each, plain text or text with a style of its own."""

    lines: Sequence[str | Text]
    style: str = ""


@dataclass(frozen=True)
class Rows:
    """A table; every row has a cell for each column, plain text or text with a style.

    Attributes:
        columns: names of the columns.
        rows: from top to bottom.
        numeric: positions of columns of numbers, which a terminal aligns at the right.
        is_narrow: whether a terminal shows it with less space between columns.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Text]]
    numeric: Sequence[int] = ()
    is_narrow: bool = False


@dataclass(frozen=True)
class Script:
    """Code with a title. A terminal shows the title only."""

    title: str
    code: str


# Makes the script that reproduces a case in an environment; None if there is no such script.
ScriptOf = Callable[[str, Mapping[str, str]], Script | None]


@dataclass(frozen=True)
class Collapsible:
    """Blocks that a file shows when the reader clicks their title."""

    title: str
    blocks: Sequence[Block]


Block = Heading | Lines | Rows | Script | Collapsible


def show(blocks: Sequence[Block], console: Console) -> None:
    """Print the blocks: in colour in a terminal, plain in a pipe."""
    for block in blocks:
        match block:
            case Heading(text):
                console.print(Text(f"\n{text}", style="bold"), soft_wrap=True)
            case Lines(lines, style):
                for line in lines:
                    console.print(Text(line, style=style) if isinstance(line, str) else line, soft_wrap=True)
            case Rows():
                show_table(_table(block), console)
            case Script(title):
                console.print(Text(title), soft_wrap=True)
            case _:
                show([Heading(block.title), *block.blocks], console)


def _table(rows: Rows) -> Table:
    table = Table(box=box.SIMPLE, collapse_padding=rows.is_narrow, pad_edge=not rows.is_narrow)
    for position, column in enumerate(rows.columns):
        table.add_column(column, overflow="fold", justify="right" if position in rows.numeric else "left")
    for row in rows.rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table
