"""`model` verifies the LSTMs of a user's own model file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from conformance.commands import pages
from conformance.model_file.command import examine
from conformance.model_file.page import page_of
from conformance.model_file.report import as_dict, show
from conformance.report.console import stdout
from conformance.report.files import write_text
from lstm_ref import LSTMError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--from", "first", default="installed", show_default=True, metavar="SPEC", help="Environment to run it in.")
@click.option("--to", "second", metavar="SPEC", help="A second environment, which is compared with the first.")
@click.option("--inputs", type=_FILE, help="Arrays to predict on (.npy, or .npz by the inputs' names), not random ones.")
@click.option("--json", "json_file", type=_FILE, help="Write what was found as JSON.")
@pages.option
def model(
    path: Path, *, first: str, second: str | None, inputs: Path | None, json_file: Path | None, html_file: Path | None
) -> None:
    """Verify every LSTM of a .keras or .h5 file with its own weights, and the whole model, in one environment or across two.

    The file is read without running any code of it, and loaded only if all that it names is known to be harmless. An environment is
    written as "keras==3.15.1 --backend jax", tf-keras==2.21.0, or the path of an interpreter.

    Exit codes: 0 every LSTM is one of Keras' and nothing changes, 1 something differs, 2 the file cannot be read.
    """
    try:
        report = examine(path, [first] if second is None else [first, second], inputs)
        show(report, stdout())
        if json_file is not None:
            write_text(json.dumps(as_dict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n", json_file)
        if html_file is not None:
            pages.write_page(page_of(as_dict(report)), html_file)
    except OSError as error:
        raise LSTMError(f"{error.filename} could not be written or read: {error.strerror}") from error
    sys.exit(0 if report.is_expected else 1)
