"""Finds the case of an id that a user has written, and suggests similar ids for an unknown one."""

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
    """Yield the ids for suggestions: those of the documents' matrix, and of the level of single features."""
    yield from (case.id for case in documents_matrix(seed))
    yield from (item.id for item in surface("features", seed))


def case_named(text: str, others: Iterable[str] = ()) -> Case:
    """Return the case of an id.

    Args:
        text: as the user has written it.
        others: further names for suggestions.

    Raises:
        LSTMError: the text is not the id of a case; the message suggests similar ids.
    """
    if text in {probe.id for probe in PROBES}:
        raise LSTMError(f"{text} is a probe, not a case; run it with: lstm-conformance verify --case {text}")
    try:
        return Case.from_id(text)
    except NotACaseError as error:
        similar = difflib.get_close_matches(text, [*usual_ids(), *others], n=3)
        listed = f"{HOW_TO_LIST}; `lstm-conformance differences` prints the known differences" if others else HOW_TO_LIST
        suggestion = f"did you mean {' or '.join(similar)}?" if similar else listed
        raise LSTMError(f"{error}; {suggestion}") from error
