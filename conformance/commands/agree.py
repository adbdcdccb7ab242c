"""`agree` compares the outputs of implementations with one another."""

import sys
from pathlib import Path

import click

from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.running.agreement import agree
from lstm_ref import LSTMError

FAILED = 1
# Number of cases without a comparison that the message names.
MOST_IDS = 3


@click.command(name="agree")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
def agree_pairwise(folders: tuple[Path, ...]) -> None:
    """Compare the outputs of implementations with one another, pair by pair (folders of `verify --keep`).

    Exit codes: 0 all pairs agree, or differ as is known, 1 some differ otherwise, 2 a folder cannot be compared.
    """
    if len(folders) < 2:
        raise LSTMError("agree compares two or more folders; make each with: lstm-conformance verify --backend NAME --keep FOLDER")
    for number, folder in enumerate(folders):
        if any(folder.samefile(other) for other in folders[:number]):
            raise LSTMError(f"{folder} is given twice: name each folder once")
    agreements = agree(folders)
    for agreement in agreements:
        names = " and ".join(agreement.names)
        if missing := len(agreement.not_compared):
            ids = ", ".join(agreement.not_compared[:MOST_IDS]) + ", …" * (missing > MOST_IDS)
            click.echo(f"{names}: {missing:,} cases are in one of the two folders only, so not compared: {ids}")
        agreeing = agreement.cases - len(agreement.differing) - len(agreement.known)
        click.echo(
            f"{names}: {agreeing:,} of {agreement.cases:,} cases agree (worst {agreement.worst:.2g} σ), "
            f"{len(agreement.known):,} differ as known"
        )
        for case_id, worst in agreement.differing:
            click.echo(f"  {case_id}: {worst:.3g} σ apart, limit {ELEMENT_LIMIT:g} σ of two runs")
    sys.exit(FAILED if any(agreement.differing for agreement in agreements) else 0)
