"""A template and what it shows → the text of a page, and that text → a file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance.report.files import write_text
from lstm_ref import LSTMError


def render(name: str, /, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), **context: Any) -> str:
    """The page that a template of the folder makes.

    Args:
        name: of the template, which extends base.html.jinja.
        styles: names of stylesheets in the folder, after page.css.
        scripts: names of scripts in the folder, after page.js.
        context: what the template shows; every page has a `title`.
    """
    from conformance.report.html.templating import ENVIRONMENT, source  # noqa: PLC0415  # Jinja2 loads when a page is made

    code = [source(script) for script in ("page.js", *scripts)]
    looks = [source(style) for style in ("page.css", *styles)]
    return ENVIRONMENT.get_template(name).render(styles=looks, scripts=code, policy=_policy(code), **context)


def write(path: Path, text: str) -> None:
    """The file, whole or not at all.

    Raises:
        LSTMError: it cannot be written.
    """
    try:
        write_text(text, path)
    except OSError as error:
        raise LSTMError(f"{path} could not be written: {error.strerror}") from error


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is loaded, and no script runs that the page was not made with, whatever a string in it says."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}; base-uri 'none'; form-action 'none'"
