"""What a run leaves behind: what it was asked for, and nothing else, however it ends.

All temporary files, of frameworks and worker processes too, lie in one folder that goes with the run. One that was killed is swept
by the next: a folder's owner holds a lock in it for as long as it lives. A worker process ends with the one that started it.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from multiprocessing import connection
from pathlib import Path
from typing import Any, NoReturn

PREFIX = "lstm-conformance-run-"
_LOCK = "in-use.lock"
# How the name of a file ends that is being written, behind the process that does.
_UNFINISHED = ".unfinished"

# Tenths of a second in which processes that have been told to end write no more.
_ENDING = 30

# Settings and caches that are written where they are missing: the variable that names another place, and where they are looked for.
_WRITTEN_WHERE_MISSING = {
    "KERAS_HOME": (".keras/keras.json",),
    "MPLCONFIGDIR": (".config/matplotlib", ".cache/matplotlib", ".matplotlib"),
}

# Of Linux: the signal that a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Within it, this process and those that it starts have one folder for temporary files; a polite kill ends it like Ctrl-C."""
    here = Path(tempfile.gettempdir())
    if (here / _LOCK).exists():  # one around it
        yield here
        return
    _sweep(here)
    with sigterm_as_keyboard_interrupt():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            with _lock(folder), _temporary_files_in(folder):
                yield folder
        finally:
            _remove(folder)


@contextmanager
def sigterm_as_keyboard_interrupt() -> Iterator[None]:
    """A polite kill, or a terminal that is closed, ends a run as Ctrl-C does: what finished is kept."""
    polite = [signal.SIGTERM]
    if sys.platform != "win32":
        polite.append(signal.SIGHUP)
    here = threading.current_thread() is threading.main_thread()  # which alone may say what is done
    before = {number: signal.getsignal(number) for number in polite if here}
    heeded = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}  # as nohup has it
    for number in heeded:
        signal.signal(number, lambda *_: _interrupt())
    try:
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)


def exit_with_parent() -> None:
    """End this worker process, whatever it does, when the one that started it has ended, or was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":  # where code in C++ that never returns, and keeps all threads waiting, can be ended too
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> NoReturn:
        connection.wait([parent.sentinel])
        os._exit(1)

    if not parent.is_alive():  # before it could be told to; the thread would wait for code that never lets it
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Where to write what is to be at `path`, in whose place it comes whole or not at all; what a killed process had begun goes."""
    for left in path.parent.glob(f".{escape(path.name)}.*{_UNFINISHED}"):
        process = left.name.removesuffix(_UNFINISHED).rpartition(".")[2]
        if process.isdecimal() and not _is_running(int(process)):
            left.unlink(missing_ok=True)
    begun = path.with_name(f".{path.name}.{os.getpid()}{_UNFINISHED}")
    try:
        yield begun
        begun.replace(path)
    finally:
        begun.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether there may be a process of that id."""
    if sys.platform == "win32":  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # of another user
        return True
    return True


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Those of Python, what it loads and starts; and what frameworks write at home where a user has nothing of theirs."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home raises where there is none
    missing = [name for name, places in _WRITTEN_WHERE_MISSING.items() if not any((home / place).exists() for place in places)]
    variables = {"TMPDIR": str(folder), **{name: os.environ.get(name, str(folder / name.lower())) for name in missing}}
    before = {name: os.environ.get(name) for name in variables}, tempfile.tempdir
    os.environ.update(variables)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        environment, tempfile.tempdir = before
        for name, value in environment.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def _sweep(place: Path) -> None:
    """Remove the folders of runs that were killed: those of this user whose lock nobody holds."""
    for folder in (lock.parent for lock in place.glob(f"{PREFIX}*/{_LOCK}")):
        with suppress(OSError):  # it is held, or gone by now
            if sys.platform == "win32" or folder.lstat().st_uid == os.getuid():
                with _lock(folder):
                    pass
                _remove(folder)


def _lock(folder: Path) -> Any:
    """Whose file nobody else may hold; it raises OSError where somebody does."""
    from filelock import FileLock  # noqa: PLC0415  # it takes its time to load, and not every command starts a process

    return FileLock(folder / _LOCK, timeout=0)


def _remove(folder: Path) -> None:
    """The folder, into which processes that are ending may still write."""
    for _ in range(_ENDING):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
