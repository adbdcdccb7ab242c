"""Probes of what inference and get_config leave as it was: every variable of a layer, the states of seed generators included."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, predicted
from conformance.probes.checks import check_equal
from conformance.probes.model import Probe, Subject
from lstm_ref.arrays import Array

DROPOUT = {"dropout": 0.5, "recurrent_dropout": 0.5}

# What must change no variable → what is done.
ACTS: Mapping[str, Callable[[Subject, Any, Array], object]] = {
    "call": lambda _, layer, inputs: layer(inputs),
    "predict": predicted,
    "get_config": lambda _, layer, __: layer.get_config(),
}


def _values(subject: Subject, layer: Any, act: str) -> list[tuple[str, Array]]:
    """The values of all variables, by name; those of states too, unless the act is a call, which writes them."""
    named = [(variable.path, variable) for variable in layer.variables]
    if act == "get_config":
        named += [("a state", state) for state in subject.keras.tree.flatten(getattr(layer, "states", None) or [])]
    return [(name, subject.read(variable)) for name, variable in named]


def _unchanged(subject: Subject, *, architecture: str, acts: tuple[str, ...], **arguments: Any) -> tuple[CheckResult, ...]:
    kind = ARCHITECTURES[architecture]
    layer = kind.loaded(subject, **arguments)
    results = []
    for act in acts:
        before = _values(subject, layer, act)
        ACTS[act](subject, layer, kind.inputs)
        after = _values(subject, layer, act)
        changed = [name for (name, old), (_, new) in zip(before, after, strict=True) if not np.array_equal(old, new)]
        results.append(check_equal("variables", f"the variables that {act} changed", changed, []))
    return tuple(results)


def unchanged_probes() -> Iterator[Probe]:
    """Yield all probes of variables that must not change."""
    asserts = "inference and get_config leave every variable as it was, weights and the states of seed generators"
    direct = ("call", "get_config")
    ways: dict[str, dict[str, Any]] = {name: {"architecture": name, "acts": direct} for name in ARCHITECTURES}
    ways |= {"lstm-stateful": {"architecture": "lstm", "acts": direct, "stateful": True}}
    ways |= {f"{name}-predict": {"architecture": name, "acts": ("predict",)} for name in ("lstm", "bidi")}
    for label, parameters in ways.items():
        for word, dropout in {"": {}, "dropout": DROPOUT}.items():
            yield Probe(
                trait="variables-unchanged",
                judge=_unchanged,
                asserts=asserts,
                parameters={**parameters, **dropout},
                label="-".join(filter(None, (label, word))),
            )
