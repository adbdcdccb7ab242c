"""Cases drawn at random by Hypothesis: a few features that depart from the base, and any sizes."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from conformance.case import Case
from conformance.features import FEATURES
from conformance.matrix.grids import allowed, settled

DEPARTURES = 5
_SIZES = st.fixed_dictionaries(
    {"units": st.integers(1, 5), "input_dim": st.integers(1, 4), "timesteps": st.integers(1, 8), "batch": st.integers(1, 9)}
)
# A compiler that takes half a minute a case has a grid of its own.
_DEPARTING = [feature for feature in FEATURES if feature.name != "jit_compile"]


@st.composite
def _departures(draw: st.DrawFn) -> dict[str, Any]:
    features = draw(st.lists(st.sampled_from(_DEPARTING), min_size=1, max_size=DEPARTURES, unique_by=lambda feature: feature.name))
    return {feature.name: draw(st.sampled_from(feature.values[1:])) for feature in features}


def drawn(base: Case, count: int) -> list[Case]:
    """As many different cases as `count` draws give; the same for the same seed of the base and version of Hypothesis."""
    found: dict[str, Case] = {}

    @seed(base.seed)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(_SIZES, _departures())
    def collect(sizes: dict[str, int], departures: dict[str, Any]) -> None:
        # Weights and inputs of its own: what cases share, they cannot tell apart.
        case = settled(base.having(**sizes, **departures, seed=base.seed + len(found)))
        if allowed(case):
            found[case.id] = case

    collect()
    return list(found.values())
