"""A grid: the combinations of the values of some features around one base case, all of them or a covering selection."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.cases.case import Case
from conformance.judging.relations import RELATIONS
from conformance.matrix.exclusions import DROPPING, EXPORTED, TRAINED, exclusion_of

# Units, input_dim, timesteps and batch all differ, and all outputs are returned.
BASE = "u3-d2-t5-b4-seq-s0"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Combinations of the values of some features.

    Attributes:
        name: for reports.
        axes: feature or size → values. The features in a tuple of names change together; their values are tuples.
        strength: of how many axes all combinations of values are covered; 0 for the full product of all axes.
    """

    name: str
    axes: Mapping[str | tuple[str, ...], Sequence[Any]]
    strength: int = 0

    def cases(self, base: Case) -> Iterator[Case]:
        """Yield the allowed cases, each once."""
        found: dict[str, Case] = {}
        positions: dict[str, tuple[int, ...]] = {}
        for position in itertools.product(*(range(len(values)) for values in self.axes.values())):
            changes: dict[str, Any] = {}
            for (names, values), index in zip(self.axes.items(), position, strict=True):
                changes |= dict(zip(names, values[index], strict=True)) if isinstance(names, tuple) else {names: values[index]}
            case = with_required_features(base.replace(**changes))
            if case.id not in found and allowed(case):
                found[case.id], positions[case.id] = case, position
        yield from (found[case_id] for case_id in (_covering(positions, self.strength) if self.strength else found))


def _covering(rows: Mapping[str, tuple[int, ...]], strength: int) -> Iterator[str]:
    """Yield the names of rows that contain every combination of `strength` values in any row: the row with most new ones first."""
    combinations = {name: set(itertools.combinations(enumerate(row), strength)) for name, row in rows.items()}
    missing = set().union(*combinations.values())
    while missing:
        name = max(combinations, key=lambda name: len(combinations[name] & missing))
        missing -= combinations[name]
        yield name


def allowed(case: Case) -> bool:
    """Whether no exclusion forbids the case, and its relation, if any, applies to it."""
    return exclusion_of(case) is None and (not case.relation or RELATIONS[case.relation].applies_to(case))


def with_required_features(case: Case) -> Case:
    """Return the case with the features that its other features require: an unrolled loop needs a known length."""
    route = case.execution.route
    changes: dict[str, Any] = {}
    if case.execution.unroll:
        changes["static_time"] = True
    if case.config.stateful:
        changes["static_batch"] = True
        changes |= {"compiled": False} if case.initial_state else {}
    if case.architecture == "td" or route in TRAINED:
        changes["return_state"] = False
    if case.dropout in DROPPING:
        changes["compiled"] = False
    if route in EXPORTED and case.mask_source != "embedding":
        changes["input_dtype"] = "float32"
    return case.replace(**changes)
