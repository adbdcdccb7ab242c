"""The pages that are looked at, each made as a user makes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from benchmarks.tests.documents import EXAMPLE


def _benchmarks(file: Path) -> None:
    """Of a run that holds every kind of verdict."""
    CliRunner().invoke(benchmarks, ["report", str(EXAMPLE), "--html", str(file)], catch_exceptions=False, standalone_mode=False)


PAGES: dict[str, Callable[[Path], None]] = {"benchmarks": _benchmarks}
