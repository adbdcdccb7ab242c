"""Probes of constraints, in the weights and after a training step, and of trainable=False after a training step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import Probe, Subject, dyadic, dyadic_weights
from conformance.probes.regularisation import ARRAY_OF, BATCH, INPUT_DIM, TIMESTEPS, UNITS, trained_model
from conformance.reference.tolerance import UNDERFLOW, UNIT_ROUNDOFF
from lstm_ref.arrays import Array

# Most columns of dyadic weights are longer than 2. Shorter ones stay unchanged.
LONGEST, SHORTEST, RATE = 2.0, 1.0, 0.5


def _norms(w: Array) -> Array:
    return np.asarray(np.sqrt(np.square(w).sum(axis=0, keepdims=True)))


def _scaled(w: Array, length: Array, epsilon: float) -> Array:
    return np.asarray(w * length / (_norms(w) + epsilon))


# The projection on the constraint's set, by its definition. Norms are those of columns; Keras adds epsilon() to them.
PROJECTIONS: dict[str, Callable[[Array, float], Array]] = {
    "max_norm": lambda w, epsilon: _scaled(w, np.minimum(_norms(w), LONGEST), epsilon),
    "non_neg": lambda w, _: np.maximum(w, 0),
    "unit_norm": lambda w, epsilon: _scaled(w, np.ones_like(_norms(w)), epsilon),
    "min_max_norm": lambda w, epsilon: _scaled(w, RATE * np.clip(_norms(w), SHORTEST, LONGEST) + (1 - RATE) * _norms(w), epsilon),
}


def _constraint(keras: Any, kind: str) -> Any:
    constraints = keras.constraints
    return {
        "max_norm": lambda: constraints.MaxNorm(LONGEST),
        "non_neg": constraints.NonNeg,
        "unit_norm": constraints.UnitNorm,
        "min_max_norm": lambda: constraints.MinMaxNorm(SHORTEST, LONGEST, rate=RATE),
    }[kind]()


# The weight's name → its constraint, each with another.
EACH_ITS_OWN = {"kernel": "max_norm", "recurrent_kernel": "non_neg", "bias": "min_max_norm"}


def _projection(subject: Subject, kind: str, before: Array) -> tuple[Array, Array | None]:
    """The projection of a weight, and σ of it.

    A sum of n squares has a relative variance of at most (n/3 + 3/2) u² (`lstm_ref.uncertainty.model`), and a root halves errors.
    The root, the four operations for the new length, the sum with epsilon(), the quotient and the product round once each.
    """
    expected = PROJECTIONS[kind](before, subject.keras.config.epsilon())
    relative = math.sqrt((len(before) / 3 + 3 / 2) / 4 + 8) * UNIT_ROUNDOFF["float32"]
    return expected, None if kind == "non_neg" else np.abs(expected) * relative + UNDERFLOW["float32"]


def _constraints(keras: Any, kinds: Mapping[str, str]) -> dict[str, Any]:
    return {f"{of}_constraint": _constraint(keras, kinds[name]) for of, name in ARRAY_OF.items()}


def _project(subject: Subject, *, kinds: Mapping[str, str]) -> tuple[CheckResult, ...]:
    """Judge the weights after a step with learning rate 0."""
    weights = dyadic_weights(UNITS, INPUT_DIM)
    layer = subject.build_loaded(weights, **_constraints(subject.keras, kinds))
    model = trained_model(subject, layer, INPUT_DIM)
    model.train_on_batch(dyadic(BATCH, TIMESTEPS, INPUT_DIM, key=9).astype("float32"), np.ones((BATCH, UNITS), np.float32))
    return tuple(
        check_close(
            name, f"the {name} after a step with learning rate 0", after, *_projection(subject, kinds[name], weights.arrays[name])
        )
        for name, after in subject.read_weights(layer).arrays.items()
    )


def _constrained_weights(subject: Subject, *, architecture: str) -> tuple[CheckResult, ...]:
    """Judge what each weight's constraint makes of it. Optimizers call it after every step, on backends that train."""
    layer = ARCHITECTURES[architecture].loaded(subject, **_constraints(subject.keras, EACH_ITS_OWN))
    results = []
    for key, variable in enumerate(layer.trainable_variables):
        values, given = dyadic(*variable.shape, key=key), variable.constraint or (lambda tensor: tensor)
        projected = subject.read(given(subject.keras.ops.convert_to_tensor(values, "float32")))
        what = f"{variable.path} as its constraint projects it"
        results.append(check_close(variable.name, what, projected, *_projection(subject, EACH_ITS_OWN[variable.name], values)))
    return tuple(results)


def _freeze(subject: Subject, *, when: str) -> tuple[CheckResult, ...]:
    """Judge frozen weights. The layer after the LSTM shows whether the step trains at all."""
    weights = dyadic_weights(UNITS, INPUT_DIM)
    layer = subject.build_loaded(weights, **({"trainable": False} if when == "built" else {}))
    if when == "later":
        layer.trainable = False
    dense = subject.keras.layers.Dense(1, kernel_initializer="ones")
    inputs = subject.keras.Input((TIMESTEPS, INPUT_DIM), batch_size=BATCH)
    model = subject.keras.Model(inputs, dense(layer(inputs)))
    model.compile(optimizer=subject.keras.optimizers.SGD(1.0), loss="mse")
    model.train_on_batch(dyadic(BATCH, TIMESTEPS, INPUT_DIM, key=9).astype("float32"), np.full((BATCH, 1), 9, np.float32))
    moved = bool((subject.read(dense.kernel) != 1).any())
    return (
        check_equal("trainable_weights", "the number of trainable weights", len(layer.trainable_weights), 0),
        check_equal("step", "whether the step moved the layer behind", moved, True),
        *(
            check_close(name, f"the {name} after a step with learning rate 1", after, weights.arrays[name])
            for name, after in subject.read_weights(layer).arrays.items()
        ),
    )


def training_probes() -> Iterator[Probe]:
    """Yield all probes of constraints and frozen layers."""
    same = {kind.replace("_", "-"): dict.fromkeys(EACH_ITS_OWN, kind) for kind in PROJECTIONS}
    for label, kinds in (same | {"each-its-own": EACH_ITS_OWN}).items():
        yield Probe(
            trait="constraint",
            judge=_project,
            asserts="after a training step with learning rate 0 each weight is its own projection on its constraint's set",
            parameters={"kinds": kinds},
            label=label,
            needs_training=True,
        )
    for architecture in ARCHITECTURES:
        yield Probe(
            trait="constraint-of-weight",
            judge=_constrained_weights,
            asserts="each weight has the constraint that is named for it",
            parameters={"architecture": architecture},
            label=architecture,
        )
    for when in ("built", "later"):
        yield Probe(
            trait="not-trainable",
            judge=_freeze,
            asserts="trainable=False keeps all weights as they are while the layers around it are trained",
            parameters={"when": when},
            label=when,
            needs_training=True,
        )
