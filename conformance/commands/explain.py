"""`explain` shows the numbers of a case."""

from __future__ import annotations

import click

from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.case import Case
from conformance.commands import options
from conformance.explain import View, explain
from conformance.report.console import stdout


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
