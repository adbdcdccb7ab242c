"""What an upgrade changes: every case, every fact, and the counts that follow."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.matrix import NotAsked
from conformance.report.documents import as_document
from conformance.report.model import recorded_notes
from conformance.upgrade.change import Change, Kind, worst_first
from conformance.upgrade.facts import FactChange
from conformance.upgrade.side import Unresolved


@dataclass(frozen=True, kw_only=True)
class UpgradeReport:
    """One run on two implementations.

    Attributes:
        names: of the two, as the user has written them.
        environments: what they are: versions, backend.
        level: that the cases come from.
        seed: of weights and inputs.
        planned: ids of all cases that were to run, in order.
        not_asked: what else was chosen, and why it is not asked.
        unresolved: cases that the suite or the machine has failed on a side; they are compared with nothing.
        changes: what became of each case that both have run, in order.
        facts: of the API, that are other ones now.
        knows_facts: whether both have said anything of their API.
        seconds: of the whole run.
        stopped: why it ended before its plan did; empty where it did not.
    """

    names: tuple[str, str]
    environments: tuple[Mapping[str, str], Mapping[str, str]]
    level: str
    seed: int
    planned: tuple[str, ...]
    not_asked: tuple[NotAsked, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    changes: tuple[Change, ...]
    facts: tuple[FactChange, ...]
    knows_facts: bool
    seconds: float
    stopped: str = ""

    @property
    def changed(self) -> list[Change]:
        """Those that a user may see, the worst kinds first."""
        return worst_first(self.changes)

    @property
    def counts(self) -> dict[Kind, int]:
        """Cases by kind, and facts, those that there are."""
        counts = {kind: sum(change.kind is kind for change in self.changes) for kind in Kind} | {Kind.API: len(self.facts)}
        return {kind: count for kind, count in counts.items() if count}

    @property
    def compared(self) -> int:
        """Cases that at least one of the two has answered; where there is none, nothing was compared."""
        answered = (Verdict.PASS, Verdict.FAIL)
        return sum(each.before.verdict in answered or each.after.verdict in answered for each in self.changes)

    @property
    def not_run(self) -> int:
        """Cases of the plan that have not run on both, those that are unresolved aside."""
        return len(self.planned) - len(self.changes) - len({each.case_id for each in self.unresolved})

    @property
    def caveats(self) -> list[str]:
        """What a reader must know first: what was not run, settled or asked, or is there in neither; each with its reasons."""
        neither = collections.Counter(_reason(each) for each in self.changes if each.kind is Kind.IN_NEITHER)
        return [
            *recorded_notes(dict(zip(self.names, self.environments, strict=True))),
            *unresolved_notes(self.unresolved),
            *map(str, self.not_asked),
            *(f"there in neither, so not compared: {_cases(count)}: {reason}" for reason, count in neither.most_common()),
        ]

    def as_dict(self, baseline: Mapping[str, Any]) -> dict[str, Any]:
        """For machines, with what a baseline expects of it: a document of the format `upgrade`."""
        not_asked = [asdict(each) for each in self.not_asked]
        return as_document(
            "upgrade",
            {
                "from": {"name": self.names[0], **self.environments[0]},
                "to": {"name": self.names[1], **self.environments[1]},
                "plan": {"level": self.level, "seed": self.seed, "cases": self.planned, "not_asked": not_asked},
                "unresolved": [asdict(each) for each in self.unresolved],
                "facts": [asdict(fact) for fact in self.facts],
                "changes": [change.as_dict() for change in self.changes],
                "summary": {
                    **{kind.value: count for kind, count in self.counts.items()},
                    "not_run": self.not_run,
                    "unresolved": len({each.case_id for each in self.unresolved}),
                    "compared": self.compared,
                    "caveats": self.caveats,
                    "stopped": self.stopped,
                    "seconds": round(self.seconds, 3),
                },
                "baseline": baseline,
            },
        )


def unresolved_notes(unresolved: Iterable[Unresolved]) -> list[str]:
    """A line for each reason on each implementation: the suite or the machine has failed, which says nothing of what is tested."""
    counts = collections.Counter((each.on, each.reason) for each in unresolved)
    return [f"not settled on {on}, so not compared: {_cases(count)}: {reason}" for (on, reason), count in counts.most_common()]


def _reason(change: Change) -> str:
    """Why a case is there in neither, once where both say the same."""
    return "; then: ".join(dict.fromkeys((change.before.reason, change.after.reason)))


def _cases(count: int) -> str:
    return f"{count:,} case{'s' * (count != 1)}"
