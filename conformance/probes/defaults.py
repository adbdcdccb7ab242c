"""Probes of what is not given: arguments' defaults, activations that are None, and the states that a layer makes itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from conformance.cases.features import POLICIES
from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import OF_SEQUENCE, integer_inputs, integer_weights
from conformance.probes.checks import check_close, check_equal
from conformance.probes.configuration import INPUT_DIM, UNITS, attribute_of, value_of
from conformance.probes.model import INITIALIZERS, Probe, Subject
from lstm_ref import LSTM, LSTMConfig

BATCH, TIMESTEPS = 4, 2

# Argument → its default, as Keras documents it.
DEFAULTS: Mapping[str, Any] = {
    "activation": "tanh",
    "recurrent_activation": "sigmoid",
    "use_bias": True,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
    "unit_forget_bias": True,
    **{f"{weight}_{kind}": None for weight in ("kernel", "recurrent", "bias") for kind in ("regularizer", "constraint")},
    "activity_regularizer": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "seed": None,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "stateful": False,
    "unroll": False,
    "zero_output_for_mask": False,
    "use_cudnn": "auto",
    "implementation": 2,
    "trainable": True,
}


def _defaults(subject: Subject) -> tuple[CheckResult, ...]:
    """Judge a layer of which only the units are given, and a cell."""
    layer = subject.lstm(UNITS)
    cell = type(layer.cell)(UNITS)
    of_cell = [name for name in DEFAULTS if name not in (*OF_SEQUENCE, "use_cudnn")]
    return tuple(
        check_equal(
            f"default_{what}",
            f"{name} of a {what} that is given its units only",
            attribute_of(subject, holder, name, is_cell=what == "cell"),
            value_of(subject, name, DEFAULTS[name]),
        )
        for what, holder, names in (("layer", layer, DEFAULTS), ("cell", cell, of_cell))
        for name in names
    )


def _none(subject: Subject, *, name: str, implementation: int) -> tuple[CheckResult, ...]:
    """Compare with the reference whose activation is linear, bit for bit: two timesteps of whole numbers."""
    linear: dict[str, Any] = dict.fromkeys(("activation", "recurrent_activation"), "linear")
    weights, inputs = integer_weights(UNITS, INPUT_DIM), integer_inputs(BATCH, TIMESTEPS, INPUT_DIM)
    layer = subject.build_loaded(weights, **{**linear, name: None}, return_sequences=True, implementation=implementation)
    expected = LSTM(LSTMConfig(UNITS, **linear, return_sequences=True), weights)(inputs)
    return (check_close("outputs", f"outputs with {name}=None (expected: those of linear)", subject.read(layer(inputs)), expected),)


def _initial_states(subject: Subject, *, policy: str) -> tuple[CheckResult, ...]:
    """Judge the states of a cell, a layer and a stack."""
    layer = subject.lstm(UNITS, dtype=policy)
    stack = subject.keras.layers.StackedRNNCells([subject.lstm(UNITS, dtype=policy).cell for _ in range(2)], dtype=policy)
    returned = [
        state
        for holder in (layer.cell, layer, stack)
        for state in subject.keras.tree.flatten(holder.get_initial_state(batch_size=BATCH))
    ]
    dtypes = [subject.keras.backend.standardize_dtype(state.dtype) for state in returned]
    compute_dtype = subject.keras.ops.zeros(1, dtype=layer.compute_dtype).dtype  # JAX may have no float64
    expected = subject.keras.backend.standardize_dtype(compute_dtype)
    values = np.stack([subject.read(state) for state in returned])
    return (
        check_equal("dtypes", "dtypes of the initial states", dtypes, [expected] * 8),
        check_close("zeros", "the initial states", values, np.zeros((8, BATCH, UNITS))),
    )


def _state_variables(subject: Subject, *, policy: str) -> tuple[CheckResult, ...]:
    """Judge the variables in which a stateful layer keeps its states."""
    layer = subject.lstm(UNITS, stateful=True, dtype=policy, **dict.fromkeys(INITIALIZERS, "zeros"))
    layer.build((BATCH, TIMESTEPS, INPUT_DIM))
    dtypes = [subject.keras.backend.standardize_dtype(state.dtype) for state in layer.states]
    return (
        check_equal("dtypes", "dtypes of the state variables", dtypes, [layer.variable_dtype] * 2),
        check_equal("trainable", "whether state variables are trained", [state.trainable for state in layer.states], [False] * 2),
    )


def default_probes() -> Iterator[Probe]:
    """Yield all probes of what is not given."""
    yield Probe(
        trait="argument-defaults",
        judge=_defaults,
        asserts="an argument that is not given to a layer, or to a cell, has its documented default",
    )
    for name in ("activation", "recurrent_activation"):
        for implementation in (1, 2):
            yield Probe(
                trait="activation-none",
                judge=_none,
                asserts="an activation that is None is linear",
                parameters={"name": name, "implementation": implementation},
                label=f"{name.replace('_', '-')}-impl{implementation}",
            )
    for policy in POLICIES:
        yield Probe(
            trait="initial-states",
            judge=_initial_states,
            asserts="get_initial_state of a cell, a layer or a stack returns zeros in the compute dtype",
            parameters={"policy": policy},
            label=policy,
        )
        yield Probe(
            trait="state-variables",
            judge=_state_variables,
            asserts="a stateful layer keeps its states in the variable dtype, and does not train them",
            parameters={"policy": policy},
            label=policy,
        )
