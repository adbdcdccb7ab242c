"""A failing implementation is named by the deviation that turns the reference into it, or by none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.adapters.base import Adapter
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.observation import CallObservation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus, draw
from conformance.diagnosis.diagnosis import Diagnostician, search
from conformance.judging.checks import Evidence
from conformance.reference.adapter import ReferenceAdapter
from conformance.tests.support.doubles import Scaling
from lstm_ref.deviations import DEVIATIONS

ALL = DEVIATIONS.values()
# One case that offers every deviation something but the last output, and one that offers that.
EVERYTHING, LAST_OUTPUT = Case.from_id("u10-d5-t6-b3-seq-stateful-s0"), Case.from_id("u2-d2-t6-b3-s0")

SAMPLE = [
    "all_gates_ifoc", "kernel_gates_ofci", "recurrent_kernel_gates_icfo", "bias_gates_fico", "recurrent_kernel_transposed",
    "recurrent_kernel_ignored", "features_reversed", "units_reversed", "bias_dropped", "forget_bias_doubled", "forget_bias_on_c",
    "output_tanh_missing", "sigmoid_tanh_exchanged", "hard_sigmoid", "hard_sigmoid_keras2", "forget_gate_absent",
    "cell_feeds_gates", "batch_rows_mixed", "last_step_skipped", "first_output", "read_backwards", "outputs_time_major",
    "return_sequences_ignored", "return_sequences_forced", "states_exchanged", "state_carried_late", "reset_ignored",
    "cell_not_reset", "input_not_cast", "two_biases", "weights_transposed",
]  # fmt: skip


def evidence_of(case: Case, adapter: Adapter) -> Evidence:
    """What an implementation returns on the case's stimulus."""
    stimulus = draw([case])
    return Evidence(case=case, stimulus=stimulus, observed=adapter.observe(case, stimulus), conventions=adapter.conventions)


def observe(case: Case, deviation: str | None) -> Evidence:
    """What the deviating reference returns."""
    return evidence_of(case, ReferenceAdapter(deviation))


def with_calls(evidence: Evidence, calls: tuple[CallObservation, ...]) -> Evidence:
    """The evidence with other calls."""
    return replace(evidence, observed=replace(evidence.observed, calls=calls))


@pytest.mark.parametrize("deviation", SAMPLE)
def test_deviation_explains_itself(deviation: str) -> None:
    """And nothing else does: on dense, asymmetric weights no two of these compute the same."""
    case = EVERYTHING if DEVIATIONS[deviation].needs <= EVERYTHING.fulfilled_needs else LAST_OUTPUT
    assert search(ALL, observe(case, deviation)) == (deviation,)


def test_reference_is_explained_by_no_deviation() -> None:
    """What is right needs no excuse: each deviation that applies leaves a difference."""
    assert search(ALL, observe(EVERYTHING, None)) == ()


@pytest.mark.parametrize("factor", [1.01, 1 + 1e-4, np.nan, np.inf])
def test_what_no_deviation_computes_stays_unexplained(factor: float) -> None:
    """A near miss is no explanation, and neither is a value that is not finite."""
    assert search(ALL, evidence_of(EVERYTHING, Scaling(factor))) == ()


def test_stored_state_counts_towards_an_explanation() -> None:
    """Equal outputs with another stored state are another implementation."""
    evidence = observe(EVERYTHING, "hard_sigmoid")
    forgetful = tuple(replace(call, stored_cell=None) for call in evidence.observed.calls)
    assert search(ALL, with_calls(evidence, forgetful)) == ()


def test_a_deviation_that_cannot_show_is_not_offered() -> None:
    """`first_output` on a sequence of one timestep is the reference itself."""
    case = Case.from_id("u1-d1-t1-b3-s0")
    assert "first_output" not in search(ALL, observe(case, "bias_dropped"))


def test_the_closest_explanation_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where several leave a difference within the limit, the smallest difference names the mistake."""
    near = replace(DEVIATIONS["hard_sigmoid"], name="near")
    candidates = [near, DEVIATIONS["hard_sigmoid"]]
    left = {"near": 3.0, "hard_sigmoid": 2.0}
    monkeypatch.setattr("conformance.diagnosis.diagnosis._largest_difference", lambda *arguments, **_: left[arguments[-1]])
    monkeypatch.setattr("conformance.diagnosis.diagnosis.ReferenceAdapter", _Named)
    assert search(candidates, observe(LAST_OUTPUT, "hard_sigmoid")) == ("hard_sigmoid", "near")


class _Named:
    """Predicts its own name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def observe(self, _case: Case, _stimulus: Stimulus) -> str:
        """The name."""
        return self._name


# --- what known differences expect


def expecting(*names: str) -> Diagnostician:
    """One of an implementation whose known differences are explained so."""
    return Diagnostician(expected_deviations=lambda _: names)


@pytest.mark.parametrize("case_id", ["u2-d1-t3-b2-mask_left-s0", "u2-d1-t3-b2-nostate-mask_left-via_evaluate-s0"])
def test_an_expected_deviation_is_tried_without_a_search(case_id: str) -> None:
    """The closest first; another mistake is not explained by it."""
    case = Case.from_id(case_id)
    diagnostician = expecting("mask_inverted", "mask_ignored")
    assert diagnostician.explain(observe(case, "mask_ignored")) == ("mask_ignored",)
    assert diagnostician.explain(observe(case, "all_gates_ifoc")) == ()
    assert diagnostician.explain(observe(case, "mask_ignored+all_gates_ifoc")) == ()


def test_a_loss_is_explained_whatever_number_it_comes_as() -> None:
    """Keras returns a number of Python's, which is a float64."""
    case = Case.from_id("u2-d1-t3-b2-nostate-mask_left-via_evaluate-s0")
    evidence = observe(case, "mask_ignored")
    calls = tuple(replace(call, loss=call.loss.astype("float64")) for call in evidence.observed.calls)
    assert expecting("mask_ignored").explain(with_calls(evidence, calls)) == ("mask_ignored",)


def test_a_deviation_is_tried_where_nothing_of_the_reference_is_uncertain() -> None:
    """Where everything is masked the reference returns the initial state as it is, and its σ is 0."""
    case = Case.from_id("u2-d1-t3-b2-seq-mask_all-init-s0")
    evidence = observe(case, "mask_ignored")
    rounded = tuple(replace(call, outputs=np.nextafter(call.outputs, np.float32(2))) for call in evidence.observed.calls)
    assert expecting("mask_ignored").explain(with_calls(evidence, rounded)) == ("mask_ignored",)


def test_the_dropout_masks_that_were_drawn_are_those_of_the_explanation() -> None:
    """An implementation draws masks of its own."""
    case = Case.from_id("u2-d1-t3-b2-mask_left-drop_input-eager-s0")
    stimulus = draw([case])
    ((one,),) = stimulus.dropout_of(case)
    drawn = ((replace(one, inputs=np.full_like(one.inputs, 1 / (1 - case.dropout_rates[0]))),),)
    evidence = evidence_of(case, ReferenceAdapter("mask_ignored", dropout=drawn))
    assert expecting("mask_ignored").explain(evidence) == ("mask_ignored",)


def test_the_conventions_of_the_implementation_are_those_of_the_explanation() -> None:
    """JAX computes the policy float64 in float32, and returns that."""
    case = Case.from_id("u2-d1-t3-b2-mask_left-p_float64-s0")
    evidence = evidence_of(case, ReferenceAdapter("mask_ignored", CONVENTIONS["jax"]))
    assert expecting("mask_ignored").explain(evidence) == ("mask_ignored",)
    assert expecting("mask_ignored").explain(replace(evidence, conventions=DEFAULT_CONVENTIONS)) == ()
