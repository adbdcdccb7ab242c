"""Each check accepts the reference, rejects what it is there for, and judges at its limits and not beside them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.judging.checks import CHECKS, Check, Evidence, judge
from conformance.judging.judgement import Comparison, judge_values
from conformance.judging.verdict import CheckResult, Verdict
from conformance.matrix import documents_matrix
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import TWO_RUNS
from conformance.running.runner import run
from lstm_ref import LSTMError
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Need

PLAIN, SEQUENCE = Case.from_id("u10-d5-t13-b3-s0"), Case.from_id("u10-d5-t13-b3-seq-s0")
STATEFUL, STATEFUL_SEQUENCE = Case.from_id("u10-d5-t6-b3-stateful-s0"), Case.from_id("u10-d5-t6-b3-seq-stateful-s0")
# Where the checks apply that no case of the documents' matrix asks for.
SURFACE = (
    "u3-d2-t5-b4-seq-nostate-via_evaluate-s0",
    "u3-d2-t5-b4-seq-same_as_two_calls-s0",
    "u3-d2-t5-b4-seq-drop_both-eager-s0",
    "u3-d2-t5-b4-seq-via_gradient-s0",
)
DOCUMENTS_CHECKS = {check.name for check in CHECKS} - {"loss", "gradients", "relation", "dropout"}
STATEFUL_CHECKS = {"stored_state", "cut_sequence"}


def observe(case: Case, deviation: str | None = None) -> tuple[Stimulus, Observation]:
    """The stimulus, and what the reference returns on it, with a deviation if one is named."""
    stimulus = draw([case])
    return stimulus, ReferenceAdapter(deviation).observe(case, stimulus)


def evidence_of(case: Case) -> Evidence:
    """The reference's own."""
    stimulus, observed = observe(case)
    return Evidence(case=case, stimulus=stimulus, observed=observed)


def exact(case: Case) -> tuple[Stimulus, Observation]:
    """The same with the very numbers that are expected, in float64."""
    stimulus, observed = observe(case)
    calls = tuple(
        replace(call, outputs=expected.outputs, hidden=expected.hidden, cell=expected.cell)
        for call, expected in zip(observed.calls, expected_calls(case, stimulus).calls, strict=True)
    )
    return stimulus, replace(observed, calls=calls)


def changed(observed: Observation, call: int, **change: Callable[[Array], Any]) -> Observation:
    """The same observation with some arrays of one call replaced by what the functions make of them."""
    arrays = {name: function(getattr(observed.calls[call], name)) for name, function in change.items()}
    calls = list(observed.calls)
    calls[call] = replace(calls[call], **arrays)
    return replace(observed, calls=tuple(calls))


def verdict_of(check: str, case: Case, stimulus: Stimulus, observed: Observation) -> CheckResult:
    """How one check judges."""
    (result,) = (result for result in judge(Evidence(case=case, stimulus=stimulus, observed=observed)) if result.check == check)
    return result


@pytest.mark.parametrize(
    "case_id",
    [
        f"{size}-b3{flags}-s0"
        for size in ("u1-d1-t1", "u1-d2-t6", "u2-d2-t28", "u10-d5-t13")
        for flags in ("", "-seq", "-stateful", "-seq-stateful")
    ],
)
def test_every_check_accepts_the_reference(case_id: str) -> None:
    """The reference rounded to float32 is a Keras LSTM, and not by a narrow margin: one rounding is at most 1 σ."""
    case = Case.from_id(case_id)
    results = judge(evidence_of(case))
    assert {result.check for result in results if result.verdict is not Verdict.PASS or result.message} == set()
    assert all(result.worst is None or result.worst <= 1 for result in results if result.check != "cut_sequence")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_check_rejects_what_it_names(check: Check) -> None:
    """On the first case of the matrix where both the check and its deviation apply."""
    deviation = DEVIATIONS[check.kills]
    cases = [*documents_matrix(), *(Case.from_id(case_id) for case_id in SURFACE)]
    case = next(case for case in cases if check.applies_to(case) and deviation.needs <= case.fulfilled_needs)
    (whole,) = run([case], ReferenceAdapter(check.kills))
    (result,) = (each for each in whole.checks if each.check == check.name)
    assert result.verdict is Verdict.FAIL
    assert result.message


def test_checks_have_names_of_their_own() -> None:
    """Reports and the kill matrix go by the name."""
    assert [check.name for check in CHECKS] == [
        "outputs", "hidden_state", "cell_state", "shapes", "dtypes", "parameter_count", "weight_shapes", "stored_state",
        "cut_sequence", "loss", "gradients", "relation", "dropout",
    ]  # fmt: skip
    assert all(check.asserts and check.kills in DEVIATIONS for check in CHECKS)


@pytest.mark.parametrize("case", [PLAIN, SEQUENCE], ids=lambda case: case.id)
def test_stateful_checks_do_not_judge_stateless_cases(case: Case) -> None:
    """There is no stored state, and no second call."""
    assert {result.check for result in judge(evidence_of(case))} == DOCUMENTS_CHECKS - STATEFUL_CHECKS


@pytest.mark.parametrize("case", [STATEFUL, STATEFUL_SEQUENCE], ids=lambda case: case.id)
def test_every_check_judges_stateful_cases(case: Case) -> None:
    """In the order of the registry."""
    assert [result.check for result in judge(evidence_of(case))] == [
        check.name for check in CHECKS if check.name in DOCUMENTS_CHECKS
    ]


# --- limits --------------------------------------------------------------------------------------------------------------------

VALUE_OF = {"outputs": "outputs", "hidden_state": "hidden", "cell_state": "cell"}


def off_by(case: Case, value: str, sigmas: float, at: Any) -> tuple[Stimulus, Observation, Array]:
    """Exact results, one value of the last call moved by so many σ at some place; and that value's σ."""
    stimulus, observed = exact(case)
    sigma = getattr(expected_calls(case, stimulus).sigma[-1], value)

    def move(array: Array) -> Array:
        moved = array.copy()
        moved[at] += sigmas * sigma[at]
        return moved

    return stimulus, changed(observed, -1, **{value: move}), sigma


@pytest.mark.parametrize("case", [PLAIN, SEQUENCE, STATEFUL, STATEFUL_SEQUENCE], ids=lambda case: case.id)
@pytest.mark.parametrize("check", list(VALUE_OF))
@pytest.mark.parametrize(("sigmas", "verdict"), [(7.9, Verdict.PASS), (-7.9, Verdict.PASS), (8.1, Verdict.FAIL)])
def test_one_element_may_be_off_by_eight_sigma(check: str, case: Case, sigmas: float, verdict: Verdict) -> None:
    """7.9 σ pass and 8.1 σ fail; among 30 elements either is less than 1.5 σ in the root mean square."""
    at = (1, 4, 3) if case.config.return_sequences and check == "outputs" else (1, 3)
    stimulus, observed, _ = off_by(case, VALUE_OF[check], sigmas, at)
    result = verdict_of(check, case, stimulus, observed)
    assert result.verdict is verdict
    assert result.worst == pytest.approx(abs(sigmas), rel=1e-6)  # a float64 sum at 2^-53 of a value that is at most 2^24 σ


@pytest.mark.parametrize("case", [PLAIN, SEQUENCE, STATEFUL], ids=lambda case: case.id)
@pytest.mark.parametrize("check", list(VALUE_OF))
@pytest.mark.parametrize(("sigmas", "verdict"), [(1.9, Verdict.PASS), (-1.9, Verdict.PASS), (2.1, Verdict.FAIL)])
def test_an_array_may_be_off_by_two_sigma(check: str, case: Case, sigmas: float, verdict: Verdict) -> None:
    """In the root mean square: 1.9 σ everywhere pass and 2.1 σ everywhere fail, though no element is at its limit."""
    stimulus, observed, sigma = off_by(case, VALUE_OF[check], sigmas, ...)
    result = verdict_of(check, case, stimulus, observed)
    assert result.verdict is verdict
    assert result.rms == pytest.approx(abs(sigmas), rel=1e-6)
    if verdict is Verdict.FAIL:
        label = {"outputs": "outputs", "hidden": "hidden state", "cell": "cell state"}[VALUE_OF[check]]
        number = " of call 4" if case.config.stateful else ""
        said = f"{label}{number} as a whole is off by 2.1 σ (root mean square of {sigma.size} elements), limit 2 σ"
        assert result.message == said


@pytest.mark.parametrize(("sigmas", "verdict"), [(7.9, Verdict.PASS), (8.1, Verdict.FAIL)])
@pytest.mark.parametrize("value", ["outputs", "hidden", "cell"])
def test_cut_sequence_allows_two_runs(value: str, sigmas: float, verdict: Verdict) -> None:
    """Two runs of the implementation are compared, so the limit is √2 times as wide."""
    stimulus, observed, _ = off_by(STATEFUL, value, sigmas * TWO_RUNS, (1, 3))
    assert verdict_of("cut_sequence", STATEFUL, stimulus, observed).verdict is verdict


def test_cut_sequence_reads_both_pieces() -> None:
    """With return_sequences the first piece's outputs are compared too."""
    stimulus, observed = observe(STATEFUL_SEQUENCE)
    wrong = changed(observed, 0, outputs=lambda outputs: outputs + 1)
    result = verdict_of("cut_sequence", STATEFUL_SEQUENCE, stimulus, wrong)
    assert result.verdict is Verdict.FAIL
    assert result.message.startswith("outputs of one call against two[")


# --- messages ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("got", "largest"),
    [
        pytest.param([0.5, 1.25, 9.0], 0.25, id="one number"),
        pytest.param([0.5, 1.25, 9.5], 0.25, id="one number, and a larger error that is rounding"),
        pytest.param([0.5, 1.25, 16.0], 6.999, id="one number, and the others as a whole"),
        pytest.param([0.57, 1.07, 16.0], 6.999, id="the array as a whole"),
        pytest.param([0.5, np.nan, 9.0], math.inf, id="not a number"),
        pytest.param([0.5, 1.0], math.inf, id="another shape"),
        pytest.param([0.5, 1.0, 9.0], 0.0, id="nothing"),
    ],
)
def test_how_far_what_fails_is_off_is_said(got: list[float], largest: float) -> None:
    """The largest error in numbers, not in σ; of what passes none, of what cannot be compared no bound."""
    expected, sigma = np.array([0.5, 1.0, 9.001]), np.array([0.01, 0.01, 1.0])
    pair = Comparison(label="", got=np.array(got), expected=expected, sigma=sigma)
    assert judge_values("outputs", [pair]).largest == pytest.approx(largest)


def test_how_far_what_fails_is_off_is_said_beside_what_is_not_a_number() -> None:
    """NaN and infinity that are expected are no errors."""
    expected, sigma = np.array([np.nan, np.inf, 1.0]), np.full(3, 0.01)
    pair = Comparison(label="", got=np.array([np.nan, np.inf, 1.25]), expected=expected, sigma=sigma)
    assert judge_values("outputs", [pair]).largest == 0.25


@pytest.mark.parametrize(
    ("got", "not_finite"),
    [
        ([np.nan, 1.0, np.inf], True),
        ([0.5, np.inf, np.inf], True),
        ([0.5, 1.0, 9.0], True),
        ([np.nan, np.nan, np.nan], True),
        ([np.nan, 2.0, np.inf], False),
        ([0.5, 2.0, np.inf], False),
        ([0.5, 1.0, np.inf], False),
        ([0.5, 1.0], False),
    ],
    ids=[
        "finite expected",
        "another finite",
        "infinity expected",
        "nothing finite",
        "both",
        "finite",
        "nothing off",
        "not comparable",
    ],
)
def test_whether_only_what_is_not_finite_is_off_is_said(got: list[float], not_finite: bool) -> None:
    """Of what fails: that it lies within the limits wherever what was got and what was expected are both finite."""
    expected, sigma = np.array([0.5, 1.0, np.inf]), np.array([0.01, 0.01, 1.0])
    pair = Comparison(label="", got=np.array(got), expected=expected, sigma=sigma)
    assert judge_values("outputs", [pair]).not_finite is not_finite


def test_what_nothing_could_make_fail_is_counted() -> None:
    """Where 8 σ reach twice the largest expected value; arrays of zeros and what is not finite are compared all the same."""
    expected = np.array([0.5, -1.0, 0.25])
    pairs = [
        Comparison(label="", got=expected, expected=expected, sigma=np.array([0.24, 0.25, 100.0])),
        Comparison(label="", got=np.zeros(3), expected=np.zeros(3), sigma=np.ones(3)),
        Comparison(label="", got=np.full(3, np.nan), expected=np.full(3, np.nan), sigma=np.ones(3)),
    ]
    assert judge_values("outputs", pairs).blind == 2


def test_message_says_what_where_got_expected_and_by_how_much() -> None:
    """Index, both values, the error in numbers and in σ, the limit, and the axes by name."""
    stimulus, observed, sigma = off_by(SEQUENCE, "outputs", 300.0, (2, 7, 4))
    expected = float(expected_calls(SEQUENCE, stimulus).calls[0].outputs[2, 7, 4])
    got = float(observed.calls[0].outputs[2, 7, 4])
    message = verdict_of("outputs", SEQUENCE, stimulus, observed).message
    assert message == (
        f"outputs[2, 7, 4] is {got:.9g}, expected {expected:.9g}: off by {300 * sigma[2, 7, 4]:.2g} (300 σ, limit 8 σ) "
        "at timestep 7, row 2, unit 4"
    )


def test_message_of_a_stateful_case_names_the_call() -> None:
    """And says that there is more where several arrays are off."""
    stimulus, observed = exact(STATEFUL)
    for call in (1, 2):
        observed = changed(observed, call, cell=lambda cell: cell + 1)
    message = verdict_of("cell_state", STATEFUL, stimulus, observed).message
    assert re.match(r"cell state of call 2\[\d, \d\] is ", message)
    assert message.endswith(" (and 1 more)")


@pytest.mark.parametrize(("value", "check"), [("outputs", "outputs"), ("hidden", "hidden_state"), ("cell", "cell_state")])
def test_another_shape_is_not_comparable(value: str, check: str) -> None:
    """Nothing is broadcast; the shapes are said, and no numbers are."""
    stimulus, observed = observe(PLAIN)
    result = verdict_of(check, PLAIN, stimulus, changed(observed, 0, **{value: lambda array: array[:1]}))
    label = value if value == "outputs" else f"{value} state"
    assert (result.verdict, result.worst, result.rms, result.size) == (Verdict.FAIL, None, None, 0)
    assert result.message == f"{label} has shape (1, 10), expected (3, 10): not comparable"


@pytest.mark.parametrize(
    ("value", "got", "expected"),
    [("outputs", (3, 12, 10), (3, 13, 10)), ("hidden", (3, 9), (3, 10)), ("cell", (3, 1, 10), (3, 10))],
)
def test_shapes_check_says_both_shapes(value: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Of outputs and of both states."""
    stimulus, observed = observe(SEQUENCE)
    shapes = observed.calls[0].returned
    returned = tuple(got if name == value else shape for name, shape in zip(("outputs", "hidden", "cell"), shapes, strict=True))
    result = verdict_of("shapes", SEQUENCE, stimulus, changed(observed, 0, returned=lambda _: returned))
    said = [" and ".join(map(str, shapes)) for shapes in (returned, shapes)]
    assert expected in shapes
    assert result.message == f"the shape of what the call returned is {said[0]}, expected {said[1]}"


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_another_dtype_fails(position: int, dtype: str) -> None:
    """Wider or narrower than the compute dtype, of the outputs or of either state."""
    stimulus, observed = observe(PLAIN)
    dtypes = tuple(dtype if number == position else "float32" for number in range(3))
    result = verdict_of("dtypes", PLAIN, stimulus, changed(observed, 0, dtypes=lambda _: dtypes))
    assert result.verdict is Verdict.FAIL
    assert dtype in result.message
    assert result.message.endswith(", expected float32")


@pytest.mark.parametrize("wrong", [0, 600, 641, 680])
def test_another_parameter_count_fails(wrong: int) -> None:
    """4 · 10 · (5 + 10 + 1) = 640, and nothing near it."""
    stimulus, observed = observe(PLAIN)
    result = verdict_of("parameter_count", PLAIN, stimulus, replace(observed, parameter_count=wrong))
    assert result.message == f"the parameter count is {wrong}, expected 640"


@pytest.mark.parametrize(
    "wrong", [((40, 5), (40, 10), (40,)), ((5, 40), (10, 40)), ((10, 40), (5, 40), (40,)), ((5, 40), (10, 40), (80,)), ()]
)
def test_other_weight_shapes_fail(wrong: tuple[tuple[int, ...], ...]) -> None:
    """Transposed, without bias, exchanged, with two biases, or none."""
    stimulus, observed = observe(PLAIN)
    result = verdict_of("weight_shapes", PLAIN, stimulus, replace(observed, weight_shapes=wrong))
    assert result.message == f"the shapes of the weights is {wrong}, expected {((5, 40), (10, 40), (40,))}"


# --- the stored state ----------------------------------------------------------------------------------------------------------


def stored_state(call: int, **change: Callable[[Array], Any]) -> CheckResult:
    """How the check judges the reference's results with some of one call's arrays replaced."""
    stimulus, observed = observe(STATEFUL)
    return verdict_of("stored_state", STATEFUL, stimulus, changed(observed, call, **change))


def one_bit_up(array: Array) -> Array:
    """The same values but the last, which is the next float."""
    moved = array.copy()
    moved[-1, -1] = np.nextafter(moved[-1, -1], np.inf, dtype=moved.dtype)
    return moved


@pytest.mark.parametrize("value", ["hidden", "cell"])
@pytest.mark.parametrize("call", range(4))
@pytest.mark.parametrize("change", [lambda _: None, one_bit_up, lambda array: array[:1]], ids=["missing", "one bit", "fewer rows"])
def test_stored_state_that_is_not_the_returned_one_fails(value: str, call: int, change: Callable[[Array], Any]) -> None:
    """Storing is no arithmetic: after every call, bit for bit."""
    result = stored_state(call, **{f"stored_{value}": change})
    assert result.message == f"whether the stored {value} state is the one that call {call + 1} returned is False, expected True"


@pytest.mark.parametrize("value", ["hidden", "cell"])
def test_state_that_is_not_zero_after_a_reset_fails(value: str) -> None:
    """The message counts the values that were left."""
    result = stored_state(3, **{f"reset_{value}": one_bit_up})
    assert result.message == f"the number of nonzero {value} values after the reset is 1, expected 0"


def test_stored_nan_is_the_returned_nan() -> None:
    """A state that overflowed is stored as it is: that it is wrong, other checks say."""

    def spoil(array: Array) -> Array:
        return np.full_like(array, np.nan)

    assert stored_state(2, stored_cell=spoil, cell=spoil).verdict is Verdict.PASS


def test_missing_call_is_not_judged_quietly() -> None:
    """An adapter that observed fewer calls than the case has is broken, which is an error and no verdict."""
    stimulus, observed = observe(STATEFUL)
    with pytest.raises(LSTMError, match="what was observed has 3 calls, expected 4: one for each"):
        Evidence(case=STATEFUL, stimulus=stimulus, observed=replace(observed, calls=observed.calls[:3]))


@pytest.mark.parametrize(
    ("field", "check", "message"),
    [
        ("returned", "shapes", "the shape of what the call returned is missing, expected (3, 10) and (3, 10) and (3, 10)"),
        ("dtypes", "dtypes", "the dtype of what the call returned is missing, expected float32"),
    ],
)
def test_what_an_adapter_leaves_out_is_called_missing(field: str, check: str, message: str) -> None:
    """As whoever writes one reads it."""
    stimulus, observed = observe(PLAIN)
    nothing: dict[str, Any] = {field: ()}
    calls = tuple(replace(call, **nothing) for call in observed.calls)
    assert verdict_of(check, PLAIN, stimulus, replace(observed, calls=calls)).message == message


@pytest.mark.parametrize("field", ["outputs", "stored_cell"])
def test_observation_holds_arrays_of_numpy(field: str) -> None:
    """A list, or a framework's tensor, is refused where it comes in, with how to make an array of it."""
    numbers: dict[str, Any] = {field: [[0.5]]}
    with pytest.raises(LSTMError, match=f"{field} of a call is a list, expected a NumPy array, as numpy.asarray makes one"):
        CallObservation(**numbers)


def test_evidence_is_computed_once() -> None:
    """Three value checks share one expectation."""
    stimulus, observed = observe(PLAIN)
    evidence = Evidence(case=PLAIN, stimulus=stimulus, observed=observed)
    assert evidence.expected is evidence.expected


def test_needs_of_the_named_deviations_are_met_in_the_matrix() -> None:
    """A check whose deviation could nowhere show would be unproven."""
    offered = frozenset[Need]().union(
        *(case.fulfilled_needs for case in documents_matrix()), *(Case.from_id(one).fulfilled_needs for one in SURFACE)
    )
    assert all(DEVIATIONS[check.kills].needs <= offered for check in CHECKS)
