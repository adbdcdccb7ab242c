"""Classifies a change by the results of both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from conformance.cases.case import Case
from conformance.judging.compare import Gap
from conformance.judging.judgement import exceeds_limits
from conformance.judging.verdict import Result, Verdict
from conformance.known.known_differences import Kind as KnownKind
from conformance.running.agreement import gaps_between
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.errors import measure_errors
from conformance.upgrade.references import CONVENTIONS, known_of, upstream_of
from conformance.upgrade.side import Side


@dataclass(frozen=True, kw_only=True)
class RunDifference:
    """The difference of two runs.

    Attributes:
        gaps: by array and call.
        same_bits: whether both returned the same bits.
    """

    gaps: Mapping[str, Gap]
    same_bits: bool

    @property
    def differ(self) -> bool:
        """Whether the difference is more than the rounding of two runs."""
        return any(map(exceeds_limits, self.gaps.values()))

    @property
    def worst(self) -> dict[str, float]:
        """Largest difference in σ by array, over all calls."""
        worst: dict[str, float] = {}
        for key, gap in self.gaps.items():
            name = key.partition("_")[2]
            worst[name] = max(worst.get(name, 0.0), gap.worst)
        return worst


def change_of(before: Side, after: Side, was: Result, now: Result) -> Change:
    """The change of a case from one result to the other; the sides still hold the arrays of these results."""
    answered = was.verdict in _ANSWERED and now.verdict in _ANSWERED
    difference = _difference_of_runs(before, after, was, now) if answered else None
    if Verdict.UNSUPPORTED in (was.verdict, now.verdict):
        kind = _kind_of_support(was, now)
    elif Verdict.ERROR in (was.verdict, now.verdict):
        kind = _kind_of_crash(was, now)
    else:
        kind = _kind_of_answers(before, after, was, now, difference)
    change = Change(kind=kind, before=was, after=now, apart=difference.worst if difference else {})
    if not kind.is_change:
        return change
    sides = {"from": (before, was), "to": (after, now)}
    errors = {
        f"{name} {array}": measured
        for name, (side, result) in sides.items()
        for array, measured in measure_errors(result, side.arrays(result.case_id), side.conventions).items()
    }
    return upstream_of(replace(change, errors=errors), before.environment, after.environment)


_ANSWERED = (Verdict.PASS, Verdict.FAIL)


def _difference_of_runs(before: Side, after: Side, was: Result, now: Result) -> RunDifference | None:
    """None where a side has no arrays: with dropout, each run draws its own masks."""
    ours, theirs = before.arrays(was.case_id), after.arrays(now.case_id)
    if ours is None or theirs is None:
        return None
    conventions, both_wrong = [before.conventions, after.conventions], was.verdict is now.verdict is Verdict.FAIL
    gaps = gaps_between(Case.from_id(now.case_id), [ours, theirs], conventions, aligned=False, both_wrong=both_wrong)
    same = ours.keys() == theirs.keys() and all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    return RunDifference(gaps=gaps, same_bits=same)


def _kind_of_support(was: Result, now: Result) -> Kind:
    if was.verdict is now.verdict:
        return Kind.IN_NEITHER
    return Kind.LOST_API if now.verdict is Verdict.UNSUPPORTED else Kind.NEW_API


def _kind_of_crash(was: Result, now: Result) -> Kind:
    if was.verdict is not now.verdict:
        return Kind.CRASHES if now.verdict is Verdict.ERROR else Kind.NO_LONGER_CRASHES
    return Kind.CRASHES_IN_BOTH if now.fails_like(was) else Kind.OTHERWISE_WRONG


def _kind_of_answers(before: Side, after: Side, was: Result, now: Result, difference: RunDifference | None) -> Kind:
    wrong = [(side, result) for side, result in ((before, was), (after, now)) if result.verdict is Verdict.FAIL]
    differ = difference is not None and difference.differ
    alike = was.verdict is now.verdict and (not wrong or _failing(was) == _failing(now))
    # Two right answers under the same conventions are both within rounding of the same exact result.
    if alike and (not differ or (not wrong and before.conventions == after.conventions)):
        return Kind.SAME_BITS if difference is not None and difference.same_bits else Kind.WITHIN_ROUNDING
    if all(_is_convention(side, result) for side, result in wrong):
        return Kind.CONVENTION
    if was.verdict is now.verdict:
        return Kind.OTHERWISE_WRONG
    return Kind.NOW_WRONG if now.verdict is Verdict.FAIL else Kind.NOW_RIGHT


def _failing(result: Result) -> set[str]:
    return {check.check for check in result.checks if check.verdict is Verdict.FAIL}


def _is_convention(side: Side, result: Result) -> bool:
    """Whether conventions of older versions explain the whole difference, or it is a known difference of that kind."""
    deviations = result.explained_by[0].split("+") if result.explained_by else [""]
    known = known_of(result, side.environment)
    return {*deviations} <= CONVENTIONS.keys() or any(entry.kind is KnownKind.CONVENTION for entry in known)
