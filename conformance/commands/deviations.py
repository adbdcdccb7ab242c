"""`deviations` is the kill matrix; `sensitivity` says how small an error is seen."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import track

from conformance import matrix
from conformance.case import Case
from conformance.commands import options
from conformance.kill_matrix import WIDTH, blind_cases, kill_matrix
from conformance.kill_matrix import render as render_kills
from conformance.report.console import stdout
from conformance.runner import families
from conformance.sensitivity import detections
from conformance.sensitivity import render as render_detections
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FAILED = 1


@click.command()
@options.cases
@options.seed
@options.level
def deviations(patterns: tuple[str, ...], seed: int, level: str | None) -> None:
    """List the mistakes that the suite can name, and which check rejects each (the kill matrix).

    Fails if a case accepts a mistake that can show in it, and that does not say why it may hide. Default: --case 'u2-d2-t6-b3*'.
    """
    chosen = options.chosen(level, seed, patterns or (() if level else ("u2-d2-t6-b3*",)))
    cases = [case for case in chosen if isinstance(case, Case)]
    if not cases:
        raise LSTMError("deviations are tried on cases, and only probes were chosen; name a case, as `list` prints them")
    progress = Console(stderr=True)
    kills = kill_matrix(cases, track(list(DEVIATIONS), "mistakes tried", console=progress, disable=not progress.is_terminal))
    console = stdout(WIDTH)
    console.print(render_kills(kills))
    for deviation in DEVIATIONS.values():
        console.print(f"{deviation.name}: {deviation.summary}", highlight=False, markup=False, soft_wrap=True)
    blind = blind_cases(kills)
    for case_id, names in blind.items():
        console.print(f"{case_id} is blind to {', '.join(names)}", highlight=False, soft_wrap=True)
    sys.exit(FAILED if blind else 0)


@click.command()
@options.cases
@options.seed
def sensitivity(patterns: tuple[str, ...], seed: int) -> None:
    """Show how small an error the tolerances see: the share of cases that reject it alone, and whether all do together.

    A relative error is put into one operation at a time of the reference in float32. Default: --case '*-t28-b32-seq-s*'.
    """
    cases = matrix.select(list(matrix.documents_matrix(seed)), patterns or ("*-t28-b32-seq-s*",))
    progress = Console(stderr=True)
    shown = track(families(cases), "sets of weights", console=progress, disable=not progress.is_terminal)
    stdout().print(render_detections(detections(shown)))
