"""Turns a probe's measurement into a check's result: values are equal or within limits, or a call raises an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from conformance.judging.judgement import Comparison, judge_values
from conformance.judging.verdict import CheckResult, Verdict
from lstm_ref.arrays import Array


def check_message(check: str, message: str) -> CheckResult:
    """Return FAIL with the message of a difference, or PASS if the message is empty."""
    return CheckResult(check=check, verdict=Verdict.FAIL if message else Verdict.PASS, message=message)


def check_equal(check: str, what: str, got: object, expected: object) -> CheckResult:
    """Check that a fact equals the expected one."""
    return check_message(check, "" if got == expected else f"{what}: got {got}, expected {expected}")


def check_close(check: str, what: str, got: Array, expected: Array, sigma: Array | float | None = None) -> CheckResult:
    """Check that every element lies within the limits of its σ, or is equal if there is no σ. NaN fails."""
    if got.shape != expected.shape:
        return check_message(check, f"{what}: got shape {got.shape}, expected {expected.shape}")
    if sigma is not None:
        return judge_values(check, [Comparison(label=what, got=got, expected=expected, sigma=np.broadcast_to(sigma, got.shape))])
    differing = ~(got == expected)
    if not differing.any():
        return check_message(check, "")
    where = tuple(map(int, np.argwhere(differing)[0]))
    place = f"[{', '.join(map(str, where))}]" if where else ""
    return check_message(
        check,
        f"{what}{place}: got {got[where]:.9g}, expected exactly {expected[where]:.9g} "
        f"({int(differing.sum())} of {differing.size} values differ)",
    )


def check_raises(check: str, what: str, call: Callable[[], object], naming: Iterable[str] = ()) -> CheckResult:
    """Check that a call raises an exception, and that its message contains the words of `naming`.

    Keras adds the arguments of the call to any message. Words are not looked for in them.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001  # a refusal of any type is one
        own_words = str(error).partition("Arguments received by")[0]
        unnamed = [word for word in naming if word not in own_words]
        missing = f"{what}: got {type(error).__name__}: {error}; expected it to name {' and '.join(unnamed)}"
        return check_message(check, missing if unnamed else "")
    return check_message(check, f"{what}: got an answer, expected an exception")
