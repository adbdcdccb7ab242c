"""Makes a page from a template and its variables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any


def render(name: str, /, *, styles: Sequence[str] = (), scripts: Sequence[str] = (), **context: Any) -> str:
    """The page of a template.

    Args:
        name: of the template, which extends base.html.jinja.
        styles: names of stylesheets in the folder, after page.css.
        scripts: names of scripts in the folder, after page.js.
        context: variables of the template; every page has a `title`.
    """
    from conformance.report.html.templating import ENVIRONMENT, source  # noqa: PLC0415  # Jinja2 is imported only when a page is made

    code = [source(script) for script in ("page.js", *scripts)]
    stylesheets = [source(style) for style in ("page.css", *styles)]
    return ENVIRONMENT.get_template(name).render(styles=stylesheets, scripts=code, policy=_policy(code), **context)


def _policy(scripts: Sequence[str]) -> str:
    """The content security policy: nothing is loaded, and only these scripts run, so that text in the page cannot run."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {hashes}; base-uri 'none'; form-action 'none'"
