"""The seven verdicts, and the results of a check and of a case."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from conformance.system.streams import printable


class Verdict(StrEnum):
    """The outcome of a case or a check.

    ERROR: the implementation raised an exception, crashed or hung. UNRESOLVED: a fault of the suite or of the machine, for example
    a full disk or a killed process; it says nothing about the implementation (the term is that of POSIX 1003.3).
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
        """Whether the verdict is as expected. FIXED is not expected until its entry is closed."""
        return self in (Verdict.PASS, Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE)


_COLOURS = re.compile("\x1b\\[[0-9;]*m")

# From the worst verdict to the best. A case gets the worst verdict of its checks. A proven difference is worse than an exception.
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
    """The result of one check of one case.

    Attributes:
        check: name of the check.
        verdict: PASS or FAIL; the verdict of the exception if a relation raised one; UNRESOLVED if the check itself raised.
        message: the difference and its place, or the reason why there is no judgement; empty for PASS.
        worst: largest |error| / σ, if the check compares numbers; None if it compares facts.
        rms: largest root mean square of error / σ over an array; None if the check compares facts.
        size: number of compared numbers.
        squares: sum of the squares of error / σ over them.
        largest: largest |error| of the failing numbers or arrays; infinite if they cannot be compared.
        not_finite: whether the arrays differ only at elements where the result or the expected value is not finite.
        blind: number of elements with so large a limit that no value of the expected array's size could fail.
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
    """The contribution of a case to the tests that pool the cases of a run.

    Attributes:
        family: of the case. Cases of one family share weights and inputs, and so their errors.
        precision: of the computation.
        size: number of projected errors.
        projections: Σ r_j e over them, with e = error / σ and r_j the response to an error of one u in operation j, in σ.
        gram: Σ r_j r_k, the rows of the upper triangle in order.
    """

    family: str
    precision: str
    size: int = 0
    projections: tuple[float, ...] = ()
    gram: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The same elements of two arrays, in order.

    Attributes:
        name: `unit 2`, `gate i`.
        expected, got: the values.
        errors: (got - expected) / σ; empty if no σ is known.
    """

    name: str
    expected: tuple[float, ...]
    got: tuple[float, ...]
    errors: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A part of the array with the largest error, small enough to be drawn and stored.

    Attributes:
        of: name of the array, and its row: `outputs, row 0`.
        across: the axis along a line: `timestep`, `unit`, `column`.
        places: indices along this axis, from 0.
        lines: a line for each unit or row of weights.
        worst: name of the line with the largest error.
        gates_of: the deviation that `gates` compares with the reference; "" for none.
        gates: of the unit with the largest error, over the same timesteps.
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
    """The result of one case.

    Attributes:
        case_id: of the case.
        group: the group of the case in reports.
        verdict: of the whole case.
        checks: the result of each check; empty if the implementation raised.
        path: the code path that ran.
        not_run: the part of the requested execution that did not run.
        seconds: time in the implementation under test, tracing included.
        suite_seconds: time in the suite: stimulus, oracle, its uncertainty, judgement, diagnosis.
        explained_by: names of the deviations that turn the reference into this implementation.
        reason: why the verdict is ERROR, UNRESOLVED or UNSUPPORTED, or the known difference.
        known: id of the known difference.
        minimal: id of the smallest case that differs in the same way; "" if none was searched.
        sample: the contribution to the pooled tests; None if the case is not pooled.
        picture: of the difference; few results of a run have one.
        not_explained: what prevented diagnosis, picture, sample or smallest case; "" for none.
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
        """Whether both raise the same type of exception, or both fail the same check."""
        if self.verdict is not other.verdict or self.verdict not in (Verdict.FAIL, Verdict.ERROR):
            return False
        if self.verdict is Verdict.ERROR:
            return self.reason.partition(":")[0] == other.reason.partition(":")[0]
        failing = [{check.check for check in result.checks if check.verdict is Verdict.FAIL} for result in (self, other)]
        return bool(failing[0] & failing[1])


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict of a case from the verdicts of its checks; UNRESOLVED if there is no check."""
    return min(verdicts, key=_SEVERITY.index, default=Verdict.UNRESOLVED)


def exception_line(error: BaseException) -> str:
    """Format an exception as one line, without the colours in Keras' messages and other control characters."""
    return printable(" ".join(_COLOURS.sub("", f"{type(error).__name__}: {error}").split()))
