"""Turns measurements into a check's verdict: numbers must lie within the limits of σ, and facts must be equal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from conformance.judging.compare import Gap, measure
from conformance.judging.verdict import CheckResult, Verdict
from conformance.reference.tolerance import ELEMENT_LIMIT, rms_limit
from lstm_ref.arrays import Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two arrays to compare, with their names for messages.

    Attributes:
        label: name of the arrays.
        got, expected: two arrays; different shapes fail the check.
        sigma: of each element.
        place: formats an index in words; "" for nothing beyond the index.
    """

    label: str
    got: Array | None
    expected: Array
    sigma: Array
    place: Callable[[tuple[int, ...]], str] = lambda where: ""  # noqa: ARG005  # nothing to add


def judge_values(check: str, comparisons: Iterable[Comparison]) -> CheckResult:
    """Judge that each array lies within 8σ at every element and within 2σ in the root mean square."""
    gaps: list[tuple[Comparison, Gap]] = []
    for pair in comparisons:
        if pair.got is None or not pair.got.shape == pair.expected.shape == pair.sigma.shape:
            message = f"{pair.label} has shape {getattr(pair.got, 'shape', None)}, expected {pair.sigma.shape}: not comparable"
            return CheckResult(check=check, verdict=Verdict.FAIL, message=message, largest=math.inf)
        if pair.expected.size:
            gaps.append((pair, measure(pair.got, pair.expected, pair.sigma)))
    failures = [(pair, message) for pair, gap in gaps if (message := _failure_message(pair, gap))]
    messages = [message for _, message in failures]
    return CheckResult(
        check=check,
        verdict=Verdict.FAIL if messages else Verdict.PASS,
        message=_summary(messages),
        worst=max((gap.worst for _, gap in gaps), default=None),
        rms=max((gap.rms for _, gap in gaps), default=None),
        size=sum(gap.size for _, gap in gaps),
        squares=sum(gap.size * gap.rms**2 for _, gap in gaps),
        largest=max((_largest_error(pair) for pair, _ in failures), default=0.0),
        not_finite=bool(failures) and all(_agrees_where_finite(pair) for pair, _ in failures),
        blind=sum(_count_blind(pair) for pair, _ in gaps),
    )


def _largest_error(pair: Comparison) -> float:
    """Largest |error| of the elements beyond their limit; of all elements, if the array fails without those elements too."""
    got, expected, sigma = (np.asarray(array, np.float64) for array in (pair.got, pair.expected, pair.sigma))
    same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    with np.errstate(invalid="ignore", over="ignore"):
        errors = np.where(same, 0, np.abs(got - expected))
    if not np.isfinite(errors).all():
        return math.inf
    within = errors <= ELEMENT_LIMIT * sigma
    agrees = not within.any() or not exceeds_limits(measure(got[within], expected[within], sigma[within]))
    return float(errors[~within].max() if agrees else errors.max())


def _agrees_where_finite(pair: Comparison) -> bool:
    """Whether two arrays lie within the limits at the elements that are finite in both."""
    got, expected = np.asarray(pair.got, np.float64), np.asarray(pair.expected)
    finite = np.isfinite(got) & np.isfinite(expected)
    if not finite.any():
        return True
    gap = measure(got[finite], expected[finite], np.asarray(pair.sigma)[finite])
    return not exceeds_limits(gap)


def exceeds_limits(gap: Gap) -> bool:
    """Whether an element, or the array as a whole, exceeds its limit."""
    return gap.worst > ELEMENT_LIMIT or gap.rms > rms_limit(gap.size)


def _count_blind(pair: Comparison) -> int:
    """Count elements with so large a limit that no value of the expected array's size could fail."""
    most = np.abs(pair.expected).max()
    return int(np.count_nonzero(ELEMENT_LIMIT * pair.sigma >= 2 * most)) if most > 0 else 0


def _failure_message(pair: Comparison, gap: Gap) -> str:
    if gap.worst > ELEMENT_LIMIT:
        index = f"[{', '.join(map(str, gap.where))}]" if gap.where else ""
        place = pair.place(gap.where)
        return (
            f"{pair.label}{index} is {gap.got:.9g}, expected {gap.expected:.9g}: off by {gap.error:.2g} ({gap.worst:.3g} σ, "
            f"limit {ELEMENT_LIMIT:g} σ){place and f' at {place}'}"
        )
    if exceeds_limits(gap):
        limit = rms_limit(gap.size)
        return f"{pair.label} as a whole is off by {gap.rms:.3g} σ (root mean square of {gap.size} elements), limit {limit:g} σ"
    return ""


def _summary(messages: list[str]) -> str:
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return messages[0] + more if messages else ""


def judge_facts(check: str, facts: Iterable[tuple[str, object, object]]) -> CheckResult:
    """Judge that got equals expected in each fact (label, got, expected)."""
    messages = [f"{label} is {got}, expected {expected}" for label, got, expected in facts if got != expected]
    return CheckResult(check=check, verdict=Verdict.FAIL if messages else Verdict.PASS, message=_summary(messages))
