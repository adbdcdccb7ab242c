"""Faults of the machine or the environment. Such a fault says nothing about the implementation under test.

Examples are a missing package, a full disk, a full memory, a refused permission, a lost connection, a time limit and a process that
ended. A result stores an exception as one line, `Type: message`, across processes and Python versions. The fault is recognised from
that line.
"""

import re
import signal
from enum import StrEnum


class Fault(StrEnum):
    """A kind of fault, with its name in reports."""

    PACKAGE = "a package is missing or cannot be imported"
    DISK = "the disk cannot be written"
    MEMORY = "the memory is used up"
    PERMISSION = "a permission is refused"
    LIMIT = "a limit of the operating system is reached"
    CONNECTION = "a connection was lost"
    TIME = "the time limit has passed"
    PROCESS = "the process ended"
    SUITE = "the suite itself failed"


# Names of exception types, without their modules.
_TYPES = {
    Fault.PACKAGE: {"ImportError", "ModuleNotFoundError", "PackageNotFoundError", "DistributionNotFound"},
    Fault.MEMORY: {"MemoryError", "_ArrayMemoryError", "OutOfMemoryError", "ResourceExhaustedError"},
    Fault.PERMISSION: {"PermissionError"},
    Fault.LIMIT: {"BlockingIOError"},
    Fault.CONNECTION: {
        "BrokenPipeError",
        "ConnectionError",
        "ConnectionAbortedError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "EOFError",
        "URLError",
    },
    Fault.TIME: {"TimeoutError"},
    Fault.PROCESS: {"ProcessExpired", "BrokenExecutor", "BrokenProcessPool", "KeyboardInterrupt", "SystemExit"},
    Fault.SUITE: {"AdapterStartError", "PicklingError", "UnpicklingError", "WorkerError"},
}

# Patterns for messages of other types, from libraries that wrap exceptions and from the suite's processes. The first match decides.
_WORDS = {
    Fault.SUITE: r"^could not be (judged|run)\b|^not run: ",
    Fault.TIME: r"^(WorkerError: )?no answer within |\btimed out\b|DEADLINE_EXCEEDED",
    Fault.PROCESS: r"^(WorkerError: )?the (worker )?process died\b|\bprocess (was killed|has been killed|terminated abruptly)\b",
    Fault.PACKAGE: (
        r"No module named |\bcannot import name '|\bis not installed\b|\binstall it (via|with)\b|\bpip install |"
        r"cannot open shared object file|DLL load failed|undefined symbol:"
    ),
    Fault.DISK: (
        r"No space left on device|Disk quota exceeded|Read-only file system|Input/output error|File too large|"
        r"No usable temporary directory|\brequested and \d+ written\b|\[Errno (5|27|28|30|122)\]|\berrno = (5|27|28|30|122)\b"
    ),
    Fault.MEMORY: (
        r"Cannot allocate memory|can't allocate memory|[Oo]ut of memory|\bOOM when allocating\b|RESOURCE_EXHAUSTED|"
        r"std::bad_alloc|\bUnable to allocate .* for an array\b|\[Errno 12\]"
    ),
    Fault.PERMISSION: r"Permission denied|Operation not permitted|Access is denied|\[Errno (1|13)\]",
    Fault.LIMIT: (
        r"Too many open files|Resource temporarily unavailable|can't start new thread|unable to open shared memory|"
        r"\[Errno (11|23|24)\]"
    ),
    Fault.CONNECTION: r"Connection (refused|reset|aborted)|Broken pipe|Name or service not known|\[Errno (32|104|111)\]",
}
_PATTERNS = {fault: re.compile(words) for fault, words in _WORDS.items()}


def infrastructure_fault(reason: str) -> Fault | None:
    """Return the fault of the machine or the environment; None if the exception is the implementation's own.

    Args:
        reason: an exception as `exception_line` formats it, or the suite's message about a process without an answer.
    """
    for fault, pattern in _PATTERNS.items():
        if pattern.search(reason):
            return fault
    name = reason.partition(":")[0].rpartition(".")[2]
    return next((fault for fault, names in _TYPES.items() if name in names), None)


# Signals that a user, a batch system or a kernel without memory sends. Every other signal comes from the process itself.
_FROM_OUTSIDE = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIGXCPU", "SIGXFSZ")


def exit_code_text(exit_code: int) -> str:
    """Format an exit code: `exit code 3`, or `exit code -11, SIGSEGV`."""
    name = _signal_of(exit_code)
    return f"exit code {exit_code}, {name}" if name else f"exit code {exit_code}"


def is_external_signal(exit_code: int) -> bool:
    """Whether a signal from outside ended the process. A crash of its own does not send such a signal."""
    return _signal_of(exit_code) in _FROM_OUTSIDE


def _signal_of(exit_code: int) -> str:
    return next((number.name for number in signal.Signals if number == -exit_code), "")


# Signals by which a process ends when its own code crashes.
CRASH_SIGNALS = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")


def crash_signal(reason: str) -> str:
    """Return the signal of `CRASH_SIGNALS` that ended a process without an answer; "" for every other reason."""
    fault = infrastructure_fault(reason)
    died = re.search(r"\bdied \(exit code (-\d+)\b", reason) if fault is Fault.PROCESS else None
    name = _signal_of(int(died[1])) if died else ""
    return name if name in CRASH_SIGNALS else ""
