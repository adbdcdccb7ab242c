"""The one loop: cases in, results out as they come."""

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
from conformance.diagnosis.picturing import picture_of
from conformance.judging.attribution import of_suite, outcome_of
from conformance.judging.checks import Evidence, judge
from conformance.judging.relations import ask_again
from conformance.judging.sampling import sample_of
from conformance.judging.verdict import CheckResult, Result, Verdict, worst_of

Diagnose = Callable[[Case, Stimulus, Observation], tuple[str, ...]]
Keep = Callable[[Case, Observation], None]
Clock = Callable[[], float]
Explanation = TypeVar("Explanation")


def families(cases: Sequence[Case]) -> list[list[Case]]:
    """The cases, those that share weights, inputs and the oracle's run together; each of the others alone, behind them."""
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
    samples: bool = False,
    clock: Clock = time.perf_counter,
) -> Iterator[Result]:
    """Observe and judge every case in this process, with a started adapter; what the implementation raises is that case's ERROR.

    What was observed is given to `keep` before it is judged. With `samples`, what passes says what pooled tests need of it, and the
    first of a family that fails is pictured. What a family shares is the time of the first of its cases that needs it.
    """
    for members in families(cases):
        started, pictured = clock(), not samples
        stimulus = draw(members)
        for case in members:
            result = run_case(case, stimulus, adapter, diagnose, keep, samples=samples, pictures=not pictured, clock=clock)
            pictured = pictured or result.picture is not None
            yield replace(result, suite_seconds=clock() - started - result.seconds)
            started = clock()


def run_case(
    case: Case,
    stimulus: Stimulus,
    adapter: Adapter,
    diagnose: Diagnose | None = None,
    keep: Keep | None = None,
    *,
    samples: bool = False,
    pictures: bool = False,
    clock: Clock = time.perf_counter,
) -> Result:
    """One case of `run`, with the stimulus of its family."""
    started = clock()
    related: tuple[CallObservation, ...] = ()
    not_related: Exception | None = None
    try:
        observed = adapter.observe(case, stimulus)
    except Exception as error:  # noqa: BLE001  # whatever the implementation raises is its result
        verdict, reason = outcome_of(error)
        return _without_checks(case, verdict, reason, clock() - started)
    try:
        related = ask_again(case, stimulus, adapter.observe) if case.relation else ()
    except Exception as error:  # noqa: BLE001  # that of one check: what the others find stands
        not_related = error
    seconds = clock() - started
    try:
        if keep is not None:
            keep(case, observed)
        evidence = Evidence(
            case=case,
            stimulus=stimulus,
            observed=observed,
            conventions=adapter.conventions,
            related=related,
            not_related=not_related,
        )
    except Exception as error:  # noqa: BLE001  # the disk is full, or an adapter returned what is no observation of this case
        return _without_checks(case, Verdict.UNRESOLVED, of_suite(error), seconds)
    return _explained(_judged(evidence, seconds), evidence, diagnose, samples=samples, pictures=pictures)


def _judged(evidence: Evidence, seconds: float) -> Result:
    """What the checks say, and nothing that explains it."""
    case, observed, checks = evidence.case, evidence.observed, judge(evidence)
    verdict = worst_of(check.verdict for check in checks)
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
    """Why a case is neither right nor wrong, as the check says that is so."""
    if verdict in (Verdict.PASS, Verdict.FAIL):
        return ""
    return next((check.message for check in checks if check.verdict is verdict), "no check judged this case")


def _explained(result: Result, evidence: Evidence, diagnose: Diagnose | None, *, samples: bool, pictures: bool) -> Result:
    """The result with what explains it; what raises is noted, and changes no verdict."""
    failures: list[str] = []

    def attempted(step: str, explain: Callable[[], Explanation], otherwise: Explanation) -> Explanation:
        try:
            return explain()
        except Exception as error:  # noqa: BLE001  # a judged verdict stands, whatever explaining it comes to
            failures.append(f"{step}: {of_suite(error)}")
            return otherwise

    if result.verdict is Verdict.PASS and samples:
        sample = attempted("no sample for the pooled tests", lambda: sample_of(evidence), None)
        return replace(result, sample=sample, not_explained="; ".join(failures))
    if result.verdict is not Verdict.FAIL:
        return result
    explained_by: tuple[str, ...] = ()
    if diagnose is not None:
        found = partial(diagnose, evidence.case, evidence.stimulus, evidence.observed)
        explained_by = attempted("no diagnosis", found, ())
    picture = attempted("no picture", lambda: picture_of(evidence, explained_by), None) if pictures else None
    return replace(result, explained_by=explained_by, picture=picture, not_explained="; ".join(failures))


class Named(Protocol):
    """What a result needs of a case, or of what stands for one."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def group(self) -> str:
        """What it is counted under."""


def error_result(case: Named, reason: str, seconds: float = 0.0) -> Result:
    """The result of a case in which the implementation raised, crashed or hung."""
    return _without_checks(case, Verdict.ERROR, reason, seconds)


def unresolved_result(case: Named, reason: str) -> Result:
    """The result of a case that the suite or the machine has kept from one."""
    return _without_checks(case, Verdict.UNRESOLVED, reason)


def _without_checks(case: Named, verdict: Verdict, reason: str, seconds: float = 0.0) -> Result:
    return Result(case_id=case.id, group=case.group, verdict=verdict, reason=reason, seconds=seconds)
