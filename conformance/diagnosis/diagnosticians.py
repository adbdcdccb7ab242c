"""What explains the failing cases of an implementation, from what is known of it: its description, its known differences."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.diagnosis.diagnosis import Diagnostician
from conformance.environments import DESCRIBED_BY
from conformance.known.known_differences import expected_deviations, expected_precision


def diagnostician(environment: Mapping[str, str], searches: int = 8) -> Diagnostician:
    """What explains failing cases of an implementation: by its description, by the known differences of a case, by a search."""
    return Diagnostician(
        described=environment.get(DESCRIBED_BY, ""),
        expected=partial(expected_deviations, environment=environment),
        wider=partial(expected_precision, environment=environment),
        conventions=CONVENTIONS.get(environment.get("backend", ""), DEFAULT_CONVENTIONS),
        searches_left=searches,
    )
