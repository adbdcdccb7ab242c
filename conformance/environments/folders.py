"""The cache of environments: folders of packages. Each folder is made once, by one process, and checked before it is used.

A folder is made under a temporary name and renamed when it is complete. Its marker is written last and lists its requirements and
contents. So an interrupted run leaves no incomplete folder. A folder that differs from its marker is rebuilt, also if a module was
edited or deleted, which shows in its size or time. To verify an edited Keras, name an interpreter that has it.
"""

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

# Seconds after which another process is assumed to build a folder. A check takes less.
_CHECK_SECONDS = 2

# Version of the marker's format. Suites with different versions use different folders.
_FORMAT = 2

# Files that Python imports, and the metadata of packages.
_MODULE_SUFFIXES = (".py", ".so", ".pyd", ".dll", ".dylib", "METADATA")

# Number of changed entries in a message.
_MOST_NAMES = 3

# A function that gets a line about the current step.
Progress = Callable[[str], None]

# Characters of a folder's name that say what it is for. A requirement may be a URL of any length, and names have 255 bytes at most.
_READABLE = 60


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of packages.

    Attributes:
        kind: the subfolder of the cache.
        requirements: of its packages; the first one is part of its name.
        python: versions of Python that it is for.
        make: makes the folder at a path that does not exist yet.
        works: whether a complete folder can be used.
    """

    kind: str
    requirements: tuple[str, ...]
    python: tuple[str, ...]
    make: Callable[[Path], None]
    works: Callable[[Path], bool] = lambda _: True

    @property
    def path(self) -> Path:
        """Its path: readable, and unique for its requirements."""
        made_from = json.dumps([_FORMAT, self.requirements, self.python])
        name = re.sub(r"[^\w.]+", "-", self.requirements[0])[:_READABLE]
        return cache() / self.kind / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:8]}"

    def provide(self, progress: Progress) -> Path:
        """Make the folder if it is missing or damaged, and return its path.

        Raises:
            UnavailableError: the folder cannot be made.
        """
        try:
            with self._locked(progress):
                damage = self._damage()
                if damage is not None:
                    self._make(progress, damage)
        except OSError as error:
            message = file_error_message("made", error.filename or self.path, error)
            raise UnavailableError(f"{message}, with the variable {VARIABLE}") from error
        return self.path

    def _damage(self) -> str | None:
        """Return the names of changed entries, or "" if they are unknown; None for an undamaged folder."""
        try:
            marker, current = json.loads((self.path / MARKER).read_bytes()), self._marker(self.path)
        except (OSError, ValueError, TypeError):  # TypeError: a package has no metadata
            return ""
        if marker == current:
            return None if self.works(self.path) else ""
        was, now = marker.get("entries") if isinstance(marker, dict) else None, current["entries"]
        changed = [name for name in {**now, **was} if was.get(name) != now.get(name)] if isinstance(was, dict) else []
        return ", ".join(sorted(changed)[:_MOST_NAMES])

    def _marker(self, folder: Path) -> dict[str, Any]:
        packages = packages_of(folder)
        versions = sorted((package.metadata["Name"], package.version) for package in distributions(path=[str(packages)]))
        entries = sorted(path for path in packages.iterdir() if path.name not in ("__pycache__", MARKER))
        return {
            "requirements": list(self.requirements),
            "python": list(self.python),
            "versions": dict(versions),
            "entries": {path.name: _modules_digest(path) for path in entries},
        }

    def _make(self, progress: Progress, damage: str) -> None:
        for left_over in self.path.parent.glob("*.part-*"):
            _remove_if_abandoned(left_over, self.path)
        why = f", which is damaged{f' (not as made: {damage})' if damage else ''}" if self.path.exists() else ""
        progress(f"building {self.path}{why}")
        with TemporaryDirectory(prefix=f"{self.path.name}.part-", dir=self.path.parent, ignore_cleanup_errors=True) as temporary:
            made = Path(temporary) / "made"
            self.make(made)
            _refuse_edited(packages_of(made))
            (made / MARKER).write_text(json.dumps(self._marker(made), indent=1) + "\n", encoding="utf-8")
            shutil.rmtree(self.path, ignore_errors=True)
            made.rename(self.path)

    @contextmanager
    def _locked(self, progress: Progress) -> Iterator[None]:
        """Lock the folder, so that no other process makes or checks it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self.path}.lock")
        try:
            lock.acquire(timeout=_CHECK_SECONDS)
        except Timeout:
            progress(f"waiting for another process that builds {self.path}")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()


def _modules_digest(path: Path) -> str:
    """Return a digest of the names, sizes and times of the modules in a package or of a single file, without compiled copies.

    Reading their contents would take seconds at each start of a worker.
    """
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - {"__pycache__"})
        for name in sorted(name for name in names if name.endswith(_MODULE_SUFFIXES)):
            module = Path(folder, name)
            digest.update(_stamp(module.relative_to(path).as_posix(), module.stat()))
    if path.is_file():
        digest.update(_stamp(path.name, path.stat()))
    return digest.hexdigest()[:16]


def _stamp(name: str, status: os.stat_result) -> bytes:
    return f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode()


def _refuse_edited(packages: Path) -> None:
    """Refuse modules that differ from the digests in their packages.

    An installer may link files to its cache. Then an edit in one environment changes the files of all later ones.

    Raises:
        UnavailableError: modules differ; the message names them, and the command that restores them.
    """
    built = collections.defaultdict[Path, dict[str, str]](dict)  # two packages may have a file of the same name
    for package in distributions(path=[str(packages)]):
        for file in package.files or ():
            if file.hash and file.hash.mode == "sha256" and file.suffix == ".py":
                built[Path(str(file.locate()))][file.hash.value] = package.metadata["Name"]
    edited = {path: names for path, names in sorted(built.items()) if _digest(path) not in names}
    if edited:
        names = ", ".join(str(path.relative_to(packages)) for path in [*edited][:_MOST_NAMES])
        raise UnavailableError(
            f"{names}: not as released, by the package's own digests; uv's cache holds it so, perhaps since a file that is linked "
            "to it was edited: have it anew with "
            f"`uv cache clean {' '.join(sorted({name for names in edited.values() for name in names.values()}))}`"
        )


def _digest(path: Path) -> str:
    """Return the digest of a file in the format of a package's record; "" for a missing file."""
    if not path.is_file():
        return ""
    return base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()


def _remove_if_abandoned(left_over: Path, locked: Path) -> None:
    """Remove an incomplete folder, unless another process is making it. This process holds the lock of `locked`."""
    made = left_over.with_name(left_over.name.partition(".part-")[0])
    with suppress(Timeout), nullcontext() if made == locked else FileLock(f"{made}.lock", timeout=0):
        shutil.rmtree(left_over, ignore_errors=True)


def cache() -> Path:
    """Return the folder of the cache."""
    folder = os.environ.get(VARIABLE)
    return Path(folder).expanduser().absolute() if folder else user_cache_path("keras-lstm-conformance", appauthor=False)


def packages_of(folder: Path) -> Path:
    """Return the folder of the packages of a virtual environment. Any other folder contains its packages itself."""
    return next(iter([*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]), folder)
