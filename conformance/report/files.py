"""Reports as files: JSON and JUnit XML, written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from conformance.report import junit
from conformance.report.model import Report, as_json


def write_json(report: Report, path: Path) -> None:
    """The whole report, result by result: thousands of them are never held as text."""

    def write(file: str) -> None:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace") as written:
            json.dump(report.as_dict(), written, indent=1, allow_nan=False, ensure_ascii=False, default=as_json)
            written.write("\n")

    _write_atomically(path, write)


def write_junit(report: Report, path: Path) -> None:
    """As CI services read it; case by case, likewise."""

    def write(file: str) -> None:
        with Path(file).open("wb") as written:
            junit.write(report, written)

    _write_atomically(path, write)


def write_text(text: str, path: Path) -> None:
    """Any text, in UTF-8; half a surrogate pair, which is none, becomes its escape, which in JSON stands for it."""
    _write_atomically(path, lambda file: Path(file).write_text(text, encoding="utf-8", errors="backslashreplace"))


def _write_atomically(path: Path, write: Callable[[str], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        write(str(unfinished))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
