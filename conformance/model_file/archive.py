"""Opens a model file, a `.keras` archive or a legacy `.h5` file, by its contents and not by its name.

No part of the file is run, unpickled or unpacked to a folder, and Keras is not imported. The sizes that a file declares are checked
before it is read.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py

from conformance.judging.verdict import exception_line
from conformance.model_file.errors import ModelFileError
from conformance.model_file.hdf5 import descend, text_of
from conformance.report.documents import unique_keys

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
# Keras stores members as they are. An archive that was packed again shrinks, but not by this much.
LARGEST_MEMBER = {CONFIG: 1 << 26, METADATA: 1 << 20, WEIGHTS: 1 << 36}
LARGEST_RATIO = 100
EXPANDED_FREELY = 1 << 20
MOST_MEMBERS = 10_000
DEEPEST = 200

# The exceptions that the readers of zip, JSON and HDF5 raise on damaged bytes.
_DAMAGE = (
    OSError, EOFError, KeyError, IndexError, TypeError, ValueError, RuntimeError, NotImplementedError, OverflowError, MemoryError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelFile:
    """An open model file.

    Attributes:
        path: of the file.
        is_archive: whether it is a `.keras` archive, else a `.h5` file.
        config: the model's configuration, as Keras wrote it.
        keras_version: that wrote the file; "" where the file does not say.
        weights: the group with the weights, open for reading.
        members: names of all members of the archive.
    """

    path: Path
    is_archive: bool
    config: Mapping[str, Any]
    keras_version: str
    weights: h5py.Group
    members: tuple[str, ...] = ()


@contextmanager
def open_model_file(path: Path) -> Iterator[ModelFile]:
    """Open the model file at a path.

    Raises:
        ModelFileError: it is no model file, it is damaged, or it is not safe to read.
    """
    try:
        with _open_by_content(path) as model:
            yield model
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except _DAMAGE as error:
        raise ModelFileError(
            f"{path}: the file is damaged ({exception_line(error)}); expected a whole .keras or .h5 file; copy or download it again"
        ) from error


@contextmanager
def _open_by_content(path: Path) -> Iterator[ModelFile]:
    with _file_at(path) as file:
        head = file.read(512)
        file.seek(0)
        if head.startswith(b"PK"):
            with _open_archive(path, file) as model:
                yield model
        elif head.startswith(b"\x89HDF\r\n\x1a\n"):
            with h5py.File(file, "r") as root:
                yield _open_hdf5(path, root)
        else:
            raise ModelFileError(_unknown_format(head))


def _file_at(path: Path) -> IO[bytes]:
    if path.is_dir():
        if (path / "saved_model.pb").exists():
            raise ModelFileError(
                "a SavedModel folder, whose graph has no layers to read; expected a .keras or .h5 file; load it where it was made "
                "and save the model with model.save('model.keras')"
            )
        raise ModelFileError("a folder; expected a .keras or .h5 file, as model.save('model.keras') writes it")
    if not path.is_file():
        raise ModelFileError("there is no such file; expected the path of a .keras or .h5 file")
    return path.open("rb")


def _unknown_format(head: bytes) -> str:
    """The message for a file that is neither a zip archive nor HDF5."""
    text = head.lstrip().lower()
    if not head:
        return "the file is empty; expected a .keras or .h5 file; copy or download it again"
    if text.startswith(b"version https://git-lfs.github.com/spec"):
        return "a Git LFS pointer, which stands for the file; expected the file itself; fetch it with: git lfs pull"
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page, such as a download or sign-in page; expected a .keras or .h5 file; download the file itself"
    return f"neither a zip archive (.keras) nor HDF5 (.h5): it starts with {head[:8]!r}; expected what model.save() writes"


# --- .keras --------------------------------------------------------------------------------------------------------------------


@contextmanager
def _open_archive(path: Path, file: IO[bytes]) -> Iterator[ModelFile]:
    with zipfile.ZipFile(file) as archive, tempfile.TemporaryFile() as unpacked:
        members = archive.infolist()
        for member in members:
            _refuse_unsafe(member)
        names = [member.filename for member in members]
        twice = sorted({name for name in names if names.count(name) > 1})[:1] if len(names) <= MOST_MEMBERS else ["…"]
        if twice:
            raise ModelFileError(
                f"{len(names):,} members, {twice[0]!r} more than once: readers may take either; expected the archive of one model"
            )
        for name in (CONFIG, WEIGHTS):
            if name not in names:
                raise ModelFileError(f"a zip archive without {name} (it has {_some(names)}); expected what model.save() writes")
        metadata = _json(archive.read(METADATA), METADATA) if METADATA in names else {}
        config = _json(archive.read(CONFIG), CONFIG)
        with archive.open(WEIGHTS) as packed:
            shutil.copyfileobj(packed, unpacked)
        unpacked.seek(0)
        with h5py.File(unpacked, "r") as root:
            version = str(metadata.get("keras_version", ""))
            yield ModelFile(path=path, is_archive=True, config=config, keras_version=version, weights=root, members=tuple(names))


def _refuse_unsafe(member: zipfile.ZipInfo) -> None:
    size, packed = member.file_size, member.compress_size
    if member.flag_bits & 1:
        raise ModelFileError(f"{member.filename} is encrypted; expected an archive as Keras writes it; save the model again")
    most = LARGEST_MEMBER.get(member.filename)
    if most is not None and size > most:
        raise ModelFileError(f"{member.filename} declares {size:,} bytes, expected at most {most:,}")
    if size > EXPANDED_FREELY and size > LARGEST_RATIO * packed:
        raise ModelFileError(
            f"{member.filename} declares {size:,} bytes and stores {packed:,}: a decompression bomb; "
            "expected an archive as Keras writes it; save the model again"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "") if names else "nothing"


# --- .h5 -----------------------------------------------------------------------------------------------------------------------


def _open_hdf5(path: Path, root: h5py.File) -> ModelFile:
    text = text_of(root, "model_config")
    if text is None:
        if "layer_names" in root.attrs or "layer_names0" in root.attrs or {"layers", "_layer_checkpoint_dependencies"} & set(root):
            raise ModelFileError(
                "weights alone: the configuration of the layers is not in it; expected a whole model; save it with "
                "model.save('model.keras'), not with save_weights"
            )
        raise ModelFileError("HDF5 without the attribute model_config; expected what model.save('model.h5') writes")
    weights = descend(root, "model_weights")
    if not isinstance(weights, h5py.Group):
        raise ModelFileError("HDF5 without the group model_weights; expected what model.save('model.h5') writes")
    version = text_of(root, "keras_version") or ""
    config = _json(text.encode(), "model_config")
    return ModelFile(path=path, is_archive=False, config=config, keras_version=version, weights=weights)


# --- JSON ----------------------------------------------------------------------------------------------------------------------


def _json(text: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{name} is no JSON ({exception_line(error)}); the file is damaged; copy or download it again"
        ) from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{name} holds a {type(value).__name__}, expected the configuration of a model")
    if _deeper_than(value, DEEPEST):
        raise ModelFileError(f"{name} is nested more than {DEEPEST} deep; expected the configuration of a model")
    return value


def _deeper_than(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
