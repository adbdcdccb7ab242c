"""`explain` shows the parts of a layer, or the numbers of a case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from conformance import matrix
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.commands import completion, options
from conformance.commands.scripts import script_of
from conformance.explaining.explain import View, explain
from conformance.explaining.walkthrough import text
from conformance.explaining.walkthrough.example import DEFAULTS, LARGEST, MEANINGS, Example
from conformance.report.console import stdout
from conformance.report.files import write_text
from conformance.system.lifetime import scratch_folder
from lstm_ref import LSTMError


def _layer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the layer. An option that is not given is None."""
    for flag in ("stateful", "go_backwards", "return_state", "return_sequences"):
        command = click.option(_dashed(flag), flag, is_flag=True, default=None, help=f"{flag}=True.")(command)
    command = click.option("--no-bias", "use_bias", flag_value=False, default=None, type=bool, help="use_bias=False.")(command)
    for name, meaning in reversed(list(MEANINGS.items())):
        text = f"{meaning.capitalize()}. [1 to {LARGEST[name]}; default: {DEFAULTS[name]}]"
        command = click.option(_dashed(name), name, type=int, metavar="N", help=text)(command)
    return command


def _dashed(name: str) -> str:
    return "--no-bias" if name == "use_bias" else "--" + name.replace("_", "-")


@click.command(name="explain")
@click.argument("case_id", metavar="[CASE]", required=False, shell_complete=completion.cases)
@_layer_options
@click.option("--seed", type=int, metavar="N", help="Seed of the layer's weights and inputs. [default: 0]")
@click.option("--html", "html_file", type=options.FILE, help="Write a page with sliders, which opens on this layer.")
@options.backend
@click.option("--row", default=0, show_default=True, help="Row of the batch to show.")
@click.option("--unit", default=0, show_default=True, help="Unit to show.")
@click.option("--steps", default=3, show_default=True, help="First timesteps of each call to show, beside its last; 0 for all.")
def explain_case(
    *, case_id: str | None, html_file: Path | None, backend: str, row: int, unit: int, steps: int, **layer: Any
) -> None:
    """Show the parts and sizes of a layer, or the numbers of a CASE, reference beside Keras.

    Without CASE: the shapes, the weights and their number, the timesteps, and values of the reference, for a layer of these sizes.
    --html writes an interactive page with sliders.

    With CASE: the numbers of the case for each timestep and gate. --backend applies only here, the layer's options do not.

    Exit codes: 0 it is shown, 2 there is no such case, row, unit, size or backend, or the page cannot be written.
    """
    given = {name: value for name, value in layer.items() if value is not None}
    view = View(row=row, unit=unit, steps=steps)
    if case_id is None:
        _show_layer(Example(**given), view, html_file)
        return
    if given or html_file:
        names = ", ".join([*(_dashed(name) for name in given), *["--html"] * bool(html_file)])
        raise LSTMError(f"the case {case_id} defines its layer: leave out {names}, or the case")
    case = matrix.case_named(case_id)
    view.check(case.id, batch=case.batch, units=case.config.units)
    if not case.is_plain or case.returns_loss:
        script = script_of(case.id, {"keras": "3.", "backend": backend})
        step = script.title if script else f"by its verdict: lstm-conformance verify --case {case.id} --backend {backend}"
        raise LSTMError(f"explain shows forward runs from zeros by the standard equations, and this case is none; {step}")
    adapter = KerasLayerAdapter(backend)
    with scratch_folder():
        adapter.start()
        explain(case, adapter, view, stdout())


def _show_layer(example: Example, view: View, html_file: Path | None) -> None:
    text.render(example, view, stdout())
    if html_file:
        from conformance.explaining.walkthrough.page import page  # noqa: PLC0415  # imported only to make a page

        write_text(page(example), html_file)
