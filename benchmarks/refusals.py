"""What the commands of the benchmarks refuse: one message, without a traceback."""

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
    """What a user can mend: one message, and exit code 2."""

    exit_code = UNUSABLE

    def show(self, file: Any = None) -> None:
        """In one line."""
        click.echo(f"error: {self.message}", err=True, file=file)


@contextmanager
def refusals(written: Path | None = None) -> Iterator[None]:
    """What a user can mend becomes one message: a file that cannot be used, or that cannot be written."""
    try:
        yield
    except (ResultsError, FileWriteError) as error:
        raise Refusal(str(error)) from error
    except OSError as error:
        raise Refusal(file_error_message("written", written or "a file", error)) from error


def write(path: Path, text: str) -> None:
    """A text in a file.

    Raises:
        Refusal: it cannot be written.
    """
    with refusals(path):
        write_text(text, path)
