"""What a user is told of an exception, in one line: what, where, and the next step; whatever it is, it shows no traceback."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Collection
from pathlib import Path

from lstm_ref import LSTMError

# Names the variable that shows the traceback of a mistake of the suite's own.
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


def file_error_message(done: str, path: str | Path, error: OSError) -> str:
    """`report.json could not be written: No space left on device; make room on that disk, or name a place on another`."""
    reason = error.strerror or str(error)
    step = _NEXT_STEPS.get(error.errno or 0, "name another path")
    if error.errno == errno.ENOENT:
        is_written = done in ("written", "made")
        missing = "its folder is not there" if not Path(path).parent.is_dir() else "its folder takes no file" if is_written else ""
        step = f"{missing or 'it is not there'}: name another path"
    elif step == _ELSEWHERE and done == "read":
        step = "name one that you may read"
    return f"{path} could not be {done}: {reason}; {step}"


def repeated_option_message(option: str, times: int) -> str:
    """`--seed is given 2 times, and is one choice: leave all but one out`."""
    return f"{option} is given {times} times, and is one choice: leave all but one out"


def error_message(error: Exception, options: Collection[str] = ()) -> str:
    """What to tell of it: the message of one of the suite's own, which teaches, or what is known of any other.

    Args:
        error: that ended a command.
        options: that the command has: no other is recommended.
    """
    if isinstance(error, LSTMError):
        return str(error)
    if isinstance(error, ImportError):
        return _missing(error)
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


def _missing(error: ImportError) -> str:
    if not error.name:
        return str(error)  # the suite's own, which says what to install
    package = error.name.partition(".")[0]
    if isinstance(error, ModuleNotFoundError):
        return f"the package {package} is missing; install it with: pip install {distribution_of(package)}"
    return f"a package cannot be imported: {error}; install it anew with: pip install --force-reinstall {distribution_of(package)}"


def distribution_of(package: str) -> str:
    """What a package is installed as, by the name by which it is imported."""
    return _DISTRIBUTIONS.get(package, package)


# Where that is not its own name.
_DISTRIBUTIONS = {
    **dict.fromkeys((each.partition(".")[0] for each in (__name__, LSTMError.__module__)), "keras-lstm-conformance"),
    "sklearn": "scikit-learn", "tree": "dm-tree", "tf_keras": "tf-keras",
    "google": "protobuf", "PIL": "pillow", "yaml": "pyyaml",
}  # fmt: skip
