"""Computes verdicts from measurements.

all evidence agrees                                           holds
some evidence disagrees                                       fails
under a condition all agrees, without it all disagrees        holds only when
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.claims.model import ClaimVerdict, Evidence, Finding, Side, plain


def note(label: str, measured: Any) -> Evidence:
    """A measurement for which the statement gives no value."""
    return Evidence(label=label, measured=plain(measured))


def equal(label: str, measured: Any, stated: Any) -> Evidence:
    """A measurement for which the statement gives a value."""
    measured, stated = plain(measured), plain(stated)
    return Evidence(label=label, measured=measured, relation="=", stated=stated, agrees=measured == stated)


def at_most(label: str, measured: Any, limit: float) -> Evidence:
    """A number that is at most `limit` if the statement is right; NaN disagrees."""
    value, bound = float(measured), float(limit)
    return Evidence(label=label, measured=value, relation="≤", stated=bound, agrees=value <= bound)


def above(label: str, measured: Any, limit: float) -> Evidence:
    """A number that exceeds `limit` if the statement is right; NaN disagrees."""
    value, bound = float(measured), float(limit)
    return Evidence(label=label, measured=value, relation=">", stated=bound, agrees=value > bound)


def judge(*evidence: Evidence, exception: str = "", under_exception: Sequence[Evidence] = ()) -> Finding:
    """Judge a statement that names no condition.

    Args:
        evidence: the measurements of the statement.
        exception: a special case in which the statement would hold although it fails in general.
        under_exception: the measurements in the special case; it is named only if all of them agree.
    """
    verdict = ClaimVerdict.HOLDS if _all_agree(evidence) else ClaimVerdict.FAILS
    condition = exception if verdict is ClaimVerdict.FAILS and _all_agree(under_exception) else ""
    return Finding(verdict=verdict, evidence=(*evidence, *_with_side(Side.WHEN, under_exception)), condition=condition)


def judge_under(condition: str, *, when: Sequence[Evidence], otherwise: Sequence[Evidence]) -> Finding:
    """Judge a statement by measurements under a condition and without it.

    Args:
        condition: under which the statement is expected to hold.
        when: the measurements under the condition.
        otherwise: the measurements without it; if only some of them agree, the condition is wrong and the statement fails.
    """
    if not _all_agree(when):
        verdict = ClaimVerdict.FAILS
    elif _all_agree(otherwise):
        verdict = ClaimVerdict.HOLDS
    elif any(item.agrees for item in otherwise):
        verdict = ClaimVerdict.FAILS
    else:
        verdict = ClaimVerdict.HOLDS_ONLY_WHEN
    return Finding(
        verdict=verdict,
        evidence=(*_with_side(Side.WHEN, when), *_with_side(Side.OTHERWISE, otherwise)),
        condition=condition if verdict is ClaimVerdict.HOLDS_ONLY_WHEN else "",
    )


def _all_agree(evidence: Sequence[Evidence]) -> bool:
    """Whether at least one value was stated and all stated values agree."""
    verdicts = [item.agrees for item in evidence if item.agrees is not None]
    return bool(verdicts) and all(verdicts)


def _with_side(side: Side, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(replace(item, side=side) for item in evidence)
