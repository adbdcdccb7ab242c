"""Removes temporary files and worker processes at the end of a run, however the run ends.

All temporary files, also those of frameworks and worker processes, lie in one folder, which the run removes at its end. If a run
was killed, the next run removes its folder: a running process holds a lock in its folder. A worker process ends with its parent.
"""

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
# Suffix of a file that is still being written. The id of the writing process stands before it.
_UNFINISHED = ".unfinished"
# Characters of a file's name that the name of its unfinished file begins with: file systems allow 255 bytes.
_BEGINNING = 40

# Attempts to remove a folder, a tenth of a second apart. Processes that are ending stop writing within this time.
_ENDING = 30

# Settings and caches that frameworks write into the home folder if they are missing: environment variable → usual places.
_WRITTEN_WHERE_MISSING = {
    "KERAS_HOME": (".keras/keras.json",),
    "MPLCONFIGDIR": (".config/matplotlib", ".cache/matplotlib", ".matplotlib"),
}

# Linux: the option of prctl that sets the signal for the end of the parent.
_PR_SET_PDEATHSIG = 1


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give this process and its child processes one folder for temporary files; SIGTERM ends the run as Ctrl-C does."""
    here = Path(tempfile.gettempdir())
    if (here / _LOCK).exists():  # an outer call has made the folder
        yield here
        return
    _remove_abandoned(here)
    with sigterm_as_keyboard_interrupt():
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        try:
            with _lock(folder), _temporary_files_in(folder):
                yield folder
        finally:
            _remove(folder)


@contextmanager
def sigterm_as_keyboard_interrupt() -> Iterator[None]:
    """SIGTERM, or a closed terminal, ends a run as Ctrl-C does: finished results are kept."""
    polite = [signal.SIGTERM]
    if sys.platform != "win32":
        polite.append(signal.SIGHUP)
    is_main = threading.current_thread() is threading.main_thread()  # only this thread may set handlers
    previous = {number: signal.getsignal(number) for number in polite if is_main}
    replaced = {number: handler for number, handler in previous.items() if handler is not signal.SIG_IGN}  # nohup ignores SIGHUP
    for number in replaced:
        signal.signal(number, lambda *_: _interrupt())
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


def exit_with_parent() -> None:
    """End this worker process as soon as its parent has ended or was killed."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if sys.platform == "linux":  # this also ends C++ code that never returns and holds the interpreter's lock
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> NoReturn:
        connection.wait([parent.sentinel])
        os._exit(1)

    if not parent.is_alive():  # the parent ended before prctl, and the thread might never run
        os._exit(1)
    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path, and rename it to `path` at the end: the file is written whole or not at all.

    Unfinished files of killed processes are removed.
    """
    name = path.name[:_BEGINNING]
    for unfinished in path.parent.glob(f".{escape(name)}.*{_UNFINISHED}"):
        process = unfinished.name.removesuffix(_UNFINISHED).rpartition(".")[2]
        if process.isdecimal() and not _is_running(int(process)):
            unfinished.unlink(missing_ok=True)
    temporary = path.with_name(f".{name}.{os.getpid()}{_UNFINISHED}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Whether a process of that id may be running."""
    if sys.platform == "win32":  # os.kill would end it there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # a process of another user
        return True
    return True


def _interrupt() -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Redirect temporary files to the folder, and what frameworks would write into a home folder that has no files of theirs."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  # Path.home raises where there is none
    missing = [name for name, places in _WRITTEN_WHERE_MISSING.items() if not any((home / place).exists() for place in places)]
    variables = {"TMPDIR": str(folder), **{name: os.environ.get(name, str(folder / name.lower())) for name in missing}}
    previous = {name: os.environ.get(name) for name in variables}, tempfile.tempdir
    os.environ.update(variables)
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        environment, tempfile.tempdir = previous
        for name, value in environment.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})


def _remove_abandoned(parent: Path) -> None:
    """Remove the folders of killed runs of this user: no process holds their locks."""
    for folder in (lock.parent for lock in parent.glob(f"{PREFIX}*/{_LOCK}")):
        with suppress(OSError):  # the lock is held, or the folder is gone
            if sys.platform == "win32" or folder.lstat().st_uid == os.getuid():
                with _lock(folder):
                    pass
                _remove(folder)


def _lock(folder: Path) -> Any:
    """Return the lock of a folder; it raises OSError if another process holds it."""
    from filelock import FileLock  # noqa: PLC0415  # slow to import, and not every command starts a process

    return FileLock(folder / _LOCK, timeout=0)


def _remove(folder: Path) -> None:
    """Remove the folder; processes that are ending may still write into it."""
    for _ in range(_ENDING):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
