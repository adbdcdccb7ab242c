"""`deviations` prints the kill matrix, `sensitivity` the smallest error that the tolerances detect."""

import sys
from dataclasses import replace

import click

from conformance import matrix
from conformance.cases.case import Case
from conformance.commands import options
from conformance.judging.verdict import Result
from conformance.report.console import show_table, stdout
from conformance.report.verbosity import Verbosity
from conformance.running.kill_matrix import WIDTH, affected_cases, blind_cases, kill_matrix
from conformance.running.kill_matrix import render as render_kills
from conformance.running.progress import Progress, with_progress
from conformance.running.runner import families
from conformance.running.sensitivity import detections
from conformance.running.sensitivity import render as render_detections
from conformance.system.lifetime import scratch_folder
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FAILED = 1


@click.command()
@options.cases
@options.seed
@options.level
@options.verbosity
@scratch_folder()
def deviations(patterns: tuple[str, ...], seed: int, level: str | None, verbosity: Verbosity) -> None:
    """List the mistakes that the suite can name, and which check rejects each (the kill matrix).

    The command fails if a case accepts a mistake that can show in it, and the mistake has no recorded reason to stay hidden.
    Default: --case 'u2-d2-t6-b3*'.

    Exit codes: 0 no case is blind, 1 some are, 2 wrong usage.
    """
    selected = options.selected_cases(level, seed, patterns or (() if level else ("u2-d2-t6-b3*",)))
    cases = [case for case in selected if isinstance(case, Case)]
    if not cases:
        raise LSTMError("deviations are tried on cases, and only probes were chosen; name a case, as `list` prints them")
    tries = sum(len(affected_cases(name, cases)) for name in DEVIATIONS)
    with Progress({"": tries}, doing="trying mistakes", verbosity=verbosity) as progress:
        progress.started({})

        def show_result(name: str, result: Result) -> None:
            progress.finished(replace(result, case_id=f"{name} on {result.case_id}", group=""))

        kills = kill_matrix(cases, tuple(DEVIATIONS), show_result)
    console = stdout(WIDTH)
    if verbosity is not Verbosity.QUIET:
        show_table(render_kills(kills), console)
        for deviation in DEVIATIONS.values():
            console.print(f"{deviation.name}: {deviation.summary}", highlight=False, markup=False, soft_wrap=True)
    blind = blind_cases(kills)
    for case_id, names in blind.items():
        console.print(f"{case_id} is blind to {', '.join(names)}", highlight=False, soft_wrap=True)
    summary = f"{len(DEVIATIONS)} mistakes on {len(cases):,} cases, {tries:,} runs: {len(blind):,} cases are blind"
    console.print(summary, highlight=False, soft_wrap=True)
    sys.exit(FAILED if blind else 0)


@click.command()
@options.cases
@options.seed
@options.verbosity
@scratch_folder()
def sensitivity(patterns: tuple[str, ...], seed: int, verbosity: Verbosity) -> None:
    """Show how small an error the tolerances detect: the share of cases that reject it, and the result of the pooled tests.

    The reference in float32 gets a relative error in one operation at a time. Default: --case '*-t28-b32-seq-s*'.

    Exit codes: 0 it is shown, 2 wrong usage.
    """
    cases = matrix.select(list(matrix.documents_matrix(seed)), patterns or ("*-t28-b32-seq-s*",))
    groups = with_progress(families(cases), doing="trying errors", unit="sets of weights", verbosity=verbosity)
    show_table(render_detections(detections(groups)), stdout())
