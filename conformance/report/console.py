"""The console for results."""

import os
import sys
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from conformance.system.streams import in_encoding

# Width of the output when there is no terminal. It is enough for the tables.
PIPED_WIDTH = 110
# A width that is larger than any table needs.
_UNLIMITED_WIDTH = 100_000


class _PipeConsole(Console):
    """A console whose reader may close the pipe. The rest of the output is dropped, and the exit code does not change."""

    def on_broken_pipe(self) -> None:
        """Continue without output. The interpreter's flush at its end goes to the null device."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout(piped_width: int = PIPED_WIDTH) -> Console:
    """Standard output, as wide as the terminal, or of a fixed width in a pipe."""
    return _PipeConsole(width=None if sys.stdout.isatty() else piped_width)


def show_table(table: Table, console: Console) -> None:
    """Print the table. If the terminal is too narrow for it, print a line for each row, with the names of the columns."""
    table = table if console.encoding.startswith("utf") else _spelled(table, console.encoding)
    if console.measure(table, options=console.options.update(max_width=_UNLIMITED_WIDTH)).minimum <= console.width:
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
    """The table in the characters of the encoding. A replacement may be wider than its character."""
    copy = Table(box=table.box, title=table.title)
    for column in table.columns:
        header = in_encoding(_text(column.header).plain, encoding)
        copy.add_column(header, justify=column.justify, no_wrap=column.no_wrap, overflow=column.overflow)
    for row in _rows(table):
        copy.add_row(*(Text(in_encoding(cell.plain, encoding), cell.style) for cell in row))
    return copy


def _rows(table: Table) -> Iterator[tuple[Text, ...]]:
    """The cells of each row as text."""
    cells = ([_text(cell) for cell in column.cells] for column in table.columns)
    return zip(*cells, strict=True)


def _text(cell: RenderableType) -> Text:
    return cell if isinstance(cell, Text) else Text.from_markup(str(cell))
