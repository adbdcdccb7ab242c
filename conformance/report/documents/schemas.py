"""The schemas, and the first fields of a document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

# Each format, and the command that writes it.
FORMATS: Mapping[str, str] = {
    "verify": "lstm-conformance verify --json FILE",
    "upgrade": "lstm-conformance upgrade FROM TO --json FILE",
    "history": "lstm-conformance history --json FILE",
    "model": "lstm-conformance model MODEL --json FILE",
    "claims": "lstm-conformance claims --json FILE",
    "observations": "lstm-conformance verify --keep FOLDER",
    "baseline": "lstm-conformance upgrade FROM TO --baseline FILE --write-baseline",
}

_PARTS = "parts"


@cache
def schema(name: str) -> Mapping[str, Any]:
    """The complete schema of a format. Its definitions include the shared parts, under the address that it refers to."""
    own = _read(name)
    return {**own, "$defs": {**own.get("$defs", {}), _PARTS: _read(_PARTS)}}


def version(name: str) -> int:
    """The version of a format that this suite writes and reads."""
    number: int = schema(name)["properties"]["format_version"]["const"]
    return number


def as_document(name: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """A document of that format for JSON."""
    document: dict[str, Any] = without_infinity({"format": name, "format_version": version(name), **content})
    return document


def without_infinity(value: Any) -> Any:
    """The value for JSON: tuples become lists, infinity and NaN become their names."""
    if isinstance(value, dict):
        return {key: without_infinity(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_infinity(item) for item in value]
    return str(float(value)) if isinstance(value, float) and not math.isfinite(value) else value


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((files(__package__) / f"{name}.schema.json").read_text(encoding="utf-8"))
    return content
