"""What becomes of a case from one implementation to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.judging.verdict import Result
from conformance.matrix.grids import BASE
from conformance.upgrade.errors import Measured


class Kind(StrEnum):
    """How a case, or a fact of the API, changes."""

    NOW_WRONG = "changed: now wrong"
    CRASHES = "crashes now"
    LOST_API = "lost API"
    OTHERWISE_WRONG = "changed: otherwise wrong"
    CONVENTION = "changed convention"
    NOW_RIGHT = "changed: now right"
    NO_LONGER_CRASHES = "no longer crashes"
    NEW_API = "new API"
    API = "changed API"
    WITHIN_ROUNDING = "within rounding"
    SAME_BITS = "unchanged bit for bit"
    CRASHES_IN_BOTH = "crashes in both"
    IN_NEITHER = "there in neither"

    @property
    def is_change(self) -> bool:
        """Whether a user may see it."""
        return self not in _UNCHANGED


_UNCHANGED = (Kind.WITHIN_ROUNDING, Kind.SAME_BITS, Kind.CRASHES_IN_BOTH, Kind.IN_NEITHER)


@dataclass(frozen=True, kw_only=True)
class Locus:
    """Where two runs of one case part.

    Attributes:
        case_id: of the case that was run step by step.
        call: its number, from 1.
        timestep: the first that differs, from 1, in the order in which the layer reads them.
        row, unit: of the element furthest apart there, from 0.
        gates: those that are other ones, `i, f and o`, or may be, `i or c`; "" where none is, or where that is not known.
        because: how that is known, or why it is not.
    """

    case_id: str
    call: int
    timestep: int
    row: int
    unit: int
    gates: str
    because: str

    def __str__(self) -> str:
        """In one line."""
        call = f"call {self.call}, " if self.call > 1 else ""
        gates = f"gate {self.gates}, " if self.gates else ""
        return f"{call}timestep {self.timestep}, row {self.row}, unit {self.unit}: {gates}{self.because}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One case in both.

    Attributes:
        kind: what becomes of it.
        before, after: how each came out.
        apart: the largest difference of the two in σ of two runs, of outputs, hidden and cell …; empty where not both answered.
        errors: of what is wrong, by the side, `from` or `to`, and what they are of; empty where nothing is wrong.
        minimal: id of the smallest case that changes in the same way; "" where none was sought.
        like: id of the case whose details hold for this one too, since it changes alike; "" where it has its own, or none.
        locus: where the two part, in the smallest case; None where that is not known.
        script: that shows it with Keras alone.
        no_script: why there is none.
        upstream: addresses of what Keras' own repository says of it.
    """

    kind: Kind
    before: Result
    after: Result
    apart: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, Measured] = field(default_factory=dict)
    minimal: str = ""
    like: str = ""
    locus: Locus | None = None
    script: str = ""
    no_script: str = ""
    upstream: tuple[str, ...] = ()

    @property
    def case_id(self) -> str:
        """Of the case."""
        return self.after.case_id

    @property
    def behaviour(self) -> str:
        """What the case departs in."""
        return behaviour_of(Case.from_id(self.case_id))

    @property
    def explained_by(self) -> str:
        """The deviation that explains it best: that of what is wrong now, or of what was."""
        return next(iter((*self.after.explained_by, *self.before.explained_by)), "")

    @property
    def signature(self) -> tuple[Kind, str, str]:
        """What cases that change alike have in common: the kind, and how each side differs."""
        return self.kind, _manner(self.before), _manner(self.after)

    def as_dict(self) -> dict[str, Any]:
        """For machines; what the pooled tests need of a result is left out."""
        sides = {
            name: {part: value for part, value in asdict(result).items() if part != "sample"}
            for name, result in (("before", self.before), ("after", self.after))
        }
        said = {name: getattr(self, name) for name in ("apart", "minimal", "like", "script", "no_script", "upstream")}
        locus = asdict(self.locus) if self.locus else None
        head = {"case_id": self.case_id, "behaviour": self.behaviour, "kind": self.kind.value}
        return {**head, "explained_by": self.explained_by, **said, "locus": locus, **sides}


def worst_first(changes: Iterable[Change]) -> list[Change]:
    """Those of the cases that a user may see, by kind."""
    order = list(Kind)
    return sorted((each for each in changes if each.kind.is_change), key=lambda each: order.index(each.kind))


def behaviour_of(case: Case) -> str:
    """The features in which a case departs from the one that levels are made around, in words: `mask=left, route=fit`."""
    usual = Case.from_id(BASE).said
    departs = {name: value for name, value in case.said.items() if usual.get(name) != value}
    departs |= {feature.name: feature.default for feature in FEATURES if feature.name in usual.keys() - case.said.keys()}
    return ", ".join(f"{name}={value}" for name, value in departs.items()) or "plain"


def _manner(result: Result) -> str:
    """How a case came out, without what depends on its sizes: the verdict, and what is known of it, the exception or the checks."""
    failing = ", ".join(check.check for check in result.checks if check.message)
    manner = result.known or next(iter(result.explained_by), "") or result.reason.partition(":")[0] or failing
    return f"{result.verdict} {manner}".strip()
