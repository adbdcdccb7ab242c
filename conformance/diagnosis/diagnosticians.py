"""Makes the diagnostician of an implementation from its description and its known differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from conformance.diagnosis.diagnosis import Diagnostician
from conformance.environments import DESCRIBED_BY
from conformance.judging.checks import Evidence
from conformance.known.known_differences import expected_deviations, expected_precision


def diagnostician(environment: Mapping[str, str]) -> Diagnostician:
    """Return the diagnostician for an implementation: it tries the description and the known differences of a case."""
    return Diagnostician(
        description=environment.get(DESCRIBED_BY, ""),
        expected_deviations=partial(expected_deviations, environment=environment),
        sigma_factor=partial(expected_precision, environment=environment),
    )


def make_diagnose(environment: Mapping[str, str]) -> Callable[[Evidence], tuple[str, ...]]:
    """The function that recognises the expected deviations of an implementation, one per worker.

    It stands here, since a worker imports the module of each function that it is sent, and loads nothing that it does not need.
    """
    return diagnostician(environment).explain
