"""Which cases there are: the documents' matrix, and the surface in three levels, each exclusion with its reason.

It imports `probes`, `judging` and `cases`; no other room lists cases.
"""

from conformance.matrix.documents import cell_count, documents_matrix
from conformance.matrix.grids import allowed
from conformance.matrix.levels import LEVELS, Level, askable, cases_for, surface
from conformance.matrix.naming import named, usual_ids
from conformance.matrix.selection import NotAsked, Planned, select, without_probes

__all__ = [
    "LEVELS",
    "Level",
    "NotAsked",
    "Planned",
    "allowed",
    "askable",
    "cases_for",
    "cell_count",
    "documents_matrix",
    "named",
    "select",
    "surface",
    "usual_ids",
    "without_probes",
]
