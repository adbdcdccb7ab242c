"""The known differences as a page, each with the script that shows it: `KNOWN_DIFFERENCES.md`, held by a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance.known_differences import Kind, KnownDifference
from conformance.reproduce import known_reproduction

PAGE = Path(__file__).with_name("KNOWN_DIFFERENCES.md")

_HEAD = """# Known differences of released Keras versions

Made by `lstm-conformance differences` from `known_differences.toml`. Each entry was seen in a run, on the versions given; a
run of the suite reports a case that shows one as KNOWN_DIFFERENCE, and one that no longer does as FIXED.
`lstm-conformance reproduce ID --run` runs an entry's script.
"""


def as_markdown(known: Sequence[KnownDifference]) -> str:
    """The page: an index by kind, then an entry each."""
    index = []
    for kind in Kind:
        entries = [entry for entry in known if entry.kind is kind]
        index += [f"\n**{kind.capitalize()}**\n", *(f"- [{entry.id}](#{entry.id}): {entry.summary}" for entry in entries)]
    return "\n".join([_HEAD, *index, *map(_entry, known)]) + "\n"


def _entry(entry: KnownDifference) -> str:
    versions = f"{entry.first}" if entry.first == entry.last else f"{entry.first} to {entry.last}"
    upstream = f" Upstream: <{entry.upstream}>." if entry.upstream else ""
    sometimes = f" A case may pass where {entry.sometimes}." if entry.sometimes else ""
    script = known_reproduction(entry, entry.backends[0]).rstrip()
    return (
        f"\n## {entry.id}\n\n{entry.summary[0].upper()}{entry.summary[1:]}.\n\n"
        f"{entry.kind.capitalize()}, on {', '.join(entry.backends)}; Keras {versions}, seen {entry.seen}. "
        f"{entry.reason}{upstream}{sometimes}\n"
        f"Minimal case: `{entry.evidence}`.\n\n```python\n{script}\n```"
    )
