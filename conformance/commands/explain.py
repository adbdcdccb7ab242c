"""`explain` shows the numbers of a case."""

from __future__ import annotations

import click

from conformance import matrix
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.commands import completion, options
from conformance.explain import View, explain
from conformance.report.console import stdout


@click.command(name="explain")
@click.argument("case_id", metavar="CASE", shell_complete=completion.cases)
@options.backend
@click.option("--row", default=0, show_default=True, help="Row of the batch to show.")
@click.option("--unit", default=0, show_default=True, help="Unit to show.")
@click.option("--steps", default=3, show_default=True, help="First timesteps of each call to show, beside its last; 0 for all.")
def explain_case(case_id: str, backend: str, row: int, unit: int, steps: int) -> None:
    """Show a case's numbers step by step and gate by gate, reference beside Keras.

    Exit codes: 0 they are shown, 2 there is no such case, row, unit or backend.
    """
    case, view = matrix.named(case_id), View(row=row, unit=unit, steps=steps)
    view.check(case)
    adapter = KerasLayerAdapter(backend)
    adapter.start()
    explain(case, adapter, view, stdout())
