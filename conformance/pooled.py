"""Tests that pool the cases of a run: they see small systematic errors that no single case shows.

Cases that share weights and inputs share their errors too, so each such family counts once: per family there is a mean square of
error / σ of each check, and sums from which the bias of each operation follows (`sampling`). Over families these are independent.

- Size of errors. σ takes every rounding at its full size and is estimated from 24 replicas; a correct run's mean square is at most
  MEAN_SQUARE. One-sided t test of the families' mean squares.
- Bias of an operation: ε, in unit roundoffs, of the regression of the errors on all operations' responses together, every family
  with the same weight; its standard error from the families' residuals (the sandwich estimator; Liang & Zeger 1986). Rounding to
  nearest has no bias; an elementary function has one. One that is accurate to 1 ulp errs by u when its result is rounded, and by
  as much by itself; we call it biased where more than half of the latter goes one way in the mean: |ε| > ALLOWED_BIAS.

All tests of a run together raise a false alarm with a probability of SIGNIFICANCE at most (Holm 1979).
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conformance.tolerance import ROUNDING_IN_SIGMA
from conformance.verdict import Result, Sample, Verdict
from lstm_ref.arrays import Array
from lstm_ref.responses import OPERATIONS
from lstm_ref.uncertainty import REPLICAS

SIGNIFICANCE = 1e-4
# With fewer, a family's chance would decide; with as many, Student's t has lost most of its tails.
FEWEST_FAMILIES = 20

ALLOWED_BIAS = 0.5
# E(1/s²) of a variance s² of 1 that is estimated from 24 normal deviations is 24/22.
MEAN_SQUARE = ROUNDING_IN_SIGMA**2 * REPLICAS / (REPLICAS - 2)

BIAS, SIZE = "bias", "mean square"


@dataclass(frozen=True, kw_only=True)
class PooledTest:
    """One test over the cases of a run.

    Attributes:
        of: the operation, or the check.
        what: BIAS, in unit roundoffs, or SIZE, the mean square of error / σ.
        precision: that the cases were computed in.
        families: independent sets of weights and inputs.
        estimate: of the bias or of the mean square.
        standard_error: of the estimate.
        allowed: what a correct implementation may have.
        p: probability of an estimate as far beyond what is allowed, corrected for the number of tests.
        verdict: PASS or FAIL.
    """

    of: str
    what: str
    precision: str
    families: int
    estimate: float
    standard_error: float
    allowed: float
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class _Estimate:
    of: str
    what: str
    precision: str
    families: int
    value: float
    standard_error: float
    allowed: float
    freedom: int

    @property
    def p(self) -> float:
        """Of a value as far beyond what is allowed, on either side for a bias."""
        beyond = _tail(abs(self.value) - self.allowed, self.standard_error, self.freedom)
        return beyond + _tail(abs(self.value) + self.allowed, self.standard_error, self.freedom) if self.what == BIAS else beyond


def pooled_tests(results: Iterable[Result]) -> tuple[PooledTest, ...]:
    """The tests that the samples of a run allow: by precision, those with families enough."""
    by_precision: dict[str, list[tuple[Result, Sample]]] = collections.defaultdict(list)
    for result in results:
        if result.sample is not None:
            by_precision[result.sample.precision].append((result, result.sample))
    estimates: list[_Estimate] = []
    for precision, sampled in by_precision.items():
        estimates += _biases(precision, [sample for _, sample in sampled if sample.size]) + _sizes(precision, sampled)
    return tuple(
        PooledTest(
            of=each.of,
            what=each.what,
            precision=each.precision,
            families=each.families,
            estimate=each.value,
            standard_error=each.standard_error,
            allowed=each.allowed,
            p=p,
            verdict=Verdict.FAIL if p < SIGNIFICANCE else Verdict.PASS,
        )
        for each, p in zip(estimates, _holm([each.p for each in estimates]), strict=True)
    )


def _sizes(precision: str, sampled: Sequence[tuple[Result, Sample]]) -> list[_Estimate]:
    sums: dict[str, dict[str, Array]] = collections.defaultdict(lambda: collections.defaultdict(lambda: np.zeros(2)))
    for result, sample in sampled:
        for check in result.checks:
            if check.size:
                sums[check.check][sample.family] += check.squares, check.size
    estimates = []
    for check_name, by_family in sums.items():
        if (count := len(by_family)) >= FEWEST_FAMILIES:
            means = np.array([squares / size for squares, size in by_family.values()])
            error = float(means.std(ddof=1)) / count**0.5
            estimates.append(_Estimate(check_name, SIZE, precision, count, float(means.mean()), error, MEAN_SQUARE, count - 1))
    return estimates


def _biases(precision: str, samples: Sequence[Sample]) -> list[_Estimate]:
    projections, grams = _by_family(samples)
    # An operation to which nothing responds, as the bias where no case has one, cannot be judged.
    (judged,) = np.nonzero(grams.sum(axis=0).diagonal())
    families = len(grams)
    if families < max(FEWEST_FAMILIES, 2 * len(judged)):
        return []
    projections, grams = projections[:, judged], grams[:, judged[:, None], judged]
    inverse = np.linalg.pinv(grams.sum(axis=0), hermitian=True)
    bias = inverse @ projections.sum(axis=0)
    residuals = projections - grams @ bias
    freedom = families - len(judged)
    covariance = inverse @ (residuals.T @ residuals) @ inverse * (families / freedom)
    errors = np.sqrt(covariance.diagonal())
    return [
        _Estimate(OPERATIONS[k], BIAS, precision, families, float(bias[n]), float(errors[n]), ALLOWED_BIAS, freedom)
        for n, k in enumerate(judged)
    ]


def _by_family(samples: Sequence[Sample]) -> tuple[Array, Array]:
    """Projections (families, operations) and Gram matrices (families, operations, operations), per element."""
    count = len(OPERATIONS)
    rows, columns = np.triu_indices(count)
    sums: Mapping[str, Array] = collections.defaultdict(lambda: np.zeros(1 + count + len(rows)))
    for sample in samples:
        sums[sample.family][:] += (sample.size, *sample.projections, *sample.gram)
    table = np.array([*sums.values()]).reshape(-1, 1 + count + len(rows))
    means = table[:, 1:] / table[:, :1]
    grams = np.zeros((len(table), count, count))
    grams[:, rows, columns] = grams[:, columns, rows] = means[:, count:]
    return means[:, :count], grams


def _tail(distance: float, standard_error: float, freedom: int) -> float:
    """P(t > distance / standard error) of Student's t (Abramowitz & Stegun 26.7.1)."""
    from mpmath import betainc  # noqa: PLC0415  # takes its time to load, and is needed once, at the end of a run

    if not standard_error:
        return float(distance <= 0)
    t = distance / standard_error
    both = betainc(freedom / 2, 0.5, 0, freedom / (freedom + t * t), regularized=True)
    return float(both / 2 if t > 0 else 1 - both / 2)


def _holm(probabilities: Sequence[float]) -> list[float]:
    """Each corrected for the number of those that are not smaller."""
    corrected, worst = [0.0] * len(probabilities), 0.0
    for rank, position in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        worst = max(worst, min(1.0, (len(probabilities) - rank) * probabilities[position]))
        corrected[position] = worst
    return corrected
