"""The seven verdicts: which are expected, and which one stands for several."""

from __future__ import annotations

import itertools

import pytest

from conformance.judging.verdict import CheckResult, Result, Verdict, worst_verdict


def test_there_are_seven() -> None:
    """Their names are what reports say."""
    assert [str(verdict) for verdict in Verdict] == [
        "PASS",
        "FAIL",
        "ERROR",
        "UNRESOLVED",
        "UNSUPPORTED",
        "KNOWN_DIFFERENCE",
        "FIXED",
    ]


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict.PASS, True),
        (Verdict.UNSUPPORTED, True),
        (Verdict.KNOWN_DIFFERENCE, True),
        (Verdict.FAIL, False),
        (Verdict.ERROR, False),
        (Verdict.UNRESOLVED, False),
        (Verdict.FIXED, False),
    ],
)
def test_a_run_is_green_under_expected_verdicts_only(verdict: Verdict, expected: bool) -> None:
    """A difference that no longer shows is news, and news is red."""
    assert verdict.is_expected is expected


WORST_FIRST = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.UNRESOLVED,
    Verdict.FIXED,
    Verdict.KNOWN_DIFFERENCE,
    Verdict.UNSUPPORTED,
    Verdict.PASS,
)


@pytest.mark.parametrize(("worse", "better"), list(itertools.combinations(WORST_FIRST, 2)))
def test_worse_verdict_wins(worse: Verdict, better: Verdict) -> None:
    """Whatever the order in which the checks came."""
    assert worst_verdict([better, worse, better]) is worst_verdict([worse, better]) is worse


@pytest.mark.parametrize("verdict", list(Verdict))
def test_one_verdict_is_its_own_worst(verdict: Verdict) -> None:
    """Nothing is made of it."""
    assert worst_verdict(iter([verdict])) is verdict


def test_no_check_is_unresolved() -> None:
    """What nobody judged has not passed, and the implementation has not failed."""
    assert worst_verdict([]) is Verdict.UNRESOLVED


def result(verdict: Verdict, reason: str = "", **checks: Verdict) -> Result:
    """Of some case."""
    judged = tuple(CheckResult(check=name, verdict=each) for name, each in checks.items())
    return Result(case_id="u1", group="", verdict=verdict, reason=reason, checks=judged)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (result(Verdict.ERROR, "ValueError: of 3 units"), result(Verdict.ERROR, "ValueError: of 2 units"), True),
        (result(Verdict.ERROR, "ValueError: of 3 units"), result(Verdict.ERROR, "TypeError: of 3 units"), False),
        (result(Verdict.FAIL, a=Verdict.FAIL, b=Verdict.FAIL), result(Verdict.FAIL, a=Verdict.PASS, b=Verdict.FAIL), True),
        (result(Verdict.FAIL, a=Verdict.FAIL, b=Verdict.PASS), result(Verdict.FAIL, a=Verdict.PASS, b=Verdict.FAIL), False),
        (result(Verdict.FAIL, a=Verdict.FAIL), result(Verdict.ERROR, a=Verdict.FAIL), False),
        (result(Verdict.PASS), result(Verdict.PASS), False),
        (result(Verdict.UNRESOLVED, "ValueError: a"), result(Verdict.UNRESOLVED, "ValueError: a"), False),
    ],
    ids=range(7),
)
def test_results_differ_alike_by_the_exception_or_a_failing_check(one: Result, other: Result, alike: bool) -> None:
    """What a reduced case must still show."""
    assert (one.fails_like(other), other.fails_like(one)) == (alike, alike)
