"""Which program it was: a digest of its files' contents, which tells an edited file under an unchanged version."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import lstm_ref

# Of what a program is made of; what a framework has compiled is known by its version.
_SUFFIXES = (".py", ".toml", ".txt")
_NO_SOURCE = ("__pycache__", "tests", "docs", "recordings")


def digest_of(path: Path) -> str:
    """Of a file, or of the sources in a folder, with their names; a compiled copy of one is none of them.

    Raises:
        OSError: a file cannot be read.
    """
    found = hashlib.sha256()
    for each in [path] if path.is_file() else _sources(path):
        name = each.relative_to(path).as_posix()
        content = each.read_bytes()
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()[:16]


def suite_digest() -> str:
    """Of this suite: cases, weights, inputs and σ come from it."""
    folders = (Path(__file__).parents[1], Path(str(lstm_ref.__file__)).parent)
    return hashlib.sha256("".join(map(digest_of, folders)).encode()).hexdigest()[:16]


def source_digests(source: Path | None) -> dict[str, str]:
    """What tells one run's programs from another's: the suite's and the implementation's; that of none is the suite's own."""
    return {"suite_files": suite_digest(), **({"implementation_files": digest_of(source)} if source else {})}


def _sources(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders).difference(_NO_SOURCE))
        yield from (Path(here) / name for name in sorted(names) if name.endswith(_SUFFIXES))
