"""Pages that commands write."""

from __future__ import annotations

from pathlib import Path

from conformance.report.files import write_text
from conformance.report.html.contents import Page
from conformance.report.html.page import render


def as_html(page: Page) -> str:
    """The whole file."""
    return render("report.html.jinja", styles=("report.css",), scripts=("report.js",), title=page.title, page=page)


def write_page(page: Page, path: Path) -> None:
    """The page in a file.

    Raises:
        FileWriteError: it cannot be written.
    """
    write_text(as_html(page), path)
