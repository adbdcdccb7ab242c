"""The one loop: results in order, and nothing that an implementation does ends it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from conformance.adapters.base import Adapter, UnsupportedError
from conformance.cases.case import Case
from conformance.diagnosis.diagnosis import search
from conformance.judging.checks import CHECKS, Evidence
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import documents_matrix, select
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import error_result, families, run, unresolved_result
from conformance.tests.support.doubles import Counting, Incomplete, OnceOnly, Raising, Scaling
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

MATRIX = list(documents_matrix())
CASES = select(MATRIX, ["u1-d1-t6-b3-*", "u2-d1-t6-b3-*", "u2-d2-t6-b3-*"])


def ids(results: Sequence[Case] | Sequence[Result]) -> list[str]:
    """Of cases or results."""
    return [one.id if isinstance(one, Case) else one.case_id for one in results]


def test_families_keep_their_cases_together_and_in_order() -> None:
    """However the cases came."""
    shuffled = [CASES[k] for k in (4, 0, 8, 5, 1, 9)]
    assert [ids(members) for members in families(shuffled)] == [ids([CASES[k] for k in pair]) for pair in ((0, 1), (4, 5), (8, 9))]


def test_no_cases_are_no_families() -> None:
    """And no results."""
    assert families([]) == []
    assert list(run([], ReferenceAdapter())) == []


def test_results_come_in_the_order_of_the_cases() -> None:
    """One each, with what reports show."""
    results = list(run(CASES, ReferenceAdapter()))
    assert ids(results) == ids(CASES)
    assert [result.group for result in results] == [str(case.family) for case in CASES]
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert {result.path for result in results} == {"NumPy, float64"}
    assert all(result.seconds > 0 and not result.reason and not result.explained_by for result in results)
    assert {len(result.checks) for result in results} == {7, 9}


def test_results_come_as_they_are_made() -> None:
    """A run that is abandoned has observed no more than was asked for."""
    results = run(CASES, Raising(CASES[1].id, RuntimeError("never reached")))
    assert next(results).verdict is Verdict.PASS


def test_cases_of_a_family_share_one_stimulus() -> None:
    """As large as the largest of them."""
    cases = select(MATRIX, ["u1-d1-t1-b3-s0", "u1-d1-t6-b32-stateful-s0", "u2-d1-t1-b3-s0"])
    paths = [result.path.split(" ", 2) for result in run(cases, Counting())]
    assert paths[0][1] == paths[1][1]
    assert [shape for _, _, shape in paths] == ["(32, 18, 1)", "(32, 18, 1)", "(3, 1, 1)"]


@pytest.mark.parametrize("error", [RuntimeError("out of units"), ValueError("bad\nshape"), KeyError("units")])
def test_an_exception_is_that_cases_error(error: Exception) -> None:
    """Type and message are its reason; the cases beside it are judged."""
    results = list(run(CASES[:4], Raising(CASES[1].id, error)))
    assert [str(result.verdict) for result in results] == ["PASS", "ERROR", "PASS", "PASS"]
    assert results[1].reason == f"{type(error).__name__}: {error}".replace("\n", " ")
    assert results[1].checks == ()


def test_an_observation_of_other_calls_is_unresolved() -> None:
    """The adapter is at fault, not what it drives; the run goes on."""
    results = list(run(CASES[:4], Incomplete()))
    assert {result.verdict for result in results} == {Verdict.UNRESOLVED}
    assert all(result.reason.startswith("the suite itself failed: what was observed has ") for result in results)


def test_a_check_that_raises_leaves_the_others_standing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in one is UNRESOLVED where the others pass, and hides no difference that they find."""
    checks = [replace(check, judge=_raise) if check.name == "shapes" else check for check in CHECKS]
    monkeypatch.setattr("conformance.judging.checks.CHECKS", checks)
    (right,), (wrong,) = (list(run(CASES[:1], adapter)) for adapter in (ReferenceAdapter(), Scaling(2.0)))
    assert (right.verdict, wrong.verdict) == (Verdict.UNRESOLVED, Verdict.FAIL)
    assert right.reason.startswith("could not be judged: the suite itself failed: ZeroDivisionError: ")
    assert {check.check: check.verdict for check in right.checks if check.verdict is not Verdict.PASS} == {
        "shapes": Verdict.UNRESOLVED
    }


def _raise(*_: object) -> Any:
    raise ZeroDivisionError("on the way")


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("no"), MemoryError(), OSError(28, "No space left on device"), LSTMError("no"), KeyError("x")],
    ids=repr,
)
@pytest.mark.parametrize(
    ("step", "adapter", "note"),
    [
        ("diagnose", Scaling(2.0), "no diagnosis: "),
        ("keep_evidence", Scaling(2.0), "no diagnosis and no picture: "),
        ("conformance.running.runner.sample_of", ReferenceAdapter(), "no sample for the pooled tests: "),
    ],
)
def test_a_verdict_stands_whatever_explaining_it_raises(
    step: str, adapter: Adapter, note: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the result says what is missing, and why."""

    def explain(*_: object) -> Any:
        raise error

    (usual,) = run(CASES[:1], adapter, samples=True)
    given: dict[str, Any] = {step: explain}
    if step.endswith("sample_of"):
        monkeypatch.setattr(step, given.pop(step))
    (result,) = run(CASES[:1], adapter, samples=True, **given)
    assert (result.verdict, result.checks, result.reason) == (usual.verdict, usual.checks, "")
    assert result.verdict is (Verdict.PASS if step.endswith("sample_of") else Verdict.FAIL)
    assert result.not_explained.startswith(note)
    assert usual.not_explained == ""


RELATED = Case.from_id("u2-d2-t6-b3-seq-same_as_rows_permuted-s0")


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ValueError("no such order"), Verdict.ERROR),
        (UnsupportedError("no other order"), Verdict.UNSUPPORTED),
        (OSError(28, "No space left on device"), Verdict.UNRESOLVED),
    ],
)
@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_a_relation_that_raises_is_one_check_among_others(error: Exception, verdict: Verdict, factor: float) -> None:
    """What the checks before it find stands: a wrong number is wrong however it is asked for again."""
    (result,) = run([RELATED], OnceOnly(factor, error))
    assert result.verdict is (verdict if factor == 1 else Verdict.FAIL)
    assert {check.check: check.verdict for check in result.checks if check.verdict is not Verdict.PASS} == (
        {"relation": verdict} if factor == 1 else {"relation": verdict, "outputs": Verdict.FAIL}
    )
    assert str(error) in result.checks[-1].message
    assert result.reason == (result.checks[-1].message if factor == 1 else "")


@pytest.mark.parametrize("words", ["mask_left-via_evaluate", "mask_interior-via_fit", "mask_left-via_train_on_batch"])
@pytest.mark.parametrize("deviation", ["mask_ignored", "return_sequences_ignored"])
def test_the_diagnosis_of_a_masked_loss_raises_nowhere(words: str, deviation: str) -> None:
    """All deviations are tried on it, those too that return no timesteps to be masked."""
    case = Case.from_id(f"u3-d2-t5-b4-seq-nostate-{words}-s0")
    (result,) = run([case], ReferenceAdapter(deviation), partial(search, DEVIATIONS.values()))
    assert (result.verdict, result.not_explained) == (Verdict.FAIL, "")
    assert deviation in result.explained_by


def test_what_cannot_be_kept_is_unresolved() -> None:
    """A full disk is no result, and what was not kept cannot be compared."""

    def keep(*_: object) -> None:
        raise OSError(28, "No space left on device")

    (result,) = run(CASES[:1], ReferenceAdapter(), keep=keep)
    assert (result.verdict, result.checks) == (Verdict.UNRESOLVED, ())
    assert result.reason.startswith("the disk cannot be written: OSError: [Errno 28] No space left on device")


def test_a_case_that_no_check_judged_is_unresolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a pass nor the implementation's error."""
    monkeypatch.setattr("conformance.judging.checks.CHECKS", ())
    assert [result.verdict for result in run(CASES[:1], ReferenceAdapter())] == [Verdict.UNRESOLVED]


def test_keyboard_interrupt_is_no_result() -> None:
    """It ends the run, as the user asked."""
    with pytest.raises(KeyboardInterrupt):
        list(run(CASES[:1], Raising(CASES[0].id, KeyboardInterrupt())))  # type: ignore[arg-type]  # no Exception, on purpose


def test_failing_cases_are_explained_and_others_are_not() -> None:
    """The diagnosis is asked where a check failed, with what was observed."""
    asked: list[str] = []

    def diagnose(evidence: Evidence) -> tuple[str, ...]:
        asked.append(evidence.case.id)
        return ("a_reason",)

    wrong = list(run(CASES[:2], Scaling(2.0), diagnose))
    assert [result.explained_by for result in wrong] == [("a_reason",)] * 2
    assert asked == ids(CASES[:2])
    assert [result.explained_by for result in run(CASES[:2], ReferenceAdapter(), diagnose)] == [(), ()]
    assert asked == ids(CASES[:2])


def test_time_is_the_implementations_or_the_suites() -> None:
    """With a clock that every reading moves on by 1 s: drawing, observing, judging; the next case starts when the last is done."""
    results = list(run(CASES[:2], ReferenceAdapter(), clock=itertools.count().__next__))
    assert [(result.seconds, result.suite_seconds) for result in results] == [(1, 2), (1, 2)]


@pytest.mark.parametrize("error", [ValueError("no"), UnsupportedError("no")], ids=["ERROR", "UNSUPPORTED"])
def test_time_of_what_raises_is_the_implementations(error: Exception) -> None:
    """A case that ends in nothing has taken its time all the same."""
    (result,) = run(CASES[:1], Raising(CASES[0].id, error), clock=itertools.count().__next__)
    assert (result.seconds, result.suite_seconds) == (1, 2)


def test_error_result_is_of_its_case() -> None:
    """It carries the reason and no check."""
    result = error_result(CASES[0], "why")
    assert result == Result(case_id=CASES[0].id, group="u1-d1", verdict=Verdict.ERROR, reason="why")
    assert unresolved_result(CASES[0], "why") == replace(result, verdict=Verdict.UNRESOLVED)
