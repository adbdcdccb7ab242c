"""Whether systems are as described, Keras 3 plus named deviations: the quick level, answered by recordings or by running."""

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

LEVEL = "quick"


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What came of asking an environment.

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
        """Those that the description does not explain, and those that were to be asked and are not in the recording."""
        return tuple(each for each in self.results if not each.verdict.is_expected)

    @property
    def asked(self) -> int:
        """Number of cases that it has."""
        return len(self.results) - self.count(Verdict.UNSUPPORTED)

    def count(self, verdict: Verdict) -> int:
        """How many cases came out so."""
        return sum(each.verdict is verdict for each in self.results)


@dataclass(kw_only=True)
class _Subject:
    """An environment that answers, and what it has answered so far."""

    spec: str
    adapter: EnvironmentAdapter
    results: list[Result] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = self.adapter.start()
        self.diagnose = diagnostician(self.environment, searches=0).explain

    def verified(self) -> Verified:
        """All of it, as the description has it."""
        environment = self.environment
        judged = mark_fixed(
            [classify_by_description(classify(each, environment), environment) for each in self.results], environment
        )
        own = [variant.judge(self.adapter, parse(self.spec).system) for variant in variants_of(self.spec)]
        return Verified(
            environment=self.spec,
            described=environment.get(DESCRIBED_BY, ""),
            recorded=environment.get("recorded", ""),
            results=(*judged, *own),
        )


def environments_of(systems: Iterable[System]) -> list[str]:
    """The environments that are verified for the systems; those that claims run are settled by them."""
    return [spec for system in systems if not system.claims for spec in system.environments]


def verify_recorded(specs: Sequence[str]) -> list[Verified]:
    """Environments as they answered when they were recorded; what is expected of a case is computed once for all of them."""
    return _verify([_Subject(spec=spec, adapter=EnvironmentAdapter(str(recording_path(spec)))) for spec in specs])


def verify_live(
    specs: Sequence[str], say: Callable[[str], None], finished: Callable[[Result], object] = lambda _: None
) -> list[Verified]:
    """Environments as they answer now, one after the other, each built where it is not there.

    Args:
        specs: of the environments.
        say: is told what is done.
        finished: is given each result as it comes, under its environment.
    """
    verified = []
    for spec in specs:
        adapter = EnvironmentAdapter(spec)
        adapter.prepare(say)
        say(f"{spec} is asked")
        verified += _verify([_Subject(spec=spec, adapter=adapter)], finished)
    return verified


def _verify(subjects: Sequence[_Subject], finished: Callable[[Result], object] = lambda _: None) -> list[Verified]:
    asked: dict[Case, list[_Subject]] = {}
    for subject in subjects:
        for case in cases_for(subject.adapter.describe(), surface(LEVEL)):
            asked.setdefault(case, []).append(subject)
    for members in families(list(asked)):
        stimulus = draw(members)
        for case in members:
            for subject in asked[case]:
                result = run_case(case, stimulus, subject.adapter, subject.diagnose)
                subject.results.append(result)
                finished(replace(result, group=subject.spec))
    try:
        return [subject.verified() for subject in subjects]
    finally:
        for subject in subjects:
            subject.adapter.stop()
