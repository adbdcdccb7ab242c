"""`model` verifies the LSTMs of a user's own model file."""

import sys
from functools import partial
from pathlib import Path

import click

from conformance.commands import completion, options
from conformance.commands.outputs import Outputs, outputs
from conformance.environments.adapter import EnvironmentAdapter
from conformance.model_file import text
from conformance.model_file.command import examine
from conformance.model_file.page import page_of
from conformance.model_file.report import as_dict
from conformance.report.console import stdout
from conformance.report.document import show
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.system.lifetime import scratch_folder


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "first",
    default="installed",
    show_default=True,
    metavar="SPEC",
    shell_complete=completion.environments,
    help="Environment to run it in.",
)
@click.option(
    "--to",
    "second",
    metavar="SPEC",
    shell_complete=completion.environments,
    help="A second environment, which is compared with the first.",
)
@click.option(
    "--inputs",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Arrays to predict on (.npy, or .npz by the inputs' names), not random ones.",
)
@click.option(
    "--time-limit", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds that one answer may take."
)
@outputs
@options.verbosity
@scratch_folder()
def model(
    *,
    path: Path,
    first: str,
    second: str | None,
    inputs: Path | None,
    time_limit: float,
    outputs: Outputs,
    verbosity: Verbosity,
) -> None:
    """Verify every LSTM of a .keras or .h5 file with its own weights, and the whole model, in one environment or across two.

    The file is read without running any code of it, and loaded only if all that it names is known to be harmless. An environment is
    written as "keras==3.15.1 --backend jax", tf-keras==2.21.0, or the path of an interpreter.

    Exit codes: 0 every LSTM is one of Keras' and nothing changes, 1 something differs, 2 the file cannot be read.
    """
    specs = [first] if second is None else [first, second]
    with Progress({}, unit="LSTMs", verbosity=verbosity) as progress:
        make = partial(EnvironmentAdapter, time_limit=time_limit)
        report = examine(path, specs, inputs, make=make, expect=progress.expect, finished=progress.finished)
    document = as_dict(report)
    try:
        outputs.write(document, lambda: text.summary(document), lambda: page_of(document))
    finally:
        show(text.page(document, verbosity), stdout())
    sys.exit(0 if report.is_expected else 1)
