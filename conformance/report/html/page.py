"""Makes pages from templates."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from conformance.report.files import write_text
from conformance.report.html.contents import Page
from conformance.report.style import SYMBOL

TEMPLATES = Path(__file__).with_name("templates")


def render(name: str, /, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), **context: Any) -> str:
    """The page of a template.

    Args:
        name: of the template, which extends base.html.jinja.
        styles: names of stylesheets in the folder, after page.css.
        scripts: names of scripts in the folder, after page.js.
        context: variables of the template; every page has a `title`.
    """
    stylesheets, code = (
        [(TEMPLATES / source).read_text(encoding="utf-8") for source in sources]
        for sources in (("page.css", *styles), ("page.js", *scripts))
    )
    return str(_environment().get_template(name).render(styles=stylesheets, scripts=code, policy=_policy(code), **context))


def as_html(page: Page) -> str:
    """The text of a page of results."""
    return render("report.html.jinja", styles=("report.css",), scripts=("report.js",), title=page.title, page=page)


def write_page(page: Page, path: Path) -> None:
    """Write a page of results to a file.

    Raises:
        FileWriteError: the file cannot be written.
    """
    write_text(as_html(page), path)


@cache
def _environment() -> Any:
    """Jinja2's environment for all templates. It escapes all values, and an undefined variable is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  # imported only when a page is made

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals["SYMBOL"] = {verdict.value: symbol for verdict, symbol in SYMBOL.items()}
    # The anchor of an element: its name without white space and lone surrogates, which an address cannot contain.
    environment.filters["anchor"] = lambda name: "_".join(name.split()).encode(errors="backslashreplace").decode()
    return environment


def _policy(scripts: Sequence[str]) -> str:
    """The content security policy: nothing is loaded, and only these scripts run, so that text in the page cannot run."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}; base-uri 'none'; form-action 'none'"
