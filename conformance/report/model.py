"""A report: the environment, the plan, the results, and their counts."""

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
    """The plan of a run.

    Attributes:
        matrix: name of the matrix that the cases come from.
        selection: patterns that selected them; empty for all.
        seed: of weights and inputs.
        cases: number of cases.
        cells: number of cells of the matrix among them; a cell is a case without its batch size.
        case_ids: ids of all cases, in order.
        checks: names of the checks.
        not_asked: further cases that the patterns select, and the reason why they do not run.
        surface: whether some cases lie outside the documents' matrix.
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
    """The results of one check in all cases that it judged."""

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
        environment: implementation, versions, backend.
        plan: of the run.
        results: of the cases that ran, in the plan's order.
        seconds: of the whole run, including the start of the implementation.
        work: of the processes in that time; None if it was not measured.
        stopped: why the run ended before its plan; empty if it did not.
        coverage: of combinations of feature values; empty for the documents' matrix, which is complete.
        pooled: tests over all cases that passed; empty if there were too few sets of weights and inputs.
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
        """Notes for the top of a report: that it shows a recording, and which cases were not asked."""
        return [*recorded_notes({"": self.environment}), *map(str, self.plan.not_asked)]

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases by the name of every verdict."""
        return {verdict.value: sum(result.verdict is verdict for result in self.results) for verdict in Verdict}

    @property
    def not_run(self) -> int:
        """Number of cases of the plan without a result."""
        return self.plan.cases - len(self.results)

    @property
    def as_expected(self) -> bool:
        """Whether the whole plan ran and every verdict is an expected one. A run without results is a failure."""
        is_complete = bool(self.results) and not self.not_run and not self.stopped
        return is_complete and all(verdict.is_expected for verdict in self._verdicts)

    @property
    def is_unresolved(self) -> bool:
        """Whether the only unexpected verdict is UNRESOLVED. Another run may succeed."""
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
        """Cases per second, and the parts of the work in seconds and as shares; empty if the work was not measured."""
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
        """The report as a document of the format `verify`. Its results are objects, which `as_json` converts."""
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
                    "strength": coverage.strength,
                    "covered": coverage.covered,
                    "possible": coverage.possible,
                    "missing": [" & ".join(f"{name}={value}" for name, value in values) for values in coverage.missing]
                    if coverage.strength == 2
                    else [],
                }
                for coverage in self.coverage
            ],
        }
        report = {"environment": dict(self.environment), "plan": asdict(self.plan), "results": (), "summary": summary}
        return as_document("verify", report) | {"results": self.results}

    def as_parsed_json(self) -> dict[str, Any]:
        """The document after its JSON file has been read."""
        return self.as_dict() | {"results": [as_json(result) for result in self.results]}


def recorded_notes(environments: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A line for each environment, by its name, whose results come from a recording.

    >>> recorded_notes({"keras==1.2.2": {"recorded": "2026-11-21 on Linux"}, "installed": {}})
    ['keras==1.2.2: recorded, not run: answers of 2026-11-21 on Linux']
    """
    return [
        f"{f'{name}: ' if name else ''}recorded, not run: answers of {environment['recorded']}"
        for name, environment in environments.items()
        if "recorded" in environment
    ]


def as_json(result: Result) -> dict[str, Any]:
    """A result for JSON, without its sample, which only the pooled tests use."""
    document: dict[str, Any] = without_infinity(asdict(replace(result, sample=None)))
    del document["sample"]
    return document
