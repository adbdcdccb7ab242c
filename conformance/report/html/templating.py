"""Jinja2's environment for all templates. It escapes all values, and an undefined variable is an error."""

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
    """The anchor of an element: its name without white space and lone surrogates, which an address cannot contain."""
    return "_".join(name.split()).encode(errors="backslashreplace").decode()


ENVIRONMENT.filters["anchor"] = anchor


def source(name: str) -> str:
    """The text of a stylesheet or a script."""
    return (TEMPLATES / name).read_text(encoding="utf-8")
