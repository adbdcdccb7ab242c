"""Failing cases are divided by how they fail, and by what tells them from the cases that pass."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.cases.case import Case
from conformance.diagnosis.groups import differing_groups
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.matrix import surface

BASE = Case.from_id("u3-d2-t5-b4-seq-s0")
# Every feature and size that the tests change, alone.
PASSING = [
    BASE.replace(**changes)
    for changes in (
        {}, {"batch": 2}, {"go_backwards": True}, {"stateful": True}, {"mask": "left"}, {"use_bias": False}, {"timesteps": 2},
    )
]  # fmt: skip


def result(case: Case, verdict: Verdict = Verdict.FAIL, checks: tuple[str, ...] = ("outputs",), **given: Any) -> Result:
    """The result of a case that fails these checks, unless it passes."""
    failed = checks if verdict is Verdict.FAIL else ()
    results = tuple(CheckResult(check=check, verdict=Verdict.FAIL) for check in failed)
    return Result(case_id=case.id, group=case.group, verdict=verdict, checks=results, **given)


def groups(*failing: Result, passing: list[Case] = PASSING) -> list[list[str]]:
    """The ids of the cases of each group."""
    results = [*failing, *(result(case, Verdict.PASS) for case in passing)]
    return [[each.case_id for each in group] for group in differing_groups(results)]


def test_features_that_no_passing_case_has_divide_the_failing_cases() -> None:
    """The largest group is first, and in each group the case with the fewest features, then the smallest."""
    masked = [BASE.replace(mask="right", **changes) for changes in ({"go_backwards": True}, {}, {"batch": 2})]
    activated = [BASE.replace(activation="relu", **changes) for changes in ({"use_bias": False}, {})]
    assert groups(*map(result, (*activated, *masked))) == [
        [masked[2].id, masked[1].id, masked[0].id],
        [activated[1].id, activated[0].id],
    ]


def test_two_features_together_divide_them_too() -> None:
    """Each of the two passes alone."""
    both = [BASE.replace(go_backwards=True, stateful=True, batch=batch) for batch in (1, 2, 5)]
    other = [BASE.replace(mask="left", use_bias=False), BASE.replace(mask="left", use_bias=False, timesteps=2)]
    assert groups(*map(result, (*other, *both))) == [[case.id for case in both], [other[1].id, other[0].id]]


def test_a_size_divides_them() -> None:
    """An implementation may choose another path for it."""
    large = [BASE.replace(units=33, batch=batch) for batch in (2, 4)]
    masked = BASE.replace(mask="right")
    assert groups(*map(result, (masked, *large))) == [[case.id for case in large], [masked.id]]


def test_failures_that_nothing_tells_from_passing_cases_are_one_group() -> None:
    """Their features are those of passing cases, also two at a time."""
    assert groups(result(BASE), result(BASE.replace(seed=1)), passing=[BASE.replace(seed=2)]) == [
        [BASE.id, BASE.replace(seed=1).id]
    ]


def test_failures_of_all_cases_are_one_group() -> None:
    """Nothing passes that could tell them apart."""
    assert groups(*map(result, PASSING), passing=[]) == [[case.id for case in sorted(PASSING, key=_simplicity)]]


def _simplicity(case: Case) -> tuple[int, int, str]:
    return len(case.non_default_features), case.timesteps + case.batch, case.id


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"checks": ("outputs",)}, {"checks": ("outputs", "hidden_state")}),
        ({"verdict": Verdict.ERROR, "reason": "ValueError: no"}, {"verdict": Verdict.ERROR, "reason": "TypeError: no"}),
        ({"explained_by": ("hard_sigmoid",)}, {"explained_by": ("mask_ignored", "hard_sigmoid")}),
        ({"known": "one"}, {"known": "other"}),
    ],
    ids=["checks", "exceptions", "explanations", "known differences"],
)
def test_cases_that_fail_in_different_ways_are_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Although they have the same features."""
    cases = [BASE.replace(mask="right", batch=batch) for batch in (1, 2, 3)]
    given = [result(cases[0], **one), result(cases[1], **other), result(cases[2], **one)]
    assert groups(*given) == [[cases[0].id, cases[2].id], [cases[1].id]]


def test_one_explanation_is_one_group() -> None:
    """Whatever the features of its cases, and the checks that they fail."""
    cases = [BASE.replace(mask="right"), BASE.replace(activation="relu")]
    explained = [result(case, checks=(check,), explained_by=("two_biases",)) for case, check in zip(cases, "ab", strict=True)]
    assert len(groups(*explained)) == 1


def test_what_does_not_differ_and_probes_are_in_no_group() -> None:
    """A probe has no features."""
    probe = Result(case_id="probe-x", group="", verdict=Verdict.FAIL)
    assert groups(probe, result(BASE, Verdict.UNSUPPORTED), result(BASE, Verdict.UNRESOLVED)) == []


def test_a_whole_level_is_divided_by_its_causes() -> None:
    """Each group has one cause, where two causes concern many cases of different features."""
    cases = [case for case in surface("standard") if isinstance(case, Case)]
    causes = {case.id: (case.config.go_backwards, case.mask == "left") for case in cases}
    failing = [result(case) for case in cases if any(causes[case.id])]
    divided = groups(*failing, passing=[case for case in cases if not any(causes[case.id])])
    assert sum(map(len, divided)) == len(failing)
    shared = [{cause for cause in range(2) if all(causes[case_id][cause] for case_id in group)} for group in divided]
    assert shared in ([{0}, {1}], [{1}, {0}])
