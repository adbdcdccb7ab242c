"""Formats of numbers."""

import math

from benchmarks.noise import Interval

NOTHING = "–"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def seconds(value: float) -> str:
    """With three digits and a suitable unit."""
    size, unit = _unit(value)
    return f"{three_digits(value / size)} {unit}"


def tick(value: float) -> str:
    """A round time without trailing zeros."""
    size, unit = _unit(value)
    return f"{value / size:g} {unit}"


def three_digits(value: float) -> str:
    """Three digits without an exponent."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{max(decimals, 0)}f}"


def percent(fraction: float) -> str:
    """A fraction in percent."""
    return f"{100 * fraction:.1f} %"


def with_noise(interval: Interval, unit: str = "×") -> str:
    """A number and its interval."""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return f"{interval.value:.2f} {unit} (rounds too few or uneven)"
    return f"{interval.value:.2f} {unit} ({interval.low:.2f} to {interval.high:.2f})"


def threads(count: int) -> str:
    """A number of threads, in words."""
    return "1 thread" if count == 1 else f"{count} threads"


def _unit(value: float) -> tuple[float, str]:
    return next((unit for unit in _UNITS if abs(value) >= unit[0]), _UNITS[-1])
