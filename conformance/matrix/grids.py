"""Full grids of interacting features around one base case. Few features change at once, so that a difference can be located."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.cases.case import Case
from conformance.cases.features import ARCHITECTURES, AT_INFERENCE, FEATURES, MASKS, MERGE_MODES, POLICIES, ROUTES
from conformance.judging.relations import RELATIONS
from conformance.matrix.crossings import CROSSINGS
from conformance.matrix.exclusions import DROPPING, EXPORTED
from conformance.matrix.grid import Grid
from lstm_ref import activations

_NAMES = tuple(name for name in activations.ACTIVATIONS if name not in activations.WITHOUT_KERAS_NAME)
_RELATED = tuple(RELATIONS)
_MASKED = MASKS[1:]

GRIDS: tuple[Grid, ...] = (
    Grid(name="activations", axes={"activation": _NAMES, "activation_as": ("name", "function", "lambda")}),
    Grid(name="recurrent activations", axes={"recurrent_activation": _NAMES, "activation_as": ("name", "function", "lambda")}),
    Grid(
        name="masks",
        axes={
            "mask": _MASKED,
            "mask_source": ("argument", "masking", "embedding"),
            "initial_state": (False, True),
            "unroll": (False, True),
        },
    ),
    Grid(
        name="masked outputs",
        axes={
            "mask": ("right", "left", "interior"),
            "zero_output_for_mask": (False, True),
            "go_backwards": (False, True),
            "return_sequences": (False, True),
            "unroll": (False, True),
            "architecture": ("lstm", "layers2", "cells2"),
        },
    ),
    Grid(
        name="states",
        axes={
            "stateful": (True,),
            ("architecture", "return_state"): (
                ("lstm", True),
                ("layers2", True),
                ("cells2", True),
                ("bidi", True),
                ("bidi", False),
            ),
            "dtype": tuple(POLICIES),
            ("mask", "initial_state"): (("none", False), ("left", False), ("none", True)),
        },
    ),
    Grid(
        name="stateful routes",
        axes={"stateful": (True,), "route": ROUTES, "layer": ("lstm", "rnn"), "compiled": (True, False)},
    ),
    Grid(
        name="directions",
        axes={
            "architecture": ("bidi",),
            ("merge_mode", "unequal"): (*((mode, False) for mode in MERGE_MODES), ("concat", True), ("none", True)),
            "return_sequences": (True, False),
            "return_state": (True, False),
            ("mask", "initial_state"): (("none", False), ("left", False), ("none", True), ("right", True)),
        },
    ),
    Grid(name="routes", axes={"route": ROUTES, "architecture": ARCHITECTURES, "mask": ("none", "left")}),
    Grid(name="routes of masks", axes={"route": ROUTES, "mask": ("right",), "mask_source": ("masking", "embedding")}),
    Grid(name="routes of states", axes={"route": ROUTES, "initial_state": (True,), "return_state": (True, False)}),
    Grid(
        name="gradients",
        axes={
            "route": ("gradient",),
            ("mask", "initial_state"): (("none", False), ("left", False), ("interior", True)),
            ("architecture", "merge_mode"): (*((a, "concat") for a in ARCHITECTURES), ("bidi", "ave"), ("bidi", "mul")),
            ("return_sequences", "go_backwards", "zero_output_for_mask"): (
                (True, False, False),
                (False, False, False),
                (True, True, False),
                (True, False, True),
            ),
        },
    ),
    Grid(
        name="gradients of the loops",
        axes={
            "route": ("gradient",),
            "unroll": (False, True),
            "implementation": (2, 1),
            ("layer", "compiled"): (("lstm", True), ("rnn", False)),
            "dtype": ("float32", "float64"),
        },
    ),
    Grid(name="gradients of activations", axes={"route": ("gradient",), "activation": _NAMES, "compiled": (False,)}),
    Grid(
        name="gradients of recurrent activations",
        axes={"route": ("gradient",), "recurrent_activation": _NAMES, "compiled": (False,)},
    ),
    Grid(
        name="gradients of masked values",
        axes={
            "route": ("gradient",),
            "values": ("masked_nan", "masked_inf"),
            "mask": ("right", "interior"),
            "unroll": (False, True),
        },
    ),
    # An LSTM of a single unit, whose output gate is nearly closed.
    Grid(name="smallest exports", axes={"route": EXPORTED, ("units", "input_dim", "timesteps", "batch"): ((1, 1, 1, 1),)}),
    Grid(name="exported shapes", axes={"route": EXPORTED, "static_time": (False, True), "static_batch": (False, True)}),
    Grid(
        name="dropout",
        axes={
            "dropout": (*AT_INFERENCE, *DROPPING),
            "implementation": (2, 1),
            "layer": ("lstm", "rnn"),
            "unroll": (False, True),
            "architecture": ("lstm", "bidi", "layers2"),
        },
    ),
    Grid(
        name="loops",
        axes={
            "unroll": (False, True),
            "implementation": (2, 1),
            "use_cudnn": ("auto", False),
            "layer": ("lstm", "rnn", "rnnlist"),
            "route": ("call", "predict"),
            "compiled": (True, False),
        },
    ),
    Grid(
        name="lists of one cell",
        axes={"layer": ("rnnlist",), "mask": ("none", "left", "right"), "unroll": (False, True), "initial_state": (False, True)},
    ),
    Grid(
        name="compilers",
        axes={
            "jit_compile": (True,),
            "route": ("call", "gradient", "predict", "evaluate", "fit"),
            "architecture": ("lstm", "bidi"),
        },
    ),
    Grid(
        name="policies",
        axes={
            "dtype": tuple(POLICIES),
            "route": ("call", "functional", "predict"),
            "use_cudnn": ("auto", False),
            "mask": ("none", "left"),
        },
    ),
    Grid(
        name="inputs",
        axes={
            "input_dtype": ("float64", "float32", "int32"),
            "contiguous": (True, False),
            "route": ("call", "predict", "functional"),
        },
    ),
    Grid(
        name="values that are not finite",
        axes={
            "values": ("nan", "inf", "masked_nan", "masked_inf"),
            "mask": MASKS[:4],
            "unroll": (False, True),
            "compiled": (True, False),
        },
    ),
    Grid(
        name="sizes",
        axes={"units": (1, 4), "input_dim": (1, 3), "timesteps": (1, 2), "batch": (0, 1, 2, 9), "architecture": ("lstm", "bidi")},
    ),
    Grid(
        name="chaotic sequences",
        axes={
            "weights": ("chaotic",),
            ("units", "input_dim"): ((16, 8),),
            # With all outputs: long enough for errors to fill the range of the states. Otherwise: shorter than that.
            ("timesteps", "return_sequences", "stateful"): (
                (1000, True, False),
                (100, False, False),
                (30, True, True),
                (30, False, True),
            ),
            "go_backwards": (False, True),
        },
    ),
    Grid(name="long sequences", axes={"timesteps": (1000,), "mask": ("none", "right"), "go_backwards": (False, True)}),
    *CROSSINGS,
    Grid(
        name="relations",
        axes={
            "relation": _RELATED,
            ("mask", "initial_state", "go_backwards"): (
                ("none", False, False),
                ("left", False, False),
                ("left", True, False),
                ("right", True, False),
                ("interior", False, True),
                ("none", True, True),
            ),
        },
    ),
)


# Values that came after earlier systems were recorded, which answer what single features do. Grids have them.
_NOT_RECORDED = ("inference_input", "inference_recurrent")


def single_features(base: Case) -> Iterator[Case]:
    """Yield every value of every feature, alone, except those that earlier systems were not asked."""
    for feature in FEATURES:
        values = [value for value in feature.values if value not in _NOT_RECORDED]
        yield from Grid(name=feature.name, axes={feature.name: values}).cases(_base_for(feature.name, base))


def _base_for(name: str, base: Case) -> Case:
    """Return the simplest case in which a feature has an effect."""
    hosts = {
        "zero_output_for_mask": {"mask": "left"},
        "mask_source": {"mask": "left"},
        "merge_mode": {"architecture": "bidi"},
        "unequal": {"architecture": "bidi"},
        "values": {"mask": "interior"},
        "relation": {},
    }
    return base.replace(**hosts.get(name, {}))
