"""One run: what is planned, in a pool of workers, and what came of it; whatever ends it, what finished is kept."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from conformance.adapters.base import Adapter
from conformance.cases.case import Case
from conformance.diagnosis.diagnosticians import diagnostician
from conformance.diagnosis.reduce import reduce_case
from conformance.judging.attribution import of_suite
from conformance.judging.checks import CHECKS
from conformance.judging.pooled import pooled_tests
from conformance.judging.verdict import Result, Verdict, pictured
from conformance.known.description import as_described
from conformance.known.known_differences import classify, mark_fixed
from conformance.matrix import NotAsked, Planned, allowed, cell_count
from conformance.matrix.coverage import coverage
from conformance.reference.tolerance import ELEMENT_LIMIT, RMS_LIMIT
from conformance.report.model import Plan, Report
from conformance.report.verbosity import Verbosity
from conformance.running.agreement import Folder
from conformance.running.journal import identify, resume
from conformance.running.pool import Pool, chunks
from conformance.running.progress import Progress
from conformance.running.runner import Diagnose
from conformance.system.lifetime import scratch_folder, terminated_as_interrupt
from conformance.system.sources import files_of

# What tells JAX to keep all that it compiles, the smallest and the quickest too, in a folder.
COMPILATIONS = {
    "JAX_COMPILATION_CACHE_DIR": "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
# Why a run ended that a user has ended.
INTERRUPTED = "interrupted"
# Differences that are reduced to a minimal case; each takes some tens of runs.
REDUCED = 3
# Pictures that a report keeps: of the first differences, and of few that are alike.
PICTURES = 24
# Seconds after which the smallest cases so far are the answer: each further try of one that hangs takes the time limit.
REDUCTION_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Session:
    """A run to be made.

    Attributes:
        planned: cases and probes, in order.
        selection: patterns that chose them; empty for all.
        not_asked: what else they chose, and why it is not asked.
        level: of the surface; "" for the documents' matrix.
        seed: of weights and inputs.
        make_adapter: builds what is tested, in each worker.
        workers: most processes.
        time_limit: seconds that one case may take.
        journal: file that keeps what finished, and that an interrupted run goes on from; None for none.
        keep: folder for what was observed; None for none.
        fail_fast: stop at the first result that is not as expected.
        reduces: look for the minimal case of the first differences.
        verbosity: how much is said of results as they come.
    """

    planned: Sequence[Planned]
    selection: Sequence[str] = ()
    not_asked: Sequence[NotAsked] = ()
    level: str = ""
    seed: int = 0
    make_adapter: Callable[[], Adapter]
    workers: int
    time_limit: float = 60.0
    journal: Path | None = None
    keep: Path | None = None
    fail_fast: bool = False
    reduces: bool = True
    verbosity: Verbosity = Verbosity.NORMAL

    @property
    def plan(self) -> Plan:
        """What is to run, for the report, with the checks that apply to some of it."""
        cases = [case for case in self.planned if isinstance(case, Case)]
        surface = bool(self.level) or not all(isinstance(one, Case) and one.is_documents for one in self.planned)
        return Plan(
            matrix=f"level {self.level}" if self.level else "the surface" if surface else "the documents' matrix",
            surface=surface,
            selection=tuple(self.selection),
            not_asked=tuple(self.not_asked),
            seed=self.seed,
            cases=len(self.planned),
            cells=cell_count(cases),
            case_ids=tuple(case.id for case in self.planned),
            checks=tuple(check.name for check in CHECKS if any(check.applies_to(case) for case in cases)),
            element_limit=ELEMENT_LIMIT,
            rms_limit=RMS_LIMIT,
        )

    def run(self) -> Report:
        """Run, and keep what finished, however the run ends."""
        # The workers are the parallelism: a linear algebra library with threads of its own would only fight them for the cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with scratch_folder(), shared_compilation_cache():
            return self._run()

    def _run(self) -> Report:
        results: list[Result] = []
        stopped, environment = "", {"implementation": "interrupted before it had started"}
        folder = None if self.keep is None else Folder(self.keep)
        workers = max(1, min(self.workers, len(chunks(self.planned, most=64))))
        pool = Pool(self.make_adapter, workers, make_diagnose, time_limit=self.time_limit, keep=folder)
        started = time.perf_counter()
        try:
            with Progress.of_cases(self.planned, self.verbosity) as progress, terminated_as_interrupt():
                environment = {**pool.environment(), "suite": suite_version(), "platform": platform.platform()}
                progress.started(environment)
                files = files_of(pool.source()) if folder or self.journal else {}
                if folder:
                    folder.describe({**environment, **files})
                for result in self._results(pool, environment, files):
                    results.append(result)
                    progress.finished(result)
                    if self.fail_fast and not result.verdict.is_expected:
                        stopped = "stopped at the first difference, as --fail-fast asks"
                        break
                else:
                    results = self._reduced(mark_fixed(results, environment), pool, environment)
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        finally:
            pool.stop()
        seconds, work = time.perf_counter() - started, pool.tally.work(workers)
        return self._report(environment, results, seconds=seconds, work=work, stopped=stopped)

    def _results(self, pool: Pool, environment: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Result]:
        come: Iterable[Result] = pool.run(self.planned)
        if self.journal:
            come = resume(self.journal, identify(environment, asdict(self.plan), files), self.planned, pool.run)
        return (as_described(classify(result, environment), environment) for result in come)

    def _reduced(self, results: list[Result], pool: Pool, environment: Mapping[str, str]) -> list[Result]:
        """The results, the first that differ unexpectedly with their minimal cases."""
        if not self.reduces or not self.level:
            return results
        cases = {case.id: case for case in self.planned if isinstance(case, Case)}
        differing = [result for result in results if result.verdict in (Verdict.FAIL, Verdict.ERROR) and result.case_id in cases]
        found, deadline = dict[str, Result](), time.perf_counter() + REDUCTION_SECONDS
        for result in differing[:REDUCED]:

            def still_differs(case: Case, result: Result = result) -> bool:
                if time.perf_counter() > deadline:
                    return False
                (again,) = (classify(each, environment) for each in pool.run([case]))
                return again.differs_like(result)

            try:
                minimal = reduce_case(cases[result.case_id], still_differs, allowed).id
                found[result.case_id] = replace(result, minimal=minimal)
            except Exception as error:  # noqa: BLE001  # a judged verdict stands, whatever its reduction comes to
                said = filter(None, [result.not_explained, f"no smallest case: {of_suite(error)}"])
                found[result.case_id] = replace(result, not_explained="; ".join(said))
        return [found.get(result.case_id, result) for result in results]

    def _report(self, environment: Mapping[str, str], results: Sequence[Result], **ended: Any) -> Report:
        answered = {result.case_id for result in results if result.verdict is not Verdict.UNSUPPORTED}
        cases = [case for case in self.planned if isinstance(case, Case) and case.id in answered]
        try:
            pooled = pooled_tests(results)
        except Exception as error:  # noqa: BLE001  # what each case comes to stands, whatever all of them together do
            pooled, ended["stopped"] = (), ended["stopped"] or f"the tests that pool the cases failed: {of_suite(error)}"
        report = Report(
            environment=environment,
            plan=self.plan,
            results=tuple(results),
            **ended,
            coverage=tuple(coverage(cases, strength) for strength in (2, 3)) if self.level else (),
            pooled=pooled,
        )
        return replace(report, results=tuple(pictured(report.results, PICTURES)))


def suite_version() -> str:
    """This distribution's version; a checkout that is run without being installed has none."""
    try:
        return metadata.version("keras-lstm-conformance")
    except metadata.PackageNotFoundError:
        return "not installed"


def default_workers() -> int:
    """One process per core that this process may use, at most 4: each holds a copy of the framework."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


def make_diagnose(environment: Mapping[str, str]) -> Diagnose:
    """What explains failing cases of such an implementation, one per worker."""
    return diagnostician(environment).explain


@contextmanager
def shared_compilation_cache() -> Iterator[None]:
    """Within it, JAX compiles a program once for all workers and cases: the bulk of what an eager call costs there.

    A program is looked up by its code, the compiler's options and version; it is the one that JAX would compile anew. The folder
    is this run's own, unless the user has named one.
    """
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-", ignore_cleanup_errors=True) as folder:
        added = {name: value or folder for name, value in COMPILATIONS.items() if name not in os.environ}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]
