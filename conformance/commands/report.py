"""`report` makes pages from JSON reports."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from conformance.claims.page import page_of as claims_page
from conformance.commands import options
from conformance.commands.scripts import script_of
from conformance.model_file.page import page_of as model_page
from conformance.report.documents import read
from conformance.report.html.contents import Page
from conformance.report.html.page import write_page
from conformance.report.html.verify import page_of as verify_page
from conformance.upgrade.history_page import page_of as history_page
from conformance.upgrade.page import page_of as upgrade_page
from lstm_ref import LSTMError


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--html", "html_file", type=options.FILE, required=True, help="Where the page goes: one file, for any browser.")
def report(files: Sequence[Path], html_file: Path) -> None:
    """Make a page from reports of --json; several runs of `verify` stand side by side on one page.

    FILE is what `verify`, `upgrade`, `history`, `model` or `claims` wrote with --json.

    Exit codes: 0 the page is written, 2 a file is no report, or cannot be read or written.
    """
    documents = [read(file, *_FORMATS) for file in files]
    if len(documents) > 1 and any(document["format"] != "verify" for document in documents):
        raise LSTMError(f"{', '.join(map(str, files))}: expected one report, or several of `verify`, as --json writes them")
    write_page(page_of(documents), html_file)


def page_of(documents: Sequence[Mapping[str, Any]]) -> Page:
    """The page of one document, or of several runs of `verify`."""
    match documents[0]["format"]:
        case "verify":
            return verify_page(documents, script_of)
        case "upgrade":
            return upgrade_page(documents[0])
        case "history":
            return history_page(documents[0]["backends"])
        case "model":
            return model_page(documents[0])
    return claims_page(documents[0])


_FORMATS = ("verify", "upgrade", "history", "model", "claims")
