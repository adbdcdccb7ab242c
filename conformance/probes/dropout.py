"""Probes of dropout: the structure of its masks, training and inference, seeds, and extreme rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, integer_inputs, integer_weights, predicted
from conformance.probes.checks import check_close, check_equal
from conformance.probes.masks import BATCH, CALLS, SIZE, TIMESTEPS, Reader
from conformance.probes.model import SEED, Probe, Subject, dyadic, dyadic_weights
from lstm_ref import GATE_ORDER, LSTM, LSTMConfig
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.rounding import sigma_of_run

UNITS, INPUT_DIM, ROWS = 3, 5, 4
FALSE_ALARM = 1e-9
# Word of the id → the outputs at inference.
ROUTES: dict[str, Callable[[Subject, Any, Array], Array]] = {
    "false": lambda subject, layer, inputs: subject.read(layer(inputs, training=False)),
    "default": lambda subject, layer, inputs: subject.read(layer(inputs)),
    "predict": predicted,
}
RATES = {"input": {"dropout": 0.5}, "recurrent": {"recurrent_dropout": 0.5}}

# Word of the id → the layer that is read, and the number of masks of the four gates.
READERS: dict[str, tuple[Reader, int]] = {
    "input": (Reader(kind="input", arguments={}), 1),
    "input-no-cudnn": (Reader(kind="input", arguments={"use_cudnn": False}), 1),
    "input-native": (Reader(kind="input", arguments={}, activations="native"), 1),
    "input-rate25": (Reader(kind="input", rate=0.25, arguments={}), 1),
    "input-rate75": (Reader(kind="input", rate=0.75, arguments={}), 1),
    "input-seeded": (Reader(kind="input", arguments={"seed": SEED + 3}), 1),
    "input-unroll": (Reader(kind="input", arguments={"unroll": True}), 1),
    "input-stateful": (Reader(kind="input", arguments={"stateful": True}), 1),
    "input-rnn": (Reader(kind="input", arguments={}, wrapped=True), 1),
    "input-impl1": (Reader(kind="input", arguments={"implementation": 1}), 4),
    "input-impl1-no-cudnn": (Reader(kind="input", arguments={"implementation": 1, "use_cudnn": False}), 4),
    "input-impl1-rnn": (Reader(kind="input", arguments={"implementation": 1}, wrapped=True), 4),
    "input-mixed-float16": (Reader(kind="input", arguments={"dtype": "mixed_float16"}), 1),
    "input-mixed-bfloat16": (Reader(kind="input", arguments={"dtype": "mixed_bfloat16"}), 1),
    "input-and-recurrent": (Reader(kind="input", arguments={"recurrent_dropout": 0.5}), 4),
    "recurrent": (Reader(kind="recurrent", arguments={}), 4),
    "recurrent-native": (Reader(kind="recurrent", arguments={}, activations="native"), 4),
    "recurrent-seeded": (Reader(kind="recurrent", arguments={"seed": SEED + 3}), 4),
    "recurrent-rate25": (Reader(kind="recurrent", rate=0.25, arguments={}), 4),
    "recurrent-rate75": (Reader(kind="recurrent", rate=0.75, arguments={}), 4),
    "recurrent-unroll": (Reader(kind="recurrent", arguments={"unroll": True}), 4),
    "recurrent-stateful": (Reader(kind="recurrent", arguments={"stateful": True}), 4),
    "recurrent-rnn": (Reader(kind="recurrent", arguments={}, wrapped=True), 4),
}


def _structure(subject: Subject, *, reader: Reader, masks: int) -> tuple[CheckResult, ...]:
    """Judge the masks of several calls.

    Two of these masks of a thousand bits are equal by chance with a probability far below 1e-9. The kept fraction of n draws lies
    within √(ln(2 / 1e-9) / 2n) of its expectation with a probability of 1 - 1e-9 (Hoeffding).
    """
    layer = reader.layer(subject)
    outputs = np.stack([reader.outputs(subject, layer) for _ in range(CALLS)])
    dropped, kept = reader.levels()
    kept_here = np.abs(outputs - kept) < np.abs(outputs - dropped)  # (call, row, timestep, gate, feature)
    drawn = kept_here[:, :, 0]
    by_gate = [len({call[:, position].tobytes() for position in range(len(GATE_ORDER))}) for call in drawn]
    sample = drawn if masks > 1 else drawn[:, :, :1]
    by_chance = math.sqrt(math.log(2 / FALSE_ALARM) / (2 * sample.size))
    kept_fraction = float(sample.mean())
    near = abs(kept_fraction - (1 - reader.rate)) <= by_chance
    return (
        check_close("scale", "outputs in training", outputs, np.where(kept_here, kept, dropped), reader.sigma),
        check_equal("constant", "the number of timesteps whose masks are not the first's", _changes(kept_here), 0),
        check_equal("gates", "the number of different masks among the four gates, call by call", by_gate, [masks] * CALLS),
        check_equal("calls", "the number of different masks in as many calls", len({call.tobytes() for call in drawn}), CALLS),
        check_equal("rows", "whether all rows have one mask", bool((drawn == drawn[:, :1]).all()), False),
        check_equal(
            "keep_rate", f"whether {kept_fraction:.3f}, the part that is kept, is {1 - reader.rate} but for chance", near, True
        ),
    )


def _changes(kept_here: Array) -> int:
    return sum(not np.array_equal(kept_here[:, :, t], kept_here[:, :, 0]) for t in range(1, TIMESTEPS))


def _outputs(subject: Subject, inputs: Array, *, training: bool | None, **arguments: Any) -> Array:
    """The outputs of a plain layer for these inputs."""
    layer = subject.build_loaded(dyadic_weights(UNITS, INPUT_DIM), return_sequences=True, **arguments)
    return subject.read(layer(inputs.astype("float32"), **({} if training is None else {"training": training})))


def _inputs() -> Array:
    return dyadic(ROWS, TIMESTEPS, INPUT_DIM, key=8) + 0.0625  # no input is 0, so that none looks dropped


def _inference(
    subject: Subject, *, rates: dict[str, float], architecture: str = "lstm", route: str = "default", **arguments: Any
) -> tuple[CheckResult, ...]:
    """Compare with the reference without dropout, bit for bit."""
    kind = ARCHITECTURES[architecture]
    layer = kind.loaded(subject, return_sequences=True, **rates, **arguments)
    got = ROUTES[route](subject, layer, kind.inputs)
    expected = kind.reference(kind.weights, return_sequences=True)(kind.inputs)
    return (check_close("outputs", "outputs at inference", got, expected),)


def _inference_native(subject: Subject, *, rates: dict[str, float]) -> tuple[CheckResult, ...]:
    """Compare on the paths that need tanh and sigmoid."""
    weights, inputs = integer_weights(UNITS, INPUT_DIM), integer_inputs(ROWS, TIMESTEPS, INPUT_DIM)
    config = LSTMConfig(UNITS, return_sequences=True)
    trajectory = LSTM(config, weights).trajectory(inputs)
    sigma = sigma_of_run(config, weights, inputs.astype(np.float64), trajectory, subject.arithmetic("float32")).hidden
    layer = subject.build_loaded(weights, return_sequences=True, **rates)
    return (check_close("outputs", "outputs at inference", subject.read(layer(inputs)), trajectory.hidden, sigma),)


def _rate_zero(subject: Subject) -> tuple[CheckResult, ...]:
    got = _outputs(subject, _inputs(), training=True, dropout=0.0, recurrent_dropout=0.0)
    expected = _outputs(subject, _inputs(), training=False)
    return (check_close("outputs", "outputs in training with both rates 0", got, expected),)


def _rate_one_inputs(subject: Subject, *, arguments: dict[str, Any]) -> tuple[CheckResult, ...]:
    """Compare with inputs of 0, bit for bit, because 0 times a weight is 0."""
    got = _outputs(subject, _inputs(), training=True, dropout=1.0, **arguments)
    expected = _outputs(subject, np.zeros_like(_inputs()), training=False, **arguments)
    return (check_close("outputs", "outputs in training with dropout=1 (expected: those of inputs that are 0)", got, expected),)


def _rate_one_hidden(subject: Subject) -> tuple[CheckResult, ...]:
    """Compare with a recurrent kernel of zeros."""
    weights = dyadic_weights(UNITS, INPUT_DIM)
    got = _outputs(subject, _inputs(), training=True, recurrent_dropout=1.0)
    weights.recurrent_kernel[:] = 0
    layer = subject.build_loaded(weights, return_sequences=True, implementation=1, use_cudnn=False)
    expected = subject.read(layer(_inputs().astype("float32"), training=False))
    what = "outputs in training with recurrent_dropout=1 (expected: those of a recurrent kernel of zeros)"
    return (check_close("outputs", what, got, expected),)


def _first_outputs(subject: Subject, reader: Reader, seed: int | None) -> Array:
    return reader.outputs(subject, reader.layer(subject, seed=seed))


def _seeds(subject: Subject, *, kind: str, other: int | None) -> tuple[CheckResult, ...]:
    """Compare new layers: the same seed draws the same first masks, and another seed, or none, draws others."""
    reader = READERS[kind][0]
    first, again, others, last = (_first_outputs(subject, reader, seed) for seed in (1, 1, other, other))
    results = (
        check_close("same", "outputs of a second layer with the same seed", again, first),
        check_equal("different", f"whether seeds 1 and {other} draw the same masks", np.array_equal(others, first), False),
    )
    if other is not None:
        return results
    alike = np.array_equal(others, last)
    return *results, check_equal("different", "whether two layers without a seed draw the same masks", alike, False)


def _training_steps(subject: Subject, *, kind: str) -> tuple[CheckResult, ...]:
    """Count different losses. With random targets, two masks give the same loss with a probability far below 1e-9."""
    layer = READERS[kind][0].layer(subject)
    model = subject.keras.Sequential([subject.keras.Input((TIMESTEPS, SIZE), batch_size=BATCH), layer])
    model.compile(optimizer=subject.keras.optimizers.SGD(0.0), loss="mse")
    targets = np.random.default_rng(SEED).normal(size=(BATCH, TIMESTEPS, layer.units))
    data = np.ones((BATCH, TIMESTEPS, SIZE), np.float32), targets.astype("float32")
    losses = [float(model.train_on_batch(*data)) for _ in range(CALLS)]
    return (check_equal("calls", "the number of different losses in as many training steps", len(set(losses)), CALLS),)


def _seed_in_config(subject: Subject) -> tuple[CheckResult, ...]:
    reader = READERS["input"][0]
    layer = reader.layer(subject, seed=SEED + 5)
    config = layer.get_config()
    rebuilt = subject.layer_class.from_config(config)
    rebuilt.build((BATCH, TIMESTEPS, SIZE))
    rebuilt.set_weights(layer.get_weights())
    first = reader.outputs(subject, layer)
    return (
        check_equal("config", "the seed in the config", config.get("seed"), SEED + 5),
        check_close("outputs", "outputs of the layer from the config", reader.outputs(subject, rebuilt), first),
    )


def _inference_probes() -> Iterator[Probe]:
    asserts = "each dropout alone, and both, are off unless the layer is called with training=True"
    both = {name: rate for rates in RATES.values() for name, rate in rates.items()}
    of_lstm: dict[str, dict[str, Any]] = {
        **{route: {"route": route} for route in ROUTES},
        "impl1": {"implementation": 1},
        "no-cudnn": {"use_cudnn": False},
    }
    ways = [(f"{label}-{word}", {"rates": rates, **way}) for label, rates in RATES.items() for word, way in of_lstm.items()]
    ways += [(f"both-{name}", {"rates": both, "architecture": name}) for name in ARCHITECTURES]
    for label, parameters in ways:
        yield Probe(trait="dropout-at-inference", judge=_inference, asserts=asserts, parameters=parameters, label=label)
    for label, rates in RATES.items():
        yield Probe(
            trait="dropout-at-inference",
            judge=_inference_native,
            asserts=asserts,
            parameters={"rates": rates},
            label=f"{label}-native",
        )


def _extreme_rates() -> Iterator[Probe]:
    yield Probe(trait="dropout-rate-zero", judge=_rate_zero, asserts="rates of 0 are no dropout, bit for bit")
    routes: dict[str, dict[str, Any]] = {
        "impl2": {},
        "impl2-no-cudnn": {"use_cudnn": False},
        "impl1-no-cudnn": {"implementation": 1, "use_cudnn": False},
    }
    for label, arguments in routes.items():
        yield Probe(
            trait="dropout-rate-one",
            judge=_rate_one_inputs,
            asserts="dropout=1 drops all inputs",
            parameters={"arguments": arguments},
            label=label,
        )
    yield Probe(
        trait="recurrent-dropout-rate-one", judge=_rate_one_hidden, asserts="recurrent_dropout=1 drops all of the hidden state"
    )


def dropout_probes() -> Iterator[Probe]:
    """Yield all probes of dropout."""
    for label, (reader, masks) in READERS.items():
        yield Probe(
            trait="dropout-masks",
            judge=_structure,
            asserts="masks hold 0 or 1 / (1 - rate), constant over time, new for each call and row, one for all gates or one each",
            parameters={"reader": reader, "masks": masks},
            label=label,
        )
    yield from _inference_probes()
    for kind in RATES:
        yield Probe(
            trait="dropout-training-steps",
            judge=_training_steps,
            asserts="each compiled training step draws new masks",
            parameters={"kind": kind},
            label=kind,
            needs_training=True,
        )
        for word, other in (("other", 2), ("none", None)):
            yield Probe(
                trait="dropout-seed",
                judge=_seeds,
                asserts="the same seed draws the same masks in a fresh layer, another seed or none draws others",
                parameters={"kind": kind, "other": other},
                label=f"{kind}-{word}",
            )
    yield Probe(trait="dropout-seed-in-config", judge=_seed_in_config, asserts="a layer from the config draws the same masks")
    yield from _extreme_rates()
