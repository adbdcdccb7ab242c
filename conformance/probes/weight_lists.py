"""Probes of the lists of weights: names, order, paths, and which of them are trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from conformance.judging.verdict import CheckResult
from conformance.probes.architectures import ARCHITECTURES, UNITS
from conformance.probes.checks import check_equal
from conformance.probes.model import Probe, Subject

NAMES = ("kernel", "recurrent_kernel", "bias")
POLICIES = ("float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def _listed(subject: Subject, *, architecture: str, use_bias: bool) -> tuple[CheckResult, ...]:
    kind = ARCHITECTURES[architecture]
    layer = kind.make(subject, use_bias=use_bias)
    layer.build(kind.input_shape)
    names = NAMES if use_bias else NAMES[:-1]
    shapes: dict[str, Callable[[int], tuple[int, ...]]] = {
        "kernel": lambda input_dim: (input_dim, 4 * UNITS),
        "recurrent_kernel": lambda _: (UNITS, 4 * UNITS),
        "bias": lambda _: (4 * UNITS,),
    }
    expected = [(name, shapes[name](input_dim)) for input_dim in kind.input_dims for name in names]
    listed = [(weight.name, tuple(weight.shape)) for weight in layer.weights]
    ends = [weight.path.rpartition("/")[2] for weight in layer.weights]
    starts = {weight.path.partition("/")[0] for weight in layer.weights}
    return (
        check_equal("weights", "names and shapes of the weights, in order", listed, expected),
        check_equal(
            "paths", "how the weights' paths begin and end", (starts, ends), ({layer.name}, [name for name, _ in expected])
        ),
        check_equal("different", "the number of different paths", len({weight.path for weight in layer.weights}), len(expected)),
        check_equal(
            "values", "the shapes of get_weights", [array.shape for array in layer.get_weights()], [s for _, s in expected]
        ),
    )


def _dtypes(subject: Subject, *, architecture: str, policy: str) -> tuple[CheckResult, ...]:
    """Judge the dtypes of the weights, and of the states of a stateful layer."""
    is_stateful = architecture != "td"  # each call of what it wraps is a part of the batch
    with subject.policy(policy):
        layer = ARCHITECTURES[architecture].built(subject, stateful=is_stateful)
    variables = [*layer.weights, *(subject.keras.tree.flatten(layer.states) if is_stateful else ())]
    dtypes = [subject.keras.backend.standardize_dtype(variable.dtype) for variable in variables]
    expected = "float32" if policy.startswith("mixed") else policy
    return (check_equal("dtypes", f"the dtypes of weights and states under {policy}", dtypes, [expected] * len(variables)),)


def _part(layer: Any) -> Any:
    """The first part of a layer that has weights: its cell, the first of several, the forward half, the wrapped layer."""
    for name in ("forward_layer", "layer", "cell"):
        if hasattr(layer, name):
            part = getattr(layer, name)
            return part.cells[0] if hasattr(part, "cells") else part
    return layer


def _freeze(of: Callable[[Any], Any], *values: bool) -> Callable[[Any], None]:
    """Set `trainable` of a part of a layer to each of the values."""

    def freeze(layer: Any) -> None:
        for value in values:
            of(layer).trainable = value

    return freeze


def _whole(layer: Any) -> Any:
    return layer


# What is frozen → how it is frozen, or thawed, and how many of the parts are frozen then, of one and of two.
FREEZING: Mapping[str, tuple[Callable[[Any], None], tuple[int, int]]] = {
    "nothing": (_freeze(_whole), (0, 0)),
    "layer": (_freeze(_whole, False), (1, 2)),
    "part": (_freeze(_part, False), (1, 1)),
    "thawed": (_freeze(_whole, False, True), (0, 0)),
}


def _trained(subject: Subject, *, architecture: str, frozen: str) -> tuple[CheckResult, ...]:
    """Judge a layer that is frozen before it is built, and one that is frozen later."""
    kind, (freeze, counts) = ARCHITECTURES[architecture], FREEZING[frozen]
    parts = len(kind.input_dims)
    fixed, free = (len(NAMES) * number for number in (counts[parts - 1], parts - counts[parts - 1]))
    results: list[CheckResult] = []
    for built_first in (False, True):
        layer = kind.make(subject)
        steps = [lambda layer: layer.build(kind.input_shape), freeze]
        for step in steps if built_first else reversed(steps):
            step(layer)
        when = f"when it is frozen {'after' if built_first else 'before'} it is built"
        results += [
            check_equal("trainable", f"the number of trainable weights {when}", len(layer.trainable_weights), free),
            check_equal("variables", f"the number of trainable variables {when}", len(layer.trainable_variables), free),
            check_equal("fixed", f"the number of weights that are not trainable {when}", len(layer.non_trainable_weights), fixed),
        ]
    return tuple(results)


def weight_list_probes() -> Iterator[Probe]:
    """Yield all probes of the lists of weights."""
    for architecture in ARCHITECTURES:
        for use_bias in (True, False):
            yield Probe(
                trait="weights-listed",
                judge=_listed,
                asserts="a layer lists kernel, recurrent_kernel and bias of each part, in this order, by these names and its own",
                parameters={"architecture": architecture, "use_bias": use_bias},
                label=architecture + ("" if use_bias else "-nobias"),
            )
        for policy in POLICIES:
            yield Probe(
                trait="weights-dtype",
                judge=_dtypes,
                asserts="weights and stored states have the dtype that the policy has for variables",
                parameters={"architecture": architecture, "policy": policy},
                label=f"{architecture}-{policy.replace('_', '-')}",
            )
        for frozen in FREEZING:
            yield Probe(
                trait="weights-trained",
                judge=_trained,
                asserts="trainable of a layer or of its part, before it is built or later, decides which weights are trained",
                parameters={"architecture": architecture, "frozen": frozen},
                label=f"{architecture}-{frozen}",
            )
