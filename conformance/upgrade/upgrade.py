"""A run of the same cases on two implementations at once, and the changes between them."""

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from conformance.matrix import CaseOrProbe, SkippedCases, supported_cases
from conformance.report.verbosity import Verbosity
from conformance.running.progress import Progress
from conformance.running.session import INTERRUPTED
from conformance.system.lifetime import sigterm_as_keyboard_interrupt
from conformance.upgrade.change import Change
from conformance.upgrade.classify import change_of
from conformance.upgrade.details import with_details
from conformance.upgrade.facts import changed_facts
from conformance.upgrade.report import UpgradeReport
from conformance.upgrade.side import Implementation, Side, interleave


@dataclass(frozen=True, kw_only=True)
class Upgrade:
    """Compares two implementations.

    Attributes:
        before, after: the implementations.
        cases: that both run.
        not_asked: selected cases that do not run, and why.
        level: of the cases.
        seed: of weights and inputs.
        time_limit: seconds that one case may take.
        keep: folder for the arrays and results of both, from which an interrupted run continues; None for none.
        reduces: whether to find the smallest case, the first timestep and the gate of each change.
        verbosity: how much of the progress is printed.
    """

    before: Implementation
    after: Implementation
    cases: Sequence[CaseOrProbe]
    not_asked: Sequence[SkippedCases] = ()
    level: str = "quick"
    seed: int = 0
    time_limit: float = 60.0
    keep: Path | None = None
    reduces: bool = True
    verbosity: Verbosity = Verbosity.NORMAL

    def run(self) -> UpgradeReport:
        """Run both; the report has all finished results, however the run ends.

        Raises:
            AdapterStartError: one of the two cannot run here.
            JournalError: the folder belongs to another run.
        """
        # The workers are the parallelism: a linear algebra library with threads of its own would only fight them for the cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        with ExitStack() as ends:
            folder = self.keep or Path(ends.enter_context(tempfile.TemporaryDirectory(prefix="lstm-conformance-")))
            sides = []
            for name, implementation in (("from", self.before), ("to", self.after)):
                sides.append(Side(implementation, folder / name, self.time_limit))
                ends.callback(sides[-1].stop)
            return self._compare(*sides)

    def _compare(self, before: Side, after: Side) -> UpgradeReport:
        started, stopped, cases = time.perf_counter(), "", list(self.cases)
        changes: list[Change] = []
        unsupported: tuple[SkippedCases, ...] = ()
        try:
            with Progress.of_cases([*cases, *cases], self.verbosity) as progress, sigterm_as_keyboard_interrupt():
                before.start()
                after.start()
                cases, unsupported = supported_cases(cases, [before.facts, after.facts])
                progress.started({"implementation": f"{self.before.name} and {self.after.name}"})
                journal = None if self.keep is None else {"case_ids": [case.id for case in cases]}
                for result in interleave([side.run(cases, journal) for side in (before, after)]):
                    progress.finished(result)
                before.explain()
                after.explain()
                changes = changes_between(before, after, cases)
                if self.reduces:
                    changes = with_details(changes, before, after)
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        return UpgradeReport(
            names=(self.before.name, self.after.name),
            environments=(before.environment, after.environment),
            level=self.level,
            seed=self.seed,
            planned=tuple(case.id for case in cases),
            not_asked=(*self.not_asked, *unsupported),
            unresolved=(*before.failures(cases), *after.failures(cases)),
            changes=tuple(changes or changes_between(before, after, cases)),
            facts=tuple(changed_facts(before.facts, after.facts, (before.environment, after.environment))),
            knows_facts=bool(before.facts and after.facts),
            seconds=time.perf_counter() - started,
            stopped=stopped,
        )


def changes_between(before: Side, after: Side, cases: Sequence[CaseOrProbe]) -> list[Change]:
    """The change of every case that ran on both sides."""
    both = before.results.keys() & after.results.keys()
    return [change_of(before, after, before.results[case.id], after.results[case.id]) for case in cases if case.id in both]
