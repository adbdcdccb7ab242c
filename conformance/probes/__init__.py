"""Probes: properties of `keras.layers.LSTM` other than "its outputs are the reference's".

It imports `judging`, `reference`, the adapter of Keras and `cases`.

They test initialisers, regularisers, constraints, masks of dropout, states, configuration and refusals. Each probe runs on every
backend. Its result is one `Result` of the group "probes", as that of a case.

>>> len({probe.id for probe in PROBES}) == len(PROBES)
True
"""

from __future__ import annotations

import time
from typing import Any

from conformance.judging.attribution import verdict_of_exception
from conformance.judging.verdict import Result, Verdict, worst_verdict
from conformance.probes.composite_refusals import composite_refusal_probes
from conformance.probes.composites import composite_probes
from conformance.probes.configuration import configuration_probes
from conformance.probes.custom_cells import custom_cell_probes
from conformance.probes.defaults import default_probes
from conformance.probes.downstream import downstream_probes
from conformance.probes.dropout import dropout_probes
from conformance.probes.initialisers import initialiser_probes
from conformance.probes.masking import masking_probes
from conformance.probes.model import Probe
from conformance.probes.namesakes import namesake_probes
from conformance.probes.refusals import refusal_probes
from conformance.probes.regularisation import regularisation_probes
from conformance.probes.saving import saving_probes
from conformance.probes.shapes import shape_probes
from conformance.probes.states import state_probes
from conformance.probes.steps import step_probes
from conformance.probes.symbolic import symbolic_probes
from conformance.probes.training import training_probes
from conformance.probes.unchanged import unchanged_probes
from conformance.probes.weight_lists import weight_list_probes
from conformance.probes.wrappers import wrapper_probes

__all__ = ["PROBES", "Probe", "probe_of", "run_probe"]

PROBES: list[Probe] = [
    *initialiser_probes(),
    *regularisation_probes(),
    *training_probes(),
    *step_probes(),
    *dropout_probes(),
    *state_probes(),
    *composite_probes(),
    *configuration_probes(),
    *downstream_probes(),
    *namesake_probes(),
    *unchanged_probes(),
    *refusal_probes(),
    *composite_refusal_probes(),
    *shape_probes(),
    *symbolic_probes(),
    *weight_list_probes(),
    *saving_probes(),
    *wrapper_probes(),
    *custom_cell_probes(),
    *default_probes(),
    *masking_probes(),
]

_BY_ID = {probe.id: probe for probe in PROBES}


def probe_of(probe_id: str) -> Probe:
    """Return the probe of an id. Worker processes get the id only.

    Raises:
        KeyError: there is no such probe.
    """
    return _BY_ID[probe_id]


def run_probe(probe: Probe, keras: Any, layer_class: Any = None) -> Result:
    """Judge `keras.layers.LSTM`, or another class in its place. An exception makes the verdict ERROR or UNRESOLVED."""
    keras.utils.clear_session(free_memory=False)
    started = time.perf_counter()

    def result(**fields: Any) -> Result:
        return Result(case_id=probe.id, group=probe.group, seconds=time.perf_counter() - started, **fields)

    try:
        checks = probe.run(keras, layer_class or keras.layers.LSTM)
    except Exception as error:  # noqa: BLE001  # any exception of the implementation is its result
        if probe.needs_training and isinstance(error, NotImplementedError):
            reason = f"not implemented on the {keras.backend.backend()} backend: {error}"
            return result(verdict=Verdict.UNSUPPORTED, reason=reason)
        verdict, reason = verdict_of_exception(error)
        return result(verdict=verdict, reason=reason)
    return result(verdict=worst_verdict(check.verdict for check in checks), checks=checks)
