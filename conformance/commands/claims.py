"""`claims` settles the documents' statements, and asks their systems whether they are as described."""

from __future__ import annotations

import collections
import difflib
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from conformance.claims import CLAIMS, SYSTEMS, Claim, Settled, plot_accuracy, settle, text
from conformance.claims.page import page_of
from conformance.claims.verification import environments_of, verify_live, verify_recorded
from conformance.commands import options, pages
from conformance.report.console import stdout
from conformance.report.files import write_text
from lstm_ref import LSTMError

FAILED = 1

DRAWN_CLAIM = "fewer-units-suffice"


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--json", "json_file", type=options.FILE, help="Write verdicts and evidence as JSON.")
@pages.option
@click.option(
    "--plot", "plot_file", type=options.FILE, help="Draw accuracy against units (claim fewer-units-suffice) as PNG or SVG."
)
@click.option("--live", is_flag=True, help="Ask the systems' environments, which are built, in place of their recordings.")
def claims(ids: tuple[str, ...], json_file: Path | None, html_file: Path | None, plot_file: Path | None, live: bool) -> None:
    """Settle the documents' statements by running them, and show the evidence.

    Without ids, the systems that the documents name are asked too: whether each behaves as Keras 3 with the deviations that
    describe it.
    """
    chosen = _chosen(ids)
    if plot_file and DRAWN_CLAIM not in {claim.id for claim in chosen}:
        raise LSTMError(f"--plot draws the claim {DRAWN_CLAIM}: name it among the ids")
    if live and ids:
        raise LSTMError("--live asks the systems that the documents name, which is done without ids only: leave one of both out")
    console, settled = stdout(), []
    for outcome in settle(chosen):
        text.render(outcome, console)
        settled.append(outcome)
    unexplained = 0 if ids else _ask_systems(settled, console, live=live)
    counts = collections.Counter(outcome.outcome for outcome in settled)
    console.print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()), style="bold", highlight=False)
    for outcome in settled:
        if plot_file and outcome.claim.id == DRAWN_CLAIM and outcome.finding:
            plot_accuracy(outcome.finding, plot_file)
    said = [text.as_json(outcome) for outcome in settled]
    if json_file:
        _write(json_file, partial(write_text, json.dumps(said, indent=1, ensure_ascii=False) + "\n"))
    if html_file:
        _write(html_file, partial(pages.write_page, page_of(said)))
    sys.exit(0 if all(outcome.as_expected for outcome in settled) and not unexplained else FAILED)


def _chosen(ids: Sequence[str]) -> list[Claim]:
    known = {claim.id: claim for claim in CLAIMS}
    for claim_id in ids:
        if claim_id not in known:
            near = difflib.get_close_matches(claim_id, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of: {', '.join(known)}"
            raise LSTMError(f"unknown claim {claim_id!r}; {hint}")
    return [known[claim_id] for claim_id in ids] or list(CLAIMS)


def _ask_systems(settled: Sequence[Settled], console: Console, *, live: bool) -> int:
    """Print what came of the systems; the number of cases that their descriptions do not explain."""
    specs = environments_of(SYSTEMS)
    verified = verify_live(specs, partial(click.echo, err=True)) if live else verify_recorded(specs)
    text.render_systems(SYSTEMS, {outcome.claim.id: outcome.outcome for outcome in settled}, verified, console)
    return sum(len(each.unexplained) for each in verified)


def _write(file: Path, write: Callable[[Path], None]) -> None:
    try:
        write(file)
    except OSError as error:
        raise LSTMError(f"{file} could not be written: {error.strerror}") from error
