"""Choosing among cases by id or pattern."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from typing import TypeVar

from conformance.case import Case
from conformance.matrix.exclusions import exclusion_of
from conformance.probes import Probe
from lstm_ref import LSTMError

Planned = Case | Probe


AnyPlanned = TypeVar("AnyPlanned", Case, Planned)


def select(cases: Sequence[AnyPlanned], patterns: Sequence[str]) -> list[AnyPlanned]:
    """The cases whose id is one of, or matches one of, the patterns (`*`, `?`, `[…]`); all without patterns.

    A whole id stands for its case, whether that is among the cases or not.

    Raises:
        LSTMError: a pattern matches no case; the message offers the nearest ids.
    """
    if not patterns:
        return list(cases)
    ids: dict[str, AnyPlanned] = {case.id: case for case in cases}
    chosen: dict[str, AnyPlanned] = {}
    for pattern in patterns:
        matching = fnmatch.filter(ids, pattern)
        if not matching and (named := _named(pattern)):
            ids[pattern] = named
            matching = [pattern]
        if not matching:
            near = ", ".join(difflib.get_close_matches(pattern, ids, n=3)) or next(iter(ids))
            listed = "`lstm-conformance list` prints those of the documents' matrix, and with --level LEVEL those of a level"
            raise LSTMError(f"no case matches {pattern!r}; ids look like: {near}. {listed}")
        chosen |= {case_id: ids[case_id] for case_id in matching}
    return [case for case_id, case in ids.items() if case_id in chosen]


def _named(text: str) -> Case | None:
    try:
        case = Case.from_id(text)
    except LSTMError:
        return None
    if (exclusion := exclusion_of(case)) is not None:
        raise LSTMError(f"{text} is no case: {exclusion.reason} ({', '.join(exclusion.of)})")
    return case
