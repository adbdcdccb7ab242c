"""Files of arrays: read whole, or refused by one error, whatever is in them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from conformance.environments.recording import RecordingError, read_recording
from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import read_inputs
from conformance.running.agreement import read_arrays
from conformance.system.array_files import ArrayFileError, load_arrays
from lstm_ref import LSTMError

ARRAY = np.arange(6.0).reshape(2, 3)


def npz(*, compressed: bool = False) -> bytes:
    """Two arrays."""
    held = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(held, outputs=ARRAY, hidden=np.ones(3))
    return held.getvalue()


def replaced(content: bytes, old: bytes, new: bytes) -> bytes:
    """With some bytes changed, which were there."""
    assert old in content
    return content.replace(old, new)


def deflated_wrongly() -> bytes:
    """An archive whose compressed bytes are none."""
    content = bytearray(npz(compressed=True))
    start = 30 + int.from_bytes(content[26:28], "little") + int.from_bytes(content[28:30], "little")
    content[start : start + 8] = b"\xff" * 8
    return bytes(content)


def without_arrays() -> bytes:
    """An archive of a text."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("read me", "no array")
    return held.getvalue()


def huge() -> bytes:
    """An array that says it has 10^18 numbers."""
    held = io.BytesIO()
    np.save(held, ARRAY)
    return replaced(held.getvalue(), b"(2, 3), }" + b" " * 16, b"(" + b"9" * 18 + b",), }  ")


DAMAGED = {
    "empty": b"",
    "no archive": b"neither .npy nor .npz",
    "cut off": npz()[:200],
    "its compression is damaged": deflated_wrongly(),
    "a method of compression that is not there": replaced(
        npz(), b"\x00\x00" + b"\x00\x00\x00\x21\x00", b"\x00\x00" + b"\x63\x00\x00\x21\x00"
    ),
    "encrypted": replaced(npz(), b"PK\x01\x02\x2d\x03\x2d\x00\x00\x00", b"PK\x01\x02\x2d\x03\x2d\x00\x01\x00"),
    "no array in it": without_arrays(),
    "more numbers than any memory": huge(),
}
damaged = pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)


@damaged
def test_damaged_file_is_refused_by_whoever_reads_it(content: bytes, tmp_path: Path) -> None:
    """One error of each reader's own, with the file's name where a user gave it."""
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)
    with pytest.raises(ArrayFileError, match=r"."):
        load_arrays(path)
    with pytest.raises(LSTMError, match=r"arrays\.npz cannot be read: .+; delete it, and run the `verify --keep"):
        read_arrays(path)
    with pytest.raises(ModelFileError, match=r"arrays\.npz (holds no arrays|is neither)"):
        read_inputs(path, ())
    with pytest.raises(RecordingError, match=r"arrays\.npz is damaged, or no recording"):
        read_recording(path)


@pytest.mark.parametrize("compressed", [False, True])
def test_arrays_are_read_by_name(compressed: bool, tmp_path: Path) -> None:
    """Of an .npz file; that of an .npy file has none."""
    (tmp_path / "arrays.npz").write_bytes(npz(compressed=compressed))
    np.save(tmp_path / "one.npy", ARRAY)
    found = load_arrays(tmp_path / "arrays.npz")
    assert list(found) == ["outputs", "hidden"]
    np.testing.assert_array_equal(found["outputs"], ARRAY)
    np.testing.assert_array_equal(load_arrays(tmp_path / "one.npy")[""], ARRAY)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """By the same error."""
    with pytest.raises(ArrayFileError, match="No such file"):
        load_arrays(tmp_path / "none.npz")
