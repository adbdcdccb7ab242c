"""The one loop, in this process and in worker processes: results in order, and nothing that an implementation does ends it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import pytest

from conformance.adapters.base import Adapter, AdapterStartError
from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.cli import make_diagnose
from conformance.matrix import documents_matrix, select
from conformance.runner import Pool, _run_in_worker, _start_worker, _Worker, error_result, families, run
from conformance.tests.doubles import Counting, Dying, Incomplete, NotInstalled, Raising, Scaling
from conformance.verdict import Result, Verdict

MATRIX = list(documents_matrix())
CASES = select(MATRIX, ["u1-d1-t6-b3-*", "u2-d1-t6-b3-*", "u2-d2-t6-b3-*"])


def ids(results: Sequence[Case] | Sequence[Result]) -> list[str]:
    """Of cases or results."""
    return [one.id if isinstance(one, Case) else one.case_id for one in results]


def timeless(results: Sequence[Result]) -> list[Result]:
    """The results without what differs from run to run."""
    return sorted((replace(result, seconds=0.0) for result in results), key=lambda result: result.case_id)


# --- in this process -----------------------------------------------------------------------------------------------------------


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
    assert results[1].reason == f"{type(error).__name__}: {error}"
    assert results[1].checks == ()


def test_an_observation_that_cannot_be_judged_is_an_error() -> None:
    """The run goes on."""
    results = list(run(CASES[:4], Incomplete()))
    assert {result.verdict for result in results} == {Verdict.ERROR}
    assert all(result.reason.startswith("could not be judged: ValueError: zip()") for result in results)


def test_a_case_that_no_check_judged_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a pass."""
    monkeypatch.setattr("conformance.checks.CHECKS", ())
    assert [result.verdict for result in run(CASES[:1], ReferenceAdapter())] == [Verdict.ERROR]


def test_keyboard_interrupt_is_no_result() -> None:
    """It ends the run, as the user asked."""
    with pytest.raises(KeyboardInterrupt):
        list(run(CASES[:1], Raising(CASES[0].id, KeyboardInterrupt())))  # type: ignore[arg-type]  # no Exception, on purpose


def test_failing_cases_are_explained_and_others_are_not() -> None:
    """The diagnosis is asked where a check failed, with what was observed."""
    asked: list[str] = []

    def diagnose(case: Case, *_: object) -> tuple[str, ...]:
        asked.append(case.id)
        return ("a_reason",)

    wrong = list(run(CASES[:2], Scaling(2.0), diagnose))
    assert [result.explained_by for result in wrong] == [("a_reason",)] * 2
    assert asked == ids(CASES[:2])
    assert [result.explained_by for result in run(CASES[:2], ReferenceAdapter(), diagnose)] == [(), ()]
    assert asked == ids(CASES[:2])


def test_error_result_is_of_its_case() -> None:
    """It carries the reason and no check."""
    result = error_result(CASES[0], "why")
    assert result == Result(case_id=CASES[0].id, group="u1-d1", verdict=Verdict.ERROR, reason="why")


# --- in worker processes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    """Pools that end with the test."""
    pools = []

    def make(make_adapter: Callable[[], Adapter], workers: int = 2) -> Pool:
        pools.append(Pool(make_adapter, workers, make_diagnose))
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


def test_pool_gives_the_results_of_a_run_in_this_process(make_pool: Callable[..., Pool]) -> None:
    """Verdicts, checks, numbers and explanations, from two workers; and nothing of the workers stays behind."""
    pool = make_pool(partial(ReferenceAdapter, "states_exchanged"))
    assert pool.environment()["implementation"] == "lstm_ref with states_exchanged"
    results = list(pool.run(CASES))
    assert timeless(results) == timeless(list(run(CASES, ReferenceAdapter("states_exchanged"), make_diagnose())))
    assert {result.explained_by for result in results} == {("states_exchanged",)}


def test_a_worker_keeps_its_adapter_and_its_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are made once: loading a framework takes seconds, and what explained one family is tried first on the next."""
    kept: list[_Worker] = []
    monkeypatch.setattr("conformance.runner._worker", kept)
    make_adapter = partial(ReferenceAdapter, "states_exchanged")
    assert _start_worker(make_adapter)["implementation"] == "lstm_ref with states_exchanged"
    results = [result for members in families(CASES) for result in _run_in_worker(make_adapter, make_diagnose, members)]
    assert timeless(results) == timeless(list(run(CASES, make_adapter(), make_diagnose())))
    ((worker, diagnose),) = [(worker, worker.diagnose) for worker in kept]
    assert _start_worker(partial(ReferenceAdapter, "hard_sigmoid")) == worker.environment
    assert [result.explained_by for result in _run_in_worker(make_adapter, None, CASES[:1])] == [("states_exchanged",)]
    assert worker.diagnose is diagnose


def test_families_go_to_workers_whole(make_pool: Callable[..., Pool]) -> None:
    """Each is observed in one process, none in this one."""
    results = list(make_pool(Counting).run(CASES))
    processes = {(result.group, result.path.split()[0]) for result in results}
    assert len(processes) == 3
    assert str(os.getpid()) not in {process for _, process in processes}


def test_a_worker_that_dies_makes_errors_of_the_lost_cases(make_pool: Callable[..., Pool]) -> None:
    """Every case has a result, the dead family's are errors, and the run ends."""
    results = list(make_pool(partial(Dying, "u2-d1"), 1).run(CASES))
    assert sorted(ids(results)) == sorted(ids(CASES))
    lost = [result for result in results if result.group == "u2-d1"]
    assert {result.verdict for result in lost} == {Verdict.ERROR}
    assert all(result.reason.startswith("the worker process died: ") for result in lost)
    assert {result.verdict for result in results if result.group == "u1-d1"} == {Verdict.PASS}


def test_cases_sent_to_a_dead_pool_are_errors(make_pool: Callable[..., Pool]) -> None:
    """A worker that died before all families were sent leaves results too, and no exception."""
    pool = make_pool(partial(Dying, "u1-d1"), 1)
    first = list(pool.run(CASES[:4]))
    again = list(pool.run(CASES))
    assert {result.verdict for result in first + again} == {Verdict.ERROR}
    assert sorted(ids(again)) == sorted(ids(CASES))


def test_an_adapter_that_cannot_start_says_why(make_pool: Callable[..., Pool]) -> None:
    """The worker's message reaches the caller."""
    with pytest.raises(AdapterStartError, match="there is no such framework; install it with"):
        make_pool(NotInstalled).environment()


def test_a_worker_that_dies_of_loading_cannot_start(make_pool: Callable[..., Pool]) -> None:
    """A crash in a framework's C++ code is reported as what it is, not as a broken pool."""
    with pytest.raises(AdapterStartError, match="a worker process died while it loaded the implementation"):
        make_pool(partial(Dying, "", "start")).environment()


def test_stop_ends_the_workers(make_pool: Callable[..., Pool]) -> None:
    """At once, whatever they are doing."""
    pool = make_pool(ReferenceAdapter)
    pool.environment()
    workers = multiprocessing.active_children()
    assert workers
    pool.stop()
    for worker in workers:
        worker.join(timeout=20)
    assert not any(worker.is_alive() for worker in workers)


def test_stop_before_anything_started_is_fine(make_pool: Callable[..., Pool]) -> None:
    """There is nothing to end."""
    before = multiprocessing.active_children()
    make_pool(ReferenceAdapter).stop()
    assert set(multiprocessing.active_children()) <= set(before)
