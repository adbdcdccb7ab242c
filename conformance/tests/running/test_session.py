"""A session: what is planned is run, kept and reported; at a level, what differs is reduced to a minimal case."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.verdict import Verdict
from conformance.matrix import surface
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.model import Report
from conformance.report.text import show
from conformance.running.agreement import agree
from conformance.running.runner import run
from conformance.running.session import JAX_CACHE_SETTINGS, Session, shared_compilation_cache
from conformance.tests.support.doubles import Mistaken, Raising, Starved

RIGHT = Case.from_id("u3-d2-t6-b4-bidi-s0")
MASKED = Case.from_id("u3-d2-t6-b4-seq-zeromask-mask_left-init-eager-s0")


@dataclass(frozen=True)
class WrongIfMasked:
    """The reference, which misses the output's tanh where something is masked and there is more than one timestep."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "wrong if masked"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or the deviation's."""
        wrong = case.mask != "none" and case.timesteps > 1
        return ReferenceAdapter("output_tanh_missing" if wrong else None).observe(case, stimulus)


@dataclass(frozen=True)
class RaisesIfBackwards:
    """The reference, which cannot go backwards, and says so in another way of every size."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "raises if backwards"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or none.

        Raises:
            ValueError: the case goes backwards.
            TypeError: and has one unit, which is another mistake.
        """
        if case.config.go_backwards and case.config.units == 1:
            raise TypeError("no units")
        if case.config.go_backwards:
            raise ValueError(f"cannot go backwards with {case.config.units} units")
        return ReferenceAdapter().observe(case, stimulus)


def ran(planned: Sequence[Case], make_adapter: Callable[[], Adapter], level: str = "quick", **given: Any) -> Report:
    """The report of a session of one worker."""
    return Session(planned=planned, level=level, make_adapter=make_adapter, workers=1, **given).run()


def minimal_of(report: Report) -> dict[str, str]:
    """The minimal case of each case."""
    return {result.case_id: result.minimal for result in report.results}


def test_difference_is_reduced_to_a_minimal_case() -> None:
    """What differs names the smallest case that differs in the same check; what passes names none."""
    report = ran([RIGHT, MASKED], WrongIfMasked)
    assert [result.verdict for result in report.results] == [Verdict.PASS, Verdict.FAIL]
    minimal = Case.from_id(minimal_of(report)[MASKED.id])
    assert set(minimal.non_default_features) == {"mask"}
    assert (minimal.config.units, minimal.input_dim, minimal.batch) == (1, 1, 1)
    assert minimal_of(report)[RIGHT.id] == ""


def test_exception_is_reduced_to_the_same_exception() -> None:
    """A smaller case that raises something else shows another mistake."""
    case = Case.from_id("u4-d2-t6-b4-seq-back-mask_left-init-s0")
    assert minimal_of(ran([case], RaisesIfBackwards)) == {case.id: "u2-d1-t1-b1-back-s0"}


@pytest.mark.parametrize("given", [{"reduces": False}, {"level": ""}], ids=["not asked for", "the documents' matrix"])
def test_difference_stays_as_it_is(given: dict[str, Any]) -> None:
    """Where reduction is turned off, and in the documents' matrix, whose cases are what was asked for."""
    report = ran([MASKED], WrongIfMasked, **given)
    assert [(result.verdict, result.minimal) for result in report.results] == [(Verdict.FAIL, "")]


def test_simplest_case_of_each_group_is_reduced() -> None:
    """Each takes some tens of runs, and the cases of a group have one cause."""
    larger = [MASKED.replace(timesteps=3, batch=batch) for batch in (2, 1)]
    other = Case.from_id("u3-d2-t6-b4-seq-back-s0")
    mistakes = (("mask", "left", "output_tanh_missing"), ("go_backwards", True, "all_gates_ifoc"))
    minimal = minimal_of(ran([*larger, other, RIGHT], partial(Mistaken, mistakes)))
    assert [bool(minimal[case.id]) for case in (*larger, other, RIGHT)] == [False, True, True, False]


# The pool runs longer sequences first.
NINE_ALIKE = [MASKED.replace(batch=batch) for batch in range(1, 10)]
LAST = Case.from_id("u3-d2-t3-b4-seq-back-eager-s0")
PLAIN = Case.from_id("u3-d2-t6-b4-seq-s0")


@pytest.mark.parametrize("first", ["output_tanh_missing", ""], ids=["explained", "unexplained"])
def test_a_different_cause_after_nine_failures_that_are_alike_is_explained(first: str) -> None:
    """Also if nothing explains the nine. The report of the terminal names every cause that was found."""
    mistakes = (("mask", "left", first), ("go_backwards", True, "all_gates_ifoc"))
    report = ran([*NINE_ALIKE, LAST, PLAIN], partial(Mistaken, mistakes), reduces=False)
    expected = [(first,) if first else ()] * len(NINE_ALIKE) + [("all_gates_ifoc",), ()]
    assert [result.explained_by[:1] for result in report.results] == expected
    printed = printed_report(report)
    assert [f"({name})" in printed for name in ("all_gates_ifoc", first or "all_gates_ifoc")] == [True, True]
    assert f"FAIL {LAST.id}" in printed


def test_two_mistakes_in_different_features_are_both_named() -> None:
    """At a level with dozens of failing cases. Verdicts and margins are those of a run without explanations."""
    mistakes = (("mask", "left", "output_tanh_missing"), ("go_backwards", True, "all_gates_ifoc"))
    cases = [case for case in surface("features") if isinstance(case, Case) and case.is_plain]
    crossed = [PLAIN.replace(**changes) for changes in ({"mask": "left"}, {"go_backwards": True})]
    many = [case.replace(batch=batch) for case in crossed for batch in range(5, 25)]
    planned = list(dict.fromkeys([*cases, *many]))
    report = ran(planned, partial(Mistaken, mistakes), reduces=False)
    causes = {result.explained_by[0] for result in report.results if result.verdict is Verdict.FAIL}
    assert causes == {"output_tanh_missing", "all_gates_ifoc"}
    unexplained = run(planned, Mistaken(mistakes))
    margins = {result.case_id: (result.verdict, result.checks) for result in unexplained}
    assert {result.case_id: (result.verdict, result.checks) for result in report.results} == margins


def printed_report(report: Report) -> str:
    """What the terminal shows."""
    console = Console(width=200, file=io.StringIO())
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_reduction_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the smallest case so far, here the case itself."""
    monkeypatch.setattr("conformance.running.session.REDUCTION_SECONDS", -1.0)
    assert minimal_of(ran([MASKED], WrongIfMasked)) == {MASKED.id: MASKED.id}


def test_a_reduction_that_raises_changes_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result says what is missing, and why."""

    def reduce(*_: object) -> Case:
        raise RecursionError("too deep")

    monkeypatch.setattr("conformance.running.session.reduce_case", reduce)
    report = ran([MASKED, RIGHT], WrongIfMasked)
    assert {result.case_id: result.verdict for result in report.results} == {MASKED.id: Verdict.FAIL, RIGHT.id: Verdict.PASS}
    assert report.results[0].not_explained.startswith("no smallest case: the suite itself failed: RecursionError: too deep")
    assert report.results[0].explained_by


def test_pooled_tests_that_raise_leave_every_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is not as expected, and says why."""

    def pool(*_: object) -> Any:
        raise ArithmeticError("did not converge")

    monkeypatch.setattr("conformance.running.session.pooled_tests", pool)
    report = ran([RIGHT], ReferenceAdapter)
    assert [result.verdict for result in report.results] == [Verdict.PASS]
    assert (report.as_expected, report.pooled, report.not_run) == (False, (), 0)
    assert report.stopped.startswith("the tests that pool the cases failed: the suite itself failed: ArithmeticError: ")


def test_a_session_of_nothing_ends_at_once() -> None:
    """As a failure: nothing ran."""
    report = ran([], ReferenceAdapter)
    assert (report.results, report.as_expected) == ((), False)


def test_what_a_full_disk_kept_from_a_result_makes_the_run_incomplete(tmp_path: Path) -> None:
    """Neither green nor a difference, tried twice; the journal does not have it, and goes on with it once there is room."""
    journal, room = tmp_path / "run.jsonl", tmp_path / "room"
    room.mkdir()
    full = ran([RIGHT, MASKED], partial(Starved, RIGHT.id, room, 2), journal=journal)
    assert {result.case_id: result.verdict for result in full.results} == {
        RIGHT.id: Verdict.UNRESOLVED,
        MASKED.id: Verdict.PASS,
    }
    assert (full.as_expected, full.is_unresolved) == (False, True)
    again = ran([RIGHT, MASKED], partial(Starved, RIGHT.id, room, 2), journal=journal)
    assert ({result.verdict for result in again.results}, again.as_expected) == ({Verdict.PASS}, True)


def test_report_of_a_level_has_its_coverage() -> None:
    """Of pairs and triples of what was answered, and the checks that apply to some case; the documents' matrix has none."""
    report = ran([RIGHT], ReferenceAdapter)
    assert (report.plan.matrix, report.plan.surface) == ("level quick", True)
    assert [each.strength for each in report.coverage] == [2, 3]
    assert all(0 < each.covered < each.possible for each in report.coverage)
    assert "relation" not in report.plan.checks
    assert ran([RIGHT], ReferenceAdapter, level="").coverage == ()


def test_fail_fast_stops_at_the_first_difference() -> None:
    """And says so; what it stopped at is not reduced."""
    cases = [MASKED, *(MASKED.replace(batch=batch) for batch in range(5, 40))]
    report = ran(cases, WrongIfMasked, fail_fast=True)
    assert report.stopped == "stopped at the first difference, as --fail-fast asks"
    assert [(result.verdict, result.minimal) for result in report.results] == [(Verdict.FAIL, "")]
    assert report.results[0].explained_by == ("output_tanh_missing",)
    assert not report.as_expected


def test_fail_fast_does_not_stop_at_what_is_expected() -> None:
    """A run without a difference is whole."""
    report = ran([RIGHT, RIGHT.replace(batch=2)], ReferenceAdapter, fail_fast=True)
    assert (report.stopped, report.as_expected) == ("", True)


def test_journal_is_gone_on_from(tmp_path: Path) -> None:
    """What a first run finished the second does not observe again: it would raise there."""
    journal = tmp_path / "journal"
    first = ran([RIGHT], ReferenceAdapter, journal=journal)
    again = ran([RIGHT], ReferenceAdapter, journal=journal)
    assert [result.seconds for result in again.results] == [result.seconds for result in first.results]


def test_what_an_earlier_run_saw_fail_is_explained_too(tmp_path: Path) -> None:
    """Its outputs are gone, so the case runs once more for its explanation; its result stays."""
    journal = tmp_path / "journal"
    first, again = (ran([MASKED, RIGHT], WrongIfMasked, journal=journal, reduces=False).results[0] for _ in range(2))
    assert first.explained_by == again.explained_by == ("output_tanh_missing",)
    assert (first.seconds, again.verdict) == (again.seconds, Verdict.FAIL)
    assert again.picture == first.picture is not None


def test_report_counts_the_work_of_this_run(tmp_path: Path) -> None:
    """The cases of all workers, and where their time went; what a journal had is none of this run's work."""
    journal = tmp_path / "journal"
    first, again = (ran([RIGHT, MASKED], ReferenceAdapter, journal=journal).work for _ in range(2))
    assert first is not None
    assert again is not None
    assert (first.cases, first.workers) == (2, 1)
    assert min(first.implementation, first.suite, first.loading) > 0
    assert (again.cases, again.seconds) == (0, 0.0)


@pytest.mark.parametrize("named", ["", "/a/folder/of/the/user"], ids=["none", "the user's"])
def test_workers_share_what_jax_compiles(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that ends with the run, or in the one that the user has named; afterwards the variables are as they were."""
    for name in JAX_CACHE_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    if named:
        monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", named)
    before = dict(os.environ)
    with shared_compilation_cache():
        folder = os.environ["JAX_COMPILATION_CACHE_DIR"]
        assert os.environ.keys() >= JAX_CACHE_SETTINGS.keys()
        assert folder == named or Path(folder).is_dir()
    assert dict(os.environ) == before
    assert not Path(folder).exists()


def test_what_was_observed_is_kept(tmp_path: Path) -> None:
    """By the workers, with the environment, for a comparison of implementations."""
    for name, adapter in (("right", ReferenceAdapter), ("wrong", WrongIfMasked)):
        ran([RIGHT, MASKED], adapter, keep=tmp_path / name, reduces=False)
    (agreement,) = agree([tmp_path / "right", tmp_path / "wrong"])
    assert agreement.cases == 2
    assert [case_id for case_id, _ in agreement.differing] == [MASKED.id]


def test_environment_says_what_ran_where() -> None:
    """The implementation's own words, the suite's version and the platform."""
    report = ran([RIGHT], partial(Raising, RIGHT.id, ValueError("no")), reduces=False)
    assert report.environment["implementation"] == "raising"
    assert {"suite", "platform"} <= set(report.environment)
    assert [result.reason for result in report.results] == ["ValueError: no"]
