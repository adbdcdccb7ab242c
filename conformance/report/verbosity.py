"""How much a command prints."""

from enum import Enum


class Verbosity(Enum):
    """How much a command prints.

    `--quiet` prints no progress, and of the report only what is not as expected, and the last line. `--verbose` prints each result
    when its case has finished, and the whole environment.
    """

    QUIET = "quiet"
    NORMAL = "normal"
    VERBOSE = "verbose"
