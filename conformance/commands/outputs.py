"""The files that reports are written to: the options `--json`, `--markdown` and `--html`."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from conformance.commands import options
from conformance.report import files
from conformance.report.document import Block
from conformance.report.html.contents import Page
from conformance.report.html.page import write_page
from conformance.report.markdown import as_markdown


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """The files that the user has named; None for the others."""

    json: Path | None
    markdown: Path | None
    html: Path | None

    def write(
        self,
        document: Mapping[str, Any],
        blocks: Callable[[], Sequence[Block]],
        page: Callable[[], Page],
        *further: tuple[Path | None, Callable[[Path], None]],
    ) -> None:
        """Write the files: the document as JSON, its blocks as Markdown, its page, and further files.

        Raises:
            FileWriteError: a file could not be written; the others are.
        """
        files.write_files(
            (self.json, functools.partial(files.write_document, document)),
            (self.markdown, lambda path: files.write_text(as_markdown(blocks()), path)),
            (self.html, lambda path: write_page(page(), path)),
            *further,
        )


def outputs(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--json`, `--markdown` and `--html`. The command receives them as one argument, `outputs`."""

    @click.option("--json", type=options.FILE, help="Write the report as JSON.")
    @click.option("--markdown", type=options.FILE, help="Write the report as Markdown, short enough for a CI summary.")
    @click.option("--html", type=options.FILE, help="Write the report as a page: one file, for any browser.")
    @functools.wraps(command)
    def with_outputs(*, json: Path | None, markdown: Path | None, html: Path | None, **arguments: Any) -> Any:
        return command(outputs=Outputs(json=json, markdown=markdown, html=html), **arguments)

    return with_outputs
