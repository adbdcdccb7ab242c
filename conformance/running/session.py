"""One run of the planned cases in a pool of workers, and its report. The finished results survive an interrupted run."""

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
from conformance.diagnosis.diagnosticians import make_diagnose
from conformance.diagnosis.groups import differing_groups
from conformance.diagnosis.reduce import reduce_case
from conformance.judging.attribution import suite_error_message
from conformance.judging.checks import CHECKS
from conformance.judging.pooled import pooled_tests
from conformance.judging.verdict import Result, Verdict
from conformance.known.description import classify_by_description
from conformance.known.known_differences import classify, mark_fixed
from conformance.matrix import CaseOrProbe, SkippedCases, allowed, cell_count
from conformance.matrix.coverage import coverage
from conformance.reference.tolerance import ELEMENT_LIMIT, RMS_LIMIT
from conformance.report.model import Plan, Report
from conformance.report.verbosity import Verbosity
from conformance.running.agreement import ObservationFolder
from conformance.running.evidence import EvidenceFolder
from conformance.running.explanation import Explainer
from conformance.running.journal import identify, resume
from conformance.running.pool import Pool, chunks
from conformance.running.progress import Progress
from conformance.system.lifetime import scratch_folder, sigterm_as_keyboard_interrupt
from conformance.system.sources import source_digests

# Settings that make JAX cache every compiled program in a folder, even small and quick ones.
JAX_CACHE_SETTINGS = {
    "JAX_COMPILATION_CACHE_DIR": "",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
# The reason in the report of a run that the user has interrupted.
INTERRUPTED = "interrupted"
# Number of groups of differences of which the simplest case is reduced to a minimal case. Each needs some tens of runs.
MOST_REDUCTIONS = 3
# Seconds after which a reduction stops with the smallest case so far: a case that hangs takes the whole time limit at each try.
REDUCTION_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Session:
    """The settings of a run.

    Attributes:
        planned: cases and probes, in order.
        selection: patterns that selected them; empty for all.
        not_asked: further cases that the patterns select, and the reason why they do not run.
        level: of the surface; "" for the documents' matrix.
        seed: of weights and inputs.
        make_adapter: builds the adapter of the implementation, in each worker.
        workers: largest number of processes.
        time_limit: seconds that one case may take.
        journal: file of the finished results, from which an interrupted run resumes; None for none.
        keep: folder for the observations; None for none.
        fail_fast: stop at the first result that is not as expected.
        reduces: look for the minimal case of a few groups of differences.
        verbosity: of the progress.
    """

    planned: Sequence[CaseOrProbe]
    selection: Sequence[str] = ()
    not_asked: Sequence[SkippedCases] = ()
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
        """The plan for the report, with the checks that apply to at least one case."""
        cases = [case for case in self.planned if isinstance(case, Case)]
        surface = bool(self.level) or not all(isinstance(item, Case) and item.is_documents for item in self.planned)
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
        """Run the cases, and return the report, also of an interrupted run."""
        # One thread per worker: threads of a linear algebra library would compete with the workers for the cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with scratch_folder(), shared_compilation_cache(), tempfile.TemporaryDirectory(prefix="evidence-") as folder:
            return self._run(EvidenceFolder(Path(folder)))

    def _run(self, evidence: EvidenceFolder) -> Report:
        results: list[Result] = []
        stopped, environment = "", {"implementation": "interrupted before it had started"}
        folder = None if self.keep is None else ObservationFolder(self.keep)
        workers = max(1, min(self.workers, len(chunks(self.planned, most=64))))
        pool = Pool(self.make_adapter, workers, make_diagnose, time_limit=self.time_limit, keep=folder, keep_evidence=evidence)
        started = time.perf_counter()
        try:
            with Progress.of_cases(self.planned, self.verbosity) as progress, sigterm_as_keyboard_interrupt():
                environment = {**pool.environment(), "suite": suite_version(), "platform": platform.platform()}
                progress.started(environment)
                files = source_digests(pool.source()) if folder or self.journal else {}
                if folder:
                    folder.describe({**environment, **files})
                for result in self._results(pool, environment, files):
                    results.append(result)
                    progress.finished(result)
                    if self.fail_fast and not result.verdict.is_expected:
                        stopped = "stopped at the first difference, as --fail-fast asks"
                        break
                else:
                    results = mark_fixed(results, environment)
                results = Explainer(evidence=evidence, run_again=pool.run).explain(results)
                if not stopped:
                    results = self._reduced(results, pool, environment)
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        finally:
            pool.stop()
        seconds, work = time.perf_counter() - started, pool.work
        return self._report(environment, results, seconds=seconds, work=work, stopped=stopped)

    def _results(self, pool: Pool, environment: Mapping[str, str], files: Mapping[str, str]) -> Iterator[Result]:
        results: Iterable[Result] = pool.run(self.planned)
        if self.journal:
            results = resume(self.journal, identify(environment, asdict(self.plan), files), self.planned, pool.run)
        return (classify_by_description(classify(result, environment), environment) for result in results)

    def _reduced(self, results: list[Result], pool: Pool, environment: Mapping[str, str]) -> list[Result]:
        """The results. The simplest cases of the largest groups of differences have their minimal cases."""
        if not self.reduces or not self.level:
            return results
        cases = {case.id: case for case in self.planned if isinstance(case, Case)}
        differing = [group[0] for group in differing_groups(results) if group[0].verdict is not Verdict.KNOWN_DIFFERENCE]
        reduced, deadline = dict[str, Result](), time.perf_counter() + REDUCTION_SECONDS
        for result in differing[:MOST_REDUCTIONS]:

            def still_differs(case: Case, result: Result = result) -> bool:
                if time.perf_counter() > deadline:
                    return False
                (smaller,) = pool.run([case])
                return classify(smaller, environment).fails_like(result)

            try:
                minimal = reduce_case(cases[result.case_id], still_differs, allowed).id
                reduced[result.case_id] = replace(result, minimal=minimal)
            except Exception as error:  # noqa: BLE001  # the verdict does not depend on its reduction
                notes = filter(None, [result.not_explained, f"no smallest case: {suite_error_message(error)}"])
                reduced[result.case_id] = replace(result, not_explained="; ".join(notes))
        return [reduced.get(result.case_id, result) for result in results]

    def _report(self, environment: Mapping[str, str], results: Sequence[Result], **ended: Any) -> Report:
        supported = {result.case_id for result in results if result.verdict is not Verdict.UNSUPPORTED}
        cases = [case for case in self.planned if isinstance(case, Case) and case.id in supported]
        try:
            pooled = pooled_tests(results)
        except Exception as error:  # noqa: BLE001  # the result of a case does not depend on the pooled tests
            pooled, ended["stopped"] = (), ended["stopped"] or f"the tests that pool the cases failed: {suite_error_message(error)}"
        return Report(
            environment=environment,
            plan=self.plan,
            results=tuple(results),
            **ended,
            coverage=tuple(coverage(cases, strength) for strength in (2, 3)) if self.level else (),
            pooled=pooled,
        )


def suite_version() -> str:
    """The version of this distribution. A checkout that is not installed has none."""
    try:
        return metadata.version("keras-lstm-conformance")
    except metadata.PackageNotFoundError:
        return "not installed"


def default_workers() -> int:
    """One process per available core, at most 4, since each holds a copy of the framework."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


@contextmanager
def shared_compilation_cache() -> Iterator[None]:
    """Share JAX's compilation cache among workers, so that each program is compiled once. Compilation dominates an eager call.

    JAX looks up a program by its code and by the options and version of the compiler, so results do not change. The folder is
    temporary, unless the user has set one.
    """
    with tempfile.TemporaryDirectory(prefix="lstm-conformance-", ignore_cleanup_errors=True) as folder:
        added = {name: value or folder for name, value in JAX_CACHE_SETTINGS.items() if name not in os.environ}
        os.environ.update(added)
        try:
            yield
        finally:
            for name in added:
                del os.environ[name]
