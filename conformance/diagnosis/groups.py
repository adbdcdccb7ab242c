"""Groups the differing cases of a run: those of one group plausibly have one cause.

Cases with the same known difference or the same explanation are one group. The others must raise the same type of exception or
fail the same checks. They are divided by what tells them from the cases that pass: a feature, a size, or two of these, which no
passing case has. The one that most of the differing cases have makes the first group, and so on.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.diagnosis.reduce import SIZES, simplicity
from conformance.judging.verdict import Result, Verdict

_DIFFERING = (Verdict.FAIL, Verdict.ERROR, Verdict.KNOWN_DIFFERENCE)


def differing_groups(results: Iterable[Result]) -> list[list[Result]]:
    """The groups of the cases that differ; probes have none. The largest group is first, and in each group the simplest case.

    Args:
        results: of a run, also those that pass: they tell what the cases of a group have in common.
    """
    passing: list[Case] = []
    alike: dict[tuple[str, ...], list[tuple[Case, Result]]] = collections.defaultdict(list)
    for result in results:
        if result.case_id.startswith("probe-"):
            continue
        if result.verdict is Verdict.PASS:
            passing.append(Case.from_id(result.case_id))
        elif result.verdict in _DIFFERING:
            alike[_manner(result)].append((Case.from_id(result.case_id), result))
    groups: list[list[tuple[Case, Result]]] = []
    for members in alike.values():
        if members[0][1].known or members[0][1].explained_by:
            groups.append(members)
        else:
            groups += ([members[k] for k in part] for part in _divided([case for case, _ in members], passing))
    ordered = [sorted(group, key=lambda pair: simplicity(pair[0])) for group in sorted(groups, key=len, reverse=True)]
    return [[result for _, result in group] for group in ordered]


def _manner(result: Result) -> tuple[str, ...]:
    """How a case differs: its known difference, its explanation, or its exception and failing checks."""
    if result.known or result.explained_by:
        return result.verdict, result.known or result.explained_by[0]
    failing = (check.check for check in result.checks if check.verdict is Verdict.FAIL)
    return result.verdict, result.reason.partition(":")[0], *failing


def _divided(differing: Sequence[Case], passing: Sequence[Case]) -> Iterator[list[int]]:
    """Yield the positions of the cases of each group, the largest group first. Sets of cases are the bits of integers."""
    having, passing_having = _cases_by_property(differing), _cases_by_property(passing)
    left = (1 << len(differing)) - 1
    if not passing:
        yield list(range(len(differing)))
        return
    telling = {name: cases for name, cases in having.items() if not passing_having[name]}
    # A pair of which one alone tells the cases apart has no more of them.
    pairs = (
        having[one] & having[two]
        for one, two in itertools.combinations([name for name in having if name not in telling], 2)
        if not passing_having[one] & passing_having[two]
    )
    candidates = [*telling.values(), *dict.fromkeys(pairs)]
    while left:
        group = max((cases & left for cases in candidates), key=int.bit_count, default=0) or left
        yield [position for position in range(len(differing)) if group >> position & 1]
        left &= ~group


def _cases_by_property(cases: Sequence[Case]) -> collections.Counter[tuple[str, Any]]:
    """Feature or size, and its value → the set of the cases that have it."""
    having = collections.Counter[tuple[str, Any]]()
    for position, case in enumerate(cases):
        sizes = {"units": case.config.units, **{name: getattr(case, name) for name in SIZES if name != "units"}}
        for item in (*((feature.name, case.feature(feature)) for feature in FEATURES), *sizes.items()):
            having[item] |= 1 << position
    return having
