"""Digests of programs: an edited file is noticed, what is compiled from it is not taken for one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance.system.sources import digest_of, source_digests, suite_digest


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A package of two modules."""
    inner = tmp_path / "package" / "layers"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").write_text("version = 1\n")
    (inner / "lstm.py").write_text("units = 1\n")
    return inner.parent


def _edited(program: Path) -> None:
    """To the same size, and the same time."""
    path = program / "layers" / "lstm.py"
    stamp = path.stat().st_mtime_ns
    path.write_text("units = 2\n")
    os.utime(path, ns=(stamp, stamp))


def _renamed(program: Path) -> None:
    (program / "layers" / "lstm.py").rename(program / "layers" / "lstn.py")


def _lost(program: Path) -> None:
    (program / "layers" / "lstm.py").unlink()


def _added(program: Path) -> None:
    (program / "layers" / "gru.py").touch()


def _moved_text(program: Path) -> None:
    """The same text in all, cut elsewhere."""
    (program / "__init__.py").write_text("version = 1\nunits = 1\n")
    (program / "layers" / "lstm.py").write_text("")


@pytest.mark.parametrize("change", [_edited, _renamed, _lost, _added, _moved_text], ids=lambda each: each.__name__.strip("_"))
def test_changed_program_has_another_digest(change: Callable[[Path], None], program: Path) -> None:
    """Whatever its version says."""
    before = source_digests(program)
    change(program)
    after = source_digests(program)
    assert before["suite_files"] == after["suite_files"]
    assert before["implementation_files"] != after["implementation_files"]


def test_compiled_copies_and_times_are_no_change(program: Path) -> None:
    """Python writes the former when it likes; an installation of the same has others of the latter."""
    before = digest_of(program)
    (program / "__pycache__").mkdir()
    (program / "__pycache__" / "lstm.pyc").write_bytes(b"compiled")
    (program / "layers" / "lstm.py").touch()
    assert digest_of(program) == before


def test_recording_is_known_by_its_content(tmp_path: Path) -> None:
    """It is one file."""
    path = tmp_path / "recording.npz"
    path.write_bytes(b"one")
    before = digest_of(path)
    path.write_bytes(b"two")
    assert digest_of(path) != before


def test_suite_alone_stands_for_what_has_no_files_of_its_own() -> None:
    """The reference and its deviations; and it costs little."""
    started = time.perf_counter()
    assert source_digests(None) == {"suite_files": suite_digest()}
    assert time.perf_counter() - started < 5
