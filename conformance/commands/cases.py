"""`list` prints ids of cases; `explain` and `reproduce` show one."""

from __future__ import annotations

import sys

import click

from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.case import Case
from conformance.commands import options
from conformance.explain import View, explain
from conformance.known_differences import known_differences
from conformance.report.console import stdout
from conformance.reproduce import known_reproduction, reproduction
from conformance.reproduce import run as run_script


@click.command(name="list")
@options.cases
@options.seed
@options.level
def list_cases(patterns: tuple[str, ...], seed: int, level: str | None) -> None:
    """Print the ids of the documents' matrix, or of a level of the surface, one a line."""
    for case in options.chosen(level, seed, patterns):
        click.echo(case.id)


@click.command(name="explain")
@click.argument("case_id", metavar="CASE")
@options.backend
@click.option("--row", default=0, show_default=True, help="Row of the batch to show.")
@click.option("--unit", default=0, show_default=True, help="Unit to show.")
@click.option("--steps", default=3, show_default=True, help="First timesteps of each call to show, beside its last; 0 for all.")
def explain_case(case_id: str, backend: str, row: int, unit: int, steps: int) -> None:
    """Show a case's numbers step by step and gate by gate, reference beside Keras."""
    case, view = Case.from_id(case_id), View(row=row, unit=unit, steps=steps)
    view.check(case)
    adapter = KerasLayerAdapter(backend)
    adapter.start()
    explain(case, adapter, view, stdout())


@click.command()
@click.argument("case_id", metavar="CASE|DIFFERENCE")
@options.backend
@click.option("--run", "runs", is_flag=True, help="Run it, in a fresh interpreter, and exit as it does: 0 no difference, 1 one.")
def reproduce(case_id: str, backend: str, *, runs: bool) -> None:
    """Print a case, or a known difference, as a script of under 20 lines that needs only Keras and NumPy."""
    known = {entry.id: entry for entry in known_differences()}.get(case_id)
    if known is None:
        script = reproduction(Case.from_id(case_id), backend)
    else:
        script = known_reproduction(known, backend if backend in known.backends else known.backends[0])
    click.echo(script, nl=False)
    if runs:
        sys.stdout.flush()
        sys.exit(run_script(script))
