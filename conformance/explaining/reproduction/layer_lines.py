"""The layers of a case as source text, with the arguments that differ from Keras' defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from conformance.cases.case import Case
from conformance.cases.features import FEATURES

_CELL_ARGUMENTS = ("use_bias", "implementation")
_LAYER_ARGUMENTS = ("return_sequences", "go_backwards", "stateful", "zero_output_for_mask", "unroll")
_FEATURES = {feature.name: feature for feature in FEATURES}


def call_text(function: str, *positional: str, **keywords: object) -> str:
    """A call as source text; keywords that are None are left out."""
    return f"{function}({', '.join([*positional, *(f'{name}={value}' for name, value in keywords.items() if value is not None)])})"


def tensor(shape: tuple[int | None, ...], dtype: str) -> str:
    """A symbolic input, as text."""
    kind = None if dtype == "float32" else f'"{dtype}"'
    if shape[0] is None:
        return call_text("keras.Input", str(shape[1:]), dtype=kind)
    return call_text("keras.Input", batch_shape=shape, dtype=kind)


def nested_pairs(names: Sequence[str]) -> str:
    """A list of lists of two, as text."""
    return f"[{', '.join(f'[{names[k]}, {names[k + 1]}]' for k in range(0, len(names), 2))}]"


def half_of_states(states: str, half: int) -> str:
    """One layer's half of a list of four states, as text."""
    if not states:
        return ""
    names = states[1:-1].split(", ")
    return f"[{', '.join(names[2 * half : 2 * half + 2])}]"


def dtype_text(case: Case) -> str | None:
    """The dtype policy; None for Keras' default."""
    return None if case.dtype == "float32" else f'"{case.dtype}"'


def _differing(case: Case, names: Sequence[str]) -> dict[str, object]:
    values = {name: case.feature(_FEATURES[name]) for name in names}
    keras_default = {"use_bias": True, "implementation": 2}
    return {name: value for name, value in values.items() if value != keras_default.get(name, False)}


def _cell_keywords(case: Case) -> dict[str, object]:
    keywords: dict[str, object] = {}
    for name, default in (("activation", "tanh"), ("recurrent_activation", "sigmoid")):
        value = getattr(case.config, name)
        function = f"keras.activations.{value}"
        forms = {"name": f'"{value}"', "function": function, "lambda": f"lambda z: {function}(z)"}
        if value != default or case.execution.activation_as != "name":
            keywords[name] = forms[case.execution.activation_as]
    keywords |= _differing(case, _CELL_ARGUMENTS)
    if case.dropout != "none":
        rates = dict(zip(("dropout", "recurrent_dropout"), case.dropout_rates, strict=True))
        keywords |= {name: rate for name, rate in rates.items() if rate} | ({"seed": case.seed} if case.in_training else {})
    if case.dtype in ("float16", "bfloat16"):
        keywords["recurrent_initializer"] = '"zeros"'  # the orthogonal default needs a decomposition that backends lack there
    return keywords | {"dtype": dtype_text(case)}


def _layer_keywords(case: Case) -> dict[str, object]:
    return _differing(case, _LAYER_ARGUMENTS) | ({"return_state": True} if case.config.return_state else {})


def recurrent_text(case: Case, **changes: object) -> str:
    """One LSTM layer, written as the case wants it, with other arguments where asked."""
    units = str(changes.pop("units", case.config.units))
    layer = _layer_keywords(case) | changes
    if case.execution.layer == "lstm" and case.architecture != "cells2":
        cudnn = {} if case.execution.use_cudnn == "auto" else {"use_cudnn": False}
        return call_text("keras.layers.LSTM", units, **(layer | cudnn | _cell_keywords(case)))
    cell = call_text("keras.layers.LSTMCell", units, **_cell_keywords(case))
    if case.architecture == "cells2":
        cell = f"[{cell} for _ in range(2)]"
    elif case.execution.layer == "rnnlist":
        cell = f"[{cell}]"
    return call_text("keras.layers.RNN", cell, **layer, dtype=dtype_text(case))


def _two_directions(case: Case) -> str:
    behind = recurrent_text(case, units=case.config.units + 1, go_backwards=True) if case.unequal else None
    merge_mode = {"concat": None, "none": "None"}.get(case.merge_mode, f'"{case.merge_mode}"')
    return call_text(
        "keras.layers.Bidirectional", recurrent_text(case), merge_mode=merge_mode, backward_layer=behind, dtype=dtype_text(case)
    )


LAYERS: Mapping[str, Callable[[Case], str]] = {
    "lstm": recurrent_text,
    "layers2": recurrent_text,
    "cells2": recurrent_text,
    "bidi": _two_directions,
    "td": lambda case: call_text("keras.layers.TimeDistributed", recurrent_text(case), dtype=dtype_text(case)),
}
