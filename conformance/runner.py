"""The one loop: cases in, results out as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from conformance.adapters.base import Adapter, RaisedError, UnsupportedError
from conformance.case import Case, Family
from conformance.checks import Evidence, judge
from conformance.observation import Observation
from conformance.picturing import picture_of
from conformance.relations import ask_again
from conformance.sampling import sample_of
from conformance.stimulus import Stimulus, draw
from conformance.verdict import Result, Verdict, in_one_line, worst_of

Diagnose = Callable[[Case, Stimulus, Observation], tuple[str, ...]]
Keep = Callable[[Case, Observation], None]
Clock = Callable[[], float]


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
    try:
        observed = adapter.observe(case, stimulus)
        related = ask_again(case, stimulus, adapter.observe) if case.relation else ()
    except UnsupportedError as unsupported:
        reason, seconds = str(unsupported), clock() - started
        return Result(case_id=case.id, group=case.group, verdict=Verdict.UNSUPPORTED, reason=reason, seconds=seconds)
    except Exception as error:  # noqa: BLE001  # whatever the implementation raises is its result
        reason, seconds = str(error) if isinstance(error, RaisedError) else in_one_line(error), clock() - started
        return error_result(case, reason, seconds)
    seconds = clock() - started
    if keep is not None:
        keep(case, observed)
    try:
        evidence = Evidence(case=case, stimulus=stimulus, observed=observed, conventions=adapter.conventions, related=related)
        checks = judge(evidence)
        verdict = worst_of(check.verdict for check in checks)
        explained_by = diagnose(case, stimulus, observed) if diagnose and verdict is Verdict.FAIL else ()
        sample = sample_of(evidence) if samples and verdict is Verdict.PASS else None
        picture = picture_of(evidence, explained_by) if pictures and verdict is Verdict.FAIL else None
    except Exception as error:  # noqa: BLE001  # an observation that no check foresaw must not end the run
        return error_result(case, f"could not be judged: {in_one_line(error)}", seconds)
    return Result(
        case_id=case.id,
        group=case.group,
        verdict=verdict,
        checks=checks,
        path=observed.path,
        not_run=observed.not_run,
        seconds=seconds,
        explained_by=explained_by,
        sample=sample,
        picture=picture,
    )


class Named(Protocol):
    """What a result needs of a case, or of what stands for one."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def group(self) -> str:
        """What it is counted under."""


def error_result(case: Named, reason: str, seconds: float = 0.0) -> Result:
    """The result of a case that could not be judged."""
    return Result(case_id=case.id, group=case.group, verdict=Verdict.ERROR, reason=reason, seconds=seconds)
