"""What no schema can say of a document: lists that go together are of one length, and what is named is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# What a line of a picture holds at each of its places.
_ALONG = ("expected", "got", "errors")


def inconsistency(said: Mapping[str, Any]) -> str:
    """What does not fit first, and where, in a document that is as its schema says; empty where all does."""
    return next(_inconsistencies(said), "")


def _inconsistencies(said: Mapping[str, Any]) -> Iterator[str]:
    for where, picture in _pictures(said, "$"):
        sizes = {len(line[name]) for line in picture["lines"] for name in _ALONG}
        if sizes != {len(picture["places"])} or 0 in sizes or picture["worst"] not in {line["name"] for line in picture["lines"]}:
            yield f"{where}: expected lines as long as its places, one of them named as its worst"
    for backend, history in said.get("backends", {}).items():
        for kind in ("behaviours", "facts"):
            for number, row in enumerate(history[kind]):
                if len(row["cells"]) != len(history["versions"]):
                    yield f"$.backends.{backend}.{kind}[{number}].cells: expected one for each of the versions"
    for number, environment in enumerate(said.get("environments", [])):
        if len(environment["lstms"]) != len(said["lstms"]):
            yield f"$.environments[{number}].lstms: expected one for each LSTM of the file"


def _pictures(said: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(said, dict):
        for name, value in said.items():
            if name == "picture" and value is not None:
                yield f"{where}.picture", value
            else:
                yield from _pictures(value, f"{where}.{name}")
    elif isinstance(said, list):
        for number, value in enumerate(said):
            yield from _pictures(value, f"{where}[{number}]")
