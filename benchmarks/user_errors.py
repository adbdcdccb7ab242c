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


class UserError(click.ClickException):
    """An error that the user can correct: one message, and exit code 2."""

    exit_code = 2

    def show(self, file: Any = None) -> None:
        """In one line."""
        click.echo(f"error: {self.message}", err=True, file=file)


@contextmanager
def user_errors(output: Path | None = None) -> Iterator[None]:
    """Turn errors of unusable and of unwritable files into a `UserError`."""
    try:
        yield
    except (ResultsError, FileWriteError) as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(file_error_message("written", output or "a file", error)) from error


def write(path: Path, text: str) -> None:
    """Write a text to a file.

    Raises:
        UserError: it cannot be written.
    """
    with user_errors(path):
        write_text(text, path)
