"""Tests that pool the cases of a run. They detect small systematic errors that no single case shows.

Cases that share weights and inputs also share their errors, so each such family counts once. Each family has a mean square of
error / σ of each check, and sums that determine the bias of each operation (`sampling`). The families are independent.

Size of errors. σ counts every rounding with its full size and is estimated from 24 replicas, so the mean square of a correct run
is at most MEAN_SQUARE. The test is a one-sided t test of the families' mean squares. They are skewed to the right, which makes the
test conservative (Johnson 1978, Modified t tests and confidence intervals for asymmetrical populations).

Bias of an operation. It is ε, in unit roundoffs, of the regression of the errors on the responses of all operations. With the Gram
matrices G_g of the families, M = Σ G_g, and their projections p_g, ε = M⁻¹ Σ p_g.

- Distinguishable operations. A column of a regression that is a sum of others has no coefficient of its own. If it is left out,
  its effect is added to the coefficients of the others by A = M₁₁⁻¹M₁₂ (the alias matrix of Box & Wilson 1951). So
  recurrent_activation is always left out (`sampling`), and activation too if all sequences have one timestep. An operation is
  distinguishable if a part of its response is not explained by the others, and if more families contribute to this part than there
  are operations; otherwise the part would be fitted, not tested. If w_g is the part in family g, the number of families is (Σ
  w_g)² / Σ w_g² (Kish 1965). This depends on weights and inputs only, and not on the errors.
- Allowed bias. Rounding to nearest has no bias, but an elementary function has one. A function that is accurate to 1 ulp has an
  error of up to u from rounding its result, and up to u from its algorithm. It counts as biased if the mean of the latter is more
  than half of u: |ε| > ALLOWED_BIAS. If operations are indistinguishable, all elementary functions among them may be biased: the
  limit is ALLOWED_BIAS times the sum of their coefficients. No limit is smaller than ALLOWED_BIAS.
- Probability. If the true bias β equals the limit, the error of the estimate is Σ a_g, with the families' contributions a_g =
  (M⁻¹)_k (p_g - G_g ε), where ε_k = β. They are independent, but their sizes differ by orders of magnitude, and a few may outweigh
  all others, so the tails are neither normal nor Student's. Roundings are symmetric, so a_g is as likely as -a_g: given their
  sizes, only their signs are random (Canay, Romano & Shaikh 2017, Randomization tests under an approximate symmetry assumption; at
  the limit: Cameron, Gelbach & Miller 2008, Bootstrap-based improvements for inference with clustered errors). For random signs
  s_g and every θ > 0, P(Σ s_g a_g ≥ S) ≤ exp(-θS) Π cosh(θ a_g), for any number of families (Chernoff 1952). The smallest of these
  bounds is the probability, doubled for the two sides. The other coefficients in a_g are estimated without family g, because the
  residuals of a fit to the family itself would be too small (MacKinnon, Nielsen & Webb 2023, Fast and reliable jackknife and
  bootstrap methods for cluster-robust inference). The standard error is √Σ a_g² at the estimate.

All tests of a run together raise a false alarm with a probability of at most SIGNIFICANCE (Holm 1979).
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from conformance.judging.sampling import ALIASED
from conformance.judging.verdict import Result, Sample, Verdict
from conformance.reference.tolerance import ROUNDING_IN_SIGMA
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import REPLICAS
from lstm_ref.uncertainty.responses import OPERATIONS

SIGNIFICANCE = 1e-4
# With 20 families, equal signs have a probability of 2^-20, which is small enough for the number of tests, and Student's t has
# short tails. With fewer families, chance would decide.
FEWEST_FAMILIES = 20

ALLOWED_BIAS = 0.5
# E(1/s²) of a variance s² of 1 that is estimated from 24 normal deviations is 24/22.
MEAN_SQUARE = ROUNDING_IN_SIGMA**2 * REPLICAS / (REPLICAS - 2)

BIAS, SIZE = "bias", "mean square"

ELEMENTARY = ("recurrent_activation", "activation")
# The order in which indistinguishable operations are left out. Elementary functions come first: their results enter the others.
_LEFT_OUT_FIRST = ("activation", "cell", "output", "recurrent_kernel", "kernel", "bias")
# The largest θ, and the number of halvings of its interval. A larger θ or more halvings improve the bound very little.
_STEEPEST, _HALVINGS = 2.0**20, 40
# The smallest share of an operation's response that the others must not explain. Responses are difference quotients, exact to
# 2^-26. So the share is about 2^-52 for a response that is a sum of others. The limit is half of these digits.
_LEAST_SHARE = 2.0**-26


@dataclass(frozen=True, kw_only=True)
class PooledTest:
    """One test over the cases of a run.

    Attributes:
        of: the operation, or the check.
        aliases: operations that the cases do not distinguish from it; their errors show in this test.
        what: BIAS, in unit roundoffs, or SIZE, the mean square of error / σ.
        precision: of the computation.
        families: number of independent sets of weights and inputs.
        estimate: of the bias or of the mean square.
        standard_error: of the estimate.
        allowed: the limit for a correct implementation.
        p: probability of such an estimate if the true value is at the limit, corrected for the number of tests.
        verdict: PASS or FAIL.
    """

    of: str
    aliases: tuple[str, ...] = ()
    what: str
    precision: str
    families: int
    estimate: float
    standard_error: float
    allowed: float
    p: float
    verdict: Verdict

    @property
    def name(self) -> str:
        """The tested quantity, in words."""
        return f"{self.what} of {' or '.join((self.of, *self.aliases))}"


def pooled_tests(results: Iterable[Result]) -> tuple[PooledTest, ...]:
    """Return the tests of a run: for each precision, those with enough families."""
    by_precision: dict[str, list[tuple[Result, Sample]]] = collections.defaultdict(list)
    for result in results:
        if result.sample is not None:
            by_precision[result.sample.precision].append((result, result.sample))
    tests: list[PooledTest] = []
    for precision, sampled in by_precision.items():
        tests += _biases(precision, [sample for _, sample in sampled if sample.size]) + _sizes(precision, sampled)
    return tuple(
        replace(test, p=p, verdict=Verdict.FAIL if p < SIGNIFICANCE else Verdict.PASS)
        for test, p in zip(tests, _holm([test.p for test in tests]), strict=True)
    )


def indistinguishable_operations(tests: Iterable[PooledTest]) -> dict[tuple[str, ...], list[str]]:
    """Return the groups of operations that the cases do not distinguish, with the precisions of each group."""
    found: dict[tuple[str, ...], list[str]] = {}
    for precision, members in groupby(tests, lambda test: test.precision):
        groups: list[set[str]] = []
        for test in members:
            if test.aliases:
                group = {test.of, *test.aliases}
                joined = [other for other in groups if other & group]
                groups = [other for other in groups if other not in joined] + [group.union(*joined)]
        for group in groups:
            found.setdefault(tuple(sorted(group, key=OPERATIONS.index)), []).append(precision)
    return found


def describe_indistinguishable(operations: Iterable[str], precisions: Iterable[str]) -> str:
    """Describe operations that are tested together."""
    return f"not told apart by these cases: {', '.join(operations)} (in {', '.join(precisions)})"


def _sizes(precision: str, sampled: Sequence[tuple[Result, Sample]]) -> list[PooledTest]:
    sums: dict[str, dict[str, Array]] = collections.defaultdict(lambda: collections.defaultdict(lambda: np.zeros(2)))
    for result, sample in sampled:
        for check in result.checks:
            if check.size:
                sums[check.check][sample.family] += check.squares, check.size
    tests = []
    for check_name, by_family in sums.items():
        if (count := len(by_family)) >= FEWEST_FAMILIES:
            means = np.array([squares / size for squares, size in by_family.values()])
            mean, error = float(means.mean()), float(means.std(ddof=1)) / count**0.5
            tests.append(
                PooledTest(
                    of=check_name,
                    what=SIZE,
                    precision=precision,
                    families=count,
                    estimate=mean,
                    standard_error=error,
                    allowed=MEAN_SQUARE,
                    p=_student_tail(mean - MEAN_SQUARE, error, count - 1),
                    verdict=Verdict.PASS,
                )
            )
    return tests


def _biases(precision: str, samples: Sequence[Sample]) -> list[PooledTest]:
    projections, grams = _by_family(samples)
    if len(grams) < FEWEST_FAMILIES:
        return []
    # An operation without any response cannot be judged, for example the bias if no case has one.
    judged = [k for k in range(len(OPERATIONS)) if grams[:, k, k].any()]
    distinguishable = _distinguishable(grams, judged)
    if not distinguishable:
        return []
    left_out = [k for k in judged if k not in distinguishable]
    total = grams.sum(axis=0)
    coefficients = np.eye(len(OPERATIONS))[distinguishable]
    coefficients[:, left_out] = (
        np.linalg.inv(total[np.ix_(distinguishable, distinguishable)]) @ total[np.ix_(distinguishable, left_out)]
    )
    sizes = np.abs(coefficients)
    named = sizes >= sizes.max(axis=0) / 2
    regression = _Regression(projections[:, distinguishable], grams[:, distinguishable][:, :, distinguishable])
    tests = []
    for n, k in enumerate(distinguishable):
        allowed = ALLOWED_BIAS * max(1.0, float(sizes[n, [OPERATIONS.index(each) for each in ELEMENTARY]].sum()))
        estimate = float(regression.estimates[n])
        contributions = regression.contributions(n, float(np.copysign(allowed, estimate)))
        tests.append(
            PooledTest(
                of=OPERATIONS[k],
                aliases=tuple(OPERATIONS[j] for j in left_out if named[n, j]),
                what=BIAS,
                precision=precision,
                families=len(grams),
                estimate=estimate,
                standard_error=float(np.linalg.norm(regression.contributions(n, estimate))),
                allowed=allowed,
                p=min(1.0, 2 * _random_sign_probability(contributions, abs(estimate) - allowed)),
                verdict=Verdict.PASS,
            )
        )
    return tests


def _distinguishable(grams: Array, judged: Sequence[int]) -> list[int]:
    """Return the operations whose biases can be distinguished by these responses."""
    distinguishable = [k for k in judged if OPERATIONS[k] not in ALIASED]
    while distinguishable:
        lost = [k for k in distinguishable if not _is_distinguishable(k, [other for other in distinguishable if other != k], grams)]
        if not lost:
            break
        distinguishable.remove(min(lost, key=lambda k: _LEFT_OUT_FIRST.index(OPERATIONS[k])))
    return distinguishable


def _is_distinguishable(k: int, others: Sequence[int], grams: Array) -> bool:
    """Whether the families have enough of the operation's response that the others do not explain."""
    total = grams.sum(axis=0)
    own = np.eye(len(OPERATIONS))[k]
    scale = np.sqrt(total.diagonal()[others])
    own[others] = -np.linalg.pinv(total[np.ix_(others, others)] / np.outer(scale, scale), hermitian=True) @ (
        total[others, k] / scale
    )
    own[others] /= scale
    shares = np.maximum(grams @ own @ own, 0)  # a sum of squares, which rounding may make negative
    return bool(shares.sum() > _LEAST_SHARE * total[k, k] and shares.sum() ** 2 > (len(others) + 1) * (shares @ shares))


class _Regression:
    """The regression of the families' errors on the responses to the distinguishable operations.

    Args:
        projections: (families, operations).
        grams: (families, operations, operations).
    """

    def __init__(self, projections: Array, grams: Array) -> None:
        self._projections, self._grams = projections, grams
        self._inverse = np.linalg.inv(grams.sum(axis=0))
        self.estimates = self._inverse @ projections.sum(axis=0)

    def contributions(self, n: int, value: float) -> Array:
        """The contribution of each family to the error of the n-th estimate, if `value` is the true one: (families,)."""
        errors = self._projections - self._grams[:, :, n] * value
        others = np.arange(len(self.estimates)) != n
        grams = self._grams[:, others][:, :, others]
        without = np.linalg.pinv(grams.sum(axis=0) - grams, hermitian=True)
        elsewhere = without @ (errors.sum(axis=0) - errors)[:, others, np.newaxis]
        residuals = errors - (self._grams[:, :, others] @ elsewhere)[:, :, 0]
        return np.asarray(residuals @ self._inverse[n])


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


def _random_sign_probability(contributions: Array, distance: float) -> float:
    """Return an upper bound of the probability that the contributions, with random signs, add up to the distance or more."""
    sizes = np.abs(contributions[contributions != 0])
    if distance <= 0:
        return 1.0
    if distance >= sizes.sum():
        return 0.5 ** len(sizes)  # all of the same sign
    largest = sizes.max()
    sizes, distance = sizes / largest, distance / largest
    # The bound is smallest where the mean of the tilted signs equals the distance. The mean grows with θ, so bisection finds it.
    low, high = 0.0, 1.0
    while sizes @ np.tanh(high * sizes) < distance and high < _STEEPEST:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if sizes @ np.tanh(middle * sizes) < distance else (low, middle)
    return float(np.exp((np.logaddexp(low * sizes, -low * sizes) - np.log(2)).sum() - low * distance))


def _student_tail(distance: float, standard_error: float, freedom: int) -> float:
    """P(t > distance / standard error) of Student's t (Abramowitz & Stegun 26.7.1)."""
    from mpmath import betainc  # noqa: PLC0415  # slow to import, and needed only once, at the end of a run

    if not standard_error:
        return float(distance <= 0)
    t = distance / standard_error
    both = betainc(freedom / 2, 0.5, 0, freedom / (freedom + t * t), regularized=True)
    return float(both / 2 if t > 0 else 1 - both / 2)


def _holm(probabilities: Sequence[float]) -> list[float]:
    """Correct each probability for the number of those that are not smaller (Holm)."""
    corrected, worst = [0.0] * len(probabilities), 0.0
    for rank, position in enumerate(sorted(range(len(probabilities)), key=probabilities.__getitem__)):
        worst = max(worst, min(1.0, (len(probabilities) - rank) * probabilities[position]))
        corrected[position] = worst
    return corrected
