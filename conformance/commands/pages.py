"""Pages that commands write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from conformance.case import Case
from conformance.commands import options
from conformance.report.files import write_text
from conformance.report.html.contents import Page
from conformance.report.html.page import render
from conformance.reproduce import reproduction
from lstm_ref import LSTMError

option = click.option("--html", "html_file", type=options.FILE, help="Write the report as a page: one file, for any browser.")


def as_html(page: Page) -> str:
    """The whole file."""
    return render("report.html.jinja", styles=("report.css",), scripts=("report.js",), title=page.title, page=page)


def write_page(page: Page, path: Path) -> None:
    """The page in a file.

    Raises:
        OSError: it cannot be written.
    """
    write_text(as_html(page), path)


def script_of(case_id: str, environment: Mapping[str, str]) -> str:
    """The script that shows a case in an environment.

    Raises:
        LSTMError: it has no Keras 3, or the case has no script.
    """
    if not environment.get("keras", "").startswith("3.") or "backend" not in environment:
        raise LSTMError("scripts are made for Keras 3 only")
    return reproduction(Case.from_id(case_id), environment["backend"])
