"""The cache of environments: folders of packages, each made once, by one process, and used as they are or found damaged.

A folder is made beside its place and renamed when it is complete; its marker, written last, says what it was made from and what
it holds. So an interrupted run leaves nothing that could be taken for a folder, and one that differs from its marker is made anew:
also where a module was edited or lost, which its size or time says. To verify an edited Keras, name an interpreter that has it.
"""

from __future__ import annotations

import base64
import collections
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_cache_path

from conformance.environments.interpreters import UnavailableError
from conformance.system.error_messages import file_error_message

VARIABLE = "LSTM_CONFORMANCE_CACHE"
MARKER = "environment.json"

# Seconds in which another process has certainly checked a folder; one that takes longer is building it.
_CHECKED = 2

# Of markers: suites that write others do not take, nor rebuild, each other's folders.
_FORMAT = 2

# What Python imports, and what says which package that is.
_IMPORTED = (".py", ".so", ".pyd", ".dll", ".dylib", "METADATA")

# Entries that a damaged folder names.
_NAMED = 3

# Takes a line on what is being done.
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of packages.

    Attributes:
        kind: the folder of the cache that it lies in.
        requirements: what it is made from; the first names it.
        python: for which versions of Python.
        make: makes it in a place where nothing is yet.
        works: whether it can be used at all, however complete.
    """

    kind: str
    requirements: tuple[str, ...]
    python: tuple[str, ...]
    make: Callable[[Path], None]
    works: Callable[[Path], bool] = lambda _: True

    @property
    def path(self) -> Path:
        """Its place: readable, and another one for other requirements."""
        made_from = json.dumps([_FORMAT, self.requirements, self.python])
        name = re.sub(r"[^\w.]+", "-", self.requirements[0])
        return cache() / self.kind / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}"

    def provide(self, say: Say) -> Path:
        """Its path, once it is there and whole.

        Raises:
            UnavailableError: it cannot be made.
        """
        try:
            with self._alone(say):
                damage = self._damage()
                if damage is not None:
                    self._make(say, damage)
        except OSError as error:
            said = file_error_message("made", error.filename or self.path, error)
            raise UnavailableError(f"{said}, with the variable {VARIABLE}") from error
        return self.path

    def _damage(self) -> str | None:
        """What is not as it was made, "" where that is not known; None of a whole folder."""
        try:
            made, found = json.loads((self.path / MARKER).read_bytes()), self._marker(self.path)
        except (OSError, ValueError, TypeError):  # TypeError: of a package without metadata
            return ""
        if made == found:
            return None if self.works(self.path) else ""
        was, now = made.get("entries") if isinstance(made, dict) else None, found["entries"]
        changed = [name for name in {**now, **was} if was.get(name) != now.get(name)] if isinstance(was, dict) else []
        return ", ".join(sorted(changed)[:_NAMED])

    def _marker(self, folder: Path) -> dict[str, Any]:
        packages = packages_of(folder)
        versions = sorted((one.metadata["Name"], one.version) for one in distributions(path=[str(packages)]))
        entries = sorted(path for path in packages.iterdir() if path.name not in ("__pycache__", MARKER))
        return {
            "requirements": list(self.requirements),
            "python": list(self.python),
            "versions": dict(versions),
            "entries": {path.name: _imported(path) for path in entries},
        }

    def _make(self, say: Say, damage: str) -> None:
        for left_over in self.path.parent.glob("*.part-*"):
            _remove_if_abandoned(left_over, self.path)
        why = f", which is damaged{f' (not as made: {damage})' if damage else ''}" if self.path.exists() else ""
        say(f"building {self.path}{why}")
        with TemporaryDirectory(prefix=f"{self.path.name}.part-", dir=self.path.parent, ignore_cleanup_errors=True) as temporary:
            made = Path(temporary) / "made"
            self.make(made)
            _refuse_edited(packages_of(made))
            (made / MARKER).write_text(json.dumps(self._marker(made), indent=1) + "\n", encoding="utf-8")
            shutil.rmtree(self.path, ignore_errors=True)
            made.rename(self.path)

    @contextmanager
    def _alone(self, say: Say) -> Iterator[None]:
        """No other process makes or checks this folder meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(timeout=_CHECKED)
        except Timeout:
            say(f"waiting for another process that builds {self.path}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _imported(path: Path) -> str:
    """A digest of the names, sizes and times of the modules in a package, compiled copies aside; a file is one by itself.

    Their contents would take seconds to read, at each start of each worker.
    """
    found = hashlib.sha256()
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for name in sorted(name for name in names if name.endswith(_IMPORTED)):
            module = Path(folder, name)
            found.update(_stamp(module.relative_to(path).as_posix(), module.stat()))
    if path.is_file():
        found.update(_stamp(path.name, path.stat()))
    return found.hexdigest()[:16]


def _stamp(name: str, said: os.stat_result) -> bytes:
    return f"{name}\0{said.st_size}\0{said.st_mtime_ns}\0".encode()


def _refuse_edited(packages: Path) -> None:
    """Refuse modules that are not as their packages were built, by the digests that these hold.

    An installer links files to its cache, so that whoever edits one in any environment edits what the next is made from.

    Raises:
        UnavailableError: names them, and how to have them anew.
    """
    built = collections.defaultdict[Path, dict[str, str]](dict)  # two packages may have a file of the same name
    for package in distributions(path=[str(packages)]):
        for file in package.files or ():
            if file.hash and file.hash.mode == "sha256" and file.suffix == ".py":
                built[Path(str(file.locate()))][file.hash.value] = package.metadata["Name"]
    edited = {path: names for path, names in sorted(built.items()) if _digest(path) not in names}
    if edited:
        raise UnavailableError(
            f"{', '.join(str(path.relative_to(packages)) for path in [*edited][:_NAMED])}: not as released, by the package's own "
            "digests; uv's cache holds it so, perhaps since a file that is linked to it was edited: have it anew with "
            f"`uv cache clean {' '.join(sorted({name for names in edited.values() for name in names.values()}))}`"
        )


def _digest(path: Path) -> str:
    """As the record of a package has it; "" of a file that is not there."""
    if not path.is_file():
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _remove_if_abandoned(left_over: Path, locked: Path) -> None:
    """A folder half made, unless another process is making it; of `locked`, this one is about to."""
    made = left_over.with_name(left_over.name.partition(".part-")[0])
    with suppress(Timeout), nullcontext() if made == locked else FileLock(f"{made}.lock", timeout=0):
        shutil.rmtree(left_over, ignore_errors=True)


def cache() -> Path:
    """Where the environments lie."""
    asked = os.environ.get(VARIABLE)
    return Path(asked).expanduser().absolute() if asked else user_cache_path("keras-lstm-conformance", appauthor=False)


def packages_of(folder: Path) -> Path:
    """Where the packages of a virtual environment lie; of any other folder, in itself."""
    return next(iter([*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]), folder)
