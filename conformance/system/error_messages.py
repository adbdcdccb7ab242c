"""Formats an exception for a user in one line without a traceback: what failed, where, and the next step."""

import errno
import traceback
from collections.abc import Collection
from pathlib import Path

from lstm_ref import LSTMError

# If this variable is set, the traceback of an error in the suite is printed.
TRACEBACK = "LSTM_CONFORMANCE_TRACEBACK"

_ELSEWHERE = "name a place that you may write to"
_NEXT_STEPS = {
    errno.EACCES: _ELSEWHERE,
    errno.EPERM: _ELSEWHERE,
    errno.EROFS: _ELSEWHERE,
    errno.ENOSPC: "make room on that disk, or name a place on another",
    errno.EDQUOT: "make room within your quota, or name a place on another disk",
    errno.EISDIR: "that is a folder: name a file",
    errno.ENOTDIR: "a file is where a folder would be: name another path",
    errno.EEXIST: "a file is where a folder would be: name another path",
    errno.ENAMETOOLONG: "name a shorter path",
    errno.EMFILE: "too many files are open: raise the limit with `ulimit -n`",
}


def file_error_message(action: str, path: str | Path, error: OSError) -> str:
    """`report.json could not be written: No space left on device; make room on that disk, or name a place on another`.

    Args:
        action: what failed, as a participle: `written`, `made`, `read`.
        path: of the file or folder.
        error: of the operating system.
    """
    reason = error.strerror or str(error)
    step = _NEXT_STEPS.get(error.errno or 0, "name another path")
    if error.errno == errno.ENOENT:
        is_written = action in ("written", "made")
        missing = "its folder is not there" if not Path(path).parent.is_dir() else "its folder takes no file" if is_written else ""
        step = f"{missing or 'it is not there'}: name another path"
    elif step == _ELSEWHERE and action == "read":
        step = "name one that you may read"
    return f"{path} could not be {action}: {reason}; {step}"


def counted(count: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def repeated_option_message(option: str, times: int) -> str:
    """`--seed is given 2 times, and is one choice: leave all but one out`."""
    return f"{option} is given {times} times, and is one choice: leave all but one out"


def error_message(error: Exception, options: Collection[str] = ()) -> str:
    """Return the message of an error of the suite, or a line that explains another exception.

    Args:
        error: the exception that ended a command.
        options: the options of the command; the message recommends no others.
    """
    if isinstance(error, LSTMError):
        return str(error)
    if isinstance(error, ImportError):
        return _import_error_message(error)
    if isinstance(error, OSError) and error.errno is not None:
        return file_error_message("read or written", error.filename or "a file or a pipe", error)
    if isinstance(error, MemoryError):
        steps = {"--workers": "take fewer processes with --workers", "--case": "take fewer cases with --case"}
        known = [step for option, step in steps.items() if option in options]
        return f"the memory is used up; {', or '.join(known) or 'end other programs, or take a machine with more'}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"lstm-conformance itself made a mistake, {type(error).__name__}: {' '.join(str(error).split())} "
        f"({Path(frame.filename).name}:{frame.lineno}); report it with the command, and with the traceback that {TRACEBACK}=1 shows"
    )


def _import_error_message(error: ImportError) -> str:
    if not error.name:
        return str(error)  # raised by the suite; the message says what to install
    package = error.name.partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        return f"the package {package} is missing; install it with: pip install {distribution_of(package)}"
    return f"a package cannot be imported: {error}; install it anew with: pip install --force-reinstall {distribution_of(package)}"


def distribution_of(package: str) -> str:
    """Return the name of the distribution to install for an imported package."""
    return _DISTRIBUTIONS.get(package, package)


# Distributions whose names differ from their packages.
_DISTRIBUTIONS = {
    **dict.fromkeys((module.partition(".")[0] for module in (__name__, LSTMError.__module__)), "keras-lstm-conformance"),
    "sklearn": "scikit-learn", "tree": "dm-tree", "tf_keras": "tf-keras",
    "google": "protobuf", "PIL": "pillow", "yaml": "pyyaml",
}  # fmt: skip
