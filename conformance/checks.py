"""The checks: each judges one property of an observation against the reference, within derived limits.

Every check says which deviations it is there to reject, and the kill matrix proves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conformance.case import Case
from conformance.compare import Gap, measure
from conformance.observation import CallObservation, Observation
from conformance.reference_run import expected_calls, expected_sigma
from conformance.stimulus import Stimulus
from conformance.tolerance import ELEMENT_LIMIT, RMS_LIMIT, TWO_RUNS
from conformance.verdict import CheckResult, Verdict
from lstm_ref import count_params
from lstm_ref.arrays import Array

VALUES = ("outputs", "hidden", "cell")


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What a check may look at."""

    case: Case
    stimulus: Stimulus
    observed: Observation

    @cached_property
    def expected(self) -> tuple[CallObservation, ...]:
        """What each call must return."""
        return expected_calls(self.case, self.stimulus)

    @cached_property
    def sigma(self) -> tuple[CallObservation, ...]:
        """σ of each element of it."""
        return expected_sigma(self.case, self.stimulus)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property that a Keras LSTM has.

    Attributes:
        name: stable identifier.
        asserts: the property, in one sentence.
        kills: a deviation that shows in this check, for a case where it applies.
        judge: the judgement.
        stateful_only: whether it applies to stateful cases only.
    """

    name: str
    asserts: str
    kills: str
    judge: Callable[[Evidence], CheckResult]
    stateful_only: bool = False

    def applies_to(self, case: Case) -> bool:
        """Whether the case has the property at all."""
        return case.config.stateful or not self.stateful_only


def judge(case: Case, stimulus: Stimulus, observed: Observation) -> tuple[CheckResult, ...]:
    """Every check that applies to the case, judged."""
    evidence = Evidence(case=case, stimulus=stimulus, observed=observed)
    return tuple(check.judge(evidence) for check in CHECKS if check.applies_to(case))


# --- values --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class _Comparison:
    """Two arrays to compare, and how to speak of them."""

    label: str
    got: Array
    expected: Array
    sigma: Array


def _judge_values(check: str, comparisons: Iterable[_Comparison]) -> CheckResult:
    """Each array within 8σ at every element and within 2σ in the root mean square."""
    gaps: list[tuple[_Comparison, Gap]] = []
    for pair in comparisons:
        if not pair.got.shape == pair.expected.shape == pair.sigma.shape:
            message = f"{pair.label} has shape {pair.got.shape}, expected {pair.sigma.shape}: not comparable"
            return CheckResult(check=check, verdict=Verdict.FAIL, message=message)
        gaps.append((pair, measure(pair.got, pair.expected, pair.sigma)))
    messages = [message for pair, gap in gaps if (message := _complaint(pair.label, gap))]
    return CheckResult(
        check=check,
        verdict=Verdict.FAIL if messages else Verdict.PASS,
        message=_first_of(messages),
        worst=max(gap.worst for _, gap in gaps),
        rms=max(gap.rms for _, gap in gaps),
        size=sum(gap.size for _, gap in gaps),
    )


def _complaint(label: str, gap: Gap) -> str:
    if gap.worst > ELEMENT_LIMIT:
        place = ", ".join(str(axis) for axis in gap.where)
        timestep = f"timestep {gap.where[1]}, " if len(gap.where) == 3 else ""
        return (
            f"{label}[{place}] is {gap.got:.9g}, expected {gap.expected:.9g}: off by {gap.error:.2g} ({gap.worst:.3g} σ, "
            f"limit {ELEMENT_LIMIT:g} σ) at {timestep}row {gap.where[0]}, unit {gap.where[-1]}"
        )
    if gap.rms > RMS_LIMIT:
        return f"{label} as a whole is off by {gap.rms:.3g} σ (root mean square of {gap.size} elements), limit {RMS_LIMIT:g} σ"
    return ""


def _first_of(messages: list[str]) -> str:
    more = f" (and {len(messages) - 1} more)" if len(messages) > 1 else ""
    return messages[0] + more if messages else ""


def _judge_against_reference(check: str, value: str) -> Callable[[Evidence], CheckResult]:
    def judge_value(evidence: Evidence) -> CheckResult:
        calls = zip(evidence.observed.calls, evidence.expected, evidence.sigma, strict=True)
        return _judge_values(
            check,
            [
                _Comparison(
                    label=_label(value, number, evidence.case),
                    got=getattr(got, value),
                    expected=getattr(expected, value),
                    sigma=getattr(sigma, value),
                )
                for number, (got, expected, sigma) in enumerate(calls, 1)
            ],
        )

    return judge_value


def _label(value: str, number: int, case: Case) -> str:
    name = value if value == "outputs" else f"{value} state"
    return f"{name} of call {number}" if case.config.stateful else name


def _judge_cut_sequence(evidence: Evidence) -> CheckResult:
    """Compares the implementation with itself: the call after the reset read what calls 1 and 2 read in two pieces."""
    first, second, _, whole = evidence.observed.calls
    sigma = evidence.sigma[-1]
    outputs = second.outputs
    if evidence.case.config.return_sequences and first.outputs.shape == second.outputs.shape and outputs.ndim == 3:
        outputs = np.concatenate([first.outputs, second.outputs], axis=1)
    pairs = {"outputs": outputs, "hidden": second.hidden, "cell": second.cell}
    return _judge_values(
        "cut_sequence",
        [
            _Comparison(
                label=f"{value} of one call against two",
                got=getattr(whole, value),
                expected=in_pieces,
                sigma=TWO_RUNS * getattr(sigma, value),
            )
            for value, in_pieces in pairs.items()
        ],
    )


# --- facts ---------------------------------------------------------------------------------------------------------------------


def _judge_facts(check: str, facts: Iterable[tuple[str, object, object]]) -> CheckResult:
    """Each (label, got, expected) equal."""
    messages = [f"{label} is {got}, expected {expected}" for label, got, expected in facts if got != expected]
    return CheckResult(check=check, verdict=Verdict.FAIL if messages else Verdict.PASS, message=_first_of(messages))


def _judge_shapes(evidence: Evidence) -> CheckResult:
    config, batch = evidence.case.config, evidence.case.batch
    facts: list[tuple[str, object, object]] = []
    for number, (asked, got) in enumerate(zip(evidence.case.calls, evidence.observed.calls, strict=True), 1):
        steps = (asked.stop - asked.start,) if config.return_sequences else ()
        shapes = {"outputs": (batch, *steps, config.units), "hidden": (batch, config.units), "cell": (batch, config.units)}
        facts += [
            (f"the shape of {_label(value, number, evidence.case)}", getattr(got, value).shape, shape)
            for value, shape in shapes.items()
        ]
    return _judge_facts("shapes", facts)


def _judge_dtypes(evidence: Evidence) -> CheckResult:
    return _judge_facts(
        "dtypes",
        [
            (f"the dtype of {_label(value, number, evidence.case)}", getattr(got, value).dtype.name, evidence.case.precision)
            for number, got in enumerate(evidence.observed.calls, 1)
            for value in VALUES
        ],
    )


def _judge_parameter_count(evidence: Evidence) -> CheckResult:
    config = evidence.case.config
    expected = count_params(config.units, evidence.case.input_dim, config.use_bias)
    return _judge_facts("parameter_count", [("the parameter count", evidence.observed.parameter_count, expected)])


def _judge_weight_shapes(evidence: Evidence) -> CheckResult:
    expected = tuple(array.shape for array in evidence.stimulus.weights.arrays.values())
    return _judge_facts("weight_shapes", [("the shapes of the weights", evidence.observed.weight_shapes, expected)])


def _judge_stored_state(evidence: Evidence) -> CheckResult:
    """Bit for bit: storing a state, or zeroing it, is no arithmetic."""
    facts: list[tuple[str, object, object]] = []
    for number, call in enumerate(evidence.observed.calls, 1):
        for value in ("hidden", "cell"):
            stored, returned, reset = (getattr(call, name) for name in (f"stored_{value}", value, f"reset_{value}"))
            facts.append(
                (f"whether the stored {value} state is the one that call {number} returned", _same(stored, returned), True)
            )
            if reset is not None:
                facts.append((f"the number of nonzero {value} values after the reset", int(np.count_nonzero(reset)), 0))
    return _judge_facts("stored_state", facts)


def _same(stored: Array | None, returned: Array) -> bool:
    return stored is not None and np.array_equal(stored, returned, equal_nan=True)


CHECKS = (
    Check(
        name="outputs",
        asserts="the outputs are the reference's, at every timestep that is returned",
        kills="output_tanh_missing",
        judge=_judge_against_reference("outputs", "outputs"),
    ),
    Check(
        name="hidden_state",
        asserts="the hidden state after each call is the reference's",
        kills="states_exchanged",
        judge=_judge_against_reference("hidden_state", "hidden"),
    ),
    Check(
        name="cell_state",
        asserts="the cell state after each call is the reference's",
        kills="states_exchanged",
        judge=_judge_against_reference("cell_state", "cell"),
    ),
    Check(
        name="shapes",
        asserts="outputs are (batch, timesteps, units) with return_sequences, else (batch, units); both states are (batch, units)",
        kills="return_sequences_ignored",
        judge=_judge_shapes,
    ),
    Check(
        name="dtypes",
        asserts="outputs and states have the compute dtype, whatever the dtype of the inputs",
        kills="input_not_cast",
        judge=_judge_dtypes,
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
        stateful_only=True,
    ),
    Check(
        name="cut_sequence",
        asserts="a sequence cut in two stateful calls gives what one call gives",
        kills="state_not_carried",
        judge=_judge_cut_sequence,
        stateful_only=True,
    ),
)
