"""Probes of initialisers. They test properties, because seeded values differ between backends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from conformance.cases.features import POLICIES
from conformance.judging.verdict import CheckResult
from conformance.probes.checks import check_close, check_equal, check_message
from conformance.probes.model import SEED, Judge, Probe, Subject
from conformance.reference.tolerance import UNIT_ROUNDOFF
from lstm_ref import GATE_ORDER, LSTMWeights

UNITS, INPUT_DIM = 3, 5
FALSE_ALARM = 1e-9
# Word of the id → arguments that have to do with the bias, or with the way of computing, but not with its initial values.
BESIDE_FORGET_BIAS: dict[str, dict[str, Any]] = {
    "regularized": {"bias_regularizer": "l2"},
    "constrained": {"bias_constraint": "non_neg"},
    "impl1": {"implementation": 1},
    "recurrent-dropout": {"recurrent_dropout": 0.5},
    "not-trainable": {"trainable": False},
    "mixed-float16": {"dtype": "mixed_float16"},
    "go-backwards": {"go_backwards": True},
    "activations": {"activation": "relu", "recurrent_activation": "hard_sigmoid"},
}
BIAS_INITIALIZERS = {"default": None, "constant": 0.5}


def _bias(
    subject: Subject, *, unit_forget_bias: bool | None, value: float | None, further: Mapping[str, Any] = MappingProxyType({})
) -> tuple[CheckResult, ...]:
    """Judge the initial bias. `unit_forget_bias` is not given if it is None, and its default is True."""
    arguments: dict[str, Any] = dict(further) if unit_forget_bias is None else {"unit_forget_bias": unit_forget_bias, **further}
    if value is not None:
        arguments["bias_initializer"] = subject.keras.initializers.Constant(value)
    layer = subject.lstm(UNITS, **arguments)
    layer.build((None, None, INPUT_DIM))
    weights = subject.read_weights(layer)
    blocks = {
        gate: np.full(UNITS, 1.0 if unit_forget_bias in (None, True) and gate == "f" else value or 0.0) for gate in GATE_ORDER
    }
    return tuple(
        check_close(f"bias_{gate}", f"the initial bias of gate {gate}", weights.astype("float64").gate(gate).bias, block)  # type: ignore[arg-type]  # the layer has a bias
        for gate, block in blocks.items()
    )


def _orthogonal(subject: Subject, *, policy: str, units: int) -> tuple[CheckResult, ...]:
    """Judge that R Rᵀ = I for the whole (units, 4 · units).

    Householder's QR of an m × n matrix leaves Q within √n √(mn) u of an orthogonal matrix in the Frobenius norm, if roundings are
    random (Connolly & Higham 2023; mn without the root in the worst case). So Q Qᵀ, of n² elements, lies within twice that of the
    identity: √m √n u · 2 / √n in the root mean square of an element. No library has a QR in bfloat16. A matrix in bfloat16 was
    computed in float32 and rounded, each element by v of itself. The rows have norm 1, so their products have an error of √2 v at
    most.
    """
    layer = subject.lstm(units, dtype=policy)
    layer.build((None, None, INPUT_DIM))
    recurrent_kernel = subject.read(layer.cell.recurrent_kernel)
    precision = subject.precision_of(layer.cell.recurrent_kernel)
    u, v = UNIT_ROUNDOFF["float32" if precision == "bfloat16" else precision], UNIT_ROUNDOFF[precision]
    rows, columns = 4 * units, units
    sigma = math.hypot(2 * math.sqrt(rows * columns) * u, math.sqrt(2) * v if v > u else 0.0)
    product = recurrent_kernel @ recurrent_kernel.T
    return (check_close("orthogonal", "R Rᵀ", product, np.eye(units), sigma),)


def _glorot_given_as(keras: Any, given: str) -> dict[str, Any]:
    return {
        "default": {},
        "name": {"kernel_initializer": "glorot_uniform"},
        "object": {"kernel_initializer": keras.initializers.GlorotUniform(seed=SEED)},
        "class": {"kernel_initializer": keras.initializers.GlorotUniform},
    }[given]


def _glorot(subject: Subject, *, given: str) -> tuple[CheckResult, ...]:
    """Judge that the kernel is uniform in ±√(6 / (input_dim + 4 · units)): within the limit, and close to it as n draws are.

    The largest of n draws stays below 1 - δ of the limit with probability (1 - δ)^n. Here δ is chosen so that this is 1e-9.
    """
    units, input_dim = 8, 16
    layer = subject.lstm(units, **_glorot_given_as(subject.keras, given))
    layer.build((None, None, input_dim))
    kernel = subject.read(layer.cell.kernel)
    limit, u = math.sqrt(6 / (input_dim + 4 * units)), UNIT_ROUNDOFF["float32"]
    largest, reached = float(np.abs(kernel).max()), limit * FALSE_ALARM ** (1 / kernel.size)
    # The limit, its product with a draw, and the draw are each rounded once.
    above = f"the largest |kernel|: got {largest:.9g}, expected at most {limit:.9g}" if largest > limit * (1 + 3 * u) else ""
    below = f"the largest |kernel|: got {largest:.9g}, expected at least {reached:.9g}" if largest < reached else ""
    return check_message("within_limit", above), check_message("reaches_limit", below)


def _named_initialisers(subject: Subject, *, form: str) -> tuple[CheckResult, ...]:
    """Judge that each of the three initialisers sets its weights."""
    constants = {"kernel": 0.25, "recurrent": -0.5, "bias": 2.0}
    values: dict[str, float] = dict(constants) if form == "object" else {"kernel": 1.0, "recurrent": 0.0, "bias": 1.0}
    names = {1.0: "ones", 0.0: "zeros"}
    arguments = {
        f"{kind}_initializer": subject.keras.initializers.Constant(value) if form == "object" else names[value]
        for kind, value in values.items()
    }
    layer = subject.lstm(UNITS, unit_forget_bias=False, **arguments)
    layer.build((None, None, INPUT_DIM))
    arrays = zip(values.items(), subject.read_weights(layer).arrays.items(), strict=True)
    return tuple(
        check_close(name, f"the initial {name}", array, np.full_like(array, value)) for (_, value), (name, array) in arrays
    )


def _build_weights(subject: Subject, *, seeded: bool) -> LSTMWeights:
    initializers = subject.keras.initializers
    seeds = {"kernel_initializer": initializers.GlorotUniform(seed=1), "recurrent_initializer": initializers.Orthogonal(seed=2)}
    layer = subject.lstm(UNITS, **(seeds if seeded else {}))
    layer.build((None, None, INPUT_DIM))
    return subject.read_weights(layer)


def _same_seed(subject: Subject, *, by: str) -> tuple[CheckResult, ...]:
    pair = []
    for _ in range(2):
        if by == "global":
            subject.keras.utils.set_random_seed(SEED)
        pair.append(_build_weights(subject, seeded=by == "initializer"))
    first, second = pair
    return (
        check_close("kernel", "the second kernel", second.kernel, first.kernel),
        check_close("recurrent_kernel", "the second recurrent kernel", second.recurrent_kernel, first.recurrent_kernel),
    )


def _no_seed(subject: Subject) -> tuple[CheckResult, ...]:
    """Two random kernels of 60 float32 numbers are equal with a probability far below 1e-9."""
    first, second = (_build_weights(subject, seeded=False) for _ in range(2))
    return tuple(
        check_equal(name, f"whether two layers' {name}s are equal", np.array_equal(array, second.arrays[name]), False)
        for name, array in first.arrays.items()
        if name != "bias"
    )


def initialiser_probes() -> Iterator[Probe]:
    """Yield all probes of initialisers."""
    given = {"on": True, "off": False, "unset": None}
    for (word, value), (given_as, unit_forget_bias) in itertools.product(BIAS_INITIALIZERS.items(), given.items()):
        yield Probe(
            trait="unit-forget-bias",
            judge=_bias,
            asserts="unit_forget_bias puts ones in the forget gate's bias; all else follows bias_initializer",
            parameters={"unit_forget_bias": unit_forget_bias, "value": value},
            label=f"{given_as}-{word}",
        )
    for label, further in BESIDE_FORGET_BIAS.items():
        yield Probe(
            trait="unit-forget-bias",
            judge=_bias,
            asserts="unit_forget_bias puts ones in the forget gate's bias, whatever else is given",
            parameters={"unit_forget_bias": True, "value": 0.5, "further": further},
            label=f"on-constant-{label}",
        )
    for policy, units in itertools.product(POLICIES, (1, 3, 16)):
        yield Probe(
            trait="orthogonal",
            judge=_orthogonal,
            asserts="the initial recurrent kernel has orthonormal rows, over all four gates together",
            parameters={"policy": policy, "units": units},
            label=f"{policy}-u{units}",
        )
    glorot = "the initial kernel is uniform within √(6 / (input_dim + 4 · units)), not within a limit per gate"
    yield from _probe_per_value("glorot-uniform", _glorot, glorot, "given", ("default", "name", "object", "class"))
    named = "each initialiser decides the weights that it is named for"
    yield from _probe_per_value("initializer-given", _named_initialisers, named, "form", ("name", "object"))
    same = "layers built with the same seed have the same weights"
    yield from _probe_per_value("initializer-same-seed", _same_seed, same, "by", ("initializer", "global"))
    yield Probe(trait="initializer-no-seed", judge=_no_seed, asserts="layers built without a seed have different weights")


def _probe_per_value(trait: str, judge: Judge, asserts: str, parameter: str, values: Iterable[str]) -> Iterator[Probe]:
    for value in values:
        yield Probe(trait=trait, judge=judge, asserts=asserts, parameters={parameter: value}, label=value)
