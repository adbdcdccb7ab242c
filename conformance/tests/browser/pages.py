"""The pages that are looked at, each made as a user makes it; nothing that they show needs a framework."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
from click.testing import CliRunner

from benchmarks.__main__ import main as benchmarks
from benchmarks.tests.documents import EXAMPLE
from conformance.cli import main
from conformance.explaining.walkthrough.example import Example
from conformance.explaining.walkthrough.page import page
from conformance.report.files import write_text
from conformance.tests.support import pages

# A mistake that most of the surface does not show: of 89 cases 14 fail, one of them for a reason of its own.
MISTAKEN = ("verify", "--level", "features", "--deviation", "mask_ignored", "--workers", "1", "--no-reduce")


def _run(command: click.Command, *arguments: str | Path) -> None:
    CliRunner().invoke(command, [*map(str, arguments)], catch_exceptions=False)


def _benchmarks(file: Path) -> None:
    """Of a run that holds every kind of verdict."""
    _run(benchmarks, "report", EXAMPLE, "--html", file)


def _mistaken(file: Path) -> None:
    """Of a run of `verify` on the reference with a mistake."""
    _run(main, *MISTAKEN, "--html", file)


def _reported(make: Callable[[], Any], copies: int, file: Path) -> None:
    """Of what a command's --json holds, by `report`; of several copies, side by side."""
    stored = [file.with_suffix(f".{copy}.json") for copy in range(copies)]
    for each in stored:
        each.write_text(json.dumps(make()), encoding="utf-8")
    _run(main, "report", *stored, "--html", file)


def _explain(file: Path) -> None:
    """Of three units."""
    write_text(page(Example()), file)


def _verify() -> Any:
    return pages.verify_report().as_parsed_json()


PAGES: Mapping[str, Callable[[Path], None]] = MappingProxyType(
    {
        "benchmarks": _benchmarks,
        "verify": partial(_reported, _verify, 1),
        "verify, a mistake": _mistaken,
        "verify, side by side": partial(_reported, _verify, 2),
        "verify, hostile": partial(_reported, lambda: pages.made_hostile(pages.as_parsed_json(_verify())), 1),
        "upgrade": partial(_reported, pages.upgrade_said, 1),
        "history": partial(_reported, pages.history_said, 1),
        "model": partial(_reported, pages.model_said, 1),
        "claims": partial(_reported, pages.claims_said, 1),
        "explain": _explain,
    }
)
