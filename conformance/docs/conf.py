"""How Sphinx builds the documentation: `sphinx-build -W --keep-going conformance/docs FOLDER`; nothing is asked of a network."""

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

# Docstrings say names and code between single backticks: a link where there is such an object, else code.
default_role = "py:obj"
smartquotes = False  # h' is no quotation
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    # What is not documented here: the standard library and what the suite depends on, aliases of types, type variables.
    ("py:class", r"(_pytest|click|collections|concurrent|enum|numpy|np|packaging|pathlib|pytest|rich|types|typing)\..*"),
    ("py:class", r"Any|Array|Callable|Draws|Iterable|Iterator|Mapping|Masks|Path|Sequence|StrEnum|Value|Version|optional"),
    ("py:class", r"conformance\..*\.Any[A-Z]\w+|(dict|tuple)\[.*"),
    # What is inherited from, and what a signature names, of modules that are not documented.
    ("py:class", r"lstm_ref\.composite\._Parts|conformance\.report\.document\.Script"),
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
    """Of runs, some of them: not before a page is to be made."""
    config.myst_substitutions = tables()


def link_to_pages(_app: Any, _path: Path, _parent: str, content: list[str]) -> None:
    """In what is included of the repository, let links to files lead to their pages; files that have none are named."""

    def linked(link: re.Match[str]) -> str:
        text, target = link.groups()
        return f"[{text}]({PAGES[target]})" if target in PAGES else f"`{text}`"

    content[0] = re.sub(r"\[([^\]]+)\]\((?!https?:|#)([^)]+)\)", linked, content[0])


# What napoleon would take for the end of a type.
COLON = "\uf000"


def as_written(_app: Any, what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """A bar in a docstring is that of an absolute value, a colon in a property's sentence is one, attributes are what is given."""
    if what in ("attribute", "property") and lines:
        lines[0] = lines[0].replace(":", COLON)
    read = ("Args:" if line == "Attributes:" else _without_links_of_suffixes(_without_substitutions(line)) for line in lines)
    lines[:] = [said for is_table, block in groupby(read, _is_row) for said in (_table(block) if is_table else block)]


def with_colons(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Undo the first half of what was done for napoleon."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def plain(_app: Any, _context: Any, lines: list[str]) -> None:
    """An asterisk in a command's help is one; two are what sphinx-click itself has written."""
    lines[:] = [re.sub(r"(?<!\*)\*(?!\*)", r"\\*", line) for line in lines]


def unmade(_app: Any, _what: str, _name: str, described: Any, *_: Any) -> tuple[str, None] | None:
    """Nothing makes a protocol, which takes no arguments then."""
    return ("", None) if getattr(described, "_is_protocol", False) else None


def _is_row(line: str) -> bool:
    return line.startswith("|") and line.endswith("|")


def _table(rows: Iterable[str]) -> list[str]:
    """A table in Markdown, whose second row is its rule, as reStructuredText has it."""
    heads, _, *others = (f"   {row.strip('|')}" for row in rows)
    return [".. csv-table::", "   :delim: |", "   :header-rows: 1", "", heads, *others]


def _without_substitutions(line: str) -> str:
    if _is_row(line):
        return line
    return "`".join(part if odd % 2 else part.replace("|", r"\|") for odd, part in enumerate(line.split("`")))


def _without_links_of_suffixes(line: str) -> str:
    """`.keras` is the end of a file's name: as a link it would mean every attribute `keras` that there is."""
    return re.sub(r"(?<!`)`(\.\w+)`(?!`)", r"``\1``", line)


def write_walkthrough(app: Any, error: Exception | None) -> None:
    """Beside the pages, the one whose sliders show what units are."""
    if error is None:
        write_text(page(Example()), Path(app.outdir) / "units.html")


def setup(app: Any) -> None:
    """Connect what this file defines; napoleon's own priority is 500."""
    app.connect("config-inited", make_tables)
    app.connect("build-finished", write_walkthrough)
    app.connect("include-read", link_to_pages)
    app.connect("autodoc-process-docstring", as_written, priority=400)
    app.connect("autodoc-process-docstring", with_colons, priority=600)
    app.connect("autodoc-process-signature", unmade)
    app.connect("sphinx-click-process-description", plain)
    app.connect("sphinx-click-process-options", plain)
