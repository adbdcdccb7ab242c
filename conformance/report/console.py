"""The console that results are printed to."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.table import Table

# Wide enough for the tables when there is no terminal to ask.
PIPED_WIDTH = 110


class _Unread(Console):
    """One whose reader may leave before the end: what is still to be said is dropped, and the exit code is what was found."""

    def on_broken_pipe(self) -> None:
        """Go on without a reader; the interpreter's own flush at its end has one in the null device."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout(piped_width: int = PIPED_WIDTH) -> Console:
    """Standard output: as wide as its terminal, or of a fixed width."""
    return _Unread() if sys.stdout.isatty() else _Unread(width=piped_width)


def folded(table: Table) -> Table:
    """The table; its cells go on in the next line where the terminal is too narrow for them, and none is cut."""
    for column in table.columns:
        column.overflow, column.no_wrap = "fold", False
    return table
