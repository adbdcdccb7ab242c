"""Makes the diagnostician of an implementation from its description and its known differences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.diagnosis.diagnosis import Diagnostician
from conformance.environments import DESCRIBED_BY
from conformance.known.known_differences import expected_deviations, expected_precision


def diagnostician(environment: Mapping[str, str], searches: int = 8) -> Diagnostician:
    """Return the diagnostician for an implementation: it tries the description, the known differences of a case, and a search."""
    return Diagnostician(
        description=environment.get(DESCRIBED_BY, ""),
        expected_deviations=partial(expected_deviations, environment=environment),
        sigma_factor=partial(expected_precision, environment=environment),
        conventions=CONVENTIONS.get(environment.get("backend", ""), DEFAULT_CONVENTIONS),
        searches_left=searches,
    )
