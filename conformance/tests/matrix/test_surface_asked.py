"""What an implementation in another process can be asked of the surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from conformance.cases.case import Case
from conformance.matrix import cases_for, select, supported_cases, surface, without_probes
from conformance.probes import PROBES, Probe
from lstm_ref import LSTMError

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


def test_what_is_not_asked_says_why() -> None:
    """Probes; cases that need the states; cases whose outputs alone are asked: each under its reason, and no case is lost."""
    cases, probes = without_probes(STANDARD, ())
    asked, lost = supported_cases(cases, [{"arguments": {"return_state": "False"}}, {"arguments": {}}])
    assert [each.case_ids for each in probes] == [tuple(each.id for each in PROBES)]
    assert [each.reason.partition(",")[0] for each in lost] == ["they need return_state", "return_state is no argument there"]
    not_asked = {case_id for each in lost for case_id in each.case_ids}
    assert {case.id for case in cases} == not_asked | {case.id for case in asked if case in cases}
    assert all(isinstance(case, Case) and case.config.return_state for case in cases if case.id in not_asked)


@pytest.mark.parametrize("pattern", ["probe-*", PROBES[0].id])
def test_pattern_that_chooses_probes_only_is_refused_where_none_is_asked(pattern: str) -> None:
    """Also beside one that chooses cases, and at a level that has no probes: it never silently chooses nothing."""
    patterns = ["*-mask_left-s0", pattern]
    with pytest.raises(LSTMError, match=r"matches \d+ probes? .* and no case: .* verify --level standard --case 'probe-"):
        without_probes(select(STANDARD, patterns), patterns)
    with pytest.raises(LSTMError, match="and no case: they are probes of other levels; ask them by"):
        select(surface("features"), [pattern])
