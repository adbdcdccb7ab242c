"""Verifies that systems are as described, as Keras 3 plus deviations: runs the quick level on them or reads their recordings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.claims.cells import variants_of
from conformance.claims.systems import System
from conformance.diagnosis.diagnosticians import diagnostician
from conformance.environments import DESCRIBED_BY
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import recording_path
from conformance.environments.spec import parse
from conformance.judging.verdict import Result, Verdict
from conformance.known.description import classify_by_description
from conformance.known.known_differences import classify, mark_fixed
from conformance.matrix import cases_for, surface
from conformance.running.runner import families, run_case

LEVEL = "features"


@dataclass(frozen=True, kw_only=True)
class SystemResult:
    """The results of an environment.

    Attributes:
        environment: its spec.
        described: names of the deviations that describe it, joined by +; "" for Keras 3 itself.
        recorded: when and where it was recorded; "" where it was run.
        results: of every case.
    """

    environment: str
    described: str
    recorded: str
    results: tuple[Result, ...]

    @property
    def unexplained(self) -> tuple[Result, ...]:
        """The results that the description does not explain, and those that the recording lacks."""
        return tuple(result for result in self.results if not result.verdict.is_expected)

    @property
    def supported(self) -> int:
        """Number of cases that it supports."""
        return len(self.results) - self.count(Verdict.UNSUPPORTED)

    @property
    def as_described(self) -> int:
        """Number of cases that are as the description says."""
        return self.supported - len(self.unexplained)

    @property
    def recording_date(self) -> str:
        """The date of the recording; "" where it was run."""
        return self.recorded.partition(" on ")[0]

    def count(self, verdict: Verdict) -> int:
        """Number of cases with this verdict."""
        return sum(result.verdict is verdict for result in self.results)


@dataclass(kw_only=True)
class _RunningEnvironment:
    """A started environment and its results so far."""

    spec: str
    adapter: EnvironmentAdapter
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = self.adapter.start()
        self.diagnose = diagnostician(self.environment).explain

    def result(self) -> SystemResult:
        """All results, judged by the description of the environment."""
        environment = self.environment
        judged = mark_fixed(
            [classify_by_description(classify(result, environment), environment) for result in self.results], environment
        )
        variants = [variant.judge(self.adapter, parse(self.spec).system) for variant in variants_of(self.spec)]
        return SystemResult(
            environment=self.spec,
            described=environment.get(DESCRIBED_BY, ""),
            recorded=environment.get("recorded", ""),
            results=(*judged, *variants),
        )


def environments_of(systems: Iterable[System]) -> list[str]:
    """The environments that are verified for the systems; claims test the other ones."""
    return [spec for system in systems if not system.claims for spec in system.environments]


def verify_recorded(specs: Sequence[str]) -> list[SystemResult]:
    """The results of recorded environments; the expected answer of a case is computed once for all of them."""
    return _verify([_RunningEnvironment(spec=spec, adapter=EnvironmentAdapter(str(recording_path(spec)))) for spec in specs])


def verify_live(
    specs: Sequence[str], print_status: Callable[[str], None], finished: Callable[[Result], object] = lambda _: None
) -> list[SystemResult]:
    """Run environments one after the other; each is built where it does not exist.

    Args:
        specs: of the environments.
        print_status: prints what is done.
        finished: called with each result, whose group is the environment.
    """
    results = []
    for spec in specs:
        adapter = EnvironmentAdapter(spec)
        adapter.prepare(print_status)
        print_status(f"{spec} is asked")
        results += _verify([_RunningEnvironment(spec=spec, adapter=adapter)], finished)
    return results


def _verify(
    environments: Sequence[_RunningEnvironment], finished: Callable[[Result], object] = lambda _: None
) -> list[SystemResult]:
    by_case: dict[Case, list[_RunningEnvironment]] = {}
    for environment in environments:
        for case in cases_for(environment.adapter.describe(), surface(LEVEL)):
            by_case.setdefault(case, []).append(environment)
    for members in families(list(by_case)):
        stimulus = draw(members)
        for case in members:
            for environment in by_case[case]:
                result = run_case(case, stimulus, environment.adapter, environment.diagnose)
                environment.results.append(result)
                finished(replace(result, group=environment.spec))
    try:
        return [environment.result() for environment in environments]
    finally:
        for environment in environments:
            environment.adapter.stop()
