"""Experiments on Bidirectional."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from conformance.claims.docstrings.calls import MASK
from conformance.claims.docstrings.layers import (
    BATCH,
    INPUTS,
    LIMIT,
    UNITS,
    build,
    outcome_of,
    same,
    shape_of,
)
from conformance.claims.judging import above, at_most, equal, judge, judge_under, note
from conformance.claims.measure import as_arrays, gap, import_keras
from conformance.claims.model import Finding


def _bidirectional(layer: Any, **arguments: Any) -> Any:
    return import_keras().layers.Bidirectional(layer, **arguments)


def _lstm(units: int = UNITS, **arguments: Any) -> Any:
    return import_keras().layers.LSTM(units, **arguments)


def layers_of_a_bidirectional() -> Finding:
    """The layers that the sentence names, around which a Bidirectional computes, and a Dense."""
    layers = import_keras().layers
    named = {
        "RNN": layers.RNN(layers.LSTMCell(UNITS)),
        "LSTM": layers.LSTM(UNITS),
        "GRU": layers.GRU(UNITS),
    }
    return judge(
        *(
            equal(
                f"shape of the outputs around {name}",
                shape_of(_bidirectional(layer), INPUTS),
                (BATCH, 2 * UNITS),
            )
            for name, layer in named.items()
        ),
        equal("whether a Dense is accepted", outcome_of(lambda: _bidirectional(layers.Dense(UNITS))) == "accepted", False),
    )


def _sequence_layer(missing: str = "", *, stateful: bool = True) -> type:
    """A layer that sums the timesteps, and meets the criteria of a Bidirectional's layer but the missing one.

    `stateful` is no criterion of the docstring, but a Bidirectional reads it.
    """
    keras = import_keras()

    @keras.saving.register_keras_serializable(package=f"docstrings_without_{missing or 'nothing'}{'' if stateful else '_stateful'}")
    class Summing(import_keras().layers.Layer):  # type: ignore[misc]  # a base class known at run time only
        def __init__(self, *, go_backwards: bool = False, **arguments: Any) -> None:
            super().__init__(**arguments)
            if stateful:
                self.stateful = False
            if missing != "flags":
                self.go_backwards, self.return_sequences, self.return_state = go_backwards, False, False

        def call(self, sequences: Any, initial_state: Any = None) -> Any:  # noqa: ARG002  # a Bidirectional passes it
            if missing == "sequence" and len(sequences.shape) > 2:
                raise ValueError("expected 2 dimensions")
            return keras.ops.sum(sequences, axis=1)

        def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Any = None) -> Any:  # noqa: ARG002  # as above
            return (sequences_shape[0], sequences_shape[-1])

        def get_config(self) -> Any:
            if missing == "config":
                raise NotImplementedError("no configuration")
            return super().get_config() | {"go_backwards": getattr(self, "go_backwards", False)}

    if missing == "input_spec":
        Summing.input_spec = property(_no_input_spec, lambda *_: None)
    return Summing


def _no_input_spec(_: Any) -> Any:
    """The attribute that every layer of Keras has, as one that it has not."""
    raise AttributeError("input_spec")


def criteria_of_a_layer() -> Finding:
    """A layer that meets the criteria and no others, and one that has `stateful` too."""
    outcomes = {
        stateful: outcome_of(lambda layer: _bidirectional(layer)(INPUTS), _sequence_layer(stateful=stateful)())
        for stateful in (False, True)
    }
    return judge(
        equal("a layer that meets the criteria", outcomes[False], "accepted"),
        exception="it has an attribute stateful too",
        under_exception=[equal("a layer that meets them and has an attribute stateful", outcomes[True], "accepted")],
    )


def bidirectional_needs(criterion: str) -> Finding:
    """A layer that meets all criteria and has `stateful`, and one that meets all but this one."""

    def outcome(missing: str = "") -> str:
        layer = _sequence_layer(missing)()
        return outcome_of(lambda: _bidirectional(layer)(INPUTS))

    return judge(
        equal("a layer that meets all criteria", outcome(), "accepted"),
        equal(f"whether one without {criterion} is accepted", outcome(criterion) == "accepted", False),
    )


def bidirectional_zeroes_masked_outputs() -> Finding:
    """Masked outputs of a Bidirectional around layers with each value of zero_output_for_mask, with sequences returned."""
    evidence = []
    for flag in (False, True):
        layer = _lstm(return_sequences=True, zero_output_for_mask=flag)
        outputs = as_arrays(_bidirectional(layer)(INPUTS, mask=MASK))
        evidence += [
            equal(f"masked outputs that are not 0, around zero_output_for_mask={flag}", int(np.count_nonzero(outputs[~MASK])), 0),
            above("outputs of other timesteps that are not 0", int(np.count_nonzero(outputs[MASK])), 0),
        ]
    alone = as_arrays(_lstm(return_sequences=True)(INPUTS, mask=MASK))
    return judge(*evidence, above("masked outputs of the layer alone that are not 0", int(np.count_nonzero(alone[~MASK])), 0))


def merge_modes() -> Finding:
    """The modes that are accepted, and others."""
    return judge(
        *(
            equal(f"merge_mode={mode!r}", outcome_of(_bidirectional, _lstm(), merge_mode=mode), "accepted")
            for mode in ("sum", "mul", "concat", "ave", None)
        ),
        *(
            equal(f"merge_mode={mode!r}", outcome_of(_bidirectional, _lstm(), merge_mode=mode), "ValueError")
            for mode in ("max", "", "None", 0)
        ),
    )


def outputs_that_are_not_merged() -> Finding:
    """The type of what a Bidirectional returns with merge_mode=None, and the shapes of its parts."""
    returned = _bidirectional(_lstm(), merge_mode=None)(INPUTS)
    return judge(
        equal("type of what is returned", type(returned).__name__, "list"),
        equal("shapes of its parts", [tuple(each.shape) for each in returned], [(BATCH, UNITS)] * 2),
    )


def backward_layer_is_used() -> Finding:
    """The backward half of outputs that are not merged, against the backward layer alone."""
    backward = _lstm(2, go_backwards=True)
    layer = _bidirectional(_lstm(), backward_layer=backward, merge_mode=None)
    forward_outputs, backward_outputs = as_arrays(layer(INPUTS))
    return judge(
        equal("shapes of the halves", (forward_outputs.shape, backward_outputs.shape), ((BATCH, UNITS), (BATCH, 2))),
        at_most("the backward half against the given layer alone", gap(backward_outputs, as_arrays(backward(INPUTS))), LIMIT),
        equal("a text as backward_layer", outcome_of(lambda: _bidirectional(_lstm(), backward_layer="lstm")), "ValueError"),
    )


def _config_of(layer: Any) -> dict[str, Any]:
    return {name: value for name, value in layer.get_config().items() if name not in ("name", "go_backwards")}


def backward_layer_is_generated() -> Finding:
    """The generated backward layer's class, configuration and direction."""
    layer = _lstm(activation="relu", recurrent_initializer="ones")
    generated = _bidirectional(layer).backward_layer
    return judge(
        equal("whether it is of the layer's class", type(generated) is type(layer), True),
        equal(
            "whether its configuration is the layer's but for name and direction", _config_of(generated) == _config_of(layer), True
        ),
        equal("go_backwards of the layer and of the generated one", (layer.go_backwards, generated.go_backwards), (False, True)),
    )


def _outcome_of_halves(forward: dict[str, Any], backward: dict[str, Any]) -> str:
    return outcome_of(lambda: _bidirectional(_lstm(**forward), backward_layer=_lstm(**{"go_backwards": True} | backward)))


# Each property that the sentence names, as the halves have it.
_PROPERTIES = ("stateful", "return_state", "return_sequences")


def backward_layer_matches() -> Finding:
    """Which backward layers are refused: each property that is named, and the number of units, which the word etc. may mean."""
    return judge(
        equal("a backward layer that matches", _outcome_of_halves({}, {}), "accepted"),
        *(
            equal(f"a backward layer with another {name}", _outcome_of_halves({name: flag}, {name: not flag}), "ValueError")
            for name in _PROPERTIES
            for flag in (False, True)
        ),
        note("a backward layer with other units", _outcome_of_halves({}, {"units": 2})),
        note("whether an LSTM has an attribute return_states", hasattr(_lstm(), "return_states")),
    )


def backward_layer_has_the_other_direction() -> Finding:
    """Halves of each pair of directions."""
    return judge(
        *(
            equal(
                f"go_backwards={forward} and {backward}",
                _outcome_of_halves({"go_backwards": forward}, {"go_backwards": backward}),
                "ValueError" if forward == backward else "accepted",
            )
            for forward in (False, True)
            for backward in (False, True)
        )
    )


def backward_layer_is_refused() -> Finding:
    """The exceptions for a property that does not match, and for the same direction."""
    unlike = [equal(f"another {name}", _outcome_of_halves({}, {name: True}), "ValueError") for name in _PROPERTIES]
    return judge(*unlike, equal("the same direction", _outcome_of_halves({}, {"go_backwards": False}), "ValueError"))


def bidirectional_call_arguments() -> Finding:
    """The names of the arguments of calls."""
    layers = import_keras().layers
    own, wrapped = ({*inspect.signature(each.call).parameters} - {"self"} for each in (layers.Bidirectional, layers.RNN))
    return judge(equal("arguments of Bidirectional.call", sorted(own), sorted(wrapped)))


def bidirectional_has_new_weights() -> Finding:
    """Weights of the halves against those of the layer that is given, as the layer and as the backward layer."""
    given, backward = build(_lstm()), build(_lstm(go_backwards=True))
    layer = _bidirectional(given, backward_layer=None)
    with_backward = _bidirectional(_lstm(), backward_layer=backward)
    for each in (layer, with_backward):
        build(each)

    def reused(half: Any, original: Any) -> bool:
        return same(half.get_weights()[0], original.get_weights()[0])

    halves = {"forward": layer.forward_layer, "backward": layer.backward_layer}
    return judge_under(
        "the instance is not passed as backward_layer",
        when=[
            equal(f"whether the {name} half has the layer's kernel", reused(half, given), False) for name, half in halves.items()
        ],
        otherwise=[
            equal(
                "whether the backward half has the backward layer's kernel", reused(with_backward.backward_layer, backward), False
            )
        ],
    )
