"""Gradients of real layers and of wrong ones: what is asked for, how it is judged, and which mistake is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.adapters.keras.routes import KerasSubject
from conformance.adapters.observation import Observation
from conformance.adapters.protocol import Answer, observation_of
from conformance.adapters.worker.calls import run_calls
from conformance.adapters.worker.common import Unsupported
from conformance.adapters.worker.keras import Keras
from conformance.cases.case import Case
from conformance.cases.masks import gradient_needs
from conformance.cases.stimulus import draw
from conformance.diagnosis.diagnosis import search
from conformance.judging.checks import Evidence, judge
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.matrix import allowed
from conformance.reference.adapter import ReferenceAdapter
from conformance.reference.run import expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT
from conformance.running.runner import run
from lstm_ref.activations import ACTIVATIONS, WITHOUT_KERAS_NAME
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Need
from lstm_ref.uncertainty.budgets import BUDGETS

PLAIN = Case.from_id("u3-d2-t6-b4-seq-mask_interior-init-via_gradient-s0")
OF_GRADIENTS = [name for name, deviation in DEVIATIONS.items() if Need.GRADIENTS in deviation.needs]


def result_of(case: Case, adapter: ReferenceAdapter | KerasLayerAdapter) -> Result:
    """How a case comes out."""
    (result,) = run([case], adapter)
    return result


# --- what is asked for ---------------------------------------------------------------------------------------------------------

WEIGHTS = ("kernel", "recurrent_kernel", "bias")
STATES = ("initial hidden state", "initial cell state")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", (*WEIGHTS, "inputs")),
        ("-init", (*WEIGHTS, "inputs", *STATES)),
        ("-nobias", (*WEIGHTS[:2], "inputs")),
        ("-mask_left-by_embedding", WEIGHTS),
        ("-in_int32", WEIGHTS),
        ("-nostate-td", (*WEIGHTS, "inputs")),
        (
            "-bidi-init",
            (
                *(f"{part} {name}" for part in ("forward", "backward") for name in WEIGHTS),
                "inputs",
                *(f"{part} {name}" for part in ("forward", "backward") for name in STATES),
            ),
        ),
        ("-layers2", (*(f"{part} {name}" for part in ("first", "second") for name in WEIGHTS), "inputs")),
    ],
)
def test_gradients_that_a_case_asks_for(words: str, names: tuple[str, ...]) -> None:
    """Of all weights, of inputs that are floats and no ids, of initial states that are given."""
    case = Case.from_id(f"u3-d2-t6-b4{words}-via_gradient-s0")
    (call,) = case.calls
    assert case.gradients_of(call) == names
    (observed,) = ReferenceAdapter().observe(case, draw([case])).calls
    assert tuple(observed.gradients) == names
    assert not Case.from_id(f"u3-d2-t6-b4{words}-s0").gradients_of(call)


@pytest.mark.parametrize(
    "word", ["p_mixed_float16", "mask_left-with_nan", "mask_left-with_inf", "drop_input-eager", "stateful-init"]
)
def test_gradients_that_are_no_case(word: str) -> None:
    """Those that leave their range, are not finite, or draw what cannot be read."""
    assert not allowed(Case.from_id(f"u3-d2-t6-b4-{word}-via_gradient-s0"))


# --- real layers ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "seq-init", "nobias", "seq-back-mask_left", "seq-zeromask-mask_right-eager", "bidi-merge_mul-mask_interior",
        "seq-bidi-merge_none-unequal", "seq-layers2-init", "back-cells2", "nostate-td", "seq-mask_left-by_embedding",
        "seq-mask_right-by_masking-in_int32", "stateful-staticbatch", "seq-unroll-impl1-statictime",
        "seq-act_softplus-ract_hard_sigmoid-p_float64-eager", "rnn", "jit", "strided",
    ],
)  # fmt: skip
def test_gradients_of_keras_itself_pass(words: str, keras_adapter: KerasLayerAdapter) -> None:
    """In every architecture, through every mask, by every loop; and they are judged."""
    result = result_of(Case.from_id(f"u3-d2-t6-b4-{words}-via_gradient-s0"), keras_adapter)
    assert (result.verdict, [check.message for check in result.checks if check.message]) == (Verdict.PASS, [])
    (gradients,) = (check for check in result.checks if check.check == "gradients")
    assert gradients.size > 30
    assert result.path.startswith("gradient, ")


def test_gradients_of_an_empty_batch_are_zero(keras_adapter: KerasLayerAdapter) -> None:
    """Sums over no rows."""
    case = Case.from_id("u3-d2-t6-b0-seq-via_gradient-s0")
    assert result_of(case, keras_adapter).verdict is Verdict.PASS
    (call,) = keras_adapter.observe(case, draw([case])).calls
    assert not call.gradients["kernel"].any()


@pytest.mark.parametrize("backend", ["numpy", "openvino"])
def test_backend_that_infers_only_has_no_gradients(backend: str, keras_adapter: KerasLayerAdapter) -> None:
    """That is its reason."""
    keras = Keras(keras_adapter.keras.__name__)
    keras.backend = backend
    with pytest.raises(Unsupported, match=f"Keras infers only on {backend}: there are no gradients"):
        KerasSubject(keras, PLAIN, draw([PLAIN]))


def test_gradients_by_stateless_call_are_those_of_the_call(keras_adapter: KerasLayerAdapter) -> None:
    """As JAX takes them: of a function of the weights. TensorFlow can, too."""
    stimulus = draw([PLAIN])
    subject = KerasSubject(Keras(keras_adapter.keras.__name__), PLAIN, stimulus)
    subject.run = subject.stateless_gradient(jit=False)
    answer, arrays = run_calls(subject)
    evidence = Evidence(case=PLAIN, stimulus=stimulus, observed=observation_of(PLAIN, Answer(fields=answer, arrays=arrays)))
    assert {check.verdict for check in judge(evidence)} == {Verdict.PASS}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS.keys() - WITHOUT_KERAS_NAME - {"sparsemax"}))
def test_activations_of_keras_are_evaluated_within_their_budgets(name: str, keras_adapter: KerasLayerAdapter) -> None:
    """The largest error of 40,000 within the limit of 8, their mean square within the budget. Sparsemax is a known difference."""
    keras = keras_adapter.keras
    z = np.random.default_rng(3).uniform(-6, 6, (10_000, 4)).astype(np.float32)
    got = np.asarray(keras.ops.convert_to_numpy(keras.activations.get(name)(keras.ops.convert_to_tensor(z))), np.float64)
    value = ACTIVATIONS[name](z.astype(np.float64))
    error, budget = np.abs(got - value) / 2.0**-24, BUDGETS[name](z.astype(np.float64), value)
    assert (error <= ELEMENT_LIMIT * budget).all()
    assert np.mean(error**2) <= np.mean(budget**2)


# --- judgement -----------------------------------------------------------------------------------------------------------------


def judged(change: Callable[[dict[str, Array]], dict[str, Array]]) -> CheckResult:
    """How the reference's own gradients, exact and then changed, are judged."""
    stimulus = draw([PLAIN])
    observed = ReferenceAdapter().observe(PLAIN, stimulus)
    exact = expected_calls(PLAIN, stimulus).calls[0].gradients
    calls = (replace(observed.calls[0], gradients=change(dict(exact))),)
    evidence = Evidence(case=PLAIN, stimulus=stimulus, observed=replace(observed, calls=calls))
    (result,) = (result for result in judge(evidence) if result.check == "gradients")
    return result


def moved(name: str, sigmas: float) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """One element of a gradient, so many σ off."""
    sigma = expected_calls(PLAIN, draw([PLAIN])).sigma[0].gradients[name]

    def change(gradients: dict[str, Array]) -> dict[str, Array]:
        array = gradients[name].copy()
        array.flat[1] += sigmas * sigma.flat[1]
        return gradients | {name: array}

    return change


@pytest.mark.parametrize("name", [*WEIGHTS, "inputs", *STATES])
def test_every_gradient_is_judged_by_its_sigma(name: str) -> None:
    """Within the limits it passes, just beyond 8 σ it fails, and the message says of what it is."""
    assert judged(moved(name, 6.8)).verdict is Verdict.PASS
    beyond = judged(moved(name, 8.1))
    assert beyond.verdict is Verdict.FAIL
    assert beyond.message.startswith(f"gradient of {name}[")


def test_gradient_that_is_missing_or_of_another_shape_fails() -> None:
    """With what is wrong."""
    missing = judged(lambda gradients: {name: array for name, array in gradients.items() if name != "bias"})
    assert missing.message == "gradient of bias has shape None, expected (12,): not comparable"
    other = judged(lambda gradients: gradients | {"kernel": gradients["kernel"].T})
    assert other.message == "gradient of kernel has shape (12, 2), expected (2, 12): not comparable"


@pytest.mark.parametrize("name", OF_GRADIENTS)
def test_deviation_of_the_gradients_leaves_what_is_computed_forwards_alone(name: str) -> None:
    """Only the gradients fail."""
    case = PLAIN if DEVIATIONS[name].needs <= PLAIN.fulfilled_needs else None
    if case is None:
        case = next(
            each
            for each in map(
                Case.from_id,
                (
                    "u3-d2-t6-b4-seq-back-via_gradient-s0",
                    "u3-d2-t6-b4-seq-zeromask-mask_right-via_gradient-s0",
                    "u3-d2-t6-b4-seq-bidi-merge_ave-via_gradient-s0",
                    "u3-d2-t6-b4-seq-bidi-merge_mul-via_gradient-s0",
                    "u3-d2-t6-b4-seq-layers2-via_gradient-s0",
                ),
            )
            if DEVIATIONS[name].needs <= each.fulfilled_needs
        )
    result = result_of(case, ReferenceAdapter(name))
    assert {check.check for check in result.checks if check.verdict is not Verdict.PASS} == {"gradients"}


@pytest.mark.parametrize(
    "name", ["recurrent_term_missing", "truncated_every_2", "gradient_of_o_dropped", "hard_sigmoid", "two_biases"]
)
def test_mistake_is_named(name: str) -> None:
    """One of the gradients by the gradients; one of what is computed forwards by that, whatever its gradients are."""
    stimulus = draw([PLAIN])
    observed = ReferenceAdapter(name).observe(PLAIN, stimulus)
    assert name in search(DEVIATIONS.values(), Evidence(case=PLAIN, stimulus=stimulus, observed=observed))


def test_gradients_that_no_deviation_gives_stay_unexplained() -> None:
    """Right outputs do not excuse them."""
    stimulus = draw([PLAIN])
    observed: Observation = ReferenceAdapter().observe(PLAIN, stimulus)
    wrong = {name: 1.5 * array for name, array in observed.calls[0].gradients.items()}
    observed = replace(observed, calls=(replace(observed.calls[0], gradients=wrong),))
    assert search(DEVIATIONS.values(), Evidence(case=PLAIN, stimulus=stimulus, observed=observed)) == ()


# --- what a mask offers --------------------------------------------------------------------------------------------------------

BASIC, CHAIN, LONG, HELD = Need.GRADIENTS, Need.GRADIENT_CHAIN, Need.LONG_GRADIENT_CHAIN, Need.HELD_GRADIENT


@pytest.mark.parametrize(
    ("mask", "flags", "offered"),
    [
        ("1", {}, {BASIC}),
        ("1", {"given": True}, {BASIC, CHAIN}),
        ("0", {"given": True, "returned": True}, {HELD}),
        ("0", {}, set()),
        ("11", {}, {BASIC, CHAIN}),
        ("111", {}, {BASIC, CHAIN, LONG}),
        ("110", {}, {BASIC, CHAIN}),
        ("110", {"returned": True}, {BASIC, CHAIN, LONG, HELD}),
        ("101", {}, {BASIC, CHAIN, LONG, HELD}),
        ("110", {"zeroes": True}, set()),
        ("110", {"zeroes": True, "shows_all": True}, {BASIC, CHAIN}),
        ("011", {}, {BASIC, CHAIN, LONG}),
        ("001", {"given": True}, {BASIC, CHAIN, HELD}),
    ],
)
def test_what_a_mask_offers_to_deviations_of_gradients(mask: str, flags: dict[str, bool], offered: set[Need]) -> None:
    """Used timesteps that the loss sees, pairs of them, pairs across a cut, and masked ones in between."""
    row = np.array([[digit == "1" for digit in mask]])
    asked = {"given": False, "returned": False, "shows_all": False, "zeroes": False} | flags
    assert {need for need, is_met in gradient_needs(row, **asked).items() if is_met} == offered
