"""`environments` lists the environments, `record` records the answers of one."""

from contextlib import suppress
from pathlib import Path

import click

from conformance import matrix
from conformance.claims.cells import variants_of
from conformance.commands import completion, options
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.folders import cache
from conformance.environments.interpreters import UnavailableError, find_interpreter, version_of
from conformance.environments.recipes import Recipes, recipes
from conformance.environments.recording import FOLDER, Recording, read_recording, recording_path, write_recording
from conformance.judging.verdict import Verdict
from conformance.report.console import stdout
from conformance.report.document import Lines, Rows, show
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress, status_messages
from conformance.running.runner import run
from conformance.system.error_messages import file_error_message
from conformance.system.lifetime import scratch_folder
from lstm_ref import LSTMError

_WIDTH = 130


@click.command()
def environments() -> None:
    """List the environments for `verify --environment`, `upgrade`, `history` and `model`.

    An environment is a system and its version, as in keras==3.10.0, keras==2.2.4, tf-keras==2.21.0 or tensorflow==2.15.1, where
    ` --backend NAME` may follow; a TensorFlow cell; `installed`, the Keras of this interpreter; or the path of an interpreter.

    Exit codes: 0 they are listed, 2 a recipe or a recording cannot be read.
    """
    columns = ("system", "versions", "backends", "Python", "described as Keras 3 with")
    recorded = [f"recorded: {path.stem}, {read_recording(path).hello()['recorded']}" for path in sorted(FOLDER.glob("*.npz"))]
    kept = f"environments are kept in {cache()}; LSTM_CONFORMANCE_CACHE names another place"
    show([Rows(columns, _rows(recipes())), Lines([*recorded, kept])], stdout(_WIDTH))


def _rows(known: Recipes) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for lane in known.lanes:
        bases = [known.bases[name] for name in dict.fromkeys(lane.bases.values())]
        pythons = ", ".join(dict.fromkeys(_interpreter(base.python) for base in bases))
        rows.append((lane.system, str(lane.versions), ", ".join(lane.bases), pythons, ", ".join(lane.deviations)))
    return rows


def _interpreter(versions: tuple[str, ...]) -> str:
    try:
        return version_of(find_interpreter(versions))
    except UnavailableError:
        return f"needs {' or '.join(versions)}"


@click.command()
@click.argument("spec", shell_complete=completion.environments)
@click.option("--level", type=click.Choice(list(matrix.LEVELS)), default="features", show_default=True, help="Cases to record.")
@options.seed
@click.option("--describe-only", is_flag=True, help="Record only the description of the layer's interface, without cases.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="File.  [default: among the suite's own recordings]"
)
@options.verbosity
@scratch_folder()
def record(*, spec: str, level: str, seed: int, describe_only: bool, output: Path | None, verbosity: Verbosity) -> None:
    """Run all cases of a level in an environment and record the answers, for machines that cannot build it.

    A recording names the versions, the platform, the date and the command. A hash detects damage.

    Exit codes: 0 it is written, 2 the environment cannot be had, or the file not be written.
    """
    if output is not None and output.suffix != ".npz":
        raise LSTMError(f"--output {output}: a recording is a .npz file; write {output}.npz")
    adapter = EnvironmentAdapter(spec)
    with status_messages(verbosity) as print_message:
        adapter.prepare(print_message)
    try:
        environment = adapter.start()
        recorder = adapter.record()
        described = adapter.describe()
        cases = [] if describe_only else matrix.cases_for(described, matrix.surface(level, seed))
        with Progress({"": len(cases)}, doing="recording", verbosity=verbosity) as progress:
            progress.started(environment)
            for result in run(cases, adapter):
                if result.verdict is Verdict.UNRESOLVED:
                    raise LSTMError(f"nothing is recorded, since {result.case_id} has no answer: {result.reason}; record it again")
                if verbosity is Verbosity.VERBOSE:
                    progress.print_message(f"{result.case_id}  {result.seconds:.3f} s  {result.reason or 'answered'}")
                progress.advance("")
        for variant in () if describe_only else variants_of(spec):
            with suppress(LSTMError):  # the exception is recorded too
                variant.observe(adapter)
        path = output or recording_path(environment["environment"])
        _write(recorder.recording, path)
    finally:
        adapter.stop()
    click.echo(f"{path}: {len(cases):,} cases, {path.stat().st_size / 1024:.0f} KiB")


def _write(recording: Recording, path: Path) -> None:
    try:
        write_recording(recording, path)
    except OSError as error:
        raise LSTMError(file_error_message("written", path, error)) from error
