"""What an implementation in another process can be asked of the surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.case import Case
from conformance.matrix import cases_for, surface
from conformance.probes import Probe

STANDARD = surface("standard")


@pytest.mark.parametrize(
    "described",
    [{"arguments": {"return_state": "False"}}, {"arguments": {}, "returns_states": True}],
    ids=["argument return_state", "states always"],
)
def test_all_cases_are_asked_of_what_returns_states(described: Mapping[str, Any]) -> None:
    """As they are; probes are not."""
    assert cases_for(described, STANDARD) == [each for each in STANDARD if isinstance(each, Case)]
    assert any(isinstance(each, Probe) for each in STANDARD)


def test_what_cannot_return_states_is_asked_for_outputs_only() -> None:
    """Each case once, and those that need the states are left out."""
    asked = cases_for({"arguments": {}}, STANDARD)
    assert {case.config.return_state for case in asked} == {False}
    assert len(set(asked)) == len(asked) < len(STANDARD)
