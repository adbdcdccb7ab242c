"""The known differences as a page of the documentation, each with its script; a test compares the page with this module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.explaining.reproduce import known_reproduction
from conformance.known.known_differences import Kind, KnownDifference

PAGE = Path(__file__).parents[1] / "docs" / "found" / "differences.md"

_HEAD = """# Known differences of released Keras versions

Made by `lstm-conformance differences` from `known_differences.toml`. Each entry was seen in a run, on the versions given; a
run of the suite reports a case that shows one as KNOWN_DIFFERENCE, and one that no longer does as FIXED.
`lstm-conformance reproduce ID --run` runs an entry's script.
"""

_EARLIER_HEAD = """
# Of earlier systems

From `earlier_differences.toml`: what they do otherwise than Keras 3 should, beyond their description. Each is shown by the
recording of an environment, or by that environment where it can be built.
"""

_PACKAGES = {"keras": "Keras", "tensorflow": "TensorFlow", "tf-keras": "tf-keras"}


def as_markdown(known: Sequence[KnownDifference], earlier: Sequence[KnownDifference] = ()) -> str:
    """The page: an index by kind, an entry for each difference, then the differences of earlier systems."""
    index = []
    for kind in Kind:
        entries = [entry for entry in known if entry.kind is kind]
        index += [f"\n**{kind.capitalize()}**\n", *(f"- [{entry.id}](#{entry.id}): {entry.summary}" for entry in entries)]
    scripts = ((entry, known_reproduction(entry, entry.backends[0]).rstrip()) for entry in known)
    described = [f"{_entry_text(entry)}\n\n```python\n{script}\n```" for entry, script in scripts]
    behind = [_EARLIER_HEAD, *map(_earlier_entry, earlier)] if earlier else []
    return "\n".join([_HEAD, *index, *described, *behind]) + "\n"


def _earlier_entry(entry: KnownDifference) -> str:
    backend = f" --backend {entry.backends[0]}" if entry.package == "keras" else ""
    command = f"lstm-conformance verify --environment '{entry.package}=={entry.last}{backend}' --case {entry.evidence}"
    return f"{_entry_text(entry)}\n\n```console\n$ {command}\n```"


def _entry_text(entry: KnownDifference) -> str:
    versions = f"{entry.first}" if entry.first == entry.last else f"{entry.first} to {entry.last}"
    upstream = f" Upstream: <{entry.upstream}>." if entry.upstream else ""
    unheld = f" Its size is left open: {entry.unheld}." if entry.unheld else ""
    sometimes = f" A case may pass where {entry.sometimes}." if entry.sometimes else ""
    return (
        f"\n## {entry.id}\n\n{entry.summary[0].upper()}{entry.summary[1:]}.\n\n"
        f"{entry.kind.capitalize()}, on {', '.join(entry.backends)}; {_PACKAGES[entry.package]} {versions}, seen {entry.seen}. "
        f"{entry.reason}{upstream}{sometimes}{unheld}\n"
        f"Minimal case: `{entry.evidence}`."
    )
