"""Lists the cases: the documents' matrix, and the surface in three levels. Every exclusion has a reason.

It imports `probes`, `judging` and `cases`. No other room lists cases.
"""

from conformance.matrix.documents import cell_count, documents_matrix
from conformance.matrix.grid import allowed
from conformance.matrix.levels import LEVELS, Level, cases_for, supported_cases, surface
from conformance.matrix.naming import case_named, usual_ids
from conformance.matrix.selection import CaseOrProbe, SkippedCases, select, without_probes

__all__ = [
    "LEVELS",
    "CaseOrProbe",
    "Level",
    "SkippedCases",
    "allowed",
    "case_named",
    "cases_for",
    "cell_count",
    "documents_matrix",
    "select",
    "supported_cases",
    "surface",
    "usual_ids",
    "without_probes",
]
