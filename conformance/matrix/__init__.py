"""Which cases there are: the documents' matrix, and the surface in three levels. The only place that lists cases."""

from conformance.matrix.documents import cell_count, documents_matrix
from conformance.matrix.grids import allowed
from conformance.matrix.levels import LEVELS, Level, cases_for, surface, without_states
from conformance.matrix.naming import named, usual_ids
from conformance.matrix.selection import Planned, select

__all__ = [
    "LEVELS",
    "Level",
    "Planned",
    "allowed",
    "cases_for",
    "cell_count",
    "documents_matrix",
    "named",
    "select",
    "surface",
    "usual_ids",
    "without_states",
]
