"""A report: what ran where, what was planned, what came out, and the counts that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from conformance.judging.pooled import PooledTest, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import SkippedCases
from conformance.matrix.coverage import Coverage
from conformance.report.documents import as_document, without_infinity
from conformance.report.speed import Work


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run set out to do.

    Attributes:
        matrix: name of the matrix that the cases come from.
        selection: patterns that chose among them; empty for all.
        seed: of weights and inputs.
        cases: number of cases chosen.
        cells: number of cells of the matrix among them; a cell is a case without its batch size.
        case_ids: the ids of all chosen cases, in order.
        checks: names of the checks.
        not_asked: what else was chosen, and why it is not asked.
        surface: whether some lie outside the documents' matrix.
        element_limit: largest |error| / σ of an element.
        rms_limit: largest root mean square of error / σ of an array.
    """

    matrix: str
    selection: tuple[str, ...]
    seed: int
    cases: int
    cells: int
    case_ids: tuple[str, ...]
    checks: tuple[str, ...]
    element_limit: float
    rms_limit: float
    surface: bool = False
    not_asked: tuple[SkippedCases, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckSummary:
    """How one check fared over all the cases that it judged."""

    check: str
    judged: int
    passed: int
    numbers: int
    worst: float | None
    rms: float | None
    blind: int


@dataclass(frozen=True, kw_only=True)
class Report:
    """One run in one environment.

    Attributes:
        environment: what was tested: implementation, versions, backend.
        plan: what was to run.
        results: what ran, in the plan's order.
        seconds: of the whole run, from the start of the implementation on.
        work: what its processes did in that time; None where that was not measured.
        stopped: why the run ended before its plan did; empty where it did not.
        coverage: which combinations of feature values the results hold; empty for the documents' matrix, which is full.
        pooled: tests over all that passed; empty where too few sets of weights and inputs did.
    """

    environment: Mapping[str, str]
    plan: Plan
    results: tuple[Result, ...]
    seconds: float
    work: Work | None = None
    stopped: str = ""
    coverage: tuple[Coverage, ...] = ()
    pooled: tuple[PooledTest, ...] = ()

    def __post_init__(self) -> None:
        order = {case_id: position for position, case_id in enumerate(self.plan.case_ids)}
        object.__setattr__(self, "results", tuple(sorted(self.results, key=lambda result: order[result.case_id])))

    @property
    def caveats(self) -> list[str]:
        """What a reader must know first: that this is no run but a recording, and what was not asked."""
        return [*recorded_notes({"": self.environment}), *map(str, self.plan.not_asked)]

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases by verdict, each verdict named."""
        return {verdict.value: sum(result.verdict is verdict for result in self.results) for verdict in Verdict}

    @property
    def not_run(self) -> int:
        """Cases of the plan without a result."""
        return self.plan.cases - len(self.results)

    @property
    def as_expected(self) -> bool:
        """Whether the whole plan ran and every verdict is an expected one; nothing ran is a failure."""
        whole = bool(self.results) and not self.not_run and not self.stopped
        return whole and all(verdict.is_expected for verdict in self._verdicts)

    @property
    def is_unresolved(self) -> bool:
        """Whether nothing that was judged is unexpected, but some cases are UNRESOLVED: run again, it may be green."""
        unexpected = {verdict for verdict in self._verdicts if not verdict.is_expected}
        return unexpected == {Verdict.UNRESOLVED}

    @property
    def _verdicts(self) -> list[Verdict]:
        return [result.verdict for result in self.results] + [test.verdict for test in self.pooled]

    @property
    def unexpected(self) -> list[Result]:
        """The results that make a run red."""
        return [result for result in self.results if not result.verdict.is_expected]

    @property
    def speed(self) -> dict[str, float]:
        """Cases a second, and what the work consists of, in seconds and as shares of it; empty where nothing was measured."""
        if self.work is None:
            return {}
        parts = {name: getattr(self.work, name) for name in ("implementation", "suite", "loading")}
        return {
            "cases": self.work.cases,
            "workers": self.work.workers,
            "cases_per_second": round(self.work.cases / self.seconds, 3),
            **{f"{name}_seconds": round(seconds, 3) for name, seconds in parts.items()},
            **{f"{name}_share": round(self.work.share(seconds), 4) for name, seconds in parts.items()},
        }

    def by_check(self) -> list[CheckSummary]:
        """One summary per check of the plan."""
        return [self._summarise(check) for check in self.plan.checks]

    def _summarise(self, name: str) -> CheckSummary:
        judged = [
            check
            for result in self.results
            for check in result.checks
            if check.check == name and check.verdict in (Verdict.PASS, Verdict.FAIL)
        ]
        return CheckSummary(
            check=name,
            judged=len(judged),
            passed=sum(check.verdict is Verdict.PASS for check in judged),
            numbers=sum(check.size for check in judged),
            worst=max((check.worst for check in judged if check.worst is not None), default=None),
            rms=max((check.rms for check in judged if check.rms is not None), default=None),
            blind=sum(check.blind for check in judged),
        )

    def as_dict(self) -> dict[str, Any]:
        """The report for machines: a document of the format `verify`; all of it JSON but the results, which `as_json` turns."""
        summary = {
            **self.counts,
            "planned": self.plan.cases,
            "not_run": self.not_run,
            "caveats": self.caveats,
            "as_expected": self.as_expected,
            "stopped": self.stopped,
            "seconds": round(self.seconds, 3),
            "speed": self.speed,
            "checks": [asdict(check) for check in self.by_check()],
            "pooled": [asdict(test) for test in self.pooled],
            "not_told_apart": [
                {"operations": list(operations), "precisions": precisions}
                for operations, precisions in indistinguishable_operations(self.pooled).items()
            ],
            "coverage": [
                {
                    "strength": each.strength,
                    "covered": each.covered,
                    "possible": each.possible,
                    "missing": [" & ".join(f"{name}={value}" for name, value in one) for one in each.missing]
                    if each.strength == 2
                    else [],
                }
                for each in self.coverage
            ],
        }
        report = {"environment": dict(self.environment), "plan": asdict(self.plan), "results": (), "summary": summary}
        return as_document("verify", report) | {"results": self.results}

    def as_parsed_json(self) -> dict[str, Any]:
        """The report as whoever reads its JSON has it."""
        return self.as_dict() | {"results": [as_json(result) for result in self.results]}


def recorded_notes(environments: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A line for each environment, by its name, that was not run: its answers are those of a recording.

    >>> recorded_notes({"keras==1.2.2": {"recorded": "2026-11-21 on Linux"}, "installed": {}})
    ['keras==1.2.2: recorded, not run: answers of 2026-11-21 on Linux']
    """
    recorded = {name: said["recorded"] for name, said in environments.items() if "recorded" in said}
    return [f"{f'{name}: ' if name else ''}recorded, not run: answers of {when}" for name, when in recorded.items()]


def as_json(result: Result) -> dict[str, Any]:
    """A result for machines; what the pooled tests were made from is of no use on its own."""
    said: dict[str, Any] = without_infinity(asdict(replace(result, sample=None)))
    del said["sample"]
    return said
