"""One case, step by step and gate by gate: the reference beside Keras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.adapters.keras.steps import CellStep, observe_steps
from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.explaining.walkthrough.values import CallTrace, trace
from conformance.judging.checks import Evidence, judge
from conformance.judging.verdict import CheckResult
from conformance.reference.tolerance import UNIT_ROUNDOFF
from conformance.report.console import show_table
from lstm_ref import GATE_ORDER, LSTM, LSTMError, State
from lstm_ref.cell import Gates


@dataclass(frozen=True, kw_only=True)
class View:
    """The part of a run that is shown: one row of the batch, one unit, the first timesteps of each call (0 = all) and its last."""

    row: int = 0
    unit: int = 0
    steps: int = 3

    def check(self, named: str, *, batch: int, units: int) -> None:
        """Check that the case or layer `named` has this row, unit and number of steps.

        Raises:
            LSTMError: it does not; the message has the possible values.
        """
        for name, value, size in (("row", self.row, batch), ("unit", self.unit, units)):
            if not 0 <= value < size:
                raise LSTMError(f"{named} has {size} {name}s, 0 to {size - 1}; got {name} {value}")
        if self.steps < 0:
            raise LSTMError(f"steps must be 0 (all) or more; got {self.steps}")

    def timesteps(self, length: int) -> list[int]:
        """The timesteps to show of a call of that length."""
        return list(range(length)) if not self.steps or self.steps >= length else [*range(self.steps), length - 1]


def explain(case: Case, adapter: KerasLayerAdapter, view: View, console: Console) -> None:
    """Print the case's numbers; the adapter must be started.

    Raises:
        LSTMError: the case has no such row or unit, or is not plain.
    """
    view.check(case.id, batch=case.batch, units=case.config.units)
    if not case.is_plain or case.returns_loss:
        raise LSTMError(f"explain shows forward runs from zeros by the standard equations, and {case.id} is none")
    stimulus = draw([case])
    observed = adapter.observe(case, stimulus)
    cell_calls = observe_steps(adapter, case, stimulus)
    lstm = LSTM(case.config, stimulus.weights)
    state = lstm.zero_state(case.batch)
    _show_head(case, observed, console)
    for number, (call, returned, cell_steps) in enumerate(zip(case.calls, observed.calls, cell_calls, strict=True), 1):
        after_reset = ", after a reset" if call.after_reset else ""
        console.rule(f"call {number}: timesteps {call.start + 1} to {call.stop} of the stimulus{after_reset}", align="left")
        inputs = stimulus.inputs_of(case, call).astype(case.precision).astype(np.float64)
        traced = trace(lstm, inputs, lstm.zero_state(case.batch) if call.after_reset else state)
        for t in view.timesteps(call.stop - call.start):
            show_table(_table(case, view, t, traced, keras_step=cell_steps[t], lstm=lstm), console)
        state = State(hidden=traced.after.hidden[:, -1], cell=traced.after.cell[:, -1])
        _show_returned(returned, state, view, console)
    _show_checks(judge(Evidence(case=case, stimulus=stimulus, observed=observed)), console)


def _show_head(case: Case, observed: Observation, console: Console) -> None:
    config = case.config
    returned = f"({case.batch}, {case.timesteps}, {config.units})" if config.return_sequences else f"({case.batch}, {config.units})"
    console.print(f"[bold]{case.id}[/bold]", highlight=False)
    layer = f"LSTM(units={config.units}, return_sequences={config.return_sequences}, stateful={config.stateful})"
    inputs = f"({case.batch}, {case.timesteps}, {case.input_dim})"
    formula = f"4 × ({case.input_dim} + {config.units} + 1) × {config.units}"
    for line in (
        f"{layer} on inputs {inputs}: outputs {returned}, states ({case.batch}, {config.units}) each",
        f"{observed.parameter_count:,} parameters = {formula}, run as {observed.path}",
        "gate = recurrent_activation(x·W + h·U + b), candidate = activation(x·W + h·U + b)",
        "c' = f c + i candidate, h' = o activation(c'); reference in float64, Keras' cell in " + case.precision,
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _table(case: Case, view: View, t: int, traced: CallTrace, *, keras_step: CellStep, lstm: LSTM) -> Table:
    """Timestep `t`, from 0: a line per gate with its summands, then both states."""
    title = f"timestep {t + 1}, row {view.row}, unit {view.unit}"
    table = table_of_numbers(title, "", "x·W", "h·U", "b", "reference", "Keras", "off by")
    at, now = (view.row, view.unit), (view.row, t, view.unit)
    for gate, name in zip(GATE_ORDER, Gates._fields, strict=True):
        W, U, b = lstm.weights.gate(gate)
        parts = ((traced.inputs @ W)[now], (traced.before.hidden @ U)[now], 0.0 if b is None else b[view.unit])
        values = _side_by_side(getattr(traced.gates, name)[now], keras_step.gates[name][at], case.precision)
        table.add_row(name, *(f"{part:+.6f}" for part in parts), *values)
    for name, reference, keras in (("c'", traced.after.cell, keras_step.cell), ("h'", traced.after.hidden, keras_step.hidden)):
        table.add_row(name, "", "", "", *_side_by_side(reference[now], keras[at], case.precision), style="bold")
    return table


def table_of_numbers(title: str, first: str, *columns: str) -> Table:
    """An empty table, with columns of numbers after the first one."""
    return Table(first, *(Column(name, justify="right") for name in columns), title=title, box=box.SIMPLE, title_justify="left")


def _side_by_side(reference: float, keras: float, precision: str) -> tuple[str, str, str]:
    """Both values, and their difference in units in the last place of the reference: 2u |reference|."""
    ulp = 2 * UNIT_ROUNDOFF[precision] * abs(reference)
    return (
        f"{reference:+.9f}",
        f"{keras:+.9f}",
        f"{abs(keras - reference) / ulp:.1f} ulp" if ulp else f"{abs(keras - reference):.1e}",
    )


def _show_returned(returned: CallObservation, state: State, view: View, console: Console) -> None:
    at = (view.row, view.unit)
    console.print(
        f"keras.layers.LSTM returned h = {returned.hidden[at]:+.9f} (reference {state.hidden[at]:+.9f}), "
        f"c = {returned.cell[at]:+.9f} (reference {state.cell[at]:+.9f})",
        highlight=False,
        soft_wrap=True,
    )


def _show_checks(results: Sequence[CheckResult], console: Console) -> None:
    console.rule("checks, over all rows, units and timesteps", align="left")
    for result in results:
        numbers = "" if result.worst is None else f" worst {result.worst:.2f} σ, rms {result.rms:.2f} σ of {result.size:,} numbers"
        console.print(
            f"{result.verdict} {result.check}{numbers} {escape(result.message)}".rstrip(), highlight=False, soft_wrap=True
        )
