"""Probes of regularisers and their losses. All numbers are dyadic and small, so sums in any order are exact in float32."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import Probe, Subject, dyadic, dyadic_weights
from lstm_ref import GATE_ORDER, LSTMWeights
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, BATCH, TIMESTEPS = 3, 5, 4, 3
FACTORS = {"l1": 0.5, "l2": 0.25}
PENALTIES: dict[str, Callable[[Array], float]] = {
    "l1": lambda w: FACTORS["l1"] * float(np.abs(w).sum()),
    "l2": lambda w: FACTORS["l2"] * float(np.square(w).sum()),
    "l1l2": lambda w: PENALTIES["l1"](w) + PENALTIES["l2"](w),
}
ARRAY_OF = {"kernel": "kernel", "recurrent": "recurrent_kernel", "bias": "bias"}


def _regularizer(keras: Any, kind: str) -> Any:
    regularizers = keras.regularizers
    return {"l1": regularizers.L1(FACTORS["l1"]), "l2": regularizers.L2(FACTORS["l2"]), "l1l2": regularizers.L1L2(**FACTORS)}[kind]


def _losses(check: str, subject: Subject, losses: list[Any], expected: list[float]) -> tuple[CheckResult, ...]:
    number = check_equal(f"number_of_{check}", "the number of losses", len(losses), len(expected))
    got = np.array([float(subject.read(loss)) for loss in losses])
    return number, check_close(check, "the losses", got, np.array(expected))


def _weights(subject: Subject, *, of: str, kind: str) -> tuple[CheckResult, ...]:
    weights = dyadic_weights(UNITS, INPUT_DIM)
    layer = subject.build_loaded(weights, **{f"{of}_regularizer": _regularizer(subject.keras, kind)})
    return _losses("losses", subject, layer.losses, [PENALTIES[kind](weights.arrays[ARRAY_OF[of]])])


def _none(subject: Subject) -> tuple[CheckResult, ...]:
    layer = subject.build_loaded(dyadic_weights(UNITS, INPUT_DIM))
    layer(np.ones((BATCH, TIMESTEPS, INPUT_DIM), np.float32))
    return (check_equal("losses", "the number of losses", len(layer.losses), 0),)


def _counting_weights() -> LSTMWeights:
    """Weights of linear candidates and open gates: with linear activations, h_t = c_t = c_(t-1) + STEP for all inputs."""
    bias = np.concatenate([STEP if gate == "c" else np.ones(UNITS) for gate in GATE_ORDER])
    return LSTMWeights(np.zeros((INPUT_DIM, 4 * UNITS)), np.zeros((UNITS, 4 * UNITS)), bias)


def _counting_outputs() -> Array:
    """The last outputs of a layer with the counting weights, (batch, units)."""
    return np.tile(TIMESTEPS * STEP, (BATCH, 1))


STEP = np.array([0.25, -0.5, 1.0])
COUNTING = {"activation": "linear", "recurrent_activation": "linear"}


def _activity(subject: Subject, *, return_sequences: bool, return_state: bool) -> tuple[CheckResult, ...]:
    """Judge that there is one loss for each returned tensor, states included, divided by the batch size."""
    flags = {"return_sequences": return_sequences, "return_state": return_state}
    regularizer = _regularizer(subject.keras, "l1l2")
    layer = subject.build_loaded(_counting_weights(), **COUNTING, **flags, activity_regularizer=regularizer)
    layer(np.zeros((BATCH, TIMESTEPS, INPUT_DIM), np.float32))
    final = _counting_outputs()
    outputs = np.stack([final * (t + 1) / TIMESTEPS for t in range(TIMESTEPS)], axis=1) if return_sequences else final
    returned = [outputs, final, final] if return_state else [outputs]
    return _losses("losses", subject, layer.losses, [PENALTIES["l1l2"](array) / BATCH for array in returned])


def _activity_of_parts(subject: Subject, *, architecture: str) -> tuple[CheckResult, ...]:
    """Judge the penalty of what an RNN of cells returns, and of both halves of a Bidirectional."""
    kind = ARCHITECTURES[architecture]
    layer = kind.loaded(subject, activity_regularizer=_regularizer(subject.keras, "l1l2"))
    layer(kind.inputs)
    outputs = np.split(kind.reference(kind.weights)(kind.inputs), 2 if architecture == "bidi" else 1, axis=-1)
    return _losses("losses", subject, layer.losses, [PENALTIES["l1l2"](array) / len(array) for array in outputs])


def _silent_weights() -> LSTMWeights:
    """Weights without a candidate, so that states and outputs are exactly 0, and so is their squared error from 0."""
    weights = dyadic_weights(UNITS, INPUT_DIM)
    for block in weights.gate("c"):
        block[:] = 0  # type: ignore[index]  # there is a bias
    return weights


def trained_model(subject: Subject, layer: Any, input_dim: int, **compiling: Any) -> Any:
    """Make a model of the layer. Its learning rate is 0, so that a step leaves the weights unchanged."""
    model = subject.keras.Sequential([subject.keras.Input((TIMESTEPS, input_dim), batch_size=BATCH), layer])
    model.compile(**({"optimizer": subject.keras.optimizers.SGD(0.0), "loss": "mse"} | compiling))
    return model


# Route → the loss that a model reports for one batch.
LOSSES: dict[str, Callable[..., Any]] = {
    "evaluate": lambda model, *data: model.evaluate(*data, batch_size=BATCH, verbose=0),
    "train_on_batch": lambda model, *data: model.train_on_batch(*data),
    "fit": lambda model, *data: model.fit(*data, batch_size=BATCH, verbose=0).history["loss"][0],
}


def _reported_loss(subject: Subject, layer: Any, targets: Array, route: str) -> Array:
    model = trained_model(subject, layer, INPUT_DIM)
    data = dyadic(BATCH, TIMESTEPS, INPUT_DIM, key=9).astype("float32"), targets.astype("float32")
    return np.asarray(LOSSES[route](model, *data), np.float64)


def _total_of_weights(subject: Subject, *, route: str) -> tuple[CheckResult, ...]:
    """Judge the loss of penalties on weights: outputs equal the targets, so the loss is the sum of the penalties."""
    weights = _silent_weights()
    layer = subject.build_loaded(weights, **{f"{of}_regularizer": _regularizer(subject.keras, "l1l2") for of in ARRAY_OF})
    expected = sum(PENALTIES["l1l2"](array) for array in weights.arrays.values())
    loss = _reported_loss(subject, layer, np.zeros((BATCH, UNITS)), route)
    return (check_close("loss", f"the loss of {route}", loss, np.asarray(expected)),)


def _total_of_activity(subject: Subject, *, route: str) -> tuple[CheckResult, ...]:
    """Judge the loss of a penalty on outputs: outputs equal the targets, so the loss is the penalty."""
    regularizer = _regularizer(subject.keras, "l1l2")
    layer = subject.build_loaded(_counting_weights(), **COUNTING, activity_regularizer=regularizer)
    expected = PENALTIES["l1l2"](_counting_outputs()) / BATCH
    return (
        check_close(
            "loss", f"the loss of {route}", _reported_loss(subject, layer, _counting_outputs(), route), np.asarray(expected)
        ),
    )


def regularisation_probes() -> Iterator[Probe]:
    """Yield all probes of regularisers."""
    for of, kind in itertools.product(ARRAY_OF, PENALTIES):
        yield Probe(
            trait="regularizer",
            judge=_weights,
            asserts="a weight's regulariser adds one loss, its penalty on that weight",
            parameters={"of": of, "kind": kind},
            label=f"{of}-{kind}",
        )
    yield Probe(trait="no-regularizer", judge=_none, asserts="without regularisers a layer adds no loss")
    for return_sequences, return_state in itertools.product((False, True), repeat=2):
        words = ("seq" if return_sequences else "", "state" if return_state else "")
        yield Probe(
            trait="activity-regularizer",
            judge=_activity,
            asserts="activity_regularizer adds a loss for each tensor that is returned, divided by the batch size",
            parameters={"return_sequences": return_sequences, "return_state": return_state},
            label="-".join(filter(None, words)) or "last",
        )
    for architecture in ("rnn", "cells2", "bidi"):
        yield Probe(
            trait="activity-regularizer",
            judge=_activity_of_parts,
            asserts="activity_regularizer adds a loss for each tensor that is returned, divided by the batch size",
            parameters={"architecture": architecture},
            label=architecture,
        )
    totals = {"weights": _total_of_weights, "activity": _total_of_activity}
    for (of, judge), route in itertools.product(totals.items(), LOSSES):
        yield Probe(
            trait=f"{of}-regularizer-in-loss",
            judge=judge,
            asserts="the loss that is reported includes the regularisers' penalties",
            parameters={"route": route},
            label=route.replace("_", "-"),
            needs_training=route != "evaluate",
        )
