"""Computes the contribution of a case to the pooled tests: how its errors resemble a systematic error of each operation.

To first order, an error of ε_j unit roundoffs u in every result of operation j moves a result v by Σ_j ε_j u ∂v/∂ε_j. With
e = error / σ and r_j = u ∂v/∂ε_j / σ of every element, ε is the least squares solution of e ≈ Σ_j ε_j r_j. It needs only the sums
Σ r_j e and Σ r_j r_k of a case.

The response to one operation is the sum of two others. If every gate i, f, o has a factor 1 + ε, then c = f c_prev + i candidate
has a factor 1 + ε, and h = o act(c) has another. So r of recurrent_activation is r of cell plus r of output, for all weights and
inputs.
The difference of the two sides is of second order. It shows where the first order holds: an element where an error of one u makes a
larger second-order term than rounding, as at the end of a chaotic sequence, says nothing about ε and is left out.
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

# Rows and timesteps of a family's run that are used. This part gives enough errors.
ROWS, STEPS = 8, 32

# The step of the difference quotient. Its square is small, and so is float64's rounding divided by it.
_ERROR = 2.0**-26

# An operation whose response is the sum of the responses of others.
ALIASED = MappingProxyType({"recurrent_activation": ("cell", "output")})

_VALUES = ("outputs", "hidden", "cell", "loss")


def sample_of(evidence: Evidence) -> Sample:
    """Return the contribution of a case. Of the slices of a family's run, only cases that return all outputs contribute errors."""
    case = evidence.case
    precision = evidence.conventions.compute_dtype(case.precision)
    bare = Sample(family=f"{case.family}-s{case.seed}", precision=precision)
    if case.is_plain and (case.config.stateful or not case.config.return_sequences):
        return bare
    with np.errstate(invalid="ignore", over="ignore"):  # values that are not finite are left out
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
    """Where an error of one u, or the step of the difference quotient if larger, has a small second-order term, (elements,)."""
    by_name = dict(zip(OPERATIONS, responses, strict=True))
    second_order = [by_name[name] - sum(by_name[part] for part in parts) for name, parts in ALIASED.items()]
    return np.asarray(np.abs(second_order).max(axis=0) * max(1.0, unit_roundoff / _ERROR) <= ROUNDING_IN_SIGMA)


def _of_run(evidence: Evidence) -> tuple[Array, Array]:
    """Errors of a part of all outputs, (elements,), and their responses, (operations, elements)."""
    (got,), (expected,), (sigma,) = evidence.observed.calls, evidence.expected.calls, evidence.expected.sigma
    part = np.s_[:ROWS, :STEPS]
    allowed = sigma.outputs[part]
    responses = _responses_of_run(evidence.stimulus, evidence.conventions.products)[:, : allowed.shape[0], : allowed.shape[1]]
    return ((got.outputs[part] - expected.outputs[part]) / allowed).ravel(), (responses / allowed).reshape(len(OPERATIONS), -1)


@lru_cache(maxsize=2)
def _responses_of_run(stimulus: Stimulus, products: str) -> Array:
    """∂h/∂ε of a part of a family's run, (operations, rows, timesteps, units)."""
    hidden = reference_run(stimulus, products).trajectory.hidden[:ROWS, :STEPS]
    inputs = stimulus.inputs[:ROWS, :STEPS].astype(stimulus.precision).astype("float64")
    lstm = PerturbedLSTM(LSTMConfig(units=stimulus.family.units), stimulus.weights, errors=one_error_per_copy(_ERROR))
    inputs = np.tile(inputs, (len(OPERATIONS), 1, 1))
    disturbed = lstm.run(inputs, lstm.zero_state(len(inputs))).hidden
    return np.asarray((disturbed.reshape(len(OPERATIONS), *hidden.shape) - hidden) / _ERROR)


def _of_case(evidence: Evidence) -> tuple[Array, Array]:
    """Errors of all results of the calls, in order, and their responses."""
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
