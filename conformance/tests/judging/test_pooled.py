"""Tests over all cases of a run: worked by hand, right for right implementations, and able to see what no single case does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.cases.case import Case
from conformance.judging.pooled import (
    _LEFT_OUT_FIRST,
    ALLOWED_BIAS,
    BIAS,
    FEWEST_FAMILIES,
    MEAN_SQUARE,
    SIGNIFICANCE,
    SIZE,
    PooledTest,
    _holm,
    _random_sign_probability,
    _student_tail,
    indistinguishable_operations,
    pooled_tests,
)
from conformance.judging.sampling import ALIASED, _is_first_order
from conformance.judging.verdict import CheckResult, Result, Sample, Verdict
from conformance.matrix import documents_matrix, select, surface
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.tolerance import UNIT_ROUNDOFF
from conformance.running.runner import run
from conformance.running.sensitivity import ErringAdapter, detections
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.responses import OPERATIONS

# The documents' 36 sets of weights, a sequence each.
FAMILIES = select(list(documents_matrix()), ["*-t28-b3-seq-s0"])
DRAWN = [case for case in surface("standard") if isinstance(case, Case) and case.seed]
RNG_SEED = 5
# What regressions are on, and where each of it stands in a sample.
TOLD = tuple(operation for operation in OPERATIONS if operation not in ALIASED)
ALONE = [case for case in DRAWN if case.precision == "float32" and case.execution.route != "gradient" and not case.relation]


def sampled(adapter: ReferenceAdapter, cases: Sequence[Case] = FAMILIES) -> list[Result]:
    """The cases with their samples."""
    return list(run(cases, adapter, samples=True))


def made(biases: Sequence[float], count: int = 40, noise: float = 1.0, seed: int = RNG_SEED, **given: Any) -> list[Result]:
    """Results of families whose errors are those biases' responses and normal noise."""
    rng = np.random.default_rng(seed)
    results = []
    for number in range(count):
        responses = composed(rng.standard_normal((len(OPERATIONS), 50)))
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


def composed(responses: Array) -> Array:
    """The responses, that of each operation which is no more than others at once from theirs."""
    for name, parts in ALIASED.items():
        responses[OPERATIONS.index(name)] = sum(responses[OPERATIONS.index(part)] for part in parts)
    return responses


def by_name(tests: Sequence[PooledTest], what: str) -> dict[str, PooledTest]:
    """The tests of one kind by what they are of."""
    return {test.of: test for test in tests if test.what == what}


# --- statistics -----------------------------------------------------------------------------------------------------------------


def test_biases_that_are_there_are_found() -> None:
    """Each estimate within four standard errors of the truth, which is below 0.1."""
    truth = {"kernel": 0.0, "recurrent_kernel": 0.3, "bias": -0.4, "activation": 1.0, "cell": -2.0, "output": 0.1}
    tests = by_name(pooled_tests(made([truth.get(operation, 0.0) for operation in OPERATIONS])), BIAS)
    for operation, bias in truth.items():
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
    assert len(pooled_tests(results)) == len(TOLD) + 1
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
    assert tests.keys() == set(TOLD) - {"bias"}
    assert [name for name, test in tests.items() if test.verdict is Verdict.FAIL] == ["cell"]


def test_holm_is_worked_by_hand() -> None:
    """Smallest first: 4 · 0.01, 3 · 0.02, 2 · 0.04, and none smaller than one before it, nor above 1."""
    assert _holm([0.04, 0.01, 0.9, 0.02]) == pytest.approx([0.08, 0.04, 0.9, 0.06])
    assert _holm([0.4, 0.4, 0.4]) == [1.0, 1.0, 1.0]
    assert _holm([0.01, 0.0101]) == pytest.approx([0.02, 0.02])


def test_tail_is_that_of_the_tables() -> None:
    """Student's t: the critical value for 5 % on one side with 10 degrees of freedom is 1.812461; either side of zero."""
    assert _student_tail(1.812461, 1.0, 10) == pytest.approx(0.05, rel=1e-5)
    assert _student_tail(-2 * 1.812461, 2.0, 10) == pytest.approx(0.95, rel=1e-6)
    assert (_student_tail(0.1, 0.0, 10), _student_tail(-0.1, 0.0, 10)) == (0.0, 1.0)


def uneven(seed: int, count: int = 25) -> list[Result]:
    """Families whose errors and responses differ in size by a factor e and more, all biases at the edge of what is allowed."""
    rng = np.random.default_rng(seed)
    edge = ALLOWED_BIAS * np.array([operation in ("kernel", "activation", "recurrent_activation") for operation in OPERATIONS])
    results = []
    for result, error, response in zip(
        made([0.0] * 7, count=count, seed=seed), *np.exp(rng.standard_normal((2, count))), strict=True
    ):
        assert result.sample is not None
        gram = np.zeros((len(OPERATIONS), len(OPERATIONS)))
        gram[np.triu_indices(len(OPERATIONS))] = np.multiply(result.sample.gram, response**2)
        gram += np.triu(gram, 1).T
        projections = gram @ edge + np.multiply(result.sample.projections, response * error)
        sample = replace(
            result.sample, projections=tuple(projections.tolist()), gram=tuple(gram[np.triu_indices(len(OPERATIONS))].tolist())
        )
        results.append(replace(result, checks=(), sample=sample))
    return results


def test_false_alarms_are_as_rare_as_stated() -> None:
    """Where few of 25 families outweigh the others, and biases are at the edge, p < 0.05 in one run of 20 at most."""
    smallest = np.sort([min(test.p for test in pooled_tests(uneven(seed))) for seed in range(200)])
    assert (smallest < 0.05).sum() <= 10
    assert smallest[0] > SIGNIFICANCE


def test_mean_squares_of_skewed_errors_raise_no_alarm() -> None:
    """χ² of two numbers over that of 24 replicas, the most that a family may have: p < 0.05 in one run of 20 at most."""
    rng = np.random.default_rng(RNG_SEED)
    squares = rng.chisquare(2, (400, FEWEST_FAMILIES)) / (rng.chisquare(24, (400, FEWEST_FAMILIES)) / 24) / 3
    probabilities = [
        test.p
        for means in squares
        for test in pooled_tests(
            Result(
                case_id=str(number),
                group="",
                verdict=Verdict.PASS,
                checks=(CheckResult(check="outputs", verdict=Verdict.PASS, size=2, squares=float(mean)),),
                sample=Sample(family=f"f{number}", precision="float32"),
            )
            for number, mean in enumerate(means)
        )
    ]
    assert len(probabilities) == 400
    assert np.mean(np.array(probabilities) < 0.05) <= 0.05


def test_chance_is_no_less_than_that_of_all_signs() -> None:
    """Of ten contributions, all 1,024 signs one by one: the bound holds, and is within a factor of 5 in the tail."""
    contributions = np.random.default_rng(RNG_SEED).standard_normal(10)
    signs = 1 - 2 * (np.arange(1024)[:, np.newaxis] >> np.arange(10) & 1)
    distances = np.linspace(0, np.abs(contributions).sum(), 9)[1:]
    exact = (signs @ contributions >= distances[:, np.newaxis] - 1e-9).mean(axis=1)
    bounds = np.array([_random_sign_probability(contributions, float(distance)) for distance in distances])
    assert (exact <= bounds * (1 + 1e-9)).all()
    assert (bounds <= np.maximum(5 * exact, 0.5)).all()


@pytest.mark.parametrize(
    ("contributions", "distance", "chance"),
    [
        pytest.param([1.0, 1.0, 1.0, 0.0], 3.0, 1 / 8, id="all of the same sign"),
        pytest.param([1.0, 1.0, 1.0], 4.0, 1 / 8, id="farther than they reach"),
        pytest.param([1.0, 1.0], 0.0, 1.0, id="no distance"),
        pytest.param([1.0, 1.0], -1.0, 1.0, id="within what is allowed"),
        pytest.param([1.0, 1e-9], 1.0 + 5e-10, 1 / 2, id="one outweighs the other"),
        pytest.param([0.0, 0.0], 1.0, 1.0, id="nothing is contributed"),
    ],
)
def test_chance_is_worked_by_hand(contributions: list[float], distance: float, chance: float) -> None:
    """Signs that must all agree, and those that need not."""
    assert _random_sign_probability(np.array(contributions), distance) == pytest.approx(chance, rel=0.02)


# --- what is told apart ---------------------------------------------------------------------------------------------------------


def of_responses(responses: Array, biases: Sequence[float], noise: float = 0.1) -> list[Result]:
    """Results of families with these responses, (families, operations, elements)."""
    rng = np.random.default_rng(RNG_SEED)
    results = []
    for number, family in enumerate(responses):
        each = composed(family)
        errors = np.asarray(biases) @ each + noise * rng.standard_normal(each.shape[1])
        sample = Sample(
            family=f"f{number}",
            precision="float32",
            size=len(errors),
            projections=tuple((each @ errors).tolist()),
            gram=tuple((each @ each.T)[np.triu_indices(len(OPERATIONS))].tolist()),
        )
        results.append(Result(case_id=str(number), group="", verdict=Verdict.PASS, sample=sample))
    return results


def one_timestep(families: int, longer: int) -> Array:
    """Responses of families, all but a few of which have one timestep: activation is cell and output at once."""
    responses = np.random.default_rng(RNG_SEED).standard_normal((families, len(OPERATIONS), 30))
    activation, cell, output = (OPERATIONS.index(name) for name in ("activation", "cell", "output"))
    responses[longer:, activation] = responses[longer:, cell] + responses[longer:, output]
    return responses


def test_recurrent_activation_is_tested_with_cell_and_output() -> None:
    """Its error shows in both; it has no test of its own, and the report can say so."""
    biases = [3.0 * (operation == "recurrent_activation") for operation in OPERATIONS]
    tests = pooled_tests(made(biases))
    assert [test.name for test in tests if test.verdict is Verdict.FAIL and test.what == BIAS] == [
        "bias of cell or recurrent_activation",
        "bias of output or recurrent_activation",
    ]
    assert indistinguishable_operations(tests) == {("recurrent_activation", "cell", "output"): ["float32"]}


@pytest.mark.parametrize("longer", [0, 1, 5], ids="{} longer".format)
def test_what_few_families_tell_apart_is_tested_together(longer: int) -> None:
    """Activation beside cell and output where up to as many families as operations tell them apart; each may be biased."""
    tests = pooled_tests(of_responses(one_timestep(30, longer), [0.0] * 7))
    assert indistinguishable_operations(tests) == {("recurrent_activation", "activation", "cell", "output"): ["float32"]}
    found = by_name(tests, BIAS)
    assert found.keys() == set(TOLD) - {"activation"}
    assert found["cell"].allowed == pytest.approx(2 * ALLOWED_BIAS, rel=0.2)
    assert found["kernel"].allowed == ALLOWED_BIAS


def test_what_many_families_tell_apart_is_tested_apart() -> None:
    """Activation on its own where twelve of thirty families have more than a timestep."""
    tests = pooled_tests(of_responses(one_timestep(30, 12), [0.0] * 7))
    assert indistinguishable_operations(tests) == {("recurrent_activation", "cell", "output"): ["float32"]}


def test_biases_that_are_not_told_apart_are_found_together() -> None:
    """An error of activation that one family could tell from others shows where it cannot be told from them."""
    biases = [3.0 * (operation == "activation") for operation in OPERATIONS]
    tests = pooled_tests(of_responses(one_timestep(30, 1), biases))
    assert {test.of for test in tests if test.verdict is Verdict.FAIL} == {"cell", "output"}


def test_what_one_family_shows_says_nothing_of_all() -> None:
    """A response that one family alone has is no test, however large its error."""
    responses = np.random.default_rng(RNG_SEED).standard_normal((30, len(OPERATIONS), 30))
    responses[1:, OPERATIONS.index("bias")] = 0
    tests = pooled_tests(of_responses(responses, [9.0 * (operation == "bias") for operation in OPERATIONS]))
    assert "bias" not in by_name(tests, BIAS)
    assert "bias" in {name for test in tests for name in test.aliases}
    assert all(test.verdict is Verdict.PASS for test in tests)


def test_nothing_that_responds_is_no_test() -> None:
    """Families whose responses are all zero are told nothing by, and so is one operation that one family has."""
    responses = np.zeros((30, len(OPERATIONS), 30))
    assert pooled_tests(of_responses(responses, [0.0] * 7)) == ()
    responses[0, OPERATIONS.index("bias")] = 1
    assert pooled_tests(of_responses(responses, [0.0] * 7)) == ()


def test_groups_of_other_precisions_are_their_own() -> None:
    """Groups that share an operation are one group; the same in two precisions is said once."""
    (test, *_) = pooled_tests(made([0.0] * 7))
    tests = [
        replace(test, of="cell", aliases=("activation",)),
        replace(test, of="kernel", aliases=("bias",)),
        replace(test, of="output", aliases=("activation",)),
        replace(test, of="kernel", aliases=()),
        replace(test, of="kernel", aliases=("bias",), precision="float16"),
    ]
    assert indistinguishable_operations(tests) == {
        ("activation", "cell", "output"): ["float32"],
        ("kernel", "bias"): ["float32", "float16"],
    }


def test_every_operation_can_be_left_out() -> None:
    """The order in which operations are left out names all that are told apart."""
    assert set(_LEFT_OUT_FIRST) == set(TOLD)


# --- implementations ------------------------------------------------------------------------------------------------------------


def test_float32_is_neither_biased_nor_too_far_off() -> None:
    """The reference in float32, without any error."""
    tests = pooled_tests(sampled(ErringAdapter(error=0.0)))
    assert len(tests) == len(TOLD) + 3
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
    assert failing.keys() == {*ALIASED.get(operation, (operation,))}
    assert [test.estimate for test in failing.values()] == pytest.approx([2] * len(failing), rel=0.5)


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
    exact = sampled(ReferenceAdapter(), ALONE)
    assert {result.verdict for result in exact} == {Verdict.PASS}
    tests = pooled_tests(exact)
    assert tests
    assert all(test.verdict is Verdict.PASS for test in tests)
    assert {test.of for test in tests if test.what == BIAS} == set(TOLD)


def test_a_chaotic_case_among_others_raises_no_alarm() -> None:
    """One whose difference quotients are derivatives but to 1e-5 of themselves.

    It alone told recurrent_activation from cell and output at once, by what is wrong with them: biases of 13,600 ± 1,400 u.
    """
    cases = [*ALONE[24:54], Case.from_id("u16-d8-t100-b4-weights_chaotic-s0")]
    tests = pooled_tests(sampled(ErringAdapter(error=0.0), cases))
    assert [test.name for test in tests if test.verdict is not Verdict.PASS] == []
    assert max(test.standard_error for test in tests) < 1
    assert indistinguishable_operations(tests) == {("recurrent_activation", "cell", "output"): ["float32"]}


@pytest.mark.parametrize(
    ("precision", "second_order", "kept"),
    [
        pytest.param("float32", 0.0, True, id="a derivative"),
        pytest.param("float32", 0.14, True, id="float32, less than rounding"),
        pytest.param("float32", -0.15, False, id="float32, more than rounding"),
        pytest.param("float64", 0.57, True, id="float64, less than rounding"),
        pytest.param("float64", 0.58, False, id="float64, more than rounding"),
    ],
)
def test_elements_that_do_not_respond_in_proportion_are_left_out(
    precision: str,
    second_order: float,
    kept: bool,  # a parameter of the test
) -> None:
    """One u of float32 is four of the quotient's errors, 2^-26, and one of float64 far less; rounding is 1/√3 σ."""
    responses = composed(np.ones((len(OPERATIONS), 1)))
    responses[OPERATIONS.index("recurrent_activation")] += second_order
    assert _is_first_order(responses, UNIT_ROUNDOFF[precision]).tolist() == [kept]


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
