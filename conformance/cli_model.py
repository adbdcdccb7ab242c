"""The command `model`: a user's own model file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click
from rich.console import Console

from conformance.adapters.base import AdapterStartError
from conformance.model_file.command import examine
from conformance.model_file.report import as_dict, show
from conformance.report import files
from lstm_ref import LSTMError

FAILED = 1
_INSTALLED = "installed"
_FILE = click.Path(dir_okay=False, path_type=Path)


def model_command(refuse: Callable[[str], NoReturn], console: Callable[[], Console]) -> click.Command:
    """The command, with the command line's own way of refusing and of printing."""

    @click.command(name="model")
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option("--from", "first", default=_INSTALLED, show_default=True, metavar="SPEC", help="Environment to run it in.")
    @click.option("--to", "second", metavar="SPEC", help="A second environment, which is compared with the first.")
    @click.option("--inputs", type=_FILE, help="Arrays to predict on (.npy, or .npz by the inputs' names), not random ones.")
    @click.option("--json", "json_file", type=_FILE, help="Write what was found as JSON.")
    def model(path: Path, first: str, second: str | None, inputs: Path | None, json_file: Path | None) -> None:
        """Verify every LSTM of a .keras or .h5 file with its own weights, and the whole model, in one environment or across two.

        The file is read without running any code of it, and loaded only if all that it names is known to be harmless. An
        environment is written as keras==3.15.1 --backend jax (in quotes), tf-keras==2.21.0, or the path of an interpreter.
        """
        try:
            report = examine(path, [first] if second is None else [first, second], inputs)
            show(report, console())
            if json_file is not None:
                files.write_text(json.dumps(as_dict(report), indent=1, allow_nan=False, ensure_ascii=False) + "\n", json_file)
        except (LSTMError, AdapterStartError) as error:
            refuse(str(error))
        except OSError as error:
            refuse(f"{error.filename} could not be written or read: {error.strerror}")
        sys.exit(0 if report.is_expected else FAILED)

    return model
