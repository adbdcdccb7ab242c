"""What an upgrade changes: every case, every fact, and the counts that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.documents import stamped
from conformance.upgrade.change import Change, Kind, worst_first
from conformance.upgrade.facts import FactChange
from conformance.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class UpgradeReport:
    """One run on two implementations.

    Attributes:
        names: of the two, as the user has written them.
        environments: what they are: versions, backend.
        level: that the cases come from.
        seed: of weights and inputs.
        planned: ids of all cases that were to run, in order.
        without_states: how many of them are asked without return_state, which one of the two lacks.
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
    without_states: int
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
        """Cases of the plan that have not run on both."""
        return len(self.planned) - len(self.changes)

    def as_dict(self, baseline: Mapping[str, Any]) -> dict[str, Any]:
        """For machines, with what a baseline expects of it: a document of the format `upgrade`."""
        return stamped(
            "upgrade",
            {
                "from": {"name": self.names[0], **self.environments[0]},
                "to": {"name": self.names[1], **self.environments[1]},
                "plan": {"level": self.level, "seed": self.seed, "cases": self.planned, "without_states": self.without_states},
                "facts": [asdict(fact) for fact in self.facts],
                "changes": [change.as_dict() for change in self.changes],
                "summary": {
                    **{kind.value: count for kind, count in self.counts.items()},
                    "not_run": self.not_run,
                    "compared": self.compared,
                    "stopped": self.stopped,
                    "seconds": round(self.seconds, 3),
                },
                "baseline": baseline,
            },
        )
