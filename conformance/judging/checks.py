"""The checks. Each judges one property of an observation against the reference, within derived limits.

Every check names a deviation that it rejects, and the kill matrix proves that it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.observation import CallObservation, Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.attribution import suite_error_message, verdict_of_exception
from conformance.judging.judgement import Comparison, judge_facts, judge_values
from conformance.judging.relations import RELATIONS
from conformance.judging.verdict import CheckResult, Verdict
from conformance.reference.run import ExpectedCalls, expected_calls
from conformance.reference.tolerance import ELEMENT_LIMIT, TWO_RUNS, UNIT_ROUNDOFF
from lstm_ref import GATE_ORDER, LSTMError, count_params
from lstm_ref.arrays import Array

VALUES = ("outputs", "hidden", "cell")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """The data that a check may use.

    Attributes:
        case, stimulus: the comparison, with its weights and inputs.
        observed, conventions: the results of the implementation, and the conventions of its backend.
        related_calls: results that must equal the observed ones by the case's relation, call by call.
        relation_error: the exception that was raised in place of the related calls.

    Raises:
        LSTMError: the number of observed calls is not the case's.
    """

    case: Case
    stimulus: Stimulus
    observed: Observation
    conventions: Conventions = DEFAULT_CONVENTIONS
    related_calls: tuple[CallObservation, ...] = ()
    relation_error: Exception | None = None

    def __post_init__(self) -> None:
        if (observed := len(self.observed.calls)) != (expected := len(self.case.calls)):
            raise LSTMError(
                f"what was observed has {observed} calls, expected {expected}: one for each of the case's `calls`, in order"
            )

    @cached_property
    def expected(self) -> ExpectedCalls:
        """The expected results of each call, and σ of each element."""
        return expected_calls(self.case, self.stimulus, self.conventions, self.observed.dropout)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property of a Keras LSTM.

    Attributes:
        name: stable identifier.
        asserts: the property, in one sentence.
        kills: a deviation that the check rejects.
        judge: judges the property.
        applies_to: whether a case has the property.
    """

    name: str
    asserts: str
    kills: str
    judge: Callable[[Evidence], CheckResult]
    applies_to: Callable[[Case], bool] = lambda case: True  # noqa: ARG005  # every case


def judge(evidence: Evidence) -> tuple[CheckResult, ...]:
    """Judge every check that applies to the case. A check that raises is UNRESOLVED; the others keep their verdicts."""
    return tuple(_run_check(check, evidence) for check in CHECKS if check.applies_to(evidence.case))


def _run_check(check: Check, evidence: Evidence) -> CheckResult:
    try:
        return check.judge(evidence)
    except Exception as error:  # noqa: BLE001  # an unforeseen error in a check says nothing about the implementation
        return CheckResult(
            check=check.name, verdict=Verdict.UNRESOLVED, message=f"could not be judged: {suite_error_message(error)}"
        )


# --- values --------------------------------------------------------------------------------------------------------------------


def _judge_against_reference(check: str, value: str) -> Callable[[Evidence], CheckResult]:
    def judge_value(evidence: Evidence) -> CheckResult:
        calls = zip(evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma, strict=True)
        return judge_values(
            check,
            [
                Comparison(
                    label=_label(value, number, evidence.case),
                    got=getattr(got, value),
                    expected=getattr(expected, value),
                    sigma=getattr(sigma, value),
                    place=_place,
                )
                for number, (got, expected, sigma) in enumerate(calls, 1)
            ],
        )

    return judge_value


def _judge_gradients(evidence: Evidence) -> CheckResult:
    calls = zip(evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma, strict=True)
    return judge_values(
        "gradients",
        [
            Comparison(
                label=_label(f"gradient of {name}", number, evidence.case),
                got=got.gradients.get(name),
                expected=gradient,
                sigma=_with_output_rounding(name, gradient, sigma.gradients[name], evidence.case),
                place=partial(_place_in_gradient, name.rpartition(" ")[2], gradient.shape[-1]),
            )
            for number, (got, expected, sigma) in enumerate(calls, 1)
            for name, gradient in expected.gradients.items()
        ],
    )


def _with_output_rounding(name: str, gradient: Array, sigma: Array, case: Case) -> Array:
    """σ of a gradient with the rounding of its dtype: the gradient of inputs has the dtype of the inputs."""
    rounding = UNIT_ROUNDOFF.get(case.input_dtype, 0.0) if name == "inputs" else 0.0
    return np.hypot(sigma, rounding * gradient) if rounding > UNIT_ROUNDOFF[case.precision] else sigma


def _place(where: tuple[int, ...]) -> str:
    """The place of an element of outputs or states, in words; "" for a loss."""
    if not where or len(where) == 1:
        return ""
    timestep = f"timestep {where[1]}, " if len(where) == 3 else ""
    return f"{timestep}row {where[0]}, unit {where[-1]}"


def _place_in_gradient(array: str, columns: int, where: tuple[int, ...]) -> str:
    """The place of an element of a gradient, in words: for weights, the gate and its unit."""
    if array in ("kernel", "recurrent_kernel", "bias"):
        gate, unit = divmod(where[-1], columns // len(GATE_ORDER))
        return f"gate {GATE_ORDER[gate]}, unit {unit}"
    return f"timestep {where[1]}, row {where[0]}, feature {where[2]}" if array == "inputs" else _place(where)


def _label(value: str, number: int, case: Case) -> str:
    name = f"{value} state" if value in ("hidden", "cell") else value
    return f"{name} of call {number}" if case.config.stateful else name


def _judge_cut_sequence(evidence: Evidence) -> CheckResult:
    """Compare the implementation with itself: the call after the reset read in one piece what calls 1 and 2 read in two."""
    first, second, _, whole = evidence.observed.calls
    sigma = evidence.expected.sigma[-1]
    outputs = second.outputs
    if evidence.case.config.return_sequences and first.outputs.shape == second.outputs.shape and outputs.ndim == 3:
        outputs = np.concatenate([first.outputs, second.outputs], axis=1)
    pairs = {"outputs": outputs, "hidden": second.hidden, "cell": second.cell}
    return judge_values(
        "cut_sequence",
        [
            Comparison(
                label=f"{value} of one call against two",
                got=getattr(whole, value),
                expected=in_pieces,
                sigma=TWO_RUNS * getattr(sigma, value),
                place=_place,
            )
            for value, in_pieces in pairs.items()
        ],
    )


def _judge_relation(evidence: Evidence) -> CheckResult:
    """Compare two runs of the implementation, each within σ of the exact result."""
    if evidence.relation_error is not None:
        verdict, reason = verdict_of_exception(evidence.relation_error)
        return CheckResult(check="relation", verdict=verdict, message=reason)
    relation = RELATIONS[evidence.case.relation]
    calls = zip(evidence.observed.calls, evidence.related_calls, evidence.expected.sigma, strict=True)
    return judge_values(
        "relation",
        [
            Comparison(
                label=f"{_label(value, number, evidence.case)} ({relation.asserts})",
                got=getattr(got, value),
                expected=getattr(related, value).astype(np.float64),
                sigma=TWO_RUNS * getattr(sigma, value),
                place=_place,
            )
            for number, (got, related, sigma) in enumerate(calls, 1)
            for value in VALUES
            if getattr(got, value) is not None and getattr(related, value) is not None
        ],
    )


# --- facts ---------------------------------------------------------------------------------------------------------------------


def _judge_shapes(evidence: Evidence) -> CheckResult:
    calls = zip(evidence.observed.calls, evidence.expected.calls, strict=True)
    return judge_facts(
        "shapes",
        [
            (
                f"the shape of what {_call(number, evidence.case)} returned",
                _shapes_text(got.returned),
                _shapes_text(expected.returned),
            )
            for number, (got, expected) in enumerate(calls, 1)
        ],
    )


def _judge_dtypes(evidence: Evidence) -> CheckResult:
    precision = evidence.conventions.returned_dtype(evidence.case.precision)
    return judge_facts(
        "dtypes",
        [
            (
                f"the dtype of what {_call(number, evidence.case)} returned",
                ", ".join(dict.fromkeys(got.dtypes)) or "missing",
                precision,
            )
            for number, got in enumerate(evidence.observed.calls, 1)
        ],
    )


def _call(number: int, case: Case) -> str:
    return f"call {number}" if case.config.stateful else "the call"


def _shapes_text(shapes: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(map(str, shapes)) or "missing"


def _judge_parameter_count(evidence: Evidence) -> CheckResult:
    use_bias = evidence.case.config.use_bias
    expected = sum(count_params(units, input_dim, use_bias) for units, input_dim in evidence.case.layer_sizes)
    return judge_facts("parameter_count", [("the parameter count", evidence.observed.parameter_count, expected)])


def _judge_weight_shapes(evidence: Evidence) -> CheckResult:
    layers = evidence.stimulus.weights_of(evidence.case)
    expected = tuple(array.shape for weights in layers for array in weights.arrays.values())
    return judge_facts("weight_shapes", [("the shapes of the weights", evidence.observed.weight_shapes, expected)])


def _judge_stored_state(evidence: Evidence) -> CheckResult:
    """Compare bit for bit: storing a state, or setting it to zero, is no arithmetic."""
    facts: list[tuple[str, object, object]] = []
    for number, call in enumerate(evidence.observed.calls, 1):
        for value in ("hidden", "cell"):
            stored, returned, reset = (getattr(call, name) for name in (f"stored_{value}", value, f"reset_{value}"))
            if returned is not None:
                is_same = stored is not None and np.array_equal(stored, returned, equal_nan=True)
                facts.append((f"whether the stored {value} state is the one that call {number} returned", is_same, True))
            if reset is not None:
                facts.append((f"the number of nonzero {value} values after the reset", int(np.count_nonzero(reset)), 0))
    return judge_facts("stored_state", facts)


def _judge_dropout(evidence: Evidence) -> CheckResult:
    """Judge the masks of each call: constant over time, one row per sequence, kept values scaled by 1 / (1 - rate)."""
    case, observed = evidence.case, evidence.observed.dropout
    if not case.in_training:
        return judge_facts("dropout", [("the number of dropout masks drawn at inference", len(observed), 0)])
    unit_roundoff = UNIT_ROUNDOFF[evidence.conventions.compute_dtype(case.precision)]
    facts: list[tuple[str, object, object]] = [("the number of calls that drew masks", len(observed), len(case.calls))]
    for number, call in enumerate(observed, 1):
        for (units, input_dim), masks in zip(case.layer_sizes, call, strict=True):
            for kind, rate, size in zip(("inputs", "hidden"), case.dropout_rates, (input_dim, units), strict=True):
                drawn = getattr(masks, kind)
                if rate or drawn is not None:
                    shape = (case.dropout_masks, case.sequences, size) if rate else None
                    what = f"of the dropout masks of {kind} in {_call(number, case)}"
                    facts.append((f"the shape {what}", None if drawn is None else drawn.shape, shape))
                    if drawn is not None:
                        scale = 1 / (1 - rate)
                        invalid = (drawn != 0) & (np.abs(drawn - scale) > ELEMENT_LIMIT * unit_roundoff * scale)
                        facts.append(
                            (f"the number of values {what} that are neither 0 nor 1 / (1 - {rate:g})", int(invalid.sum()), 0)
                        )
    return judge_facts("dropout", facts)


def _returns_states(case: Case) -> bool:
    return case.config.return_state and not case.returns_loss


CHECKS = (
    Check(
        name="outputs",
        asserts="the outputs are the reference's, at every timestep that is returned",
        kills="output_tanh_missing",
        judge=_judge_against_reference("outputs", "outputs"),
        applies_to=lambda case: not case.returns_loss,
    ),
    Check(
        name="hidden_state",
        asserts="the hidden state after each call is the reference's",
        kills="states_exchanged",
        judge=_judge_against_reference("hidden_state", "hidden"),
        applies_to=_returns_states,
    ),
    Check(
        name="cell_state",
        asserts="the cell state after each call is the reference's",
        kills="states_exchanged",
        judge=_judge_against_reference("cell_state", "cell"),
        applies_to=_returns_states,
    ),
    Check(
        name="shapes",
        asserts="outputs are (batch, timesteps, units) with return_sequences, else (batch, units); both states are (batch, units)",
        kills="return_sequences_ignored",
        judge=_judge_shapes,
        applies_to=lambda case: not case.returns_loss,
    ),
    Check(
        name="dtypes",
        asserts="outputs and states have the compute dtype, whatever the dtype of the inputs",
        kills="input_not_cast",
        judge=_judge_dtypes,
        applies_to=lambda case: not case.returns_loss,
    ),
    Check(
        name="parameter_count",
        asserts="there are 4 · units · (input_dim + units + 1) parameters",
        kills="two_biases",
        judge=_judge_parameter_count,
    ),
    Check(
        name="weight_shapes",
        asserts="the weights are kernel (input_dim, 4 · units), recurrent_kernel (units, 4 · units), bias (4 · units,)",
        kills="weights_transposed",
        judge=_judge_weight_shapes,
    ),
    Check(
        name="stored_state",
        asserts="a stateful layer keeps the state that it returned, and zeros after a reset",
        kills="cell_not_reset",
        judge=_judge_stored_state,
        applies_to=lambda case: case.config.stateful,
    ),
    Check(
        name="cut_sequence",
        asserts="a sequence cut in two stateful calls gives what one call gives",
        kills="state_not_carried",
        judge=_judge_cut_sequence,
        applies_to=lambda case: case.config.stateful and case.calls[-1].stop > case.timesteps,
    ),
    Check(
        name="loss",
        asserts="the loss that evaluating or training reports is that of the reference's outputs",
        kills="output_tanh_missing",
        judge=_judge_against_reference("loss", "loss"),
        applies_to=lambda case: case.returns_loss,
    ),
    Check(
        name="gradients",
        asserts="the derivatives with respect to weights, inputs and initial states are those of back-propagation through time",
        kills="recurrent_term_missing",
        judge=_judge_gradients,
        applies_to=lambda case: case.execution.route == "gradient",
    ),
    Check(
        name="relation",
        asserts="the case's metamorphic relation holds: another way of asking gives the same answer",
        kills="states_exchanged",
        judge=_judge_relation,
        applies_to=lambda case: bool(case.relation),
    ),
    Check(
        name="dropout",
        asserts="training draws one inverted-dropout mask per call (four by implementation 1), inference none",
        kills="dropout_unscaled",
        judge=_judge_dropout,
        applies_to=lambda case: case.dropout != "none",
    ),
)
