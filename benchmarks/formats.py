"""Numbers as they are shown."""

from __future__ import annotations

import math

from benchmarks.noise import Interval

NOTHING = "–"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """With three digits, in the unit that suits it."""
    size, unit = _unit(value)
    return f"{three_digits(value / size)} {unit}"


def tick(value: float) -> str:
    """A round time, without digits that say nothing."""
    size, unit = _unit(value)
    return f"{value / size:g} {unit}"


def three_digits(value: float) -> str:
    """Without an exponent."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(decimals, 0)}f}"


def percent(part: float) -> str:
    """Of a whole."""
    return f"{100 * part:.1f} %"


def with_noise(interval: Interval, unit: str = "×") -> str:
    """A number, and the interval that holds it."""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return f"{interval.value:.2f} {unit} (rounds too few or uneven)"
    return f"{interval.value:.2f} {unit} ({interval.low:.2f} to {interval.high:.2f})"


def threads(count: int) -> str:
    """A number of threads, in words."""
    return "1 thread" if count == 1 else f"{count} threads"


def _unit(value: float) -> tuple[float, str]:
    return next((each for each in _UNITS if abs(value) >= each[0]), _UNITS[-1])
