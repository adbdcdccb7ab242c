"""Several deviations as one: the description of a system that differs from Keras in more than one way."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from lstm_ref.composite import Composite, Stacked
from lstm_ref.deviations.deviation import Deviation
from lstm_ref.errors import LSTMError
from lstm_ref.layer import LSTM

# Fields of which a combination can have only one value besides the default.
SINGLE = ("bidirectional", "backpropagation", "d_stacked", "d_bidirectional", "dropout")


def merge(deviations: Sequence[Deviation]) -> Deviation:
    """One deviation with the changes of all.

    Each deviation changes the weights in turn. In the layer, the changes of the first deviation wrap those of the next. The needs
    are the union of all needs.

    Raises:
        LSTMError: a deviation is repeated, or two contradict each other; the message names the field.
    """
    if len(deviations) == 1:
        return deviations[0]
    names = [deviation.name for deviation in deviations]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise LSTMError(f"a deviation is combined with others once; got {', '.join(repeated)} more than once: leave one of each")
    return Deviation(
        name="+".join(names),
        summary="; ".join(deviation.summary for deviation in deviations),
        needs=frozenset().union(*(deviation.needs for deviation in deviations)),
        hides="; ".join(deviation.hides for deviation in deviations if deviation.hides),
        weights=lambda weights: reduce(lambda changed, deviation: deviation.weights(changed), deviations, weights),
        config=_merge_fields({deviation.name: deviation.config for deviation in deviations}),
        layer=_merge_layers(deviations),
        stacked=_merge_compositions([deviation for deviation in deviations if deviation.stacked is not Stacked]),
        **{part: _single_value(part, deviations) for part in SINGLE},
    )


def _merge_fields(by_name: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The fields of all deviations; a field may not have two values."""
    merged: dict[str, tuple[str, Any]] = {}
    for name, values in by_name.items():
        for field, value in values.items():
            other, earlier = merged.setdefault(field, (name, value))
            if earlier != value:
                raise LSTMError(
                    f"{other} and {name} contradict each other: {field} is {earlier!r} and {value!r}; leave one of them"
                )
    return {field: value for field, (_, value) in merged.items()}


def _merge_layers(deviations: Sequence[Deviation]) -> type[LSTM]:
    """A layer class with the changes of all deviations."""
    changed = {deviation.name: deviation.layer for deviation in deviations if deviation.layer is not LSTM}
    _merge_fields({name: _class_values(layer) for name, layer in changed.items()})
    layers = tuple(dict.fromkeys(changed.values()))
    return type("And".join(layer.__name__ for layer in layers), layers, {}) if layers else LSTM


def _class_values(layer: type[LSTM]) -> Mapping[str, Any]:
    """The class attributes that a deviating layer sets, such as a factor or a limit."""
    attributes = {
        name: value
        for kind in reversed(layer.__mro__)
        if issubclass(kind, LSTM) and kind is not LSTM
        for name, value in vars(kind).items()
    }
    return {
        name: value
        for name, value in attributes.items()
        if isinstance(value, bool | int | float | str) and not name.startswith("__")
    }


def _merge_compositions(deviations: Sequence[Deviation]) -> Callable[[Sequence[LSTM]], Composite]:
    """Stacked layers with the changes of all: each composes the layers that the one before has changed.

    Raises:
        LSTMError: when layers are composed, if a deviation but the last changes how the layers are called, not the layers.
    """
    if not deviations:
        return Stacked

    def stacked(layers: Sequence[LSTM]) -> Composite:
        for deviation in deviations[:-1]:
            composite = deviation.stacked(layers)
            if type(composite) is not Stacked:
                raise LSTMError(
                    f"{deviation.name} cannot be combined with {deviations[-1].name}: each calls the layers in its own way"
                )
            layers = composite.layers
        return deviations[-1].stacked(layers)

    return stacked


def _single_value(part: str, deviations: Sequence[Deviation]) -> Any:
    """The value of the field `part` that is not the default, if any."""
    default = getattr(Deviation(name="", summary=""), part)
    changed = [deviation for deviation in deviations if getattr(deviation, part) is not default]
    if len(changed) > 1:
        names = " and ".join(deviation.name for deviation in changed)
        raise LSTMError(f"{names} cannot be combined: each replaces {part}; leave one of them")
    return getattr(changed[0], part) if changed else default
