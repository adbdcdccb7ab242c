"""Errors that the commands of the benchmarks report in one line, without a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from benchmarks.results import ResultsError
from conformance.report.files import FileWriteError, write_text
from conformance.system.error_messages import file_error_message

UNUSABLE = 2


class Refusal(click.ClickException):
    """An error that the user can correct: one message, and exit code 2."""

    exit_code = UNUSABLE

    def show(self, file: Any = None) -> None:
        """In one line."""
        click.echo(f"error: {self.message}", err=True, file=file)


@contextmanager
def refusals(written: Path | None = None) -> Iterator[None]:
    """Turn errors of unusable and of unwritable files into a `Refusal`."""
    try:
        yield
    except (ResultsError, FileWriteError) as error:
        raise Refusal(str(error)) from error
    except OSError as error:
        raise Refusal(file_error_message("written", written or "a file", error)) from error


def write(path: Path, text: str) -> None:
    """Write a text to a file.

    Raises:
        Refusal: it cannot be written.
    """
    with refusals(path):
        write_text(text, path)
