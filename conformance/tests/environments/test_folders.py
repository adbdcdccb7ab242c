"""Folders of the cache: made once, found damaged, safe when a process is killed or a second one comes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from filelock import FileLock

from conformance.environments.folders import MARKER, VARIABLE, Folder, cache, packages_of
from conformance.environments.interpreters import UnavailableError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def _make(folder: Path) -> None:
    """A virtual environment with one package, as far as a folder can tell."""
    metadata = folder / "lib/python3.11/site-packages/little-1.0.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: little\nVersion: 1.0\n")
    packages = metadata.parent.parent
    (packages / "little.py").touch()
    (packages / "package").mkdir()
    (packages / "package" / "inner.py").write_text("a = 1\n")
    (packages / "package" / "kernels.so").write_bytes(b"kernels")


def _works(folder: Path) -> bool:
    return folder.is_dir()


def _folder(*requirements: str, make: Callable[[Path], None] = _make, works: Callable[[Path], bool] = _works) -> Folder:
    return Folder(kind="bases", requirements=requirements or ("little==1.0",), python=("3.11",), make=make, works=works)


def test_a_folder_is_made_once() -> None:
    """And found as it is from then on."""
    said: list[str] = []
    paths = [_folder().provide(said.append), _folder().provide(said.append)]
    assert paths == [_folder().path, _folder().path]
    assert said == [f"building {_folder().path}"]


def test_other_requirements_have_another_folder() -> None:
    """Which is named by the first of them."""
    paths = [_folder(*each).path for each in (("a==1",), ("a==1", "b"), ("a<2",))]
    assert len(set(paths)) == 3
    assert [path.name.rpartition("-")[0] for path in paths] == ["a-1", "a-1", "a-2"]


def test_a_requirement_may_be_longer_than_the_name_of_a_folder() -> None:
    """File systems allow names of 255 bytes; a URL may have more."""
    longer = _folder(f"a @ https://example.org/{'é' * 300}.whl").path.name
    assert len(longer.encode()) < 255
    assert longer.startswith("a-https-example.org-")


def _marker_missing(folder: Path) -> None:
    (folder / MARKER).unlink()


def _marker_cut_off(folder: Path) -> None:
    (folder / MARKER).write_text((folder / MARKER).read_text()[:20])


def _marker_of_other_requirements(folder: Path) -> None:
    (folder / MARKER).write_text((folder / MARKER).read_text().replace("little==1.0", "little==0.9"))


def _marker_of_an_earlier_suite(folder: Path) -> None:
    marker = json.loads((folder / MARKER).read_text())
    (folder / MARKER).write_text(json.dumps({**marker, "entries": ["little.py"]}))


def _marker_of_something_else(folder: Path) -> None:
    (folder / MARKER).write_text("[]")


def _package_missing(folder: Path) -> None:
    (packages_of(folder) / "little.py").unlink()


def _package_added(folder: Path) -> None:
    (packages_of(folder) / "other.py").touch()


def _package_of_another_version(folder: Path) -> None:
    metadata = packages_of(folder) / "little-1.0.dist-info/METADATA"
    metadata.write_text(metadata.read_text().replace("1.0", "0.9"))


def _metadata_missing(folder: Path) -> None:
    (packages_of(folder) / "little-1.0.dist-info/METADATA").unlink()


def _all_missing(folder: Path) -> None:
    shutil.rmtree(folder / "lib")


def _module_edited(folder: Path) -> None:
    (packages_of(folder) / "little.py").write_text("changed = True\n")


def _inner_module_edited_to_the_same_size(folder: Path) -> None:
    (packages_of(folder) / "package" / "inner.py").write_text("b = 1\n")


def _inner_module_missing(folder: Path) -> None:
    (packages_of(folder) / "package" / "inner.py").unlink()


def _library_cut_off(folder: Path) -> None:
    (packages_of(folder) / "package" / "kernels.so").write_bytes(b"")


DAMAGES = (
    _module_edited,
    _inner_module_edited_to_the_same_size,
    _inner_module_missing,
    _library_cut_off,
    _marker_missing,
    _marker_cut_off,
    _marker_of_other_requirements,
    _marker_of_an_earlier_suite,
    _marker_of_something_else,
    _package_missing,
    _package_added,
    _package_of_another_version,
    _metadata_missing,
    _all_missing,
)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.strip("_"))
def test_what_is_damaged_is_made_anew(damage: Callable[[Path], None]) -> None:
    """It is said, and the folder is whole again."""
    said: list[str] = []
    damage(_folder().provide(said.append))
    _folder().provide(said.append)
    _folder().provide(said.append)
    (line,) = said[1:]
    assert line.startswith(f"building {_folder().path}, which is damaged")


@pytest.mark.parametrize(
    ("damage", "named"),
    [(_inner_module_edited_to_the_same_size, "package"), (_package_missing, "little.py"), (_package_added, "other.py")],
    ids=lambda each: each if isinstance(each, str) else each.__name__.strip("_"),
)
def test_what_is_not_as_it_was_made_is_named(damage: Callable[[Path], None], named: str) -> None:
    """Whoever edited it learns where it went."""
    said: list[str] = []
    damage(_folder().provide(said.append))
    _folder().provide(said.append)
    assert said[1].endswith(f"which is damaged (not as made: {named})")


def test_compiled_modules_are_no_damage() -> None:
    """Python writes them when it likes."""
    said: list[str] = []
    packages = packages_of(_folder().provide(said.append))
    for compiled in (packages / "__pycache__", packages / "package" / "__pycache__"):
        compiled.mkdir()
        (compiled / "inner.cpython-311.pyc").touch()
    _folder().provide(said.append)
    assert len(said) == 1


def test_what_does_not_work_is_made_anew() -> None:
    """However complete it is."""
    said: list[str] = []
    _folder().provide(said.append)
    _folder(works=lambda _: False).provide(said.append)
    assert len(said) == 2


def _interrupted(folder: Path) -> None:
    _make(folder)
    raise KeyboardInterrupt


def test_an_interrupted_build_leaves_nothing() -> None:
    """Neither a folder nor a part of one."""
    with pytest.raises(KeyboardInterrupt):
        _folder(make=_interrupted).provide(print)
    assert [path.name for path in _folder().path.parent.iterdir() if path.is_dir()] == []


def test_what_a_killed_process_left_is_cleared_away() -> None:
    """By the next one that makes the folder."""
    left = _folder().path.with_name(f"{_folder().path.name}.part-killed")
    _make(left / "made")
    _folder().provide(print)
    assert [path for path in left.parent.iterdir() if path.is_dir()] == [_folder().path]


@pytest.mark.parametrize("alive", [False, True])
def test_what_is_left_of_another_folder_is_cleared_away_unless_it_is_being_made(alive: bool) -> None:
    """A process that was killed may never be asked for the same again."""
    other = _folder("other==1.0").path
    left = other.with_name(f"{other.name}.part-killed")
    _make(left / "made")
    with FileLock(f"{other}.lock") if alive else nullcontext():
        _folder().provide(print)
    assert left.exists() is alive


def test_two_at_once_make_one() -> None:
    """The second waits for the first."""
    said: list[str] = []
    with ThreadPoolExecutor(2) as threads:
        paths = list(threads.map(lambda _: _folder().provide(said.append), range(2)))
    assert paths == [_folder().path] * 2
    assert said == [f"building {_folder().path}"]


def test_a_cache_that_cannot_be_written_is_said(empty_cache: Path) -> None:
    """With the variable that names another place."""
    empty_cache.write_text("no folder")
    with pytest.raises(UnavailableError, match=f"could not be made: .*: name another path, with the variable {VARIABLE}"):
        _folder().provide(print)


def test_the_cache_is_the_users_own_unless_another_is_named(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty name is none."""
    assert cache() == empty_cache
    monkeypatch.setenv(VARIABLE, "")
    assert cache().name == "keras-lstm-conformance"
