"""Writes reports to files: JSON, JUnit XML and text.

A file is written completely or not at all. Output to a pipe, a device or a link is written directly.
A file that cannot be written raises FileWriteError.
"""

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
    """A file could not be written. The message names the file, the reason and the next step."""


def write_files(*outputs: tuple[Path | None, Callable[[Path], None]]) -> None:
    """Write each output that has a path. An error in one does not prevent the others.

    Raises:
        FileWriteError: for all files that could not be written.
    """
    errors = []
    for path, write in outputs:
        try:
            if path is not None:
                write(path)
        except FileWriteError as error:
            errors.append(str(error))
    if errors:
        raise FileWriteError("; ".join(errors))


def write_json(report: Report, path: Path) -> None:
    """Write the report as JSON."""
    write_document(report.as_dict(), path)


def write_document(document: Mapping[str, Any], path: Path) -> None:
    """Write a document as JSON, in parts, so that the whole text is never in memory."""

    def write(file: str) -> None:
        with Path(file).open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            json.dump(document, stream, indent=1, allow_nan=False, ensure_ascii=False, default=as_json)
            stream.write("\n")

    write_atomically(path, write)


def write_junit(report: Report, path: Path) -> None:
    """Write the report as JUnit XML, for CI services."""

    def write(file: str) -> None:
        with Path(file).open("wb") as stream:
            junit.write(report, stream)

    write_atomically(path, write)


def write_text(text: str, path: Path) -> None:
    """Write a text in UTF-8. A lone surrogate becomes its escape sequence."""
    write_atomically(path, lambda file: Path(file).write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n"))


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Write a file with a function of the name that it has until it is complete."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout, for example, must not be replaced
            write(str(path))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            write(str(file))
    except OSError as error:
        raise FileWriteError(file_error_message("written", path, error)) from error
