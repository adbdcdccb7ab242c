"""Probes of what comes behind a masked sequence: other layers, the loss, metrics. All of it is computed exactly.

All layers read and return 4 features, the loss is a mean over 4 features and 8 timesteps that are used, and the targets differ from
the expected outputs by small integers. So the expected loss is exact in every precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult, Verdict
from conformance.probes.architectures import ACTIVATIONS, cell_of, integer_inputs, integer_weights, load
from conformance.probes.checks import check_close, check_equal
from conformance.probes.model import INITIALIZERS, SEED, Probe, Subject
from lstm_ref import LSTM, Bidirectional, LSTMConfig, Stacked
from lstm_ref.arrays import Array

WIDTH, BATCH, TIMESTEPS = 4, 4, 4
SHAPE = (BATCH, TIMESTEPS, WIDTH)
# One row of each kind; 8 of 16 timesteps are used.
MASK = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 1, 0]], bool)
PERMUTATION = -np.eye(WIDTH)[[2, 0, 3, 1]]
QUICK = {**ACTIVATIONS, **dict.fromkeys(INITIALIZERS, "zeros")}


def _reference(key: int, **flags: Any) -> LSTM:
    return LSTM(LSTMConfig(WIDTH, **ACTIVATIONS, **flags), integer_weights(WIDTH, WIDTH, key))


def _lstm(subject: Subject, key: int, **flags: Any) -> Any:
    return load(subject.lstm(WIDTH, **QUICK, **flags), SHAPE, integer_weights(WIDTH, WIDTH, key))


def _sequence(subject: Subject, key: int) -> Any:
    return _lstm(subject, key, return_sequences=True)


def _zeroing(subject: Subject, key: int) -> Any:
    return _lstm(subject, key, return_sequences=True, zero_output_for_mask=True)


def _bidirectional(subject: Subject, key: int) -> Any:
    lstm = subject.lstm(WIDTH, **QUICK, return_sequences=True)
    weights = integer_weights(WIDTH, WIDTH, key), integer_weights(WIDTH, WIDTH, key + 1)
    return load(subject.keras.layers.Bidirectional(lstm, merge_mode="sum"), SHAPE, *weights)


def _halves(key: int) -> Bidirectional:
    flags = {"return_sequences": True, "zero_output_for_mask": True}
    return Bidirectional(_reference(key, **flags), _reference(key + 1, go_backwards=True, **flags), "sum")


def _cells(subject: Subject, key: int) -> Any:
    layer = subject.keras.layers.RNN([cell_of(subject, WIDTH, **QUICK) for _ in range(2)], return_sequences=True)
    return load(layer, SHAPE, integer_weights(WIDTH, WIDTH, key), integer_weights(WIDTH, WIDTH, key + 1))


def _dense(subject: Subject, _: int) -> Any:
    layer = subject.keras.layers.Dense(WIDTH, use_bias=False)
    layer.build(SHAPE)
    layer.set_weights([PERMUTATION])
    return layer


def _permuted(inputs: Array, mask: Array | None = None) -> Array:  # noqa: ARG001  # a mask passes it
    return np.asarray(inputs @ PERMUTATION)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A layer of a chain: how it is made with the weights of a key, and the reference with these."""

    make: Callable[[Subject, int], Any]
    reference: Callable[[int], Callable[..., Any]]


LINKS: Mapping[str, Link] = {
    "lstm": Link(make=_sequence, reference=lambda key: _reference(key, return_sequences=True)),
    "zeroing": Link(make=_zeroing, reference=lambda key: _reference(key, return_sequences=True, zero_output_for_mask=True)),
    "last": Link(make=_lstm, reference=_reference),
    "bidi": Link(make=_bidirectional, reference=_halves),
    "cells2": Link(make=_cells, reference=lambda key: Stacked([_reference(key + k, return_sequences=True) for k in range(2)])),
    "dense": Link(make=_dense, reference=lambda _: _permuted),
    "td": Link(make=lambda subject, key: subject.keras.layers.TimeDistributed(_dense(subject, key)), reference=lambda _: _permuted),
}
CHAINS = (
    ("lstm",),
    ("zeroing",),
    ("last",),
    ("bidi",),
    ("cells2",),
    ("lstm", "dense"),
    ("lstm", "td"),
    ("lstm", "lstm"),
    ("lstm", "last"),
    ("bidi", "last"),
    ("cells2", "bidi"),
    ("lstm", "dense", "last"),
    ("lstm", "td", "bidi"),
)


def _differences(expected: Array, rate: int) -> Array:
    """Integers of 1 to 3 where a timestep is used, and much larger ones where it is not; all alike of a last output."""
    differences = np.random.default_rng(SEED).integers(1, 4, expected.shape)
    return np.asarray(differences if expected.ndim == 2 else np.where(MASK[..., None], differences, rate), np.float64)


def _behind(subject: Subject, *, chain: tuple[str, ...], weighted: bool = False) -> tuple[CheckResult, ...]:
    """Judge the outputs, the loss and a metric of a model that masks its inputs."""
    keras = subject.keras
    inputs = (integer_inputs(*SHAPE) * MASK[..., None]).astype(np.float32)
    tensor = keras.Input(batch_shape=SHAPE)
    hidden, expected = keras.layers.Masking()(tensor), inputs
    for key, name in enumerate(chain):
        hidden = LINKS[name].make(subject, 2 * key)(hidden)
        expected = LINKS[name].reference(2 * key)(expected, mask=MASK)
    sent_on = getattr(hidden, "_keras_mask", None) is not None
    mask = check_equal("mask", "whether the last layer sends on a mask", sent_on, expected.ndim == 3)
    if mask.verdict is not Verdict.PASS:
        return (mask,)  # there may be no loss under a mask of other axes
    model = keras.Model(tensor, hidden)
    model.compile(loss="mae", weighted_metrics=["mae"])
    differences = _differences(expected, 64)
    used = np.ones(BATCH, bool) if expected.ndim == 2 else MASK
    weights = np.where(np.arange(used.size).reshape(used.shape) % 3, 1.0, 2.0) if weighted else np.ones(used.shape)
    each = differences.mean(axis=-1) * weights * used
    outputs = model(inputs)
    data = inputs, (expected + differences).astype(np.float32), outputs, weights.astype(np.float32) if weighted else None
    loss, metric = model.compute_loss(*data), model.compute_metrics(*data)["mae"]
    mean = each.sum() / (weights * used).sum()
    u = 2.0**-24 * float(mean)  # one rounding of the metric, which divides by a sum of weights
    return (
        mask,
        check_close("outputs", "outputs", subject.read(outputs), np.asarray(expected, np.float64)),
        check_close("loss", "the loss", subject.read(loss), np.asarray(each.sum() / used.sum())),
        check_close("metric", "the weighted mean", subject.read(metric), np.asarray(mean), u if weighted else None),
    )


def downstream_probes() -> Iterator[Probe]:
    """Yield all probes of what comes behind a masked sequence."""
    ways: dict[str, dict[str, Any]] = {"-".join(chain): {"chain": chain} for chain in CHAINS}
    ways |= {f"{name}-weighted": {"chain": (name,), "weighted": True} for name in ("lstm", "last", "bidi")}
    for label, parameters in ways.items():
        yield Probe(
            trait="masked-downstream",
            judge=_behind,
            asserts="a mask reaches every layer above, the loss and the metrics, which are means over the timesteps that are used",
            parameters=parameters,
            label=label,
        )
