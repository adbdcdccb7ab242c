"""Selects cases by id or pattern, and records the selected cases that an implementation does not run."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from conformance.cases.case import Case
from conformance.matrix.exclusions import exclusion_of
from conformance.probes import PROBES, Probe
from lstm_ref import LSTMError

CaseOrProbe = Case | Probe

# Tells a user how to find the id of a case.
HOW_TO_LIST = "`lstm-conformance list` prints those of the documents' matrix, and with --level LEVEL those of a level"

CaseOrProbeType = TypeVar("CaseOrProbeType", Case, CaseOrProbe)


def select(cases: Sequence[CaseOrProbeType], patterns: Sequence[str]) -> list[CaseOrProbeType]:
    """Return the cases whose id equals or matches one of the patterns (`*`, `?`, `[…]`); all cases if there are no patterns.

    A complete id selects its case, also if the case is not among the given ones.

    Raises:
        LSTMError: a pattern matches no case; the message offers the nearest ids.
    """
    if not patterns:
        return list(cases)
    ids: dict[str, CaseOrProbeType] = {case.id: case for case in cases}
    selected: dict[str, CaseOrProbeType] = {}
    for pattern in patterns:
        matching = fnmatch.filter(ids, pattern)
        if not matching and (case_named := _case_of_id(pattern)):
            ids[pattern] = case_named
            matching = [pattern]
        if not matching and (probes := fnmatch.filter([probe.id for probe in PROBES], pattern)):
            raise _probes_only_error(pattern, probes, "they are probes of other levels")
        if not matching:
            near = ", ".join(difflib.get_close_matches(pattern, ids, n=3)) or next(iter(ids))
            raise LSTMError(f"no case matches {pattern!r}; ids look like: {near}. {HOW_TO_LIST}")
        selected |= {case_id: ids[case_id] for case_id in matching}
    return [case for case_id, case in ids.items() if case_id in selected]


@dataclass(frozen=True, kw_only=True)
class SkippedCases:
    """Selected cases or probes that are not run.

    Attributes:
        reason: why they are not run.
        case_ids: their ids, at least one.
    """

    reason: str
    case_ids: tuple[str, ...]

    def __str__(self) -> str:
        """One line for messages."""
        return f"not asked: {len(self.case_ids):,} of what was chosen: {self.reason}"


def without_probes(selected: Iterable[CaseOrProbe], patterns: Sequence[str]) -> tuple[list[CaseOrProbe], tuple[SkippedCases, ...]]:
    """Split a selection into cases and probes, for an implementation that is no Keras.

    Args:
        selected: by the patterns.
        patterns: of the selection.

    Raises:
        LSTMError: a pattern selects probes only.
    """
    selected = list(selected)
    cases: list[CaseOrProbe] = [item for item in selected if isinstance(item, Case)]
    probes = tuple(item.id for item in selected if not isinstance(item, Case))
    for pattern in patterns:
        if not fnmatch.filter([case.id for case in cases], pattern):
            raise _probes_only_error(pattern, fnmatch.filter(probes, pattern), _NO_KERAS)
    return cases, (SkippedCases(reason=_NO_KERAS, case_ids=probes),) if probes else ()


_NO_KERAS = "probes look into a Keras, and the reference is none"


def _probes_only_error(pattern: str, probes: Sequence[str], reason: str) -> LSTMError:
    few = ", ".join(probes[:2]) + ", …" * (len(probes) > 2)
    matching = f"{len(probes):,} probe{'s' * (len(probes) > 1)} ({few})"
    return LSTMError(
        f"{pattern!r} matches {matching} and no case: {reason}; "
        f"ask them by: lstm-conformance verify --level standard --case {pattern!r}"
    )


def _case_of_id(text: str) -> Case | None:
    try:
        case = Case.from_id(text)
    except LSTMError:
        return None
    if (exclusion := exclusion_of(case)) is not None:
        raise LSTMError(f"{text} is no case: {exclusion.reason} ({', '.join(exclusion.of)})")
    return case
