"""The kill matrix: every deviation is rejected wherever it can show, and every check rejects what it is there for."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.checks import CHECKS, Check
from conformance.kill_matrix import WIDTH, Kills, blind_cases, kill_matrix, render
from conformance.matrix import documents_matrix, select
from conformance.runner import run
from conformance.verdict import CheckResult, Result, Verdict
from lstm_ref.deviations import DEVIATIONS

pytestmark = pytest.mark.xdist_group("kill matrix")  # made once, for all of these tests

# Two sizes of the documents' matrix, and what it has no case of: a loss, a relation, dropout, gradients.
CASES = [
    *select(list(documents_matrix()), ["u2-d2-t6-b3-*", "u10-d5-t13-b3-*"]),
    *map(
        Case.from_id,
        (
            "u2-d2-t6-b3-via_evaluate-s0",
            "u2-d2-t6-b3-same_as_two_calls-s0",
            "u2-d2-t6-b3-seq-drop_both-s0",
            "u2-d2-t6-b3-via_gradient-s0",
            # The loss of used timesteps alone, which a mistake in what is returned must not keep from being computed.
            "u3-d2-t5-b4-seq-nostate-mask_left-via_evaluate-s0",
            "u3-d2-t5-b4-seq-nostate-mask_left-via_fit-s0",
            "u3-d2-t5-b4-nostate-mask_left-via_train_on_batch-s0",
        ),
    ),
]
SHOWING = [name for name, deviation in DEVIATIONS.items() if any(deviation.needs <= case.offers for case in CASES)]


@pytest.fixture(scope="module")
def matrix() -> list[Kills]:
    """Every deviation that these cases offer enough to show."""
    return kill_matrix(CASES, SHOWING)


def test_kill_matrix_has_no_survivor(matrix: list[Kills], record_property: Callable[[str, object], None]) -> None:
    """Printed at the end of the run: no case where a deviation can show accepts it, but for those that say why they may hide."""
    console = Console(width=WIDTH, file=io.StringIO(), record=True)
    console.print(render(matrix))
    record_property("shown", console.export_text())
    assert blind_cases(matrix) == {}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_check_rejects_what_it_is_there_for(check: Check, matrix: list[Kills]) -> None:
    """Each check rejects the deviation that it names, in every case where both apply."""
    cases = {case.id: case for case in CASES}
    kills = next(kills for kills in matrix if kills.deviation == check.kills)
    assert kills.by_check[check.name] == sum(check.applies_to(cases[case_id]) for case_id in kills.cases) > 0


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.UNRESOLVED, Verdict.UNSUPPORTED])
def test_what_was_not_judged_is_no_rejection(verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that fails at a mistake has not seen it."""
    case = Case.from_id("u2-d2-t6-b3-seq-s0")
    check = CheckResult(check="outputs", verdict=verdict, message="raised")
    result = Result(case_id=case.id, group="", verdict=verdict, checks=(check,))
    monkeypatch.setattr("conformance.kill_matrix.run", lambda *_: iter([result]))
    (kills,) = kill_matrix([case], ["two_biases"])
    assert (kills.by_check, kills.survived) == ({}, (case.id,))


def test_reference_itself_survives() -> None:
    """A matrix that rejected the reference too would prove nothing."""
    assert {result.verdict for result in run(CASES, ReferenceAdapter())} == {"PASS"}


@pytest.mark.parametrize(("source", "verdict"), [("masking", Verdict.FAIL), ("embedding", Verdict.PASS)])
def test_inputs_that_nothing_casts_are_right_where_they_have_the_policys_dtype(source: str, verdict: Verdict) -> None:
    """Those that an embedding returns do."""
    (result,) = run([Case.from_id(f"u3-d2-t5-b4-seq-mask_right-by_{source}-s0")], ReferenceAdapter("input_not_cast"))
    assert result.verdict is verdict


def test_blind_cases_are_named_with_what_they_accept() -> None:
    """But not where the deviation says why it may hide."""
    hiding = next(deviation.name for deviation in DEVIATIONS.values() if deviation.hides)
    survived = {"two_biases": ("a", "b"), "hard_sigmoid": ("b",), hiding: ("c",), "weights_transposed": ()}
    kills = [Kills(deviation=name, cases=("a", "b", "c"), survived=cases) for name, cases in survived.items()]
    assert blind_cases(kills) == {"a": ["two_biases"], "b": ["two_biases", "hard_sigmoid"]}


@pytest.mark.parametrize(
    ("cases", "survived", "style"),
    [(("a", "b"), (), "green"), (("a", "b"), ("b",), "bold red"), ((), (), "bold red")],
    ids=["all reject", "one is blind", "no case"],
)
def test_a_deviation_that_survives_or_was_not_tried_is_red(cases: tuple[str, ...], survived: tuple[str, ...], style: str) -> None:
    """Green is what every case rejects, of which there are some."""
    (*_, last) = render([Kills(deviation="mask_ignored", cases=cases, survived=survived)]).columns
    (cell,) = last.cells
    assert (str(cell), getattr(cell, "style", "")) == (str(len(survived)), style)
