"""`claims` runs the documents' statements, and verifies the descriptions of the systems that they name."""

import difflib
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console

from conformance import matrix
from conformance.claims import CLAIMS, SYSTEMS, Claim, ClaimResult, plot_accuracy, run_claims, text
from conformance.claims.docstrings import DOCSTRING_CLAIMS, DOCUMENTS, DocstringCoverage, coverage
from conformance.claims.measure import MissingFrameworkError
from conformance.claims.model import ClaimVerdict
from conformance.claims.page import page_of
from conformance.claims.verification import LEVEL, SystemResult, environments_of, verify_live, verify_recorded
from conformance.commands import completion, options
from conformance.commands.outputs import Outputs, outputs
from conformance.report.console import stdout
from conformance.report.documents import as_document
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.system.lifetime import scratch_folder
from lstm_ref import LSTMError

FAILED = 1

PLOTTED_CLAIM = "fewer-units-suffice"
PLOT_SUFFIXES = (".png", ".svg", ".pdf")


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...", shell_complete=completion.claims)
@outputs
@click.option(
    "--plot", "plot_file", type=options.FILE, help="Draw accuracy against units (claim fewer-units-suffice) as PNG or SVG."
)
@click.option("--live", is_flag=True, help="Ask the systems' environments, which are built, in place of their recordings.")
@options.verbosity
@scratch_folder()
def claims(
    *,
    ids: tuple[str, ...],
    outputs: Outputs,
    plot_file: Path | None,
    live: bool,
    verbosity: Verbosity,
) -> None:
    """Settle the documents' statements by running them, and show the evidence.

    The documents are four pages and the docstrings of LSTM, LSTMCell, RNN, Bidirectional, StackedRNNCells, TimeDistributed and
    Masking. The name of a docstring stands for the ids of all of its sentences. Without ids, the command also says which sentences
    of the installed Keras are new or changed and not tested, and verifies the systems that the pages name: whether each behaves as
    Keras 3 with the deviations that describe it.

    Exit codes: 0 every verdict, and every system, is as expected, 1 some are not, 2 wrong usage, or a file cannot be written.
    """
    chosen = _selected_claims(ids)
    if plot_file and PLOTTED_CLAIM not in {claim.id for claim in chosen}:
        raise LSTMError(f"--plot draws the claim {PLOTTED_CLAIM}: name it among the ids")
    if plot_file and plot_file.suffix not in PLOT_SUFFIXES:
        raise LSTMError(f"--plot {plot_file}: its suffix says the format; expected one of {', '.join(PLOT_SUFFIXES)}")
    if live and ids:
        raise LSTMError("--live asks the systems that the documents name, which is done without ids only: leave one of both out")
    console = stdout()
    docstrings = [] if ids else _coverage()
    gone = {(docstring.document, sentence) for docstring in docstrings for sentence in docstring.gone}
    chosen = [claim for claim in chosen if not all((document, claim.statement) in gone for document in claim.documents)]
    settled = _settle_and_print(chosen, console, verbosity, whole=bool(ids))
    verified = [] if ids else _verify_systems(settled, console, verbosity, live=live)
    for line in text.coverage_lines(docstrings):
        console.print(line, highlight=False, soft_wrap=True)
    summary = "; ".join(filter(None, [text.outcome_counts(settled), text.recorded_note(verified)]))
    console.print(f"\n{summary}", style="bold", highlight=False, soft_wrap=True)
    drawn = [outcome.finding for outcome in settled if outcome.claim.id == PLOTTED_CLAIM and outcome.finding]
    systems = [text.system_as_json(system) for system in verified]
    parts = {
        "claims": [text.as_json(outcome) for outcome in settled],
        "systems": systems,
        "docstrings": [text.coverage_as_json(docstring) for docstring in docstrings],
    }
    document = as_document("claims", parts)
    plot = (plot_file if drawn else None, lambda path: plot_accuracy(drawn[0], path))
    outputs.write(document, lambda: list(text.blocks_of(settled, verified, docstrings)), lambda: page_of(document), plot)
    sys.exit(0 if text.all_expected(settled, verified) else FAILED)


def _coverage() -> list[DocstringCoverage]:
    """The docstrings of the installed Keras; none where no claim can run, which each claim says."""
    try:
        return coverage()
    except MissingFrameworkError:
        return []


def _settle_and_print(chosen: Sequence[Claim], console: Console, verbosity: Verbosity, *, whole: bool) -> list[ClaimResult]:
    """Settle the claims, and print each outcome at once; of sentences that hold without their evidence, unless `whole`."""
    settled = []
    with Progress({"": len(chosen)}, doing="settling", unit="claims", verbosity=verbosity) as progress:
        progress.started({})
        for outcome in run_claims(chosen):
            if verbosity is not Verbosity.QUIET or not outcome.as_expected:
                with progress.paused():
                    short = outcome.claim in DOCSTRING_CLAIMS and outcome.as_expected and outcome.outcome == ClaimVerdict.HOLDS
                    text.render(outcome, console, verbosity, evidence=whole or not short)
            progress.advance("")
            settled.append(outcome)
    return settled


def _selected_claims(ids: Sequence[str]) -> list[Claim]:
    """The claims of these ids and documents, in their order; all claims if there are none."""
    claims = [*CLAIMS, *DOCSTRING_CLAIMS]
    named = {claim.id: [claim] for claim in claims}
    named |= {document: [claim for claim in claims if document in claim.documents] for document in DOCUMENTS}
    for claim_id in ids:
        if claim_id not in named:
            near = difflib.get_close_matches(claim_id, named, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of: {', '.join(named)}"
            raise LSTMError(f"unknown claim {claim_id!r}; {hint}")
    return list(dict.fromkeys(claim for claim_id in ids for claim in named[claim_id])) or claims


def _verify_systems(settled: Sequence[ClaimResult], console: Console, verbosity: Verbosity, *, live: bool) -> list[SystemResult]:
    """Verify the systems, and print the results."""
    specs = environments_of(SYSTEMS)
    verified = _verify_live(specs, verbosity) if live else verify_recorded(specs)
    if verbosity is not Verbosity.QUIET or any(system.unexplained for system in verified):
        text.render_systems(SYSTEMS, {outcome.claim.id: outcome.outcome for outcome in settled}, verified, console)
    return verified


def _verify_live(specs: Sequence[str], verbosity: Verbosity) -> list[SystemResult]:
    """Run the systems' cases, with a common progress. Cases that a system does not support do not count as finished."""
    cases = len(matrix.surface(LEVEL))
    with Progress(dict.fromkeys(specs, cases), verbosity=verbosity) as progress:
        progress.started({"implementation": "systems"})
        return verify_live(specs, progress.print_message, progress.finished)
