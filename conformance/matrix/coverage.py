"""Counts the pairs and triples of feature values that a set of cases covers. Excluded combinations do not count."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.cases.case import Case
from conformance.cases.features import FEATURES, Feature
from conformance.matrix.exclusions import EXCLUSIONS

# A relation is an additional run of a case, so it is not counted as a feature.
_FEATURES = tuple(feature for feature in FEATURES if feature.name != "relation")

Combination = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """The number of combinations of the values of `strength` features that cases cover.

    Attributes:
        strength: 2 for pairs, 3 for triples.
        covered: number of combinations in some case.
        possible: number of combinations that no single exclusion forbids.
        missing: combinations in no case.
    """

    strength: int
    covered: int
    possible: int
    missing: tuple[Combination, ...]


def coverage(cases: Sequence[Case], strength: int) -> Coverage:
    """Count the covered combinations of feature values. Values that no feature lists, as most activations, do not count."""
    codes = {feature.name: _codes(feature, cases) for feature in _FEATURES}
    missing: list[Combination] = []
    covered = 0
    for features in itertools.combinations(_FEATURES, strength):
        sizes = [len(feature.values) for feature in features]
        found = np.zeros(sizes, bool)
        columns = np.stack([codes[feature.name] for feature in features])
        found[tuple(columns[:, (columns >= 0).all(axis=0)])] = True
        for position, combination in _possible(features):
            if found[position]:
                covered += 1
            else:
                missing.append(combination)
    return Coverage(strength=strength, covered=covered, possible=covered + len(missing), missing=tuple(missing))


def _codes(feature: Feature, cases: Sequence[Case]) -> Any:
    position = {value: index for index, value in enumerate(feature.values)}
    return np.array([position.get(case.feature(feature), -1) for case in cases], int)


def _possible(features: Sequence[Feature]) -> Iterator[tuple[tuple[int, ...], Combination]]:
    names = [feature.name for feature in features]
    relevant = [exclusion for exclusion in EXCLUSIONS if set(exclusion.of) <= set(names)]
    for position in itertools.product(*(range(len(feature.values)) for feature in features)):
        combination = tuple((feature.name, feature.values[index]) for feature, index in zip(features, position, strict=True))
        if not any(exclusion.excludes(dict(combination)) for exclusion in relevant):
            yield position, combination
