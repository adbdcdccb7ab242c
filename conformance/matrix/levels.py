"""The surface in three levels, each containing the one before."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.case import Case
from conformance.features import FEATURES
from conformance.matrix.covering import pairs
from conformance.matrix.drawn import drawn
from conformance.matrix.grids import BASE, GRIDS, Grid, allowed, singles
from conformance.matrix.selection import Planned
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
    yield from drawn(base, 100)


def _deep(base: Case) -> Iterator[Case]:
    for one, other in itertools.combinations(FEATURES, 2):
        yield from Grid(name=f"{one.name} and {other.name}", axes={one.name: one.values, other.name: other.values}).cases(base)
    yield from drawn(base, 3000)


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(name="quick", meaning="every value of every feature, alone", cases=singles),
        Level(
            name="standard", meaning="grids where features interact, a pairwise covering array, and random draws", cases=_standard
        ),
        Level(name="deep", meaning="every two values of any two features with nothing else, and many random draws", cases=_deep),
    )
}


def surface(level: str, seed: int = 0) -> list[Planned]:
    """The cases of a level and of those before it, once each, in order; above quick, the probes too."""
    base = Case.from_id(BASE).having(seed=seed)
    found: dict[str, Case] = {}
    for each in itertools.islice(LEVELS.values(), list(LEVELS).index(level) + 1):
        found |= {case.id: case for case in each.cases(base) if case.id not in found}
    return [*found.values(), *([] if level == "quick" else PROBES)]


def without_states(cases: Iterable[Case]) -> list[Case]:
    """The same asked for outputs only, once each, as of a layer that knows no return_state; those that need it are left out."""
    asked = (case.having(return_state=False) for case in cases)
    return [case for case in dict.fromkeys(asked) if allowed(case)]


def cases_for(described: Mapping[str, Any], planned: Iterable[Planned]) -> list[Case]:
    """What an implementation in another process can be asked of all that is planned.

    Probes look into a module; a layer that knows no return_state is asked for outputs only.

    Args:
        described: what it says of its interface.
        planned: cases and probes.
    """
    cases = [each for each in planned if isinstance(each, Case)]
    knows_states = described.get("returns_states") or "return_state" in described["arguments"]
    return cases if knows_states else without_states(cases)
