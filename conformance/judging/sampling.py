"""What a case gives to the pooled tests: how far its errors resemble what a systematic error of each operation would do.

To first order, an error of ε_j unit roundoffs u that operation j makes every time moves a result v by Σ_j ε_j u ∂v/∂ε_j. With
e = error / σ and r_j = u ∂v/∂ε_j / σ of every element, ε is the least squares solution of e ≈ Σ_j ε_j r_j, which needs no more of a
case than Σ r_j e and Σ r_j r_k.

One operation is no more than two others at once. With every gate i, f, o off by 1 + ε, c = f c_prev + i candidate is off by 1 + ε,
and h = o act(c) by another 1 + ε: r of recurrent_activation is that of cell plus that of output, whatever the weights and inputs.
That also shows where the first order holds: what the sum lacks is of second order, and an element where one u makes more of it than
rounding does, as at the end of a chaotic sequence, says nothing of ε and is left out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from types import MappingProxyType

import numpy as np

from conformance.cases.stimulus import Stimulus
from conformance.judging.checks import Evidence
from conformance.judging.verdict import Sample
from conformance.reference.run import oracle_of, reference_run
from conformance.reference.tolerance import ROUNDING_IN_SIGMA, UNIT_ROUNDOFF
from lstm_ref import LSTMConfig
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.responses import OPERATIONS, PerturbedLSTM, one_error_per_copy

# Of a family's one run, a corner says enough: rows and timesteps.
ROWS, STEPS = 8, 32

# The error by which a derivative is found as a difference quotient: its square, and float64's rounding over it, are small.
_ERROR = 2.0**-26

# What responds as others do together.
ALIASED = MappingProxyType({"recurrent_activation": ("cell", "output")})

_VALUES = ("outputs", "hidden", "cell", "loss")


def sample_of(evidence: Evidence) -> Sample:
    """What the case gives; of a family whose cases are slices of one run, only the cases that return all outputs give errors."""
    case = evidence.case
    precision = evidence.conventions.compute_dtype(case.precision)
    bare = Sample(family=f"{case.family}-s{case.seed}", precision=precision)
    if case.is_plain and (case.config.stateful or not case.config.return_sequences):
        return bare
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is left out
        errors, responses = _of_run(evidence) if case.is_plain else _of_case(evidence)
        responses = responses * UNIT_ROUNDOFF[precision]
        usable = np.isfinite(errors) & np.isfinite(responses).all(axis=0) & _is_first_order(responses, UNIT_ROUNDOFF[precision])
    errors, responses = errors[usable], responses[:, usable]
    gram = responses @ responses.T
    return replace(
        bare,
        size=errors.size,
        projections=tuple((responses @ errors).tolist()),
        gram=tuple(gram[np.triu_indices(len(OPERATIONS))].tolist()),
    )


def _is_first_order(responses: Array, unit_roundoff: float) -> Array:
    """Where an error of one u, or that of the difference quotient if it is larger, has no second order to speak of, (elements,)."""
    by_name = dict(zip(OPERATIONS, responses, strict=True))
    second_order = [by_name[name] - sum(by_name[part] for part in parts) for name, parts in ALIASED.items()]
    return np.asarray(np.abs(second_order).max(axis=0) * max(1.0, unit_roundoff / _ERROR) <= ROUNDING_IN_SIGMA)


def _of_run(evidence: Evidence) -> tuple[Array, Array]:
    """Errors of the corner of all outputs, (elements,), and their responses, (operations, elements)."""
    (got,), (expected,), (sigma,) = evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma
    corner = np.s_[:ROWS, :STEPS]
    allowed = sigma.outputs[corner]
    responses = _responses_of_run(evidence.stimulus, evidence.conventions.products)[:, : allowed.shape[0], : allowed.shape[1]]
    return ((got.outputs[corner] - expected.outputs[corner]) / allowed).ravel(), (responses / allowed).reshape(len(OPERATIONS), -1)


@lru_cache(maxsize=2)
def _responses_of_run(stimulus: Stimulus, products: str) -> Array:
    """∂h/∂ε of the corner of a family's one run, (operations, rows, timesteps, units)."""
    hidden = reference_run(stimulus, products).trajectory.hidden[:ROWS, :STEPS]
    inputs = stimulus.inputs[:ROWS, :STEPS].astype(stimulus.precision).astype("float64")
    lstm = PerturbedLSTM(LSTMConfig(units=stimulus.family.units), stimulus.weights, errors=one_error_per_copy(_ERROR))
    inputs = np.tile(inputs, (len(OPERATIONS), 1, 1))
    disturbed = lstm.run(inputs, lstm.zero_state(len(inputs))).hidden
    return np.asarray((disturbed.reshape(len(OPERATIONS), *hidden.shape) - hidden) / _ERROR)


def _of_case(evidence: Evidence) -> tuple[Array, Array]:
    """Errors of all that the calls return, one after the other, and their responses."""
    case = evidence.case.replace(route="training") if evidence.case.execution.route == "gradient" else evidence.case
    oracle = oracle_of(case, evidence.conventions, evidence.observed.dropout)
    erring = oracle.repeated(len(OPERATIONS), partial(PerturbedLSTM, errors=one_error_per_copy(_ERROR)))
    calls = zip(
        evidence.observed.calls,
        evidence.expected.calls,
        evidence.expected.sigma,
        erring.observe(case, evidence.stimulus),
        strict=True,
    )
    errors, responses = [np.zeros(0)], [np.zeros((len(OPERATIONS), 0))]
    for got, expected, sigma, disturbed in calls:
        for name in _VALUES:
            true, allowed = getattr(expected, name), getattr(sigma, name)
            if true is not None and getattr(got, name) is not None:
                errors.append(((getattr(got, name) - true) / allowed).ravel())
                moved = getattr(disturbed, name).reshape(len(OPERATIONS), *true.shape) - true
                responses.append((moved / _ERROR / allowed).reshape(len(OPERATIONS), -1))
    return np.concatenate(errors), np.concatenate(responses, axis=1)
