"""The levels of the surface: which cases and probes a run has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.matrix.covering import pairs
from conformance.matrix.grid import BASE, Grid, allowed
from conformance.matrix.grids import GRIDS, single_features
from conformance.matrix.random_cases import random_cases
from conformance.matrix.selection import CaseOrProbe, SkippedCases
from conformance.probes import PROBES, probe_of

# The cases and probes of level quick: `python -m conformance.mutation choose` writes the file, and says by what it chooses.
QUICK = Path(__file__).with_name("quick.txt")


@dataclass(frozen=True, kw_only=True)
class Level:
    """A part of the surface.

    Attributes:
        name: as on the command line.
        meaning: its cases beyond those of the levels that it contains.
        cases: makes all cases and probes from a base case; one may come more than once.
        contains: names of the levels that it contains.
    """

    name: str
    meaning: str
    cases: Callable[[Case], Iterable[CaseOrProbe]]
    contains: tuple[str, ...] = ()


def _quick(base: Case) -> Iterator[CaseOrProbe]:
    for name in QUICK.read_text(encoding="utf-8").split():
        if name.startswith("probe-"):
            yield probe_of(name)
        else:
            case = Case.from_id(name)
            yield case.replace(seed=case.seed + base.seed)


def _standard(base: Case) -> Iterator[CaseOrProbe]:
    for grid in GRIDS:
        yield from grid.cases(base)
    yield from pairs(base.seed)
    yield from random_cases(base, 100)
    yield from PROBES


def _deep(base: Case) -> Iterator[Case]:
    for first, second in itertools.combinations(FEATURES, 2):
        axes: dict[str | tuple[str, ...], Sequence[Any]] = {first.name: first.values, second.name: second.values}
        yield from Grid(name=f"{first.name} and {second.name}", axes=axes).cases(base)
    yield from random_cases(base, 3000)


LEVELS: dict[str, Level] = {
    level.name: level
    for level in (
        Level(name="quick", meaning="few cases and probes that together reject what standard rejects", cases=_quick),
        Level(name="features", meaning="every value of every feature, alone", cases=single_features),
        Level(
            name="standard",
            meaning="grids where features interact, a pairwise covering array, random draws, and all probes",
            cases=_standard,
            contains=("features", "quick"),
        ),
        Level(
            name="deep",
            meaning="every two values of any two features with nothing else, and many random draws",
            cases=_deep,
            contains=("features", "quick", "standard"),
        ),
    )
}


def surface(level: str, seed: int = 0) -> list[CaseOrProbe]:
    """Return the cases and probes of a level and of the levels that it contains, each once: the cases in order, then the probes."""
    base = Case.from_id(BASE).replace(seed=seed)
    found: dict[str, CaseOrProbe] = {}
    for name in (*LEVELS[level].contains, level):
        for item in LEVELS[name].cases(base):
            found.setdefault(item.id, item)
    cases = [item for item in found.values() if isinstance(item, Case)]
    return [*cases, *(probe for probe in PROBES if probe.id in found)]


def supported_cases(
    planned: Sequence[CaseOrProbe], descriptions: Sequence[Mapping[str, Any]]
) -> tuple[list[CaseOrProbe], tuple[SkippedCases, ...]]:
    """Return what all implementations support. A layer without return_state runs cases without states, each once.

    Args:
        planned: the selected cases and probes.
        descriptions: the interface of each implementation. An empty description stands for an interface with return_state.

    Returns:
        The supported cases, then the probes; and the cases that are skipped or changed.
    """
    if all(_has_return_state(description) for description in descriptions):
        return list(planned), ()
    cases, probes = [item for item in planned if isinstance(item, Case)], [item for item in planned if not isinstance(item, Case)]
    outputs_only = {case: case.replace(return_state=False) for case in cases}
    supported = [case for case in dict.fromkeys(outputs_only.values()) if allowed(case)]
    skipped = tuple(case.id for case, changed in outputs_only.items() if case != changed and not allowed(changed))
    replaced = tuple(case.id for case, changed in outputs_only.items() if case != changed and allowed(changed))
    reasons = {"they need return_state, which is no argument there": skipped, _OUTPUTS_ONLY: replaced}
    return [*supported, *probes], tuple(SkippedCases(reason=reason, case_ids=ids) for reason, ids in reasons.items() if ids)


_OUTPUTS_ONLY = "return_state is no argument there, so the same cases are asked for outputs only"


def _has_return_state(description: Mapping[str, Any]) -> bool:
    return bool(description.get("returns_states")) or "return_state" in description.get("arguments", ("return_state",))


def cases_for(description: Mapping[str, Any], planned: Iterable[CaseOrProbe]) -> list[Case]:
    """Return the planned cases that an implementation in another process supports, without probes."""
    return [item for item in supported_cases(list(planned), [description])[0] if isinstance(item, Case)]
