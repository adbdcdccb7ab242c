"""Cases drawn at random: a few features that depart from the base, and any sizes."""

from __future__ import annotations

import numpy as np

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.matrix.grids import allowed, with_required_features

DEPARTURES = 5
_LARGEST = {"units": 5, "input_dim": 4, "timesteps": 8, "batch": 9}
# A compiler that takes half a minute a case has a grid of its own.
_DEPARTING = [feature for feature in FEATURES if feature.name != "jit_compile"]


def random_cases(base: Case, count: int) -> list[Case]:
    """That many different cases; the same for the same seed of the base, whatever is installed."""
    # As in stimulus.py: RandomState's streams stay as they are with every version of NumPy.
    random = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(base.seed)))
    found: dict[str, Case] = {}
    while len(found) < count:
        sizes = {name: int(random.randint(1, largest + 1)) for name, largest in _LARGEST.items()}
        features = [_DEPARTING[number] for number in random.permutation(len(_DEPARTING))[: random.randint(1, DEPARTURES + 1)]]
        departures = {feature.name: feature.values[random.randint(1, len(feature.values))] for feature in features}
        # Weights and inputs of its own: what cases share, they cannot tell apart.
        case = with_required_features(base.replace(**sizes, **departures, seed=base.seed + len(found)))
        if allowed(case):
            found[case.id] = case
    return list(found.values())
