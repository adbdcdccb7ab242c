"""Faults of where a case was run: what says nothing of the implementation under test, whatever it was asked.

A missing package, a full disk or memory, a refused permission, a lost connection, a time limit and a process that ended are such. A
result keeps what was raised as one line, `Type: message`, across processes and Python versions: that line alone tells the fault.
"""

from __future__ import annotations

import re
import signal
from enum import StrEnum


class Fault(StrEnum):
    """What went wrong where a case was run, as a report names it."""

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

# What the messages of other types say: of libraries that wrap the exception, and of this suite's own processes. The first decides.
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
    """What was wrong where the case was run; None where the line is the implementation's own.

    Args:
        reason: a result's: an exception as `exception_line` writes it, or what the suite says of a process that gave no answer.
    """
    for fault, pattern in _PATTERNS.items():
        if pattern.search(reason):
            return fault
    name = reason.partition(":")[0].rpartition(".")[2]
    return next((fault for fault, names in _TYPES.items() if name in names), None)


# Of a user, a batch system, or a kernel without memory; all others are a process' own doing.
_FROM_OUTSIDE = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIGXCPU", "SIGXFSZ")


def exit_code_text(exit_code: int) -> str:
    """How a process ended: `exit code 3`, or `exit code -11, SIGSEGV`."""
    name = _signal_of(exit_code)
    return f"exit code {exit_code}, {name}" if name else f"exit code {exit_code}"


def is_external_signal(exit_code: int) -> bool:
    """Whether a signal has ended it that no crash of its own sends."""
    return _signal_of(exit_code) in _FROM_OUTSIDE


def _signal_of(exit_code: int) -> str:
    return next((number.name for number in signal.Signals if number == -exit_code), "")


# How a process ends that its own code brings down, as opposed to what ends it from outside.
CRASH_SIGNALS = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")


def crash_signal(reason: str) -> str:
    """Which of `CRASH_SIGNALS` a process that gave no answer came to; "" for any other, and for a reason of another sort."""
    fault = infrastructure_fault(reason)
    died = re.search(r"\bdied \(exit code -(\d+)\b", reason) if fault is Fault.PROCESS else None
    names = {number.value: number.name for number in signal.Signals}
    name = names.get(int(died[1]), "") if died else ""
    return name if name in CRASH_SIGNALS else ""
