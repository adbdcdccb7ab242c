"""Scripts that show a case, beside what a report says of it."""

from __future__ import annotations

from collections.abc import Mapping

from conformance.commands import pages
from conformance.report.document import Script
from lstm_ref import LSTMError


def script_of(case_id: str, environment: Mapping[str, str]) -> Script | None:
    """What shows a case in that environment; None where a script cannot, or where it does not run Keras 3."""
    try:
        code = pages.script_of(case_id, environment)
    except LSTMError:
        return None
    return Script(f"as a script: lstm-conformance reproduce {case_id} --backend {environment['backend']}", code)
