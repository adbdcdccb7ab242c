"""The same cases on a range of versions: the answer of each version to every behaviour, and where the answers change."""

import itertools
import re
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.adapters.base import AdapterStartError
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import CaseOrProbe, SkippedCases, supported_cases
from conformance.report.model import recorded_notes
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.running.session import INTERRUPTED
from conformance.system.lifetime import sigterm_as_keyboard_interrupt
from conformance.upgrade.change import Change, behaviour_of
from conformance.upgrade.classify import change_of
from conformance.upgrade.facts import ABSENT, facts_of
from conformance.upgrade.references import UPSTREAM
from conformance.upgrade.report import unresolved_notes
from conformance.upgrade.side import Implementation, Side, UnresolvedCase, interleave

# Versions that run at once.
TOGETHER = 2


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The answer of one version to a behaviour.

    Attributes:
        said: the answer in a word or two; "" where the case did not run.
        changed: whether the answer differs from that of the version before.
    """

    said: str
    changed: bool = False

    def __str__(self) -> str:
        """The answer, marked where it changed."""
        return f"→ {self.said}" if self.changed else self.said


@dataclass(frozen=True, kw_only=True)
class Row:
    """A behaviour, or a fact of the API, over all versions.

    Attributes:
        name: of the behaviour or the fact.
        cells: one for each version.
        upstream: addresses in Keras' own repository that explain the changes.
    """

    name: str
    cells: tuple[Cell, ...]
    upstream: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether any version differs from the one before."""
        return any(cell.changed for cell in self.cells)


@dataclass(frozen=True, kw_only=True)
class HistoryReport:
    """The answers of a range of versions.

    Attributes:
        versions: names of the implementations, in order.
        environments: versions and backend by name, of the implementations that could run.
        behaviours: one row per case.
        facts: of the API, one row for each fact that is not the same everywhere.
        not_asked: selected cases that some version or all versions cannot run, and why.
        unresolved: cases without a result because the suite or the machine failed.
        refused: why a version could not run, by name.
        seconds: of the whole run.
        stopped: why the run ended early; empty where it did not.
    """

    versions: tuple[str, ...]
    environments: Mapping[str, Mapping[str, str]]
    behaviours: tuple[Row, ...]
    facts: tuple[Row, ...]
    refused: Mapping[str, str]
    seconds: float
    stopped: str = ""
    not_asked: tuple[SkippedCases, ...] = ()
    unresolved: tuple[UnresolvedCase, ...] = ()

    @property
    def caveats(self) -> list[str]:
        """What did not run, was only recorded, is unresolved or was not asked; each with its reason."""
        refused = [f"{name} did not run: {reason}" for name, reason in self.refused.items()]
        return [*refused, *recorded_notes(self.environments), *unresolved_notes(self.unresolved), *map(str, self.not_asked)]

    @property
    def is_whole(self) -> bool:
        """Whether every version ran every case, and some case has an answer."""
        ran = all(cell.said for row in self.behaviours for cell in row.cells)
        answered = any(cell.said.startswith((RIGHT, WRONG)) for row in self.behaviours for cell in row.cells)
        return ran and answered and not self.refused and not self.unresolved and not self.stopped

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "caveats": self.caveats}


RIGHT, WRONG, CRASH, MISSING, UNRESOLVED = "right", "wrong", "crash", ABSENT, "not settled"


_EXCEPTION = re.compile(r"\w+: ")


def cell_of(result: Result) -> str:
    """A result in a word or two."""
    if result.verdict is Verdict.FAIL and (result.known or result.explained_by):
        return f"{WRONG} ({next(iter(result.explained_by), result.known)})"
    if result.verdict is Verdict.ERROR and _EXCEPTION.match(result.reason):
        return f"{CRASH} ({result.reason.partition(':')[0]})"
    return {Verdict.PASS: RIGHT, Verdict.FAIL: WRONG, Verdict.ERROR: CRASH, Verdict.UNSUPPORTED: MISSING}.get(result.verdict, "")


@dataclass
class History:
    """Runs a range of versions.

    Args:
        versions: in order.
        cases: that every version runs.
        not_asked: selected cases that do not run, and why.
        time_limit: seconds that one case may take.
        verbosity: how much of the progress is printed.
    """

    versions: Sequence[Implementation]
    cases: Sequence[CaseOrProbe]
    not_asked: Sequence[SkippedCases] = ()
    time_limit: float = 60.0
    verbosity: Verbosity = Verbosity.NORMAL
    _sides: dict[str, Side] = field(default_factory=dict, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)

    def run(self) -> HistoryReport:
        """Run two versions at a time; the report has all finished results, however the run ends."""
        started, stopped = time.perf_counter(), ""
        with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
            try:
                with (
                    Progress.of_cases(list(self.cases) * len(self.versions), self.verbosity) as progress,
                    sigterm_as_keyboard_interrupt(),
                ):
                    progress.started({"implementation": f"{len(self.versions)} versions"})
                    for first in range(0, len(self.versions), TOGETHER):
                        for result in self._run_together(self.versions[first : first + TOGETHER], Path(folder)):
                            progress.finished(result)
            except KeyboardInterrupt:
                stopped = INTERRUPTED
            return HistoryReport(
                versions=tuple(version.name for version in self.versions),
                environments={name: side.environment for name, side in self._sides.items()},
                behaviours=tuple(self._row(case) for case in self.cases),
                facts=tuple(self._facts()),
                refused=self._refused,
                seconds=time.perf_counter() - started,
                stopped=stopped,
                not_asked=(*self.not_asked, *self._unsupported_cases()),
                unresolved=tuple(
                    each for side in self._sides.values() for each in side.failures(self._cases_for(side, self.cases))
                ),
            )

    def _run_together(self, versions: Sequence[Implementation], folder: Path) -> Iterator[Result]:
        with ExitStack() as ends:
            sides = []
            for version in versions:
                sides.append(Side(version, folder / str(self.versions.index(version)), self.time_limit))
                ends.callback(sides[-1].stop)
            running = [side for side in sides if self._starts(side)]
            yield from interleave([side.run(self._cases_for(side, self.cases)) for side in running])
            for side in running:
                side.explain()

    @staticmethod
    def _cases_for(side: Side, cases: Sequence[CaseOrProbe]) -> list[CaseOrProbe]:
        """The cases in the form that the version supports."""
        return supported_cases(cases, [side.facts])[0]

    def _unsupported_cases(self) -> Iterator[SkippedCases]:
        """The cases that some version does not support in any form, and why."""
        for name, side in self._sides.items():
            for unsupported in supported_cases(self.cases, [side.facts])[1]:
                yield replace(unsupported, reason=f"{name}: {unsupported.reason}")

    def _starts(self, side: Side) -> bool:
        """Whether the version can run here; its environment and facts are then known, also after its worker has ended."""
        name = side.implementation.name
        try:
            side.start()
        except AdapterStartError as error:
            self._refused[name] = str(error)
            return False
        self._sides[name] = side
        return True

    def _row(self, case: CaseOrProbe) -> Row:
        """The row of a behaviour; a version that has no return_state runs the case without it."""
        cells: list[Cell] = []
        upstream: list[str] = []
        before: tuple[Side, Result] | None = None
        for version in self.versions:
            side = self._sides.get(version.name)
            supported = self._cases_for(side, [case]) if side else []
            result = _result(side, case, supported) if side else None
            if side is None or result is None:
                unresolved = side is not None and any(each.id in side.unresolved for each in supported)
                cells.append(Cell(said=UNRESOLVED if unresolved else ""))
                continue
            change = _change(before, (side, result)) if before else None
            cells.append(Cell(said=cell_of(result), changed=change is not None))
            upstream += change.upstream if change else ()
            before = side, result
        return Row(name=behaviour_of(case), cells=tuple(cells), upstream=tuple(dict.fromkeys(upstream)))

    def _facts(self) -> Iterator[Row]:
        """The facts that are not the same in all versions that describe their API."""
        facts = [facts_of(self._sides[version.name].facts) if version.name in self._sides else {} for version in self.versions]
        for subject in dict.fromkeys(itertools.chain.from_iterable(facts)):
            values = [known.get(subject, ABSENT) if known else "" for known in facts]
            cells = [Cell(said=now, changed=bool(was and now) and was != now) for was, now in itertools.pairwise(["", *values])]
            row = Row(
                name=subject, cells=tuple(cells), upstream=tuple(entry.address for entry in UPSTREAM if entry.fact == subject)
            )
            if row.changes:
                yield row


def _result(side: Side, case: CaseOrProbe, supported: Sequence[CaseOrProbe]) -> Result | None:
    """The result of a case on a version: UNSUPPORTED where the version has no form of it, None where it did not run."""
    if not supported:
        return Result(case_id=case.id, group=case.group, verdict=Verdict.UNSUPPORTED, reason="return_state is no argument")
    return side.results.get(supported[0].id)


def _change(before: tuple[Side, Result], after: tuple[Side, Result]) -> Change | None:
    """The change from one version to the next; None where a user can see no difference."""
    (was_on, was), (now_on, now) = before, after
    change = change_of(was_on, now_on, was, now)
    return change if change.kind.is_change else None
