"""The report of an upgrade: every case, every fact, and their counts."""

import collections
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.matrix import SkippedCases
from conformance.report.documents import as_document
from conformance.report.model import recorded_notes
from conformance.upgrade.change import Change, Kind, worst_first
from conformance.upgrade.facts import FactChange
from conformance.upgrade.side import UnresolvedCase


@dataclass(frozen=True, kw_only=True)
class UpgradeReport:
    """One run on two implementations.

    Attributes:
        names: of the two implementations, as the user has written them.
        environments: versions and backend of each.
        level: of the cases.
        seed: of weights and inputs.
        planned: ids of all planned cases, in order.
        not_asked: selected cases that do not run, and why.
        unresolved: cases without a result on a side because the suite or the machine failed; they are not compared.
        changes: one for each case that ran on both sides, in order.
        facts: facts of the API that change.
        knows_facts: whether both implementations describe their API.
        seconds: of the whole run.
        stopped: why the run ended early; empty where it did not.
    """

    names: tuple[str, str]
    environments: tuple[Mapping[str, str], Mapping[str, str]]
    level: str
    seed: int
    planned: tuple[str, ...]
    not_asked: tuple[SkippedCases, ...] = ()
    unresolved: tuple[UnresolvedCase, ...] = ()
    changes: tuple[Change, ...]
    facts: tuple[FactChange, ...]
    knows_facts: bool
    seconds: float
    stopped: str = ""

    @property
    def changed(self) -> list[Change]:
        """The changes that a user can see, the worst kinds first."""
        return worst_first(self.changes)

    @property
    def counts(self) -> dict[Kind, int]:
        """Number of cases by kind, and of facts, without zeros."""
        counts = {kind: sum(change.kind is kind for change in self.changes) for kind in Kind} | {Kind.API: len(self.facts)}
        return {kind: count for kind, count in counts.items() if count}

    @property
    def compared(self) -> int:
        """Number of cases that at least one side has answered; with 0, nothing was compared."""
        answered = (Verdict.PASS, Verdict.FAIL)
        return sum(change.before.verdict in answered or change.after.verdict in answered for change in self.changes)

    @property
    def not_run(self) -> int:
        """Number of planned cases that did not run on both sides, without the unresolved ones."""
        return len(self.planned) - len(self.changes) - len({case.case_id for case in self.unresolved})

    @property
    def caveats(self) -> list[str]:
        """What was only recorded, is unresolved, was not asked, or is supported by neither side; each with its reason."""
        neither = collections.Counter(_reason(change) for change in self.changes if change.kind is Kind.IN_NEITHER)
        return [
            *recorded_notes(dict(zip(self.names, self.environments, strict=True))),
            *unresolved_notes(self.unresolved),
            *map(str, self.not_asked),
            *(f"there in neither, so not compared: {_cases(count)}: {reason}" for reason, count in neither.most_common()),
        ]

    def as_dict(self, baseline: Mapping[str, Any]) -> dict[str, Any]:
        """A document of the format `upgrade`, with the comparison with a baseline."""
        not_asked = [asdict(entry) for entry in self.not_asked]
        return as_document(
            "upgrade",
            {
                "from": {"name": self.names[0], **self.environments[0]},
                "to": {"name": self.names[1], **self.environments[1]},
                "plan": {"level": self.level, "seed": self.seed, "cases": self.planned, "not_asked": not_asked},
                "unresolved": [asdict(case) for case in self.unresolved],
                "facts": [asdict(fact) for fact in self.facts],
                "changes": [change.as_dict() for change in self.changes],
                "summary": {
                    **{kind.value: count for kind, count in self.counts.items()},
                    "not_run": self.not_run,
                    "unresolved": len({case.case_id for case in self.unresolved}),
                    "compared": self.compared,
                    "caveats": self.caveats,
                    "stopped": self.stopped,
                    "seconds": round(self.seconds, 3),
                },
                "baseline": baseline,
            },
        )


def unresolved_notes(unresolved: Iterable[UnresolvedCase]) -> list[str]:
    """A line for each reason on each implementation: these cases say nothing about it, since the suite or the machine failed."""
    counts = collections.Counter((case.on, case.reason) for case in unresolved)
    return [f"not settled on {on}, so not compared: {_cases(count)}: {reason}" for (on, reason), count in counts.most_common()]


def _reason(change: Change) -> str:
    """Why neither side supports a case; one reason where both sides have the same."""
    return "; then: ".join(dict.fromkeys((change.before.reason, change.after.reason)))


def _cases(count: int) -> str:
    return f"{count:,} case{'s' * (count != 1)}"
