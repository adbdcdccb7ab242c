"""The loop that runs cases in one process and yields their results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

from conformance.adapters.base import Adapter
from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case, Family
from conformance.cases.stimulus import Stimulus, draw
from conformance.judging.attribution import suite_error_message, verdict_of_exception
from conformance.judging.checks import Evidence, judge
from conformance.judging.relations import observe_relation
from conformance.judging.sampling import sample_of
from conformance.judging.verdict import CheckResult, Result, Verdict, worst_verdict

Diagnose = Callable[[Evidence], tuple[str, ...]]
Keep = Callable[[Case, Observation], None]
KeepEvidence = Callable[[Evidence], None]
Clock = Callable[[], float]
Explanation = TypeVar("Explanation")


def families(cases: Sequence[Case]) -> list[list[Case]]:
    """Groups of cases that share weights, inputs and the reference's run. Each case that shares nothing is a group, at the end."""
    plain: dict[Family, list[Case]] = {}
    for case in cases:
        if case.is_plain:
            plain.setdefault(case.family, []).append(case)
    return [plain[family] for family in sorted(plain)] + [[case] for case in cases if not case.is_plain]


def run(
    cases: Sequence[Case],
    adapter: Adapter,
    diagnose: Diagnose | None = None,
    keep: Keep | None = None,
    *,
    keep_evidence: KeepEvidence | None = None,
    samples: bool = False,
    clock: Clock = time.perf_counter,
) -> Iterator[Result]:
    """Observe and judge every case in this process with a started adapter. An exception of the implementation is an ERROR.

    `keep` receives each observation before it is judged, `keep_evidence` the evidence of each case that fails. With `samples`, a
    case that passes has a sample for the pooled tests. The first case of a family that needs a shared value carries its time.
    """
    for members in families(cases):
        started = clock()
        stimulus = draw(members)
        for case in members:
            result = run_case(case, stimulus, adapter, diagnose, keep, keep_evidence=keep_evidence, samples=samples, clock=clock)
            yield replace(result, suite_seconds=clock() - started - result.seconds)
            started = clock()


def run_case(
    case: Case,
    stimulus: Stimulus,
    adapter: Adapter,
    diagnose: Diagnose | None = None,
    keep: Keep | None = None,
    *,
    keep_evidence: KeepEvidence | None = None,
    samples: bool = False,
    clock: Clock = time.perf_counter,
) -> Result:
    """Run one case, with the stimulus of its family."""
    started = clock()
    related_calls: tuple[CallObservation, ...] = ()
    relation_error: Exception | None = None
    try:
        observed = adapter.observe(case, stimulus)
    except Exception as error:  # noqa: BLE001  # an exception of the implementation is its result
        verdict, reason = verdict_of_exception(error)
        return _without_checks(case, verdict, reason, clock() - started)
    try:
        related_calls = observe_relation(case, stimulus, adapter.observe) if case.relation else ()
    except Exception as error:  # noqa: BLE001  # it concerns one check only, the others still judge
        relation_error = error
    seconds = clock() - started
    try:
        if keep is not None:
            keep(case, observed)
        evidence = Evidence(
            case=case,
            stimulus=stimulus,
            observed=observed,
            conventions=adapter.conventions,
            related_calls=related_calls,
            relation_error=relation_error,
        )
    except Exception as error:  # noqa: BLE001  # the disk is full, or the adapter returned an invalid observation
        return _without_checks(case, Verdict.UNRESOLVED, suite_error_message(error), seconds)
    return _with_explanation(_result_of_checks(evidence, seconds), evidence, diagnose, keep_evidence, samples=samples)


def _result_of_checks(evidence: Evidence, seconds: float) -> Result:
    """The result of the checks, without an explanation."""
    case, observed, checks = evidence.case, evidence.observed, judge(evidence)
    verdict = worst_verdict(check.verdict for check in checks)
    return Result(
        case_id=case.id,
        group=case.group,
        verdict=verdict,
        checks=checks,
        path=observed.path,
        not_run=observed.not_run,
        seconds=seconds,
        reason=_reason(checks, verdict),
    )


def _reason(checks: Sequence[CheckResult], verdict: Verdict) -> str:
    """The reason for a verdict other than PASS and FAIL: the message of the check with that verdict."""
    if verdict in (Verdict.PASS, Verdict.FAIL):
        return ""
    return next((check.message for check in checks if check.verdict is verdict), "no check judged this case")


def _with_explanation(
    result: Result, evidence: Evidence, diagnose: Diagnose | None, keep_evidence: KeepEvidence | None, *, samples: bool
) -> Result:
    """The result with its expected explanation, or with its sample. An exception here is noted, and does not change the verdict."""
    failures: list[str] = []

    def attempt(step: str, explain: Callable[[], Explanation], default: Explanation) -> Explanation:
        try:
            return explain()
        except Exception as error:  # noqa: BLE001  # the verdict does not depend on its explanation
            failures.append(f"{step}: {suite_error_message(error)}")
            return default

    if result.verdict is Verdict.PASS and samples:
        sample = attempt("no sample for the pooled tests", lambda: sample_of(evidence), None)
        return replace(result, sample=sample, not_explained="; ".join(failures))
    if result.verdict is not Verdict.FAIL:
        return result
    explained_by: tuple[str, ...] = ()
    if diagnose is not None:
        explained_by = attempt("no diagnosis", partial(diagnose, evidence), ())
    if keep_evidence is not None:
        attempt("no diagnosis and no picture", partial(keep_evidence, evidence), None)
    return replace(result, explained_by=explained_by, not_explained="; ".join(failures))


class Identified(Protocol):
    """A case, or another object with an id and a group."""

    @property
    def id(self) -> str:
        """Unique name."""

    @property
    def group(self) -> str:
        """Group in counts and progress."""


def error_result(case: Identified, reason: str, seconds: float = 0.0) -> Result:
    """The result of a case in which the implementation raised an exception, crashed or hung."""
    return _without_checks(case, Verdict.ERROR, reason, seconds)


def unresolved_result(case: Identified, reason: str) -> Result:
    """The result of a case that could not be judged because the suite or the machine failed."""
    return _without_checks(case, Verdict.UNRESOLVED, reason)


def _without_checks(case: Identified, verdict: Verdict, reason: str, seconds: float = 0.0) -> Result:
    return Result(case_id=case.id, group=case.group, verdict=verdict, reason=reason, seconds=seconds)
