"""Whose an exception is: the implementation's, which is its ERROR, or the suite's or the machine's, which is UNRESOLVED.

The implementation's is what its own code has raised. An exception that no frame but the suite's, Python's and NumPy's has seen is a
mistake of the suite, unless it says that the implementation lacks an attribute or an argument. One whose words tell of the machine,
as of a full disk or a missing package, is never the implementation's, wherever it was raised.
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

# Under the name that it is imported by; the reference, which may stand in for an implementation, lies inside where it is installed.
_SUITE = __name__.partition(".")[0]
_OTHERS = (f"{_SUITE}.tests.", f"{_SUITE}.lstm_ref.")
# What Python says of a call that the other side does not take.
_OF_A_CALL = re.compile(r"\(\) (got|takes|missing) ")


def verdict_of_exception(error: Exception) -> tuple[Verdict, str]:
    """What a case ends as that raised this while it was asked: UNSUPPORTED, ERROR or UNRESOLVED, and why, in one line."""
    if isinstance(error, UnsupportedError):
        return Verdict.UNSUPPORTED, str(error)
    if isinstance(error, UnresolvedError):
        return Verdict.UNRESOLVED, str(error)
    if isinstance(error, CrashedError):
        return Verdict.ERROR, str(error)
    reason = str(error) if isinstance(error, RaisedError) else exception_line(error)
    if fault := infrastructure_fault(reason):
        return Verdict.UNRESOLVED, f"{fault}: {reason}"
    if not isinstance(error, RaisedError) and _is_of_suite(error):
        return Verdict.UNRESOLVED, suite_error_message(error)
    return Verdict.ERROR, reason


def suite_error_message(error: Exception) -> str:
    """A mistake of the suite's own, in one line: what was raised, where, and what to do."""
    fault = infrastructure_fault(exception_line(error)) or Fault.SUITE
    if isinstance(error, LSTMError):  # which says where, and what to do
        return f"{fault}: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1:]
    where = "".join(f" ({Path(each.filename).name}:{each.lineno})" for each in frame)
    return f"{fault}: {exception_line(error)}{where}; run it again, and report it if it stays"


def _is_of_suite(error: Exception) -> bool:
    if isinstance(error, AttributeError) and not _is_own(_module_of(error.obj)):
        return False
    if isinstance(error, TypeError) and _OF_A_CALL.search(str(error)):
        return False
    return all(_is_own(_name_of(frame)) for frame, _ in traceback.walk_tb(error.__traceback__))


def _module_of(value: object) -> str:
    found = value if inspect.ismodule(value) else value if inspect.isclass(value) else type(value)
    return str(found.__name__ if inspect.ismodule(found) else found.__module__)


def _name_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_own(module: str) -> bool:
    """Whether it is the suite's, without the implementations that its tests make up, or what the suite stands on."""
    package = module.partition(".")[0]
    return not module.startswith(_OTHERS) and (package in (_SUITE, "numpy") or package in sys.stdlib_module_names)
