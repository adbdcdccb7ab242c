"""Which pairs and triples of feature values a set of cases holds, of those that no exclusion forbids."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.cases.case import Case
from conformance.cases.features import FEATURES, Feature
from conformance.matrix.exclusions import EXCLUSIONS

# A relation is asked beside a case; it is none of its features.
_COUNTED = tuple(feature for feature in FEATURES if feature.name != "relation")

Combination = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of the combinations of `strength` features' values was run.

    Attributes:
        strength: 2 for pairs, 3 for triples.
        covered: combinations that some case holds.
        possible: combinations that no exclusion forbids by itself.
        missing: those that no case holds.
    """

    strength: int
    covered: int
    possible: int
    missing: tuple[Combination, ...]


def coverage(cases: Sequence[Case], strength: int) -> Coverage:
    """Count the combinations of the features' values; values that no feature lists, as most activations, count for themselves."""
    codes = {feature.name: _codes(feature, cases) for feature in _COUNTED}
    missing: list[Combination] = []
    covered = 0
    for features in itertools.combinations(_COUNTED, strength):
        sizes = [len(feature.values) for feature in features]
        met = np.zeros(sizes, bool)
        columns = np.stack([codes[feature.name] for feature in features])
        met[tuple(columns[:, (columns >= 0).all(axis=0)])] = True
        for position, combination in _possible(features):
            if met[position]:
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
