"""Jinja2's environment for all templates: what they show is escaped, and a name that is not given is an error."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from conformance.report.style import SYMBOL

TEMPLATES = Path(__file__).with_name("templates")

ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.globals["SYMBOL"] = {verdict.value: symbol for verdict, symbol in SYMBOL.items()}


def anchor(name: str) -> str:
    """What an element is linked by: a name without what no address can hold, white space and halves of surrogate pairs."""
    return "_".join(name.split()).encode(errors="backslashreplace").decode()


ENVIRONMENT.filters["anchor"] = anchor


def source(name: str) -> str:
    """A stylesheet or script of the folder, as it stands in a page."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
