"""The reference's fused engine is judged as any other implementation: accepted as it is, rejected with a mistake."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from conformance import matrix
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import FusedAdapter
from conformance.running.runner import run
from lstm_ref.arrays import Array
from lstm_ref.fused import forward as fused

QUICK = [case for case in matrix.surface("quick") if isinstance(case, Case)]
PLAIN = Case.from_id("u3-d2-t5-b4-seq-s0")
MASKED = Case.from_id("u3-d2-t5-b4-seq-mask_left-s0")


def half_tanh(z: Array, out: Array) -> None:
    """The gate as (1 + tanh(z/2)) / 2, whose error is absolute; its argument has the other sign, and it is kept as a reciprocal."""
    np.divide(2, 1 + np.tanh(-z / 2), out)


def keep_the_new(use: Array, new: Array, old: Array) -> None:
    """A masked timestep is taken as any other."""


MISTAKES: dict[str, tuple[str, object, Case]] = {
    "forget and output gate exchanged": ("ROWS", (0, 3, 1, 2), PLAIN),
    "the mask is not heeded": ("hold", keep_the_new, MASKED),
    "closed gates right absolutely only": ("_reciprocal_of_sigmoid", half_tanh, Case.from_id("u10-d5-t13-b3-seq-s0")),
}


def verdicts(results: list[Result]) -> Counter[Verdict]:
    """How many of each."""
    return Counter(result.verdict for result in results)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_it_conforms_at_every_case_of_the_quick_level(precision: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In either precision, split among threads where there are two; the standard level is asked for by `verify --fused`."""
    monkeypatch.setattr(fused, "WORTH_A_THREAD", 1)
    cases = [case.replace(dtype=precision) for case in QUICK if case.precision == "float32"]
    assert verdicts(list(run(cases, FusedAdapter(threads)))) == {Verdict.PASS: len(cases)}


def test_a_precision_that_it_does_not_compute_in_is_not_there() -> None:
    """With the reason."""
    (result,) = run([PLAIN.replace(dtype="float16")], FusedAdapter())
    assert result.verdict is Verdict.UNSUPPORTED
    assert "computes in float64 or float32, not in float16" in result.reason


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_it_is_rejected(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each on a case that it can show in."""
    name, wrong, case = MISTAKES[mistake]
    assert verdicts(list(run([case], FusedAdapter()))) == {Verdict.PASS: 1}
    monkeypatch.setattr(fused, name, wrong)
    assert verdicts(list(run([case], FusedAdapter()))) == {Verdict.FAIL: 1}
