"""The uncertainty of a median of rounds, and of a ratio or a difference of two peers.

**One median.** A round lies below the true median with probability ½ whatever its distribution, so of n independent rounds
n/2 ± z √n / 2 do, and the rounds of these two ranks enclose the median (z: normal quantile of the confidence). Successive rounds on
one machine are correlated. With s_k = ±1 for the side of the median on which round k lies, the variance of the count is then τ n /
4, where τ = 1 + 2 Σ_k cor(s_0, s_k) (to first order a median depends on its rounds through their sides only: Bahadur 1966). τ is
estimated from the rounds by Geyer's initial positive sequence (Statistical Science 7, 1992), with 1 as its minimum. Where a rank
falls outside the rounds, they are too few or too uneven, and the interval is unbounded.

**Two peers of one run** are timed in turns: round k of both sees the machine in the same state. So their ratio, and their
difference, is the median over rounds of the ratio, or difference, of each round; with different numbers of rounds, that of the two
medians.

**Two medians** of different rounds, or runs. Of estimates with intervals [l_j, u_j] around m_j, a difference m_1 − m_2 has the
interval with the distances √((m_1 − l_1)² + (u_2 − m_2)²) below and √((u_1 − m_1)² + (m_2 − l_2)²) above (Zou and Donner,
Statistics in Medicine 27, 2008). A ratio is a difference of logarithms, under which medians keep their intervals.

No interval from one run covers an effect that is the same in all its rounds, such as a lower clock rate. Thresholds, the floor of
the same run and a second run cover it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import NormalDist

import numpy as np

from lstm_ref.arrays import Array

CONFIDENCE = 0.95

Rounds = Sequence[float] | Array


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number and its confidence interval."""

    value: float
    low: float
    high: float


def confidence_of_each(comparisons: int) -> float:
    """The confidence of each comparison with which all together hold with `CONFIDENCE` (Bonferroni)."""
    return 1 - (1 - CONFIDENCE) / max(comparisons, 1)


def median(rounds: Rounds, confidence: float = CONFIDENCE) -> Interval:
    """The median of rounds, (rounds,), with its interval."""
    ordered = np.sort(rounds)
    value = float(np.median(ordered))
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = z * math.sqrt(_correlation_time(np.sign(np.asarray(rounds) - value)) * len(ordered)) / 2
    rank = math.floor(len(ordered) / 2 - half)  # and as many from the other end
    if rank < 1:
        return Interval(value=value, low=-math.inf, high=math.inf)
    return Interval(value=value, low=float(ordered[rank - 1]), high=float(ordered[-rank]))


def ratio_within_run(of: Rounds, to: Rounds, confidence: float = CONFIDENCE) -> Interval:
    """The ratio of the times of two peers of the same run."""
    if len(of) == len(to):
        return median(np.divide(of, to), confidence)
    return ratio(median(of, confidence), median(to, confidence))


def difference_within_run(of: Rounds, to: Rounds, confidence: float = CONFIDENCE) -> Interval:
    """The difference of the times of two peers of the same run."""
    if len(of) == len(to):
        return median(np.subtract(of, to), confidence)
    return _difference(median(of, confidence), median(to, confidence))


def ratio(of: Interval, to: Interval) -> Interval:
    """The ratio of two positive numbers from different rounds."""
    logarithm = _difference(_logarithm(of), _logarithm(to))
    return Interval(value=math.exp(logarithm.value), low=math.exp(logarithm.low), high=math.exp(logarithm.high))


def _difference(of: Interval, to: Interval) -> Interval:
    value = of.value - to.value
    below = math.hypot(of.value - of.low, to.high - to.value)
    above = math.hypot(of.high - of.value, to.value - to.low)
    return Interval(value=value, low=value - below, high=value + above)


def _logarithm(interval: Interval) -> Interval:
    low = math.log(interval.low) if interval.low > 0 else -math.inf
    return Interval(value=math.log(interval.value), low=low, high=math.log(interval.high))


def _correlation_time(sides: Array) -> float:
    """τ of a series of ±1, (rounds,): the sum of pairs of correlations, from lags 0 and 1, while it is positive."""
    length = len(sides)
    correlations = (float(sides[: length - lag] @ sides[lag:]) / length for lag in range(length))
    pairs = takewhile(lambda pair: pair > 0, (even + next(correlations, 0.0) for even in correlations))
    return max(2 * sum(pairs) - 1, 1.0)
