"""`reproduce` prints a case as a script."""

import sys

import click

from conformance import matrix
from conformance.commands import completion, options
from conformance.explaining.reproduce import known_reproduction, not_asserted, reproduction
from conformance.explaining.reproduce import run as run_script
from conformance.known.known_differences import known_differences
from conformance.system.lifetime import scratch_folder


@click.command()
@click.argument("case_id", metavar="CASE|DIFFERENCE", shell_complete=completion.reproducible)
@options.backend
@click.option(
    "--run",
    "runs",
    is_flag=True,
    help="Run the script in a new interpreter, and exit with its code: 0 no difference, 1 a difference.",
)
def reproduce(case_id: str, backend: str, *, runs: bool) -> None:
    """Print a case, or a known difference, as a script of under 30 lines that needs only Keras and NumPy.

    Exit codes: 0 it is printed, and with --run shows no difference, 1 it shows one with --run, 2 there is no such case or script,
    or it cannot run here.
    """
    entries = {entry.id: entry for entry in known_differences()}
    known = entries.get(case_id)
    if known is None:
        case = matrix.case_named(case_id, entries)
        script = reproduction(case, backend)
        if note := not_asserted(case, script):
            click.echo(f"{note}.", err=True)
    else:
        script = known_reproduction(known, backend if backend in known.backends else known.backends[0])
    click.echo(script, nl=False)
    if runs:
        sys.stdout.flush()
        with scratch_folder():
            sys.exit(run_script(script))
