"""Probes of functions that merely have the name of a built-in activation: they are used as they are, on every path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, predicted
from conformance.probes.checks import check_close
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array


def _namesakes(keras: Any) -> dict[str, Callable[[Any], Any]]:
    """A `tanh` that is linear, and a `sigmoid` that is hard_tanh: the activations of the reference, by other names."""

    def tanh(x: Any) -> Any:
        return x

    def sigmoid(x: Any) -> Any:
        return keras.ops.clip(x, -1.0, 1.0)

    return {"activation": tanh, "recurrent_activation": sigmoid}


def _from_config(subject: Subject, layer: Any, inputs: Array) -> Array:
    rebuilt = type(layer).from_config(layer.get_config())
    rebuilt.build(inputs.shape)
    rebuilt.set_weights(layer.get_weights())
    return subject.read(rebuilt(inputs))


# Word of the id → the outputs on that path.
ROUTES: Mapping[str, Callable[[Subject, Any, Array], Array]] = {
    "call": lambda subject, layer, inputs: subject.read(layer(inputs)),
    "predict": predicted,
    "config": _from_config,
}


def _used(subject: Subject, *, architecture: str, route: str, **arguments: Any) -> tuple[CheckResult, ...]:
    kind, functions = ARCHITECTURES[architecture], _namesakes(subject.keras)
    with subject.keras.saving.custom_object_scope({function.__name__: function for function in functions.values()}):
        layer = kind.loaded(subject, return_sequences=True, **functions, **arguments)
        got = ROUTES[route](subject, layer, kind.inputs)
    expected = kind.reference(kind.weights, return_sequences=True)(kind.inputs)
    return (check_close("outputs", "outputs with a user's functions named tanh and sigmoid", got, expected),)


def namesake_probes() -> Iterator[Probe]:
    """Yield all probes of namesakes."""
    ways: dict[str, dict[str, Any]] = {f"{name}-call": {"architecture": name, "route": "call"} for name in ARCHITECTURES}
    ways |= {f"{name}-predict": {"architecture": name, "route": "predict"} for name in ("lstm", "bidi")}
    ways |= {f"{name}-config": {"architecture": name, "route": "config"} for name in ("lstm", "rnn")}
    ways |= {
        "lstm-no-cudnn": {"architecture": "lstm", "route": "call", "use_cudnn": False},
        "lstm-impl1": {"architecture": "lstm", "route": "call", "implementation": 1},
        "lstm-unroll": {"architecture": "lstm", "route": "call", "unroll": True},
    }
    for label, parameters in ways.items():
        yield Probe(
            trait="activation-namesake",
            judge=_used,
            asserts="a function that merely has the name of a built-in activation is used as it is",
            parameters=parameters,
            label=label,
        )
