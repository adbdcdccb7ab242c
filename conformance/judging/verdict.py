"""The seven verdicts, and what a check and a case come out as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from conformance.system.streams import printable


class Verdict(StrEnum):
    """How a case or a check ended; no booleans, and none stands for another.

    ERROR is the implementation's: it raised, crashed or hung. UNRESOLVED is the suite's or the machine's, as a full disk, a killed
    process or a mistake of ours: it says nothing of the implementation (the term is that of POSIX 1003.3).
    """

    PASS = "PASS"  # noqa: S105  # a verdict, not a password
    FAIL = "FAIL"
    ERROR = "ERROR"
    UNRESOLVED = "UNRESOLVED"
    UNSUPPORTED = "UNSUPPORTED"
    KNOWN_DIFFERENCE = "KNOWN_DIFFERENCE"
    FIXED = "FIXED"

    @property
    def is_expected(self) -> bool:
        """Whether a run that ends so is as it should be; FIXED is not, until its entry is closed."""
        return self in (Verdict.PASS, Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE)


_COLOURS = re.compile("\x1b\\[[0-9;]*m")

# The worst first: a case is as good as its worst check, and what is proven wrong is worse than what raised.
_SEVERITY = (
    Verdict.FAIL,
    Verdict.ERROR,
    Verdict.UNRESOLVED,
    Verdict.FIXED,
    Verdict.KNOWN_DIFFERENCE,
    Verdict.UNSUPPORTED,
    Verdict.PASS,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """How one check judged one case.

    Attributes:
        check: its name.
        verdict: PASS or FAIL; of a relation that could not be asked, also any other that an exception comes to.
        message: what differs and where, or why it was not judged; empty for PASS.
        worst: largest |error| / σ met, where the check compares numbers; None where it compares facts.
        rms: largest root mean square of error / σ over an array, likewise.
        size: numbers compared.
        squares: sum of the squares of error / σ over all of them.
        largest: largest |error| of what fails: of numbers, or of whole arrays; infinite where they cannot be compared.
        not_finite: whether all that is off is so where just one of what was got and what was expected is finite, or neither.
        blind: how many of them nothing of the expected array's size could make fail, since rounding may do as much.
    """

    check: str
    verdict: Verdict
    message: str = ""
    worst: float | None = None
    rms: float | None = None
    size: int = 0
    squares: float = 0.0
    largest: float = 0.0
    not_finite: bool = False
    blind: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What a case gives to the tests that pool the cases of a run.

    Attributes:
        family: the weights and inputs that it shares with others, whose errors are no other than its own.
        precision: that it was computed in.
        size: number of errors that were projected.
        projections: Σ r_j e over them, with e = error / σ and r_j the response to an error of one u in operation j, in σ.
        gram: Σ r_j r_k, the rows of the upper triangle one after the other.
    """

    family: str
    precision: str
    size: int = 0
    projections: tuple[float, ...] = ()
    gram: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The same places of two arrays, in order.

    Attributes:
        name: of what lies there: `unit 2`, `gate i`.
        expected, got: the values.
        errors: (got - expected) / σ; empty where no σ is known.
    """

    name: str
    expected: tuple[float, ...]
    got: tuple[float, ...]
    errors: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A corner of the array that is furthest off: small enough to be drawn, and to be kept.

    Attributes:
        of: what the array is, and which row of it: `outputs, row 0`.
        across: what a line runs over: `timestep`, `unit`, `column`.
        places: indices along it, from 0.
        lines: a line for each unit or row of weights that is shown.
        worst: name of the line that is furthest off.
        gates_of: the deviation that `gates` compares with the reference; "" for none.
        gates: of the unit that is furthest off, over the same timesteps.
    """

    of: str
    across: str
    places: tuple[int, ...]
    lines: tuple[Line, ...]
    worst: str
    gates_of: str = ""
    gates: tuple[Line, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """How one case came out.

    Attributes:
        case_id: which case.
        group: the family it belongs to, as reports group by it.
        verdict: of the whole case.
        checks: how each check judged it; none where the implementation raised.
        path: what really ran.
        not_run: what of the execution was asked for and did not run.
        seconds: in the implementation under test, tracing included.
        suite_seconds: in the suite: drawing what is asked, the oracle, its uncertainty, judgement, diagnosis.
        explained_by: names of the deviations that turn the reference into this implementation.
        reason: why it is ERROR, UNRESOLVED or UNSUPPORTED, or which known difference it is.
        known: id of the known difference that it shows.
        minimal: id of the smallest case that still differs in the same way; "" where none was sought.
        sample: what it gives to the pooled tests; None where it is not pooled.
        picture: what a difference looks like; None where there is none, or enough are pictured.
        not_explained: why its diagnosis, picture, sample or smallest case is missing; "" where none was kept from being made.
    """

    case_id: str
    group: str
    verdict: Verdict
    checks: tuple[CheckResult, ...] = ()
    path: str = ""
    not_run: str = ""
    seconds: float = 0.0
    suite_seconds: float = 0.0
    explained_by: tuple[str, ...] = ()
    reason: str = ""
    known: str = ""
    minimal: str = ""
    sample: Sample | None = None
    picture: Picture | None = None
    not_explained: str = ""

    def fails_like(self, other: Result) -> bool:
        """Whether both raise the same kind of exception, or fail some check in common."""
        if self.verdict is not other.verdict or self.verdict not in (Verdict.FAIL, Verdict.ERROR):
            return False
        if self.verdict is Verdict.ERROR:
            return self.reason.partition(":")[0] == other.reason.partition(":")[0]
        failing = [{check.check for check in result.checks if check.verdict is Verdict.FAIL} for result in (self, other)]
        return bool(failing[0] & failing[1])


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a case from those of its checks; a case without a check has not been judged: UNRESOLVED."""
    return min(verdicts, key=_SEVERITY.index, default=Verdict.UNRESOLVED)


def limit_pictures(results: Sequence[Result], most: int, alike: int = 3) -> list[Result]:
    """The results with no more pictures than these: of what differs alike, of the first; of what is unexpected, before all else."""
    seen = Counter[tuple[Any, ...]]()
    kept: set[str] = set()
    for result in sorted(results, key=lambda result: result.verdict.is_expected):
        manner = (result.known, result.explained_by[:1], *(check.check for check in result.checks if check.message))
        if result.picture is not None and len(kept) < most and seen[manner] < alike:
            kept.add(result.case_id)
            seen[manner] += 1
    return [result if result.case_id in kept else replace(result, picture=None) for result in results]


def exception_line(error: BaseException) -> str:
    """An exception in one line, without the colours that Keras puts into its messages, or what else a terminal would obey."""
    return printable(" ".join(_COLOURS.sub("", f"{type(error).__name__}: {error}").split()))
