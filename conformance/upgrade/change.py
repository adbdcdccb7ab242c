"""The change of a case from one implementation to another."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.judging.verdict import Result
from conformance.matrix import CaseOrProbe
from conformance.matrix.grid import BASE
from conformance.probes import probe_of
from conformance.upgrade.errors import MeasuredErrors


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
        """Whether a user can see a difference."""
        return self not in _UNCHANGED


_UNCHANGED = (Kind.WITHIN_ROUNDING, Kind.SAME_BITS, Kind.CRASHES_IN_BOTH, Kind.IN_NEITHER)


@dataclass(frozen=True, kw_only=True)
class FirstDifference:
    """The first place where two runs of one case differ.

    Attributes:
        case_id: of the case that was run step by step.
        call: number of the call, from 1.
        timestep: the first timestep that differs, from 1, in the order in which the layer reads them.
        row, unit: of the element with the largest difference at that timestep, from 0.
        gates: the gates that differ, `i, f and o`, or that may differ, `i or c`; "" where no gate differs or the gate is not known.
        because: how the gates are known, or why they are not.
    """

    case_id: str
    call: int
    timestep: int
    row: int
    unit: int
    gates: str = ""
    because: str = ""

    def __str__(self) -> str:
        """In one line."""
        call = f"call {self.call}, " if self.call > 1 else ""
        gates = f"gate {self.gates}, " if self.gates else ""
        return f"{call}timestep {self.timestep}, row {self.row}, unit {self.unit}: {gates}{self.because}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """The results of one case on both sides.

    Attributes:
        kind: how the result changes.
        before, after: the results.
        apart: the largest difference in σ of two runs, by array (outputs, hidden, cell …); empty where one side gave no answer.
        errors: of the wrong arrays, by side (`from`, `to`) and name; empty where nothing is wrong.
        minimal: id of the smallest case that changes in the same way; "" where none was searched for.
        like: id of the case that changes in the same way and has the details; "" where this case has its own, or none.
        locus: the first difference in the smallest case; None where it is not known.
        script: a script that shows the change with Keras alone.
        no_script: why there is no script.
        upstream: addresses in Keras' own repository that explain it.
    """

    kind: Kind
    before: Result
    after: Result
    apart: Mapping[str, float] = field(default_factory=dict)
    errors: Mapping[str, MeasuredErrors] = field(default_factory=dict)
    minimal: str = ""
    like: str = ""
    locus: FirstDifference | None = None
    script: str = ""
    no_script: str = ""
    upstream: tuple[str, ...] = ()

    @property
    def case_id(self) -> str:
        """The case's id."""
        return self.after.case_id

    @property
    def behaviour(self) -> str:
        """The features of the case that are not the usual ones; what a probe asserts."""
        return behaviour_of(item_of(self.case_id))

    @property
    def is_probe(self) -> bool:
        """Whether it is that of a probe, which has no arrays and no smaller form."""
        return not isinstance(item_of(self.case_id), Case)

    @property
    def explained_by(self) -> str:
        """The deviation that explains the change best: of the result after, else of the result before; "" for none."""
        return next(iter((*self.after.explained_by, *self.before.explained_by)), "")

    @property
    def signature(self) -> tuple[Kind, str, str]:
        """The kind and the two outcomes, which are equal for cases that change in the same way."""
        return self.kind, _outcome_of(self.before), _outcome_of(self.after)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it, without the samples for the pooled tests."""
        sides = {
            name: {part: value for part, value in asdict(result).items() if part != "sample"}
            for name, result in (("before", self.before), ("after", self.after))
        }
        details = {name: getattr(self, name) for name in ("apart", "minimal", "like", "script", "no_script", "upstream")}
        locus = asdict(self.locus) if self.locus else None
        head = {"case_id": self.case_id, "behaviour": self.behaviour, "kind": self.kind.value}
        return {**head, "explained_by": self.explained_by, **details, "locus": locus, **sides}


def worst_first(changes: Iterable[Change]) -> list[Change]:
    """The changes that a user can see, in the order of their kinds."""
    order = list(Kind)
    return sorted((change for change in changes if change.kind.is_change), key=lambda change: order.index(change.kind))


def item_of(case_id: str) -> CaseOrProbe:
    """The case or probe of an id."""
    return probe_of(case_id) if case_id.startswith("probe-") else Case.from_id(case_id)


def behaviour_of(case: CaseOrProbe) -> str:
    """The features in which a case differs from the base case of the levels: `mask=left, route=fit`; what a probe asserts."""
    if not isinstance(case, Case):
        return case.asserts
    usual = Case.from_id(BASE).non_default_features
    differing = {name: value for name, value in case.non_default_features.items() if usual.get(name) != value}
    differing |= {
        feature.name: feature.default for feature in FEATURES if feature.name in usual.keys() - case.non_default_features.keys()
    }
    return ", ".join(f"{name}={value}" for name, value in differing.items()) or "plain"


def _outcome_of(result: Result) -> str:
    """The verdict and its cause, independent of sizes: the known difference, the deviation, the exception or the checks."""
    checks = ", ".join(check.check for check in result.checks if check.message)
    cause = result.known or next(iter(result.explained_by), "") or result.reason.partition(":")[0] or checks
    return f"{result.verdict} {cause}".strip()
