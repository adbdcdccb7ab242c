"""The console that results are printed to."""

from __future__ import annotations

import sys

from rich.console import Console

# Wide enough for the tables when there is no terminal to ask.
PIPED_WIDTH = 110


def stdout(piped_width: int = PIPED_WIDTH) -> Console:
    """Standard output: as wide as its terminal, or of a fixed width."""
    return Console() if sys.stdout.isatty() else Console(width=piped_width)
