"""Writes HTML pages."""

from __future__ import annotations

from pathlib import Path

from conformance.report.files import write_text
from conformance.report.html.contents import Page
from conformance.report.html.page import render


def as_html(page: Page) -> str:
    """The text of the page."""
    return render("report.html.jinja", styles=("report.css",), scripts=("report.js",), title=page.title, page=page)


def write_page(page: Page, path: Path) -> None:
    """Write the page to a file.

    Raises:
        FileWriteError: the file cannot be written.
    """
    write_text(as_html(page), path)
