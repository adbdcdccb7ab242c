"""Attributes an exception to the implementation (ERROR), or to the suite or the machine (UNRESOLVED).

An exception belongs to the implementation if its own code raised it. It is an error of the suite if its traceback has frames of the
suite, Python and NumPy only, unless it reports a missing attribute or argument of the implementation. An exception whose message
names a fault of the machine, for example a full disk or a missing package, never belongs to the implementation.
"""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from pathlib import Path
from types import FrameType

from conformance.adapters.base import CrashedError, RaisedError, UnresolvedError, UnsupportedError
from conformance.judging.verdict import Verdict, exception_line
from conformance.system.infrastructure import Fault, infrastructure_fault
from lstm_ref import LSTMError

# The package of the suite. When installed, it may contain the reference and tests, which can replace an implementation.
_SUITE = __name__.partition(".")[0]
_NOT_SUITE = (f"{_SUITE}.tests.", f"{_SUITE}.lstm_ref.")
# Python's message for a call with wrong arguments.
_SIGNATURE_ERROR = re.compile(r"\(\) (got|takes|missing) ")


def verdict_of_exception(error: Exception) -> tuple[Verdict, str]:
    """Return the verdict for an exception, UNSUPPORTED, ERROR or UNRESOLVED, and the reason in one line."""
    if isinstance(error, UnsupportedError):
        return Verdict.UNSUPPORTED, str(error)
    if isinstance(error, UnresolvedError):
        return Verdict.UNRESOLVED, str(error)
    if isinstance(error, CrashedError):
        return Verdict.ERROR, str(error)
    reason = str(error) if isinstance(error, RaisedError) else exception_line(error)
    if fault := infrastructure_fault(reason):
        return Verdict.UNRESOLVED, f"{fault}: {reason}"
    if not isinstance(error, RaisedError) and _is_suite_error(error):
        return Verdict.UNRESOLVED, suite_error_message(error)
    return Verdict.ERROR, reason


def suite_error_message(error: Exception) -> str:
    """Describe an error of the suite in one line: the exception, the place, and the next step."""
    fault = infrastructure_fault(exception_line(error)) or Fault.SUITE
    if isinstance(error, LSTMError):  # its message states the place and the next step
        return f"{fault}: {error}"
    frames = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(frame.filename).name}:{frame.lineno})" for frame in frames)
    return f"{fault}: {exception_line(error)}{where}; run it again, and report it if it stays"


def _is_suite_error(error: Exception) -> bool:
    if isinstance(error, AttributeError) and not _is_suite_module(_defining_module(error.obj)):
        return False
    if isinstance(error, TypeError) and _SIGNATURE_ERROR.search(str(error)):
        return False
    return all(_is_suite_module(_module_name(frame)) for frame, _ in traceback.walk_tb(error.__traceback__))


def _defining_module(value: object) -> str:
    if inspect.ismodule(value):
        return value.__name__
    return str((value if inspect.isclass(value) else type(value)).__module__)


def _module_name(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_suite_module(module: str) -> bool:
    """Whether a module belongs to the suite, to Python or to NumPy. Implementations inside the suite's tests do not count."""
    package = module.partition(".")[0]
    return not module.startswith(_NOT_SUITE) and (package in (_SUITE, "numpy") or package in sys.stdlib_module_names)
