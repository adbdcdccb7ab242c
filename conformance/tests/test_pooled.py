"""Tests over all cases of a run: worked by hand, right for right implementations, and able to see what no single case does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.matrix import documents_matrix, select, surface
from conformance.pooled import (
    ALLOWED_BIAS,
    BIAS,
    FEWEST_FAMILIES,
    MEAN_SQUARE,
    SIGNIFICANCE,
    SIZE,
    PooledTest,
    _holm,
    _tail,
    pooled_tests,
)
from conformance.runner import run
from conformance.sensitivity import ErringAdapter, detections
from conformance.verdict import CheckResult, Result, Sample, Verdict
from lstm_ref.responses import OPERATIONS

# The documents' 36 sets of weights, a sequence each.
FAMILIES = select(list(documents_matrix()), ["*-t28-b3-seq-s0"])
DRAWN = [case for case in surface("standard") if isinstance(case, Case) and case.seed]
RNG_SEED = 5


def sampled(adapter: ReferenceAdapter, cases: Sequence[Case] = FAMILIES) -> list[Result]:
    """The cases with their samples."""
    return list(run(cases, adapter, samples=True))


def made(biases: Sequence[float], count: int = 40, noise: float = 1.0, seed: int = RNG_SEED, **given: Any) -> list[Result]:
    """Results of families whose errors are those biases' responses and normal noise."""
    rng = np.random.default_rng(seed)
    results = []
    for number in range(count):
        responses = rng.standard_normal((len(OPERATIONS), 50))
        errors = np.asarray(biases) @ responses + noise * rng.standard_normal(50)
        gram = (responses @ responses.T)[np.triu_indices(len(OPERATIONS))]
        sample = Sample(
            family=f"f{number}",
            precision="float32",
            size=50,
            projections=tuple((responses @ errors).tolist()),
            gram=tuple(gram.tolist()),
        )
        check = CheckResult(check="outputs", verdict=Verdict.PASS, size=50, squares=float(errors @ errors))
        results.append(
            Result(**{"case_id": str(number), "group": "", "verdict": Verdict.PASS, "checks": (check,), "sample": sample, **given})
        )
    return results


def by_name(tests: Sequence[PooledTest], what: str) -> dict[str, PooledTest]:
    """The tests of one kind by what they are of."""
    return {test.of: test for test in tests if test.what == what}


# --- statistics -----------------------------------------------------------------------------------------------------------------


def test_biases_that_are_there_are_found() -> None:
    """Each estimate within four standard errors of the truth, which is below 0.1."""
    truth = (0.0, 0.3, -0.4, 0.0, 1.0, -2.0, 0.1)
    tests = by_name(pooled_tests(made(truth)), BIAS)
    for operation, bias in zip(OPERATIONS, truth, strict=True):
        assert abs(tests[operation].estimate - bias) < 4 * tests[operation].standard_error < 0.4
        assert tests[operation].verdict is (Verdict.FAIL if abs(bias) > ALLOWED_BIAS else Verdict.PASS)


def test_standard_error_is_that_of_repetitions() -> None:
    """The sandwich's estimate agrees with the spread of 100 repetitions within 25 %."""
    found = [by_name(pooled_tests(made([0.0] * 7, seed=seed)), BIAS)["cell"] for seed in range(100)]
    spread = np.std([test.estimate for test in found])
    assert np.mean([test.standard_error for test in found]) == pytest.approx(spread, rel=0.25)


def test_cases_of_one_family_are_no_more_than_one_case() -> None:
    """Ten times the same results prove no more: estimates and standard errors stay as they were."""
    results = made((0.6, 0, 0, 0, 0, 0, 0))
    for one, ten in zip(pooled_tests(results), pooled_tests(10 * results), strict=True):
        assert ten.standard_error == pytest.approx(one.standard_error)
        assert ten.estimate == pytest.approx(one.estimate)
        assert (ten.families, ten.verdict) == (one.families, one.verdict)


def test_mean_square_is_that_of_the_families() -> None:
    """Of two families with 1 and 3 in the mean, many times: 2, whatever their sizes; above what is allowed."""
    results = [
        Result(
            case_id=str(number),
            group="",
            verdict=Verdict.PASS,
            checks=(CheckResult(check="gradients", verdict=Verdict.PASS, size=size, squares=mean * size),),
            sample=Sample(family=f"f{number}", precision="float64"),
        )
        for number, (mean, size) in enumerate([(1.0, 10), (3.0, 500)] * 15)
    ]
    (test,) = pooled_tests(results)
    assert (test.of, test.what, test.precision, test.families, test.estimate) == ("gradients", SIZE, "float64", 30, 2.0)
    assert test.standard_error == pytest.approx(math.sqrt(30 / 29) / math.sqrt(30))
    assert test.verdict is Verdict.FAIL


def test_too_few_families_say_nothing() -> None:
    """Below the fewest there is no test, at it there are all."""
    results = made([5.0] * 7, count=FEWEST_FAMILIES)
    assert len(pooled_tests(results)) == len(OPERATIONS) + 1
    assert pooled_tests(results[1:]) == ()


def test_what_gave_no_sample_is_left_out() -> None:
    """A run without samples has no pooled tests."""
    assert pooled_tests([replace(result, sample=None) for result in made([5.0] * 7)]) == ()


def test_an_operation_without_response_is_not_judged() -> None:
    """Cases without a bias say nothing of the bias, and all of the others."""
    results = made([0.0, 0, 0, 0, 0, 2.0, 0])
    rows, columns = np.triu_indices(len(OPERATIONS))
    of_bias = OPERATIONS.index("bias")
    silent = []
    for result in results:
        assert result.sample is not None
        gram = tuple(0.0 if of_bias in pair else g for g, *pair in zip(result.sample.gram, rows, columns, strict=True))
        projections = tuple(0.0 if k == of_bias else p for k, p in enumerate(result.sample.projections))
        silent.append(replace(result, sample=replace(result.sample, gram=gram, projections=projections)))
    tests = by_name(pooled_tests(silent), BIAS)
    assert tests.keys() == set(OPERATIONS) - {"bias"}
    assert [name for name, test in tests.items() if test.verdict is Verdict.FAIL] == ["cell"]


def test_holm_is_worked_by_hand() -> None:
    """Smallest first: 4 · 0.01, 3 · 0.02, 2 · 0.04, and none smaller than one before it, nor above 1."""
    assert _holm([0.04, 0.01, 0.9, 0.02]) == pytest.approx([0.08, 0.04, 0.9, 0.06])
    assert _holm([0.4, 0.4, 0.4]) == [1.0, 1.0, 1.0]
    assert _holm([0.01, 0.0101]) == pytest.approx([0.02, 0.02])


def test_tail_is_that_of_the_tables() -> None:
    """Student's t: the critical value for 5 % on one side with 10 degrees of freedom is 1.812461; either side of zero."""
    assert _tail(1.812461, 1.0, 10) == pytest.approx(0.05, rel=1e-5)
    assert _tail(-2 * 1.812461, 2.0, 10) == pytest.approx(0.95, rel=1e-6)
    assert (_tail(0.1, 0.0, 10), _tail(-0.1, 0.0, 10)) == (0.0, 1.0)


@pytest.mark.parametrize("bias", [0.0, ALLOWED_BIAS, -ALLOWED_BIAS])
def test_false_alarms_are_as_rare_as_stated(bias: float) -> None:
    """At the edge of what is allowed, one test in 20 has p < 0.05 before the correction; of 200, 20 would be no chance."""
    low = 0
    for seed in range(200):
        (test,) = (test for test in pooled_tests(made([bias, 0, 0, 0, 0, 0, 0], count=25, seed=seed)) if test.of == "kernel")
        t = (abs(test.estimate) - ALLOWED_BIAS) / test.standard_error
        low += _tail(t, 1.0, 18) < 0.05
    assert low <= 20


# --- implementations ------------------------------------------------------------------------------------------------------------


def test_float32_is_neither_biased_nor_too_far_off() -> None:
    """The reference in float32, without any error."""
    tests = pooled_tests(sampled(ErringAdapter(error=0.0)))
    assert len(tests) == len(OPERATIONS) + 3
    assert {test.families for test in tests} == {36}
    assert all(test.verdict is Verdict.PASS for test in tests)
    assert all(test.standard_error < 0.3 for test in tests)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_error_that_no_case_rejects_is_named(operation: str) -> None:
    """2^-23, the last place of 1 in float32, is 2 u: most cases pass, all together do not, and the operation stands out.

    Its size is found roughly: what float32 makes of a product with 1 + 2^-23 depends on the value.
    """
    results = sampled(ErringAdapter(operation=operation, error=2.0**-23))
    failing = {test.of: test for test in pooled_tests(results) if test.verdict is Verdict.FAIL and test.what == BIAS}
    assert sum(result.verdict is Verdict.PASS for result in results) >= FEWEST_FAMILIES
    assert max(failing.values(), key=lambda test: abs(test.estimate)).of == operation
    assert failing[operation].estimate == pytest.approx(2, rel=0.5)


def test_noise_that_no_case_rejects_is_seen() -> None:
    """Errors twice the size that roundings may have, in either direction, so without bias: the mean square is."""
    results = sampled(ErringAdapter(error=0.0))
    louder = [
        replace(result, checks=tuple(replace(check, squares=4 * check.squares) for check in result.checks)) for result in results
    ]
    assert {test.of for test in pooled_tests(louder) if test.verdict is Verdict.FAIL} >= {"outputs", "hidden_state"}


def test_of_slices_of_one_run_the_whole_gives_errors() -> None:
    """The last output, or what stateful calls return, is a part of what the case with all outputs returns."""
    results = sampled(ReferenceAdapter(), select(list(documents_matrix()), ["u2-d5-t6-b3-*"]))
    cases = {result.case_id: result.sample for result in results}
    assert {case_id for case_id, sample in cases.items() if sample and sample.size} == {"u2-d5-t6-b3-seq-s0"}
    assert {sample and sample.family for sample in cases.values()} == {"u2-d5-s0"}


def test_the_surface_is_pooled_too() -> None:
    """Masks, directions, states, dropout, merges, losses: what the level draws is right."""
    cases = [case for case in DRAWN if case.precision == "float32" and case.execution.route != "gradient" and not case.relation]
    exact = sampled(ReferenceAdapter(), cases)
    assert {result.verdict for result in exact} == {Verdict.PASS}
    tests = pooled_tests(exact)
    assert tests
    assert all(test.verdict is Verdict.PASS for test in tests)
    assert {test.of for test in tests if test.what == BIAS} == set(OPERATIONS)


def test_detections_count_what_is_rejected_alone_and_together() -> None:
    """A large error alone, a small one together, none not at all."""
    errors = [("cell", 1e-3), ("output", 2.0**-23), ("cell", 0.0)]
    families = [[case] for case in FAMILIES]
    large, small, none = detections(families, errors)
    assert (large.rejected, large.cases) == (36, 36)
    assert small.rejected == 0
    assert small.pooled
    assert (none.rejected, none.pooled) == (0, False)


def test_limits_are_worked_by_hand() -> None:
    """Uniform roundings have a third of the square of their bound; 24 replicas' mean square is too small by 22/24 in the mean."""
    assert pytest.approx(1 / 3 * 24 / 22) == MEAN_SQUARE
    assert (ALLOWED_BIAS, SIGNIFICANCE) == (0.5, 1e-4)
