"""What a claim is, what running it finds, and how claims are settled one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

# What JSON can hold.
Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value]"


class ClaimVerdict(StrEnum):
    """What a run can find out about a statement."""

    HOLDS = "holds"
    FAILS = "fails"
    HOLDS_ONLY_WHEN = "holds only when"


class Side(StrEnum):
    """Where a measurement was taken, as seen from the condition that a finding names."""

    ALWAYS = ""
    WHEN = "under the condition"
    OTHERWISE = "outside the condition"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measurement.

    Attributes:
        label: what was measured.
        measured: the value.
        relation: how `measured` must relate to `stated` for the statement to be right here; empty where nothing is stated.
        stated: what the statement says, or the limit that it must meet.
        agrees: whether the measurement bears the statement out; None where nothing is stated.
        side: where it was measured, as seen from the finding's condition.
    """

    label: str
    measured: Value
    relation: str = ""
    stated: Value = ""
    agrees: bool | None = None
    side: Side = Side.ALWAYS

    def __post_init__(self) -> None:
        if not self.label:
            raise ValueError("evidence needs a label that says what was measured")
        if (self.agrees is None) != (not self.relation):
            raise ValueError(f"evidence {self.label!r} agrees with something exactly where it has a relation to it")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What running a claim found.

    Attributes:
        verdict: computed from the evidence.
        evidence: the measurements, at least one.
        condition: for "holds only when" the condition; for "fails" the special case in which the statement would hold, if there is
            one.
    """

    verdict: ClaimVerdict
    evidence: tuple[Evidence, ...]
    condition: str = ""

    def __post_init__(self) -> None:
        if not self.evidence:
            raise ValueError(f"the verdict {self.verdict.value!r} needs evidence")
        if self.verdict is ClaimVerdict.HOLDS_ONLY_WHEN and not self.condition:
            raise ValueError(f"the verdict {self.verdict.value!r} needs its condition said")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement that the documents make, and the experiment that settles it.

    Attributes:
        id: its name, stable.
        documents: which documents make it, "D0" to "D3".
        statement: what is stated, in one sentence of ours.
        expected: the verdict that we expect here; the run decides.
        run: the experiment.
    """

    id: str
    documents: tuple[str, ...]
    statement: str
    expected: ClaimVerdict
    run: Callable[[], Finding]

    @property
    def source(self) -> str:
        """The file that holds the experiment, from the project's root."""
        return self.run.__module__.replace(".", "/") + ".py"


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A claim after its run: a finding, or the error that ended it; never both."""

    claim: Claim
    finding: Finding | None
    error: str
    seconds: float

    def __post_init__(self) -> None:
        if (self.finding is None) != bool(self.error):
            raise ValueError(f"{self.claim.id} ended with exactly one of a finding and an error")

    @property
    def outcome(self) -> str:
        """The verdict's words, or "error"."""
        return "error" if self.finding is None else self.finding.verdict.value

    @property
    def as_expected(self) -> bool:
        """Whether the run found what was expected; an error never is."""
        return self.finding is not None and self.finding.verdict is self.claim.expected


def settle(claims: Iterable[Claim]) -> Iterator[Settled]:
    """Run the claims one by one; what a claim raises is its result, not the end of the run."""
    for claim in claims:
        start = time.perf_counter()
        finding, error = _attempt(claim.run)
        yield Settled(claim=claim, finding=finding, error=error, seconds=time.perf_counter() - start)


def _attempt(run: Callable[[], Finding]) -> tuple[Finding | None, str]:
    try:
        return run(), ""
    except Exception as error:  # noqa: BLE001  # whatever a layer under test raises is the claim's result
        return None, f"{type(error).__name__}: {error}"


def plain(value: Any) -> Value:
    """The value in Python's own types: NumPy's scalars and arrays and every kind of sequence become what JSON can hold."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
