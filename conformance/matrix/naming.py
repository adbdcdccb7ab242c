"""From what a user writes to a case, with what was perhaps meant where it is none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from conformance.cases.case import Case, NotACaseError
from conformance.matrix.documents import documents_matrix
from conformance.matrix.levels import surface
from conformance.matrix.selection import HOW_TO_LIST
from conformance.probes import PROBES
from lstm_ref import LSTMError


def usual_ids(seed: int = 0) -> Iterator[str]:
    """Ids that a user most likely means: those of the documents' matrix, and of the surface's quick level."""
    yield from (case.id for case in documents_matrix(seed))
    yield from (each.id for each in surface("quick", seed))


def case_named(text: str, others: Iterable[str] = ()) -> Case:
    """The case of that id.

    Args:
        text: as the user has written it.
        others: what else it could have meant.

    Raises:
        LSTMError: it is none; the message says what was perhaps meant.
    """
    if text in {probe.id for probe in PROBES}:
        raise LSTMError(f"{text} is a probe, not a case; run it with: lstm-conformance verify --case {text}")
    try:
        return Case.from_id(text)
    except NotACaseError as error:
        near = difflib.get_close_matches(text, [*usual_ids(), *others], n=3)
        listed = f"{HOW_TO_LIST}; `lstm-conformance differences` prints the known differences" if others else HOW_TO_LIST
        meant = f"did you mean {' or '.join(near)}?" if near else listed
        raise LSTMError(f"{error}; {meant}") from error
