"""Makes the diagnostician of an implementation from its description and its known differences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from conformance.diagnosis.diagnosis import Diagnostician
from conformance.environments import DESCRIBED_BY
from conformance.known.known_differences import expected_deviations, expected_precision


def diagnostician(environment: Mapping[str, str]) -> Diagnostician:
    """Return the diagnostician for an implementation: it tries the description and the known differences of a case."""
    return Diagnostician(
        description=environment.get(DESCRIBED_BY, ""),
        expected_deviations=partial(expected_deviations, environment=environment),
        sigma_factor=partial(expected_precision, environment=environment),
    )
