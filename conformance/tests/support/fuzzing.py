"""Documents and files that are changed at random, and the only two outcomes that are allowed: an answer, or one of our errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import tomli_w
from hypothesis import strategies as st

from lstm_ref import LSTMError

# Examples of each property in the ordinary run; a longer search raises it.
EXAMPLES = 25

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [0, -1, 2**63, 10**400, 1e308, float("nan"), float("inf"), "", "nan", "\x00", "\ud800", "../x", "PASS", "verify"]
    )
    | st.floats()
    | st.text(max_size=20)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=6
)


def places(said: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a document can be changed: every key and position, outside in."""
    inner = said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ()
    found = [(*at, key) for key, _ in inner]
    return found + [place for key, value in inner for place in places(value, (*at, key))]


@st.composite
def changed(draw_from: st.DrawFn, said: Any) -> Any:
    """The document with up to three of its parts lost, doubled, or something else."""
    said = json.loads(json.dumps(said))
    for _ in range(draw_from(st.integers(1, 3))):
        if not (there := places(said)):
            break
        *way, key = draw_from(st.sampled_from(there))
        part = said
        for step in way:
            part = part[step]
        match draw_from(st.sampled_from(["lose", "replace", "double", "nest"])):
            case "lose":
                del part[key]
            case "replace":
                part[key] = draw_from(VALUES)
            case "double":
                part[key] = [part[key], part[key]]
            case "nest":
                part[key] = {str(key): part[key]}
    return said


@st.composite
def damaged(draw_from: st.DrawFn, content: bytes) -> bytes:
    """The file with some bytes changed, cut off, or more of them."""
    for _ in range(draw_from(st.integers(1, 4))):
        at = draw_from(st.integers(0, max(0, len(content) - 1)))
        match draw_from(st.sampled_from(["cut", "change", "insert", "lose"])):
            case "cut":
                content = content[:at]
            case "change":
                content = content[:at] + draw_from(st.binary(min_size=1, max_size=4)) + content[at + 1 :]
            case "insert":
                content = content[:at] + draw_from(st.binary(max_size=8)) + content[at:]
            case "lose":
                content = content[:at] + content[at + draw_from(st.integers(1, 40)) :]
    return content


def written(said: Any) -> bytes:
    """As JSON, what Python takes for it among it."""
    return json.dumps(said).encode("utf-8", "surrogatepass")


def toml(said: Any) -> bytes:
    """As TOML, where it has such values, else as JSON."""
    try:
        return tomli_w.dumps(said).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError):
        return written(said)


def refused(attempt: Callable[[], Any], own: type[LSTMError] = LSTMError) -> Any:
    """What is found, or nothing where one of our own errors says why not."""
    try:
        return attempt()
    except LSTMError as error:
        if not isinstance(error, own) or not str(error):
            raise
        return None
