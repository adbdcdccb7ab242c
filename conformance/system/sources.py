"""Identifies a program by a digest of its files. An edited file changes the digest even if the version stays the same."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import lstm_ref

# Suffixes of source files. The version of a framework identifies its compiled files.
_SUFFIXES = (".py", ".toml", ".txt")
_NO_SOURCE = ("__pycache__", "tests", "docs", "recordings")


def digest_of(path: Path) -> str:
    """Return the digest of a file, or of the names and contents of the source files in a folder, without compiled copies.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else _sources(path):
        name = file.relative_to(path).as_posix()
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def suite_digest() -> str:
    """Return the digest of this suite, which defines cases, weights, inputs and σ."""
    folders = (Path(__file__).parents[1], Path(str(lstm_ref.__file__)).parent)
    return hashlib.sha256("".join(map(digest_of, folders)).encode()).hexdigest()[:16]


def source_digests(source: Path | None) -> dict[str, str]:
    """Return the digests of the suite and of the implementation. An implementation without files belongs to the suite."""
    return {"suite_files": suite_digest(), **({"implementation_files": digest_of(source)} if source else {})}


def _sources(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders).difference(_NO_SOURCE))
        yield from (Path(here) / name for name in sorted(names) if name.endswith(_SUFFIXES))
