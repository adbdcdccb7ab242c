"""The choice of level quick: every row is covered as often as it can be, at a low cost; the stored list covers the registry."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.known.known_differences import KnownDifference, condition_values, known_differences
from conformance.matrix import surface
from conformance.mutation.cover import Cover
from conformance.mutation.study import Row, Study
from conformance.running.kill_matrix import affected_cases
from lstm_ref.deviations import DEVIATIONS

QUICK = surface("quick")
CASES = [item for item in QUICK if isinstance(item, Case)]


def row(name: str, *rejected_by: str) -> Row:
    """A mutant that these reject."""
    return Row(id=name, function="f", before="a", after="b", asked=3, rejected_by=list(rejected_by), ended="")


def cover(**rejected_by: str) -> Cover:
    """Of mutants, each rejected by the ids that are the letters of a word."""
    chosen_from = Cover({"a": 1.0, "b": 1.0, "c": 5.0, "d": 1.0})
    rows = [row(name, *ids) for name, ids in rejected_by.items()]
    chosen_from.add_study(Study(backend="numpy", keras="3", level="standard", seed=0, seconds={}, rows=rows))
    return chosen_from


@pytest.mark.parametrize(
    ("rows", "times", "given", "chosen"),
    [
        ({"m1": "ab", "m2": "bd", "m3": "d"}, 1, "", "bd"),  # d is needed, and b covers the first
        ({"m1": "ac", "m2": "bc"}, 1, "", "ab"),  # together cheaper than c
        ({"m1": "ab"}, 2, "", "ab"),
        ({"m1": "a", "m2": "ab"}, 2, "", "ab"),
        ({"m1": "ab"}, 1, "b", "b"),
        ({"m1": "", "m2": "x"}, 1, "", ""),  # nothing rejects them
    ],
)
def test_choice_covers(rows: dict[str, str], times: int, given: str, chosen: str) -> None:
    """Each row, so many times."""
    assert sorted(cover(**rows).choose(times, given)) == list(chosen)


def test_report_adds_known_differences_and_other_failures() -> None:
    """By environment; what passes is no row."""
    chosen_from = cover()
    checks = [{"check": "outputs", "verdict": "FAIL"}, {"check": "shapes", "verdict": "PASS"}]
    results: list[dict[str, Any]] = [
        {"case_id": "a", "verdict": "PASS", "known": "", "explained_by": [], "checks": []},
        {"case_id": "b", "verdict": "KNOWN_DIFFERENCE", "known": "mask-lost", "explained_by": [], "checks": checks},
        {"case_id": "d", "verdict": "FAIL", "known": "", "explained_by": ["mask_ignored"], "checks": checks},
        *(
            {
                "case_id": name,
                "verdict": "ERROR",
                "known": "",
                "explained_by": [],
                "checks": [],
                "reason": f"ValueError: rank {rank}",
            }
            for name, rank in (("a", 2), ("b", 4))
        ),
    ]
    environment = {"implementation": "LSTM", "keras": "3.0.5", "backend": "jax"}
    chosen_from.add_report({"environment": environment, "results": [{"reason": "", **result} for result in results]})
    assert chosen_from.rows == {
        "LSTM 3.0.5 on jax: mask-lost": {"b"},
        "LSTM 3.0.5 on jax: ['mask_ignored'] outputs": {"d"},
        "LSTM 3.0.5 on jax: ERROR ValueError: rank ": {"a", "b"},
    }


def test_quick_shows_every_deviation() -> None:
    """In a case in which it must show."""
    assert [name for name, deviation in DEVIATIONS.items() if not deviation.hides and not affected_cases(name, CASES)] == []


def test_quick_has_every_value_of_every_feature() -> None:
    """At least once."""
    missing = [
        (feature.name, value)
        for feature in FEATURES
        for value in feature.values
        if all(case.feature(feature) != value for case in CASES)
    ]
    assert missing == []


@pytest.mark.parametrize("known", known_differences(), ids=lambda known: known.id)
def test_quick_shows_known_differences(known: KnownDifference) -> None:
    """Whoever runs quick sees it come, go, or return, on each backend that has it."""
    values = [condition_values(item.id) for item in QUICK]
    unseen = [backend for backend in known.backends if not any(known.covers(each, backend, known.first) for each in values)]
    assert unseen == []
