"""The same cases on a range of versions: what each shows of every behaviour, and where that changes."""

from __future__ import annotations

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
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import NotAsked, askable
from conformance.report.model import recorded_notes
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.running.session import INTERRUPTED
from conformance.system.lifetime import terminated_as_interrupt
from conformance.upgrade.change import Change, behaviour_of
from conformance.upgrade.classify import change_of
from conformance.upgrade.facts import ABSENT, facts_of
from conformance.upgrade.references import UPSTREAM
from conformance.upgrade.report import unresolved_notes
from conformance.upgrade.side import Implementation, Side, Unresolved, interleaved

# Versions that run at once.
TOGETHER = 2


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one version shows of a behaviour.

    Attributes:
        said: in a word or two; "" where the case did not run.
        changed: whether it is another one than the version before shows.
    """

    said: str
    changed: bool = False

    def __str__(self) -> str:
        """Marked where it changed."""
        return f"→ {self.said}" if self.changed else self.said


@dataclass(frozen=True, kw_only=True)
class Row:
    """A behaviour, or a fact of the API, over all versions.

    Attributes:
        name: of it.
        cells: one for each version.
        upstream: addresses of what Keras' own repository says of its changes.
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
    """A range of versions.

    Attributes:
        versions: names of the implementations, in order.
        environments: what they are, by name; those that could not run are not there.
        behaviours: one row per case.
        facts: of the API, one row for each that is not the same everywhere.
        not_asked: what else was chosen, and why it is not asked, of some version or of all.
        unresolved: cases that the suite or the machine has failed on a version.
        refused: why a version could not run, by name.
        seconds: of the whole run.
        stopped: why it ended early; empty where it did not.
    """

    versions: tuple[str, ...]
    environments: Mapping[str, Mapping[str, str]]
    behaviours: tuple[Row, ...]
    facts: tuple[Row, ...]
    refused: Mapping[str, str]
    seconds: float
    stopped: str = ""
    not_asked: tuple[NotAsked, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()

    @property
    def caveats(self) -> list[str]:
        """What a reader must know first: what was not run, not settled, or not asked; each with its reason."""
        refused = [f"{name} did not run: {reason}" for name, reason in self.refused.items()]
        return [*refused, *recorded_notes(self.environments), *unresolved_notes(self.unresolved), *map(str, self.not_asked)]

    @property
    def is_whole(self) -> bool:
        """Whether every version ran every case, and answered some."""
        ran = all(cell.said for row in self.behaviours for cell in row.cells)
        answered = any(cell.said.startswith((RIGHT, WRONG)) for row in self.behaviours for cell in row.cells)
        return ran and answered and not self.refused and not self.unresolved and not self.stopped

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "caveats": self.caveats}


RIGHT, WRONG, CRASH, MISSING, UNSETTLED = "right", "wrong", "crash", ABSENT, "not settled"


_EXCEPTION = re.compile(r"\w+: ")


def cell_of(result: Result) -> str:
    """What a result says in a word or two."""
    if result.verdict is Verdict.FAIL and (result.known or result.explained_by):
        return f"{WRONG} ({next(iter(result.explained_by), result.known)})"
    if result.verdict is Verdict.ERROR and _EXCEPTION.match(result.reason):
        return f"{CRASH} ({result.reason.partition(':')[0]})"
    return {Verdict.PASS: RIGHT, Verdict.FAIL: WRONG, Verdict.ERROR: CRASH, Verdict.UNSUPPORTED: MISSING}.get(result.verdict, "")


@dataclass
class History:
    """A range of versions to be run.

    Args:
        versions: in order.
        cases: asked of all.
        not_asked: what else was chosen, and why it is not asked.
        time_limit: seconds that one case may take.
        verbosity: how much is said of results as they come.
    """

    versions: Sequence[Implementation]
    cases: Sequence[Case]
    not_asked: Sequence[NotAsked] = ()
    time_limit: float = 60.0
    verbosity: Verbosity = Verbosity.NORMAL
    _ran: dict[str, Side] = field(default_factory=dict, init=False)
    _refused: dict[str, str] = field(default_factory=dict, init=False)

    def run(self) -> HistoryReport:
        """Run two versions at a time, and keep what finished, however the run ends."""
        started, stopped = time.perf_counter(), ""
        with tempfile.TemporaryDirectory(prefix="lstm-conformance-") as folder:
            try:
                with (
                    Progress.of_cases(list(self.cases) * len(self.versions), self.verbosity) as progress,
                    terminated_as_interrupt(),
                ):
                    progress.started({"implementation": f"{len(self.versions)} versions"})
                    for first in range(0, len(self.versions), TOGETHER):
                        for result in self._run_together(self.versions[first : first + TOGETHER], Path(folder)):
                            progress.finished(result)
            except KeyboardInterrupt:
                stopped = INTERRUPTED
            return HistoryReport(
                versions=tuple(each.name for each in self.versions),
                environments={name: side.environment for name, side in self._ran.items()},
                behaviours=tuple(self._row(case) for case in self.cases),
                facts=tuple(self._facts()),
                refused=self._refused,
                seconds=time.perf_counter() - started,
                stopped=stopped,
                not_asked=(*self.not_asked, *self._not_askable()),
                unresolved=tuple(each for side in self._ran.values() for each in side.failures(self._asked_of(side, self.cases))),
            )

    def _run_together(self, versions: Sequence[Implementation], folder: Path) -> Iterator[Result]:
        with ExitStack() as ends:
            sides = []
            for version in versions:
                sides.append(Side(version, folder / str(self.versions.index(version)), self.time_limit))
                ends.callback(sides[-1].stop)
            running = [side for side in sides if self._starts(side)]
            yield from interleaved([side.run(self._asked_of(side, self.cases)) for side in running])

    @staticmethod
    def _asked_of(side: Side, cases: Sequence[Case]) -> list[Case]:
        """In the form in which the version can be asked them."""
        return askable(cases, [side.facts])[0]

    def _not_askable(self) -> Iterator[NotAsked]:
        """What of the cases some version cannot be asked."""
        for name, side in self._ran.items():
            for each in askable(self.cases, [side.facts])[1]:
                yield replace(each, reason=f"{name}: {each.reason}")

    def _starts(self, side: Side) -> bool:
        """Whether it can run here; what it is, and what it says of its API, is then known, also after it has ended."""
        name = side.implementation.name
        try:
            side.learn()
        except AdapterStartError as error:
            self._refused[name] = str(error)
            return False
        self._ran[name] = side
        return True

    def _row(self, case: Case) -> Row:
        """Of a behaviour; where a version is asked without return_state, its answer to that stands here."""
        cells: list[Cell] = []
        upstream: list[str] = []
        before: tuple[Side, Result] | None = None
        for version in self.versions:
            side = self._ran.get(version.name)
            asked = self._asked_of(side, [case]) if side else []
            result = _result(side, case, asked) if side else None
            if side is None or result is None:
                unresolved = side is not None and any(each.id in side.unresolved for each in asked)
                cells.append(Cell(said=UNSETTLED if unresolved else ""))
                continue
            change = _change(before, (side, result)) if before else None
            cells.append(Cell(said=cell_of(result), changed=change is not None))
            upstream += change.upstream if change else ()
            before = side, result
        return Row(name=behaviour_of(case), cells=tuple(cells), upstream=tuple(dict.fromkeys(upstream)))

    def _facts(self) -> Iterator[Row]:
        """The facts that are not the same in all versions that say any."""
        facts = [facts_of(self._ran[each.name].facts) if each.name in self._ran else {} for each in self.versions]
        for subject in dict.fromkeys(subject for each in facts for subject in each):
            said = [each.get(subject, ABSENT) if each else "" for each in facts]
            cells = [Cell(said=now, changed=bool(was and now) and was != now) for was, now in itertools.pairwise(["", *said])]
            if any(cell.changed for cell in cells):
                said_upstream = tuple(each.address for each in UPSTREAM if each.fact == subject)
                yield Row(name=subject, cells=tuple(cells), upstream=said_upstream)


def _result(side: Side, case: Case, asked: Sequence[Case]) -> Result | None:
    """What a version has answered to a case; one that it cannot be asked in any form is not there; None where it did not run."""
    if not asked:
        return Result(case_id=case.id, group=case.group, verdict=Verdict.UNSUPPORTED, reason="return_state is no argument")
    return side.results.get(asked[0].id)


def _change(before: tuple[Side, Result], after: tuple[Side, Result]) -> Change | None:
    """From one version to the next; None where nothing changes that a user may see."""
    (was_on, was), (now_on, now) = before, after
    change = change_of(was_on, now_on, was, now)
    return change if change.kind.is_change else None
