"""Configuration of Sphinx: `sphinx-build -W --keep-going conformance/docs FOLDER`. The build uses no network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

from conformance.docs.tables import tables
from conformance.explaining.walkthrough.example import Example
from conformance.explaining.walkthrough.page import page
from conformance.report.files import write_text

project = "keras-lstm-conformance"
author = "the keras-lstm-conformance developers"
copyright = f"{author}, Apache-2.0"  # noqa: A001  # Sphinx' own word
release = version = metadata.version(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
exclude_patterns = ["examples"]

# Docstrings have names and code in single backticks. They become links if there is such an object, else code.
default_role = "py:obj"
smartquotes = False  # h' is no quotation
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    # Not documented here: the standard library, dependencies, type aliases, type variables.
    ("py:class", r"(_pytest|abc|click|collections|concurrent|enum|numpy|np|packaging|pathlib|pytest|rich|types|typing)\..*"),
    ("py:class", r"Any|Array|Callable|Draws|Iterable|Iterator|Mapping|Masks|Path|Sequence|StrEnum|Value|Version|optional"),
    ("py:class", r"(conformance|lstm_ref)\..*\.(Any[A-Z]\w+|[A-Z]\w+Type)|(dict|tuple)\[.*"),
    ("py:exc", r"(click|pytest)\..*"),
    # Base classes and types in signatures that come from modules without documentation.
    ("py:class", r"lstm_ref\.composite\._Parts"),
    ("py:class", r"conformance\.(report\.document\.Script|report\.html\.contents\.Page|adapters\.protocol\.Answer)"),
]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

myst_enable_extensions = ["deflist", "substitution"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Is it a Keras LSTM?"
html_copy_source = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "friendly", "monokai"

# Files of the repository that are pages here.
PAGES = {
    "conformance/adapters/worker/PROTOCOL.md": "/extend/protocol.md",
    "PROTOCOL.md": "/extend/protocol.md",
}


def make_tables(_app: Any, config: Any) -> None:
    """Make the tables when a build starts, since some of them need runs."""
    config.myst_substitutions = tables()


def link_to_pages(_app: Any, _path: Path, _parent: str, content: list[str]) -> None:
    """Change links to files in included text to links to their pages. Files without a page become code."""

    def new_link(link: re.Match[str]) -> str:
        text, target = link.groups()
        return f"[{text}]({PAGES[target]})" if target in PAGES else f"`{text}`"

    content[0] = re.sub(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)", new_link, content[0])


# Replaces a colon, which napoleon would read as the end of a type.
COLON = "\uf000"


def prepare_docstring(_app: Any, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Prepare a docstring for napoleon: escape bars, protect colons in properties, and show attributes as arguments."""
    if what in ("attribute", "property") and lines:
        lines[0] = lines[0].replace(":", COLON)
    prepared = ("Args:" if line == "Attributes:" else _without_links_of_suffixes(_without_substitutions(line)) for line in lines)
    lines[:] = [line for is_table, block in groupby(prepared, _is_row) for line in (_table(block) if is_table else block)]


def restore_colons(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Restore the colons after napoleon."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def escape_asterisks(_app: Any, _context: Any, lines: list[str]) -> None:
    """Escape single asterisks in the help of a command. sphinx-click writes double ones itself."""
    lines[:] = [re.sub(r"(?<!\*)\*(?!\*)", r"\\*", line) for line in lines]


def hide_protocol_signature(_app: Any, _what: str, _name: str, described: Any, *_: Any) -> tuple[str, None] | None:
    """Hide the signature of a protocol, which has no constructor."""
    return ("", None) if getattr(described, "_is_protocol", False) else None


def _is_row(line: str) -> bool:
    return line.startswith("|") and line.endswith("|")


def _table(rows: Iterable[str]) -> list[str]:
    """A table of Markdown in reStructuredText. The second row of the input is the rule."""
    heads, _, *others = (f"   {row.strip('|')}" for row in rows)
    return [".. csv-table::", "   :delim: |", "   :header-rows: 1", "", heads, *others]


def _without_substitutions(line: str) -> str:
    if _is_row(line):
        return line
    return "`".join(part if odd % 2 else part.replace("|", r"\|") for odd, part in enumerate(line.split("`")))


def _without_links_of_suffixes(line: str) -> str:
    """Mark a suffix such as `.keras` as code, since Sphinx would link it to any attribute `keras`."""
    return re.sub(r"(?<!`)`(\.\w+)`(?!`)", r"``\1``", line)


def write_walkthrough(app: Any, error: Exception | None) -> None:
    """Write the interactive page about units beside the other pages."""
    if error is None:
        write_text(page(Example()), Path(app.outdir) / "units.html")


def setup(app: Any) -> None:
    """Connect the functions of this file. The priority of napoleon is 500."""
    app.connect("config-inited", make_tables)
    app.connect("build-finished", write_walkthrough)
    app.connect("include-read", link_to_pages)
    app.connect("autodoc-process-docstring", prepare_docstring, priority=400)
    app.connect("autodoc-process-docstring", restore_colons, priority=600)
    app.connect("autodoc-process-signature", hide_protocol_signature)
    app.connect("sphinx-click-process-description", escape_asterisks)
    app.connect("sphinx-click-process-options", escape_asterisks)
