"""The pages that are looked at, each made as a user makes it; nothing that they show needs a framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from benchmarks.tests.documents import EXAMPLE
from conformance.cli import main
from conformance.walkthrough.example import Example
from conformance.walkthrough.page import page

# A mistake that most of the surface does not show: of 89 cases 14 fail, one of them for a reason of its own.
MISTAKEN = ("verify", "--level", "quick", "--deviation", "mask_ignored", "--workers", "1", "--no-reduce")
OTHER = ("verify", "--level", "quick", "--deviation", "last_step_skipped", "--workers", "1", "--no-reduce", "--case", "*mask*")


def _run(command: click.Command, *arguments: str | Path) -> None:
    CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


def _benchmarks(file: Path) -> None:
    """Of a run that holds every kind of verdict."""
    _run(benchmarks, "report", EXAMPLE, "--html", file)


def _verify(file: Path) -> None:
    """Of one implementation."""
    _run(main, *MISTAKEN, "--html", file)


def _side_by_side(file: Path) -> None:
    """Of two."""
    reports = [file.with_suffix(f".{number}.json") for number in (1, 2)]
    for arguments, report in zip((MISTAKEN, OTHER), reports, strict=True):
        _run(main, *arguments, "--json", report)
    _run(main, "report", *reports, "--html", file)


def _upgrade(file: Path) -> None:
    """Of two versions that are recorded."""
    versions: Sequence[str] = ("keras==1.2.2 --backend theano", "keras==2.2.4 --backend theano")
    _run(main, "upgrade", *versions, "--case", "u3-d2-t5-b4-seq-*mask*", "--html", file)


def _explain(file: Path) -> None:
    """Of three units."""
    file.write_text(page(Example()), encoding="utf-8")


PAGES: dict[str, Callable[[Path], None]] = {
    "benchmarks": _benchmarks,
    "verify": _verify,
    "side-by-side": _side_by_side,
    "upgrade": _upgrade,
    "explain": _explain,
}
