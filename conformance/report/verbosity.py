"""How much a command says."""

from __future__ import annotations

from enum import Enum


class Verbosity(Enum):
    """How much a command says.

    `--quiet`: no progress, and of the report what is not as expected, and its last line. `--verbose`: each result as it comes, and
    all of what ran.
    """

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"
