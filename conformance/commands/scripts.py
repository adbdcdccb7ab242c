"""Scripts in reports that reproduce a case."""

from collections.abc import Mapping

from conformance.cases.case import Case
from conformance.explaining.reproduce import reproduction
from conformance.report.document import Script
from lstm_ref import LSTMError


def script_of(case_id: str, environment: Mapping[str, str]) -> Script | None:
    """The script of a case in that environment; None if there is no such script, or the environment does not run Keras 3."""
    backend = environment.get("backend")
    if backend is None or not environment.get("keras", "").startswith("3."):
        return None
    try:
        code = reproduction(Case.from_id(case_id), backend)
    except LSTMError:
        return None
    return Script(f"as a script: lstm-conformance reproduce {case_id} --backend {backend}", code)
