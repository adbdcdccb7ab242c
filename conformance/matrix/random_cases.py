"""Random cases: a few features that differ from the base case, and random sizes."""

from __future__ import annotations

import numpy as np

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.matrix.grid import allowed, with_required_features

MOST_FEATURES = 5
_LARGEST = {"units": 5, "input_dim": 4, "timesteps": 8, "batch": 9}
# A compiler that takes half a minute for each case has a grid of its own.
_FEATURES = [feature for feature in FEATURES if feature.name != "jit_compile"]


def random_cases(base: Case, count: int) -> list[Case]:
    """Draw so many different cases. They depend on the seed of the base only, and on no installed version."""
    # As in stimulus.py: RandomState's streams stay as they are with every version of NumPy.
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(base.seed)))
    cases: dict[str, Case] = {}
    while len(cases) < count:
        sizes = {name: int(random.randint(1, largest + 1)) for name, largest in _LARGEST.items()}
        features = [_FEATURES[number] for number in random.permutation(len(_FEATURES))[: random.randint(1, MOST_FEATURES + 1)]]
        changes = {feature.name: feature.values[random.randint(1, len(feature.values))] for feature in features}
        # Each case gets its own weights and inputs, because shared ones could hide a difference in all cases.
        case = with_required_features(base.replace(**sizes, **changes, seed=base.seed + len(cases)))
        if allowed(case):
            cases[case.id] = case
    return list(cases.values())
