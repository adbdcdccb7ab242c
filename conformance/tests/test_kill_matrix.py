"""The kill matrix: every deviation is rejected wherever it can show, and every check rejects what it is there for."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from conformance.adapters.reference import ReferenceAdapter
from conformance.checks import CHECKS, Check
from conformance.kill_matrix import WIDTH, Kills, kill_matrix, render
from conformance.matrix import documents_matrix, select
from conformance.runner import run
from lstm_ref.deviations import DEVIATIONS

CASES = select(list(documents_matrix()), ["u2-d2-t6-b3-*", "u10-d5-t13-b3-*"])


@pytest.fixture(scope="module")
def matrix() -> list[Kills]:
    """Every deviation on eight cases: two sizes, both values of return_sequences and stateful."""
    return kill_matrix(CASES)


def test_kill_matrix_has_no_survivor(matrix: list[Kills], record_property: Callable[[str, object], None]) -> None:
    """Printed at the end of the run: each deviation shows in some case, and no case where it can show accepts it."""
    console = Console(width=WIDTH, file=io.StringIO(), record=True)
    console.print(render(matrix))
    record_property("shown", console.export_text())
    assert [kills.deviation for kills in matrix] == list(DEVIATIONS)
    assert {kills.deviation: kills.survived for kills in matrix if kills.survived or not kills.cases} == {}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_check_rejects_what_it_is_there_for(check: Check, matrix: list[Kills]) -> None:
    """Each check rejects the deviation that it names, in every case where both apply."""
    cases = {case.id: case for case in CASES}
    kills = next(kills for kills in matrix if kills.deviation == check.kills)
    assert kills.by_check[check.name] == sum(check.applies_to(cases[case_id]) for case_id in kills.cases) > 0


def test_reference_itself_survives() -> None:
    """A matrix that rejected the reference too would prove nothing."""
    assert {result.verdict for result in run(CASES, ReferenceAdapter())} == {"PASS"}
