"""How a probe turns what it saw into a check's verdict: equal, within the limits, or refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from conformance.judging.judgement import Comparison, judge_values
from conformance.judging.verdict import CheckResult, Verdict
from lstm_ref.arrays import Array


def verdict(check: str, complaint: str) -> CheckResult:
    """FAIL with what differs, PASS where nothing does."""
    return CheckResult(check=check, verdict=Verdict.FAIL if complaint else Verdict.PASS, message=complaint)


def equal(check: str, what: str, got: object, expected: object) -> CheckResult:
    """A fact."""
    return verdict(check, "" if got == expected else f"{what}: got {got}, expected {expected}")


def within(check: str, what: str, got: Array, expected: Array, sigma: Array | float | None = None) -> CheckResult:
    """Every element within the limits of its σ, or equal where rounding and chance have no part; NaN is neither."""
    if got.shape != expected.shape:
        return verdict(check, f"{what}: got shape {got.shape}, expected {expected.shape}")
    if sigma is not None:
        return judge_values(check, [Comparison(label=what, got=got, expected=expected, sigma=np.broadcast_to(sigma, got.shape))])
    differing = ~(got == expected)
    if not differing.any():
        return verdict(check, "")
    where = tuple(map(int, np.argwhere(differing)[0]))
    place = f"[{', '.join(map(str, where))}]" if where else ""
    return verdict(
        check,
        f"{what}{place}: got {got[where]:.9g}, expected exactly {expected[where]:.9g} "
        f"({int(differing.sum())} of {differing.size} values differ)",
    )


def refused(check: str, what: str, call: Callable[[], object], naming: Iterable[str] = ()) -> CheckResult:
    """An exception rather than an answer, and one that names what did not fit."""
    try:
        call()
    except Exception as error:  # noqa: BLE001  # a refusal of any type is one
        unnamed = [word for word in naming if word not in str(error)]
        missing = f"{what}: got {type(error).__name__}: {error}; expected it to name {' and '.join(unnamed)}"
        return verdict(check, missing if unnamed else "")
    return verdict(check, f"{what}: got an answer, expected an exception")
