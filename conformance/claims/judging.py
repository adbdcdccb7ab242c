"""From measurements to a verdict: the only place where one is computed.

all evidence agrees                                           holds
some evidence disagrees                                       fails
under a condition all agrees, outside it all disagrees        holds only when
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conformance.claims.model import ClaimVerdict, Evidence, Finding, Side, plain


def note(label: str, measured: Any) -> Evidence:
    """A measurement that the statement says nothing about."""
    return Evidence(label=label, measured=plain(measured))


def equal(label: str, measured: Any, stated: Any) -> Evidence:
    """A measurement that the statement puts a value to."""
    measured, stated = plain(measured), plain(stated)
    return Evidence(label=label, measured=measured, relation="=", stated=stated, agrees=measured == stated)


def at_most(label: str, measured: Any, limit: float) -> Evidence:
    """A number that is at most `limit` if the statement is right; NaN is not."""
    value, bound = float(measured), float(limit)
    return Evidence(label=label, measured=value, relation="≤", stated=bound, agrees=value <= bound)


def above(label: str, measured: Any, limit: float) -> Evidence:
    """A number that exceeds `limit` if the statement is right; NaN does not."""
    value, bound = float(measured), float(limit)
    return Evidence(label=label, measured=value, relation=">", stated=bound, agrees=value > bound)


def judge(*evidence: Evidence, exception: str = "", under_exception: Sequence[Evidence] = ()) -> Finding:
    """Judge a statement that names no condition.

    Args:
        evidence: what was measured of the statement as it stands.
        exception: a special case in which the statement would hold though it fails as it stands.
        under_exception: what was measured in that case; unless all of it agrees, the case is not named.
    """
    verdict = ClaimVerdict.HOLDS if _all_agree(evidence) else ClaimVerdict.FAILS
    shown = exception if verdict is ClaimVerdict.FAILS and _all_agree(under_exception) else ""
    return Finding(verdict=verdict, evidence=(*evidence, *_on(Side.WHEN, under_exception)), condition=shown)


def judge_under(condition: str, *, when: Sequence[Evidence], otherwise: Sequence[Evidence]) -> Finding:
    """Judge a statement by both sides of a condition; a side that is not what the condition says makes it fail.

    Args:
        condition: under which the statement is expected to hold.
        when: what was measured under it.
        otherwise: what was measured outside it; what agrees there says that the condition is not the right one.
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
        evidence=(*_on(Side.WHEN, when), *_on(Side.OTHERWISE, otherwise)),
        condition=condition if verdict is ClaimVerdict.HOLDS_ONLY_WHEN else "",
    )


def _all_agree(evidence: Sequence[Evidence]) -> bool:
    """Whether something was stated and all of it is borne out: no evidence is no agreement."""
    verdicts = [item.agrees for item in evidence if item.agrees is not None]
    return bool(verdicts) and all(verdicts)


def _on(side: Side, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    return tuple(replace(item, side=side) for item in evidence)
