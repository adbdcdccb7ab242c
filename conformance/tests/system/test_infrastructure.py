"""Which raised errors are faults of where a case was run, and which are the implementation's own."""

from __future__ import annotations

import errno
import os
from importlib import import_module

import numpy as np
import pytest

from conformance.judging.verdict import exception_line
from conformance.system.infrastructure import Fault, crash_signal, exit_code_text, infrastructure_fault, is_external_signal
from conformance.tests.support.infrastructure_reasons import REASONS


@pytest.mark.parametrize(("fault", "reason"), [(fault, reason) for fault, reasons in REASONS.items() for reason in reasons])
def test_a_fault_of_infrastructure_is_named(fault: Fault, reason: str) -> None:
    """Whatever library words it."""
    assert infrastructure_fault(reason) is fault


@pytest.mark.parametrize("fault", Fault)
def test_every_fault_has_an_example(fault: Fault) -> None:
    """Of what is raised."""
    assert REASONS[fault]


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (errno.ENOSPC, Fault.DISK),
        (errno.EROFS, Fault.DISK),
        (errno.EIO, Fault.DISK),
        (errno.EFBIG, Fault.DISK),
        (errno.ENOMEM, Fault.MEMORY),
        (errno.EACCES, Fault.PERMISSION),
        (errno.EPERM, Fault.PERMISSION),
        (errno.EMFILE, Fault.LIMIT),
        (errno.ENFILE, Fault.LIMIT),
        (errno.EAGAIN, Fault.LIMIT),
        (errno.EPIPE, Fault.CONNECTION),
        (errno.ECONNRESET, Fault.CONNECTION),
        (errno.ECONNREFUSED, Fault.CONNECTION),
        (errno.ETIMEDOUT, Fault.TIME),
    ],
)
def test_errors_of_the_operating_system_are_told_by_type_and_by_words(number: int, fault: Fault) -> None:
    """As Python raises them, and in the words of a library that wraps them in a type of its own."""
    raised = OSError(number, os.strerror(number), "/somewhere/a file")
    assert infrastructure_fault(exception_line(raised)) is fault
    assert infrastructure_fault(f"RuntimeError: model.save: {os.strerror(number)}") is fault


def test_a_module_that_is_missing_is_a_fault() -> None:
    """As Python raises it."""
    with pytest.raises(ModuleNotFoundError) as raised:
        import_module("no_such_module")
    assert infrastructure_fault(exception_line(raised.value)) is Fault.PACKAGE


def test_memory_that_is_used_up_is_a_fault() -> None:
    """As NumPy raises it."""
    with pytest.raises(MemoryError) as raised:
        np.empty(2**60, np.uint8)
    assert infrastructure_fault(exception_line(raised.value)) is Fault.MEMORY


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "ValueError: Cannot convert '5' to a shape.",
        "ValueError: Exception encountered when calling LSTM.call(). operands could not be broadcast together",
        "RuntimeError: one of the variables needed for gradient computation has been modified by an inplace operation",
        "TypeError: unsupported operand type(s) for *: 'generator' and 'int'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'model.keras'",
        "IndexError: list index out of range",
        "OSError: Unable to synchronously open file (file signature not found)",
        "NotImplementedError: the process of masking is not implemented",
        "ValueError: timesteps must be known",
        "KeyError: 'PermissionError'",
    ],
)
def test_what_an_implementation_raises_is_no_fault_of_infrastructure(reason: str) -> None:
    """A bug of Keras stays one."""
    assert infrastructure_fault(reason) is None


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("the worker process died (exit code -8, SIGFPE) while it ran this case", "SIGFPE"),
        ("WorkerError: the process died (exit code -11; Fatal Python error) while it answered", "SIGSEGV"),
        ("no answer within 60 s: the process was ended", ""),
        ("WorkerError: no answer within 60 s while it answered: the process was ended", ""),
        ("the worker process died (exit code -9, SIGKILL) while it ran this case", ""),
        ("the worker process died (exit code -15, SIGTERM) while it ran this case", ""),
        ("the worker process died (exit code 8) while it ran this case", ""),
        ("TimeoutError: [Errno 110] Connection timed out", ""),
        ("ValueError: died (exit code -8)", ""),
        ("", ""),
    ],
)
def test_only_what_a_process_does_to_itself_is_an_end_of_its_own(reason: str, end: str) -> None:
    """A signal of its own code; not a time limit, nor what kills it from outside, as where memory is used up."""
    assert crash_signal(reason) == end


@pytest.mark.parametrize(
    ("code", "said", "from_outside"),
    [
        (3, "exit code 3", False),
        (-8, "exit code -8, SIGFPE", False),
        (-11, "exit code -11, SIGSEGV", False),
        (-9, "exit code -9, SIGKILL", True),
        (-15, "exit code -15, SIGTERM", True),
        (-200, "exit code -200", False),
    ],
)
def test_an_exit_code_is_said_with_its_signal(code: int, said: str, from_outside: bool) -> None:
    """And whether a crash sends that one."""
    assert (exit_code_text(code), is_external_signal(code)) == (said, from_outside)
