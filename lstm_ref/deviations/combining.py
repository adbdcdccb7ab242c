"""Several deviations as one: how a system is described that departs from Keras in more than one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from types import MappingProxyType
from typing import Any

from lstm_ref.deviations.deviation import Deviation
from lstm_ref.errors import LSTMError
from lstm_ref.layer import LSTM
from lstm_ref.weights import LSTMWeights

# Of these a combination can have one that is not the reference's.
SINGLE = ("stacked", "bidirectional", "backpropagation", "d_stacked", "d_bidirectional", "dropout")


def combination(deviations: Sequence[Deviation]) -> Deviation:
    """All of them at once.

    Weights are read by the first, then by the next; the layer has the first one's changes around those of the next. It needs of a
    case what all of them need together.

    Raises:
        LSTMError: one is there twice, or two contradict each other; the message says in what.
    """
    if len(deviations) == 1:
        return deviations[0]
    names = [deviation.name for deviation in deviations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LSTMError(f"a deviation is combined with others once; got {', '.join(twice)} more than once: leave one of each")
    return Deviation(
        name="+".join(names),
        summary="; ".join(deviation.summary for deviation in deviations),
        needs=frozenset().union(*(deviation.needs for deviation in deviations)),
        hides="; ".join(deviation.hides for deviation in deviations if deviation.hides),
        weights=lambda weights: reduce(_read_by, deviations, weights),
        config=_merged({deviation.name: deviation.config for deviation in deviations}),
        layer=_layer_of(deviations),
        **{part: _single(part, deviations) for part in SINGLE},
    )


def _read_by(weights: LSTMWeights, deviation: Deviation) -> LSTMWeights:
    return deviation.weights(weights)


def _merged(by_name: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """All fields of all, none of which is given two values."""
    merged: dict[str, tuple[str, Any]] = {}
    for name, values in by_name.items():
        for field, value in values.items():
            other, said = merged.setdefault(field, (name, value))
            if said != value:
                raise LSTMError(f"{other} and {name} contradict each other: {field} is {said!r} and {value!r}; leave one of them")
    return MappingProxyType({field: value for field, (_, value) in merged.items()})


def _layer_of(deviations: Sequence[Deviation]) -> type[LSTM]:
    """A layer with the changes of all."""
    changed = {deviation.name: deviation.layer for deviation in deviations if deviation.layer is not LSTM}
    _merged({name: _values_of(layer) for name, layer in changed.items()})
    layers = tuple(dict.fromkeys(changed.values()))
    return type("And".join(layer.__name__ for layer in layers), layers, {}) if layers else LSTM


def _values_of(layer: type[LSTM]) -> Mapping[str, Any]:
    """What a layer sets rather than computes: the factor by which a part is off, a limit."""
    changes = {
        name: value
        for kind in reversed(layer.__mro__)
        if issubclass(kind, LSTM) and kind is not LSTM
        for name, value in vars(kind).items()
    }
    return {
        name: value for name, value in changes.items() if isinstance(value, bool | int | float | str) and not name.startswith("__")
    }


def _single(part: str, deviations: Sequence[Deviation]) -> Any:
    """The one that is not the reference's, if any."""
    usual = getattr(Deviation(name="", summary=""), part)
    changed = [deviation for deviation in deviations if getattr(deviation, part) is not usual]
    if len(changed) > 1:
        names = " and ".join(deviation.name for deviation in changed)
        raise LSTMError(f"{names} cannot be combined: each replaces {part}; leave one of them")
    return getattr(changed[0], part) if changed else usual
