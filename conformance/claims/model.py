"""Claims, their findings, and the function that runs them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

# A value that JSON can hold.
Value: TypeAlias = "bool | int | float | str | Sequence[Value] | Mapping[str, Value]"


class ClaimVerdict(StrEnum):
    """The verdict on a statement."""

    HOLDS = "holds"
    FAILS = "fails"
    HOLDS_ONLY_WHEN = "holds only when"


class Side(StrEnum):
    """Whether a measurement was made under the condition of a finding."""

    ALWAYS = ""
    WHEN = "under the condition"
    OTHERWISE = "outside the condition"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One measurement.

    Attributes:
        label: of the measured quantity.
        measured: the value.
        relation: between `measured` and `stated` if the statement is right; empty where nothing is stated.
        stated: the value in the statement, or the limit.
        agrees: whether the measurement agrees with the statement; None where nothing is stated.
        side: whether it was measured under the finding's condition.
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
    """The finding of a claim's experiment.

    Attributes:
        verdict: computed from the evidence.
        evidence: the measurements, at least one.
        condition: for "holds only when" the condition; for "fails" the special case in which the statement would hold, if any.
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
    """A statement of the documents, and the experiment that tests it.

    Attributes:
        id: a stable name.
        documents: that make the statement, "D0" to "D3".
        statement: in one sentence of our own.
        expected: the verdict that we expect.
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


def claim(
    *, documents: tuple[str, ...], statement: str, expected: ClaimVerdict = ClaimVerdict.HOLDS
) -> Callable[[Callable[[], Finding]], Claim]:
    """Make an experiment the claim whose id is the experiment's name with hyphens."""
    return lambda run: Claim(
        id=run.__name__.replace("_", "-"), documents=documents, statement=statement, expected=expected, run=run
    )


@dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """The result of a claim: a finding or an error, never both."""

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
        """Whether the verdict is the expected one; an error never is."""
        return self.finding is not None and self.finding.verdict is self.claim.expected


def run_claims(claims: Iterable[Claim]) -> Iterator[ClaimResult]:
    """Run the claims one by one; an exception is the result of its claim and does not end the run."""
    for claim in claims:
        start = time.perf_counter()
        finding: Finding | None = None
        error = ""
        try:
            finding = claim.run()
        except Exception as exception:  # noqa: BLE001  # any exception of the layer under test is the claim's result
            error = f"{type(exception).__name__}: {exception}"
        yield ClaimResult(claim=claim, finding=finding, error=error, seconds=time.perf_counter() - start)


def plain(value: Any) -> Value:
    """The value in Python's own types, so that JSON can hold it; arrays and sequences become tuples."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(plain(item) for item in value)
    if isinstance(value, (bool, int, float, str)):
        return value
    return str(value)
