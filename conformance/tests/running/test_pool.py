"""Cases in worker processes: one result each, whatever becomes of the processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from conformance.adapters.base import Adapter, AdapterStartError
from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.cases.case import Case
from conformance.diagnosis.diagnosticians import make_diagnose
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import documents_matrix, select
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.agreement import ObservationFolder
from conformance.running.evidence import EvidenceFolder
from conformance.running.explanation import Explainer
from conformance.running.pool import ATTEMPTS, Pool, _environment, _run_chunk, _start_worker, _this_worker, _Worker, chunks
from conformance.running.runner import run
from conformance.tests.support.doubles import Broken, Counting, Dying, Exiting, Fading, Hanging, NotInstalled, Starved

CASES = select(list(documents_matrix()), ["u1-d1-t6-b3-*", "u2-d1-t6-b3-*", "u2-d2-t6-b3-*"])
SIX = CASES[:6]
FAULTY = SIX[1].id


def timeless(results: Sequence[Result]) -> list[Result]:
    """The results without what differs from run to run: times."""
    plain = (replace(result, seconds=0.0, suite_seconds=0.0) for result in results)
    return sorted(plain, key=lambda result: result.case_id)


def only_error(results: Sequence[Result], verdict: Verdict = Verdict.ERROR) -> str:
    """The reason of the faulty case, which alone among the six has this verdict; the others have passed."""
    verdicts = {result.case_id: result.verdict for result in results}
    assert len(results) == 6
    assert verdicts == {case.id: verdict if case.id == FAULTY else Verdict.PASS for case in SIX}
    return next(result.reason for result in results if result.case_id == FAULTY)


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    """Pools that end with the test."""
    pools = []

    def make(make_adapter: Callable[[], Adapter], workers: int = 2, **limits: float) -> Pool:
        pools.append(Pool(make_adapter, workers, make_diagnose, **limits))  # type: ignore[arg-type]  # chunk is an int
        return pools[-1]

    yield make
    for pool in pools:
        pool.stop()


# --- workers that do their work -------------------------------------------------------------------------------------------------


def test_pool_gives_the_results_of_a_run_in_this_process(make_pool: Callable[..., Pool], tmp_path: Path) -> None:
    """Verdicts, checks and numbers, from two workers, and the evidence of what failed."""
    pool = make_pool(partial(ReferenceAdapter, "states_exchanged"))
    pool.keep_evidence = EvidenceFolder(tmp_path)
    assert pool.environment()["implementation"] == "lstm_ref with states_exchanged"
    results = list(pool.run(CASES))
    assert timeless(results) == timeless(list(run(CASES, ReferenceAdapter("states_exchanged"), make_diagnose({}))))
    explained = Explainer(evidence=EvidenceFolder(tmp_path)).explain(results)
    assert {result.explained_by for result in explained} == {("states_exchanged",)}


def test_a_worker_keeps_its_adapter_and_its_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are made once: loading a framework takes seconds."""
    started: list[_Worker | AdapterStartError] = []
    monkeypatch.setattr("conformance.running.pool._started", started)
    make_adapter = partial(ReferenceAdapter, "states_exchanged")
    _start_worker(make_adapter, make_diagnose)
    assert _environment()["implementation"] == "lstm_ref with states_exchanged"
    results = [result for members in chunks(CASES, 3) for result in _run_chunk(members, None, None).results]
    assert timeless(results) == timeless(list(run(CASES, make_adapter(), make_diagnose({}))))
    assert started == [_this_worker()]


def test_chunks_are_families_and_long_ones_are_cut() -> None:
    """No case is lost, and none shares a chunk with another family's."""
    assert chunks(CASES, 64) == [CASES[:4], CASES[4:8], CASES[8:]]
    assert chunks(CASES[:4], 3) == [CASES[:3], CASES[3:4]]
    assert chunks([], 3) == []


def test_chunks_of_what_shares_nothing_begin_with_the_longest_sequences() -> None:
    """And else keep their order."""
    cases = [Case.from_id(f"u2-d1-t{steps}-b1-mask_right-s0") for steps in (3, 2, 1000, 4)]
    assert chunks(cases, 64) == [[cases[2], cases[3], cases[0], cases[1]]]


def test_cases_of_one_form_come_together() -> None:
    """One model may serve them, in the worker that has it; the longest of all come first still."""
    one, other = (Case.from_id(f"u2-d1-t3-b1-{words}-s0") for words in ("mask_right", "seq-mask_right"))
    longest = one.replace(timesteps=1000, unroll=True, static_time=True)
    assert chunks([one, other, one.replace(seed=1), other.replace(mask="left"), longest], 64) == [
        [longest, one, one.replace(seed=1), other, other.replace(mask="left")]
    ]


def test_chunks_go_to_workers_whole(make_pool: Callable[..., Pool]) -> None:
    """Each is observed in one process with one stimulus, none in this one."""
    results = list(make_pool(Counting, chunk=2).run(CASES))
    stimuli = {result.case_id: tuple(result.path.split()[:2]) for result in results}
    assert all(stimuli[one.id] == stimuli[two.id] for one, two in chunks(CASES, 2))
    assert str(os.getpid()) not in {process for process, _ in stimuli.values()}


def test_results_come_as_chunks_finish(make_pool: Callable[..., Pool]) -> None:
    """The first is there while another case still hangs."""
    results = make_pool(partial(Hanging, CASES[4].id)).run(CASES)
    assert next(results).verdict is Verdict.PASS


# --- workers that do not --------------------------------------------------------------------------------------------------------

# What ends a process from outside; Windows has no such signals.
FROM_OUTSIDE: list[signal.Signals] = []
if sys.platform != "win32":
    FROM_OUTSIDE = [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(
    ("killed_by", "ending"),
    [(0, "exit code 3"), (signal.SIGSEGV, "exit code -11, SIGSEGV"), (signal.SIGABRT, "exit code -6, SIGABRT")],
    ids=["exit", "crash", "abort"],
)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_case_whose_worker_dies_is_one_error(make_pool: Callable[..., Pool], killed_by: int, ending: str, workers: int) -> None:
    """In whichever worker it runs; the cases beside it in its chunk are judged, and so are the chunks after it."""
    results = list(make_pool(partial(Dying, FAULTY, killed_by), workers).run(SIX))
    assert only_error(results) == f"the worker process died ({ending}) while it ran this case alone"


@pytest.mark.parametrize("killed_by", FROM_OUTSIDE)
def test_a_case_whose_worker_is_killed_is_unresolved(make_pool: Callable[..., Pool], killed_by: signal.Signals) -> None:
    """The kernel without memory, a batch system or a user has done it: nothing is said of the implementation."""
    results = list(make_pool(partial(Dying, FAULTY, killed_by), 1).run(SIX))
    reason = only_error(results, Verdict.UNRESOLVED)
    assert reason.startswith(f"the worker process died (exit code -{killed_by:d}, {killed_by.name}) while it ran this case alone: ")


@pytest.mark.parametrize("killed_by", [*FROM_OUTSIDE[:1], signal.SIGSEGV])
@pytest.mark.parametrize("chunk", [1, 64])
def test_a_case_whose_worker_dies_once_is_judged(
    make_pool: Callable[..., Pool], killed_by: int, chunk: int, tmp_path: Path
) -> None:
    """What does not happen again alone says nothing of the case, whether it had a chunk of its own or not."""
    make_adapter = partial(Dying, FAULTY, killed_by, tmp_path / "died")
    results = list(make_pool(make_adapter, 1, chunk=chunk).run(SIX))
    assert {result.verdict for result in results} == {Verdict.PASS}
    assert (tmp_path / "died").exists()


@pytest.mark.parametrize(("times", "verdict"), [(1, Verdict.PASS), (2, Verdict.UNRESOLVED)])
def test_what_is_unresolved_is_asked_once_more(
    make_pool: Callable[..., Pool], times: int, verdict: Verdict, tmp_path: Path
) -> None:
    """Alone; what the second try comes to is the result, and there is one of each case."""
    results = list(make_pool(partial(Starved, FAULTY, tmp_path, times), 1).run(SIX))
    assert sorted(result.case_id for result in results) == sorted(case.id for case in SIX)
    assert {result.case_id: result.verdict for result in results} == {
        case.id: verdict if case.id == FAULTY else Verdict.PASS for case in SIX
    }


def test_what_cannot_be_kept_is_unresolved(make_pool: Callable[..., Pool], tmp_path: Path) -> None:
    """Whoever compares what was kept would find nothing: a full disk is no result."""
    (tmp_path / "kept").write_text("a file where a folder would be")
    pool = make_pool(ReferenceAdapter, 1)
    pool.keep = ObservationFolder(tmp_path / "kept")
    results = list(pool.run(SIX[:2]))
    assert {result.verdict for result in results} == {Verdict.UNRESOLVED}
    assert all("Error" in result.reason for result in results)


@pytest.mark.parametrize("chunk", [1, 64])
def test_a_case_that_hangs_is_one_error(make_pool: Callable[..., Pool], chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process is ended, alone and in a chunk, and the run goes on."""
    monkeypatch.setattr("conformance.running.pool.SECONDS_PER_FURTHER_CASE", 0.1)
    results = list(make_pool(partial(Hanging, FAULTY), time_limit=1, chunk=chunk).run(SIX))
    assert only_error(results) == "no answer within 1 s, also alone: it hangs, and the process was ended"


def test_the_limit_of_a_chunk_grows_with_its_cases(make_pool: Callable[..., Pool]) -> None:
    """A case alone has the time limit, each further one a little more."""
    pool = make_pool(ReferenceAdapter, time_limit=100.0)
    assert [pool._limit(CASES[:count]) for count in (1, 2, 12)] == [100.0, 102.0, 122.0]


def test_an_adapter_that_exits_is_an_error_of_every_case(make_pool: Callable[..., Pool]) -> None:
    """Its exception ends neither the worker nor this process, and reaches the report; each case is run alone, on its own rows."""
    results = list(make_pool(Exiting, 1).run(SIX))
    assert {result.case_id: result.reason for result in results} == {
        case.id: f"the implementation exits the process: SystemExit: {case.id} on 3 rows" for case in SIX
    }


def test_a_pool_runs_on_after_a_death(make_pool: Callable[..., Pool]) -> None:
    """A second run has workers too."""
    pool = make_pool(partial(Dying, FAULTY), 1)
    assert only_error(list(pool.run(SIX))) == only_error(list(pool.run(SIX)))


@pytest.mark.parametrize("hangs", [False, True], ids=["dies", "hangs"])
def test_workers_that_load_no_more_end_the_run(make_pool: Callable[..., Pool], hangs: bool, tmp_path: Path) -> None:
    """After a few attempts; every case has its one result, which says that it did not run."""
    make_adapter = partial(Fading, FAULTY, tmp_path / "loaded", hangs)
    results = list(make_pool(make_adapter, 1, start_limit=0.3, time_limit=0.5).run(SIX[:3]))
    assert sorted(result.case_id for result in results) == sorted(case.id for case in SIX[:3])
    ((verdict, reason),) = {(result.verdict, result.reason) for result in results}
    assert verdict is Verdict.UNRESOLVED
    assert reason.startswith(f"not run: {ATTEMPTS} times in a row, the worker processes died or hung while they loaded")


# --- workers that never start ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make_adapter", "message"),
    [
        (NotInstalled, "there is no such framework; install it with: pip install framework"),
        (Broken, "the implementation could not be loaded: AttributeError: module 'numpy' has no attribute 'bool'"),
    ],
)
def test_an_adapter_that_cannot_start_says_why(make_pool: Callable[..., Pool], make_adapter: type[Adapter], message: str) -> None:
    """The worker's message reaches the caller, and every case that is run all the same."""
    pool = make_pool(make_adapter)
    with pytest.raises(AdapterStartError) as refused:
        pool.environment()
    assert str(refused.value) == message
    outcomes = {(result.verdict, result.reason) for result in pool.run(SIX)}
    assert outcomes == {(Verdict.UNRESOLVED, f"could not be run: AdapterStartError: {message}")}


@pytest.mark.parametrize(
    ("hangs", "start_limit", "message"),
    [
        (False, 60, "a worker process died while it loaded the implementation"),
        (True, 1, "no worker process has loaded the implementation within 1 s"),
    ],
    ids=["dies", "hangs"],
)
def test_a_worker_that_dies_or_hangs_of_loading_cannot_start(
    make_pool: Callable[..., Pool], hangs: bool, start_limit: float, message: str, tmp_path: Path
) -> None:
    """A crash in a framework's C++ code is reported as what it is, not as a broken pool."""
    (tmp_path / "loaded").touch()
    with pytest.raises(AdapterStartError, match=message) as refused:
        make_pool(partial(Fading, "", tmp_path / "loaded", hangs), start_limit=start_limit).environment()
    assert "import keras" not in str(refused.value)  # which it does not run


def test_keras_that_cannot_be_loaded_can_be_looked_at_alone(make_pool: Callable[..., Pool]) -> None:
    """On the backend that was asked for; of no other implementation is that said."""
    step = "; import it alone with: KERAS_BACKEND=jax python -X importtime -c 'import keras'"
    assert make_pool(partial(KerasLayerAdapter, "jax"))._import_command("-X importtime ") == step
    assert make_pool(ReferenceAdapter)._import_command("") == ""


# --- the end --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case_id", ["", CASES[0].id], ids=["idle", "busy"])
def test_stop_ends_the_workers(make_pool: Callable[..., Pool], case_id: str) -> None:
    """At once, whatever they are doing."""
    before = set(multiprocessing.active_children())
    pool = make_pool(partial(Hanging, case_id), chunk=2)
    assert next(pool.run(CASES)).verdict is Verdict.PASS
    workers = set(multiprocessing.active_children()) - before
    assert len(workers) == 2
    pool.stop()
    assert not any(worker.is_alive() for worker in workers)
    assert set(multiprocessing.active_children()) <= before


def test_stop_before_anything_started_is_fine(make_pool: Callable[..., Pool]) -> None:
    """There is nothing to end."""
    before = multiprocessing.active_children()
    make_pool(ReferenceAdapter).stop()
    assert set(multiprocessing.active_children()) <= set(before)
