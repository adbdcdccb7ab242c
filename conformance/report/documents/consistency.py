"""Rules for documents that a schema cannot express: lists that belong together have one length, and a name refers to an entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Lists of a line in a picture that have a value for each place.
_VALUES = ("expected", "got", "errors")


def inconsistency(document: Mapping[str, Any]) -> str:
    """The first inconsistency of a document that fits its schema, with its location; empty if there is none."""
    return next(_inconsistencies(document), "")


def _inconsistencies(document: Mapping[str, Any]) -> Iterator[str]:
    for where, picture in _pictures(document, "$"):
        sizes = {len(line[name]) for line in picture["lines"] for name in _VALUES}
        if sizes != {len(picture["places"])} or 0 in sizes or picture["worst"] not in {line["name"] for line in picture["lines"]}:
            yield f"{where}: expected lines as long as its places, one of them named as its worst"
    for backend, history in document.get("backends", {}).items():
        for kind in ("behaviours", "facts"):
            for number, row in enumerate(history[kind]):
                if len(row["cells"]) != len(history["versions"]):
                    yield f"$.backends.{backend}.{kind}[{number}].cells: expected one for each of the versions"
    for number, environment in enumerate(document.get("environments", [])):
        if len(environment["lstms"]) != len(document["lstms"]):
            yield f"$.environments[{number}].lstms: expected one for each LSTM of the file"


def _pictures(document: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "picture" and value is not None:
                yield f"{where}.picture", value
            else:
                yield from _pictures(value, f"{where}.{name}")
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from _pictures(value, f"{where}[{number}]")
