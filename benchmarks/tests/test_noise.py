"""Intervals: they hold what they say, and are wide where the rounds say little."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.noise import Interval, difference_within_run, median, ratio, ratio_within_run
from lstm_ref.arrays import Array

RUNS = 400


def rounds(random: np.random.Generator, count: int, carried: float) -> Array:
    """Rounds of median 1, each like the one before it in part; (count,)."""
    noise = random.standard_normal(count)
    drifting = np.empty(count)
    state = 0.0
    for index, each in enumerate(noise):
        state = carried * state + math.sqrt(1 - carried**2) * each
        drifting[index] = state
    return np.exp(0.1 * drifting)


@pytest.mark.parametrize("carried", [0.0, 0.5])
def test_an_interval_holds_the_median(carried: float) -> None:
    """In 95 % of runs, also where what slows one round slows the next."""
    random = np.random.Generator(np.random.PCG64(0))
    intervals = [median(rounds(random, 100, carried)) for _ in range(RUNS)]
    held = sum(interval.low <= 1 <= interval.high for interval in intervals)
    assert held > 0.93 * RUNS
    assert all(math.isfinite(interval.high) for interval in intervals)


def test_rounds_that_follow_one_another_say_less() -> None:
    """The interval is wider by √τ, about 3 where nine tenths of a round's state come from the one before."""
    random = np.random.Generator(np.random.PCG64(0))
    alone, carried = (median(rounds(random, 2000, each)) for each in (0.0, 0.9))
    assert 2 < (carried.high - carried.low) / (alone.high - alone.low) < 5


@pytest.mark.parametrize(("count", "bounded"), [(7, False), (8, True)])
def test_few_rounds_bound_nothing(count: int, bounded: bool) -> None:
    """With 95 %, eight that alternate are enough."""
    assert math.isfinite(median([1.0, 2.0] * (count // 2) + [1.5] * (count % 2)).high) is bounded


def test_what_both_peers_of_a_round_share_cancels() -> None:
    """A clock that drifts by half leaves the ratio of two peers as it is."""
    clock = np.linspace(1.0, 1.5, 40)
    found = ratio_within_run(2 * clock, clock)
    assert (found.low, found.value, found.high) == (2.0, 2.0, 2.0)


def test_different_numbers_of_rounds_are_compared_by_their_medians() -> None:
    """No round has its pair."""
    assert ratio_within_run([4.0] * 20, [2.0] * 30).value == pytest.approx(2.0)
    assert difference_within_run([4.0] * 20, [1.0] * 30).value == pytest.approx(3.0)


def test_a_ratio_adds_the_noise_of_both() -> None:
    """As the root of the sum of squares of the distances, in logarithms."""
    one = Interval(value=1.0, low=math.exp(-0.3), high=math.exp(0.3))
    other = Interval(value=1.0, low=math.exp(-0.4), high=math.exp(0.4))
    found = ratio(one, other)
    assert math.log(found.low) == pytest.approx(-0.5)
    assert math.log(found.high) == pytest.approx(0.5)
