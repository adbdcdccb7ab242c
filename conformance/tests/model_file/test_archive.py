"""Reading model files that are none, damaged, or hostile: one sentence each, and nothing of them is run."""

from __future__ import annotations

import json
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from conformance.model_file.contents import Contents, contents_of, read_in_subprocess
from conformance.model_file.errors import ModelFileError
from conformance.tests.support.model_files import lstm_node, model_node, one_lstm, weights_of, write_h5, write_keras

CONFIG = model_node(lstm_node())


def refusal(path: Path) -> str:
    """Why a file is not read; it names the file."""
    with pytest.raises(ModelFileError) as raised:
        contents_of(path)
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


# --- none ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        (b"\x80\x04pickle", "neither a zip archive (.keras) nor HDF5"),
        (b"PK\x03\x04 and no more", "the file is damaged"),
        (b"\x89HDF\r\n\x1a\n and no more", "the file is damaged"),
    ],
)
def test_what_is_no_model_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """By what it starts with."""
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    assert said in refusal(path)


def test_a_path_without_a_file(tmp_path: Path) -> None:
    """It is said that there is none."""
    assert "there is no such file" in refusal(tmp_path / "none.keras")


@pytest.mark.parametrize(("name", "said"), [("saved_model.pb", "a SavedModel folder"), ("other", "a folder")])
def test_a_folder(tmp_path: Path, name: str, said: str) -> None:
    """A SavedModel is told from others."""
    (tmp_path / name).touch()
    assert said in refusal(tmp_path)


@pytest.mark.parametrize("cut", [1, 30, 400])
def test_a_truncated_archive(tmp_path: Path, cut: int) -> None:
    """However little is missing."""
    path = one_lstm(tmp_path / "model.keras")
    path.write_bytes(path.read_bytes()[:-cut])
    assert "the file is damaged" in refusal(path)


def test_a_changed_byte_of_the_weights_is_seen(tmp_path: Path) -> None:
    """By the archive's checksum."""
    path = one_lstm(tmp_path / "model.keras")
    content = bytearray(path.read_bytes())
    content[content.index(b"\x89HDF") + 900] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path)


def test_weights_alone(tmp_path: Path) -> None:
    """The whole model is asked for."""
    with h5py.File(tmp_path / "model.weights.h5", "w") as root:
        root["layers/lstm/cell/vars/0"] = np.zeros(3)
    assert "weights alone" in refusal(tmp_path / "model.weights.h5")


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    """What is in it is shown."""
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("word/document.xml", "")
    assert "without config.json (it has word/document.xml)" in refusal(tmp_path / "model.keras")


# --- hostile -------------------------------------------------------------------------------------------------------------------


def _archive(path: Path, config: bytes, *, twice: bool = False, method: int = zipfile.ZIP_STORED) -> Path:
    weights = one_lstm(path.with_suffix(".whole"))
    with zipfile.ZipFile(weights) as whole, zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("model.weights.h5", whole.read("model.weights.h5"))
        for _ in range(1 + twice):
            archive.writestr("config.json", config)
    return path


def _deep(path: Path) -> Path:
    return _archive(path, b'{"a":' * 900 + b"1" + b"}" * 900)


def _deepest(path: Path) -> Path:
    return _archive(path, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")


def _bomb(path: Path) -> Path:
    return _archive(path, json.dumps(CONFIG).encode() + b" " * (1 << 23), method=zipfile.ZIP_DEFLATED)


def _doubled(path: Path) -> Path:
    return _archive(path, json.dumps(CONFIG).encode(), twice=True)


def _encrypted(path: Path) -> Path:
    content = bytearray(_archive(path, json.dumps(CONFIG).encode()).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.index(signature)
        content[start + offset : start + offset + 2] = struct.pack("<H", 1)
    path.write_bytes(content)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_deep, "nested more than 200 deep"),
        (_deepest, "config.json is no JSON"),
        (_bomb, "a decompression bomb"),
        (_doubled, "'config.json' more than once"),
        (_encrypted, "model.weights.h5 is encrypted"),
        (lambda path: _archive(path, b"[]"), "config.json holds a list"),
        (lambda path: _archive(path, b'{"a": '), "config.json is no JSON"),
        (lambda path: _archive(path, b'{"a": 1, "a": 2}'), "the key 'a' stands twice in one object"),
        (lambda path: _archive(path, b'{"a": ' + b"9" * 5000 + b"}"), "config.json is no JSON"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, make: Callable[[Path], Path], said: str) -> None:
    """Before what it declares is read."""
    assert said in refusal(make(tmp_path / "model.keras"))


def _linked(root: h5py.File) -> None:
    root["layers/lstm/cell/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def _soft(root: h5py.File) -> None:
    root["layers/lstm/cell"] = h5py.SoftLink("/elsewhere")


def _external(root: h5py.File) -> None:
    root.create_dataset("layers/lstm/cell/vars/0", (3, 8), "float32", external=[("/etc/passwd", 0, 96)])


def _virtual(root: h5py.File) -> None:
    layout = h5py.VirtualLayout((3, 8), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", (3, 8))
    root.create_virtual_dataset("layers/lstm/cell/vars/0", layout)


def _huge(root: h5py.File) -> None:
    root.create_dataset("layers/lstm/cell/vars/0", (1 << 20, 1 << 20), "float32", chunks=(8, 8))


def _objects(root: h5py.File) -> None:
    root.create_dataset("layers/lstm/cell/vars/0", (3, 8), h5py.string_dtype())


def _group(root: h5py.File) -> None:
    root.create_group("layers/lstm/cell/vars/0")


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (_linked, "is a ExternalLink"),
        (_soft, "is a SoftLink"),
        (_external, "keeps its data in another file"),
        (_virtual, "is a virtual dataset"),
        (_huge, "declares 4,398,046,511,104 bytes and stores 0"),
        (_objects, "expected real numbers"),
        (_group, "is a group, expected an array"),
    ],
)
def test_hostile_hdf5_is_refused(tmp_path: Path, fill: Callable[[h5py.File], None], said: str) -> None:
    """Links out of the file, data of other files, arrays that are far larger than the file."""
    with h5py.File(tmp_path / "weights.h5", "w") as root:
        fill(root)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(CONFIG))
        archive.write(tmp_path / "weights.h5", "model.weights.h5")
    assert said in refusal(tmp_path / "model.keras")


def test_a_configuration_that_is_no_text(tmp_path: Path) -> None:
    """An attribute of numbers is none."""
    with h5py.File(tmp_path / "model.h5", "w") as root:
        root.attrs["model_config"] = np.zeros(4)
    assert "holds 4 of float64, expected text" in refusal(tmp_path / "model.h5")


# --- a process of its own --------------------------------------------------------------------------------------------------------


def _hangs(path: Path) -> Contents:
    time.sleep(600)
    return contents_of(path)


def _dies(path: Path) -> Contents:
    os._exit(len(path.name))


@pytest.mark.parametrize(("reader", "said"), [(_hangs, "library hung while"), (_dies, "library died while")])
def test_a_reader_that_hangs_or_dies_is_a_damaged_file(tmp_path: Path, reader: Callable[[Path], Contents], said: str) -> None:
    """HDF5's library does both on some files."""
    path = one_lstm(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=said):
        read_in_subprocess(path, reader, start_limit=1.5)


def test_what_the_other_process_read_is_what_this_one_reads(tmp_path: Path) -> None:
    """Names, sizes, numbers."""
    path = one_lstm(tmp_path / "model.keras")
    (there,), (here,) = read_in_subprocess(path).lstms, contents_of(path).lstms
    assert there.layer == here.layer
    assert there.weights is not None
    assert here.weights is not None
    np.testing.assert_array_equal(there.weights.kernel, here.weights.kernel)


def test_what_the_other_process_refuses_is_said_here(tmp_path: Path) -> None:
    """In the same words."""
    path = tmp_path / "model.keras"
    path.touch()
    with pytest.raises(ModelFileError, match="the file is empty"):
        read_in_subprocess(path)


# --- what is read ----------------------------------------------------------------------------------------------------------------


def test_bfloat16_weights_are_read_as_their_values(tmp_path: Path) -> None:
    """Keras stores them as two bytes without a type, and says so beside them."""
    weights = weights_of()
    path = one_lstm(tmp_path / "model.keras", weights, dtype="bfloat16")
    with h5py.File(tmp_path / "weights.h5", "w") as root:
        for k, array in enumerate(weights.arrays.values()):
            top = (array.view(np.uint32) >> 16).astype("<u2").view("V2")
            root.create_dataset(f"layers/lstm/cell/vars/{k}", data=top).attrs["dtype"] = "bfloat16"
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.write(tmp_path / "weights.h5", "model.weights.h5")
    (lstm,) = contents_of(path).lstms
    assert lstm.weights is not None
    np.testing.assert_allclose(lstm.weights.kernel, weights.kernel, rtol=2**-7)


@pytest.mark.parametrize("names", [["layer_names"], ["layer_names0", "layer_names1"]])
def test_names_that_were_cut_into_several_attributes(tmp_path: Path, names: list[str]) -> None:
    """HDF5 holds no attribute above 64 KiB, so Keras cuts the list."""
    arrays = {f"lstm/{name}": array for name, array in weights_of().arrays.items()}
    path = write_h5(tmp_path / "model.h5", model_node(node_of_dense()), {"lstm": arrays, "other": arrays})
    with h5py.File(path, "a") as root:
        del root["model_weights"].attrs["layer_names"]
        for part, values in zip(names, ([b"lstm"], [b"other"]), strict=False):
            root["model_weights"].attrs[part] = values
    assert [said.split()[0] for said in contents_of(path).unclaimed] == ["lstm", "other"][: len(names)]


def node_of_dense() -> dict[str, object]:
    """A model without an LSTM."""
    return {"class_name": "Dense", "config": {"name": "dense"}}


def test_the_archive_of_an_early_version(tmp_path: Path) -> None:
    """TensorFlow 2.12 and 2.13 have another name for the folder of layers."""
    path = write_keras(tmp_path / "model.keras", CONFIG, {"_layer_checkpoint_dependencies/lstm/cell": weights_of()}, "2.13.1")
    (lstm,) = contents_of(path).lstms
    assert (lstm.faults, lstm.weights is None) == ((), False)
