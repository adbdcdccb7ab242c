"""Reports as files: JSON and JUnit XML, written whole or not at all; into a pipe, a device or what a link leads to, as they come.

What cannot be written raises FileWriteError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.report import junit
from conformance.report.model import Report, as_json
from conformance.system.error_messages import file_error_message
from conformance.system.lifetime import atomic_write
from lstm_ref import LSTMError


class FileWriteError(LSTMError):
    """A file that was asked for could not be written; the message says which, why, and what to do."""


def write_files(*asked: tuple[Path | None, Callable[[Path], None]]) -> None:
    """The files that were asked for; one that cannot be written keeps none of the others from it.

    Raises:
        FileWriteError: of all that cannot.
    """
    unwritten = []
    for path, write in asked:
        try:
            if path is not None:
                write(path)
        except FileWriteError as error:
            unwritten.append(str(error))
    if unwritten:
        raise FileWriteError("; ".join(unwritten))


def write_json(report: Report, path: Path) -> None:
    """The whole report, result by result."""
    write_document(report.as_dict(), path)


def write_document(said: Mapping[str, Any], path: Path) -> None:
    """A document for machines, part by part: thousands of results are never held as text."""

    def write(file: str) -> None:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as written:
            json.dump(said, written, indent=1, allow_nan=False, ensure_ascii=False, default=as_json)
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
    _write_atomically(path, lambda file: Path(file).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n"))


def _write_atomically(path: Path, write: Callable[[str], object]) -> None:
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout, say: a file must not take its place
            write(str(path))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            write(str(file))
    except OSError as error:
        raise FileWriteError(file_error_message("written", path, error)) from error
