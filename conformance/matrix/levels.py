"""The surface in three levels, each containing the one before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.matrix.covering import pairs
from conformance.matrix.grids import BASE, GRIDS, Grid, allowed, single_features
from conformance.matrix.random_cases import random_cases
from conformance.matrix.selection import CaseOrProbe, SkippedCases
from conformance.probes import PROBES


@dataclass(frozen=True, kw_only=True)
class Level:
    """How much of the surface is run.

    Attributes:
        name: as on the command line.
        meaning: what it holds, beyond the level before.
        cases: from a base case, all of them, some perhaps more than once.
    """

    name: str
    meaning: str
    cases: Callable[[Case], Iterable[Case]]


def _standard(base: Case) -> Iterator[Case]:
    for grid in GRIDS:
        yield from grid.cases(base)
    yield from pairs(base.seed)
    yield from random_cases(base, 100)


def _deep(base: Case) -> Iterator[Case]:
    for one, other in itertools.combinations(FEATURES, 2):
        yield from Grid(name=f"{one.name} and {other.name}", axes={one.name: one.values, other.name: other.values}).cases(base)
    yield from random_cases(base, 3000)


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(name="quick", meaning="every value of every feature, alone", cases=single_features),
        Level(
            name="standard", meaning="grids where features interact, a pairwise covering array, and random draws", cases=_standard
        ),
        Level(name="deep", meaning="every two values of any two features with nothing else, and many random draws", cases=_deep),
    )
}


def surface(level: str, seed: int = 0) -> list[CaseOrProbe]:
    """The cases of a level and of those before it, once each, in order; above quick, the probes too."""
    base = Case.from_id(BASE).replace(seed=seed)
    found: dict[str, Case] = {}
    for each in itertools.islice(LEVELS.values(), list(LEVELS).index(level) + 1):
        found |= {case.id: case for case in each.cases(base) if case.id not in found}
    return [*found.values(), *([] if level == "quick" else PROBES)]


def supported_cases(cases: Sequence[Case], described: Sequence[Mapping[str, Any]]) -> tuple[list[Case], tuple[SkippedCases, ...]]:
    """What implementations can all be asked: a layer that knows no return_state is asked for outputs only, each case once.

    Args:
        cases: that were chosen.
        described: what each of them says of its interface; one that says nothing is taken to know return_state.

    Returns:
        The cases that are asked, and those that are not, nor in another form.
    """
    if all(_has_return_state(each) for each in described):
        return list(cases), ()
    outputs_only = {case: case.replace(return_state=False) for case in cases}
    asked = [case for case in dict.fromkeys(outputs_only.values()) if allowed(case)]
    lost = tuple(case.id for case, other in outputs_only.items() if case != other and not allowed(other))
    replaced = tuple(case.id for case, other in outputs_only.items() if case != other and allowed(other))
    reasons = {"they need return_state, which is no argument there": lost, _OUTPUTS_ONLY: replaced}
    return asked, tuple(SkippedCases(reason=reason, case_ids=ids) for reason, ids in reasons.items() if ids)


_OUTPUTS_ONLY = "return_state is no argument there, so the same cases are asked for outputs only"


def _has_return_state(described: Mapping[str, Any]) -> bool:
    return bool(described.get("returns_states")) or "return_state" in described.get("arguments", ("return_state",))


def cases_for(described: Mapping[str, Any], planned: Iterable[CaseOrProbe]) -> list[Case]:
    """What an implementation in another process can be asked of all that is planned: no probes, and what is `supported_cases`."""
    return supported_cases([each for each in planned if isinstance(each, Case)], [described])[0]
