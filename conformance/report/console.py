"""The console that results are printed to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from conformance.system.streams import in_encoding

# Wide enough for the tables when there is no terminal to ask.
PIPED_WIDTH = 110
# Columns that no table needs.
_ENDLESS = 100_000


class _Unread(Console):
    """One whose reader may leave before the end: what is still to be said is dropped, and the exit code is what was found."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader; the interpreter's own flush at its end has one in the null device."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout(piped_width: int = PIPED_WIDTH) -> Console:
    """Standard output: as wide as its terminal, or of a fixed width."""
    return _Unread() if sys.stdout.isatty() else _Unread(width=piped_width)


def show_table(table: Table, console: Console) -> None:
    """The table; a line for each row, with the names of its columns, where the terminal is too narrow for its longest words."""
    table = table if console.encoding.startswith("utf") else _spelled(table, console.encoding)
    if console.measure(table, options=console.options.update(max_width=_ENDLESS)).minimum <= console.width:
        console.print(table)
        return
    if table.title:
        console.print(table.title, highlight=False)
    names = [_text(column.header).plain.replace("\n", " ") for column in table.columns]
    for first, *cells in _rows(table):
        row = [Text.assemble(f"{name} ".lstrip(), cell) for name, cell in zip(names[1:], cells, strict=True) if cell.plain]
        console.print(Text.assemble(f"{names[0]} ".lstrip(), first, ": ") + Text(", ").join(row), soft_wrap=True)
    console.print()


def _spelled(table: Table, encoding: str) -> Table:
    """The table in characters that the encoding has: what is spelled may be wider."""
    copy = Table(box=table.box, title=table.title)
    for column in table.columns:
        header = in_encoding(_text(column.header).plain, encoding)
        copy.add_column(header, justify=column.justify, no_wrap=column.no_wrap, overflow=column.overflow)
    for row in _rows(table):
        copy.add_row(*(Text(in_encoding(cell.plain, encoding), cell.style) for cell in row))
    return copy


def _rows(table: Table) -> Iterator[tuple[Text, ...]]:
    """Its cells, as text."""
    cells = ([_text(cell) for cell in column.cells] for column in table.columns)
    return zip(*cells, strict=True)


def _text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else Text.from_markup(str(cell))
