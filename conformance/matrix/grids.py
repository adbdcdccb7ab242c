"""Full grids of interacting features around one base case. Few features change at once, so that a difference can be located."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import ARCHITECTURES, AT_INFERENCE, FEATURES, MASKS, MERGE_MODES, POLICIES, ROUTES
from conformance.judging.relations import RELATIONS
from conformance.matrix.exclusions import DROPPING, EXPORTED, TRAINED, exclusion_of
from lstm_ref import activations

# Units, input_dim, timesteps and batch all differ, and all outputs are returned.
BASE = "u3-d2-t5-b4-seq-s0"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Combinations of the values of some features.

    Attributes:
        name: for reports.
        axes: feature or size → values. The features in a tuple of names change together; their values are tuples.
        strength: of how many axes all combinations of values are covered; 0 for the full product of all axes.
    """

    name: str
    axes: Mapping[str | tuple[str, ...], Sequence[Any]]
    strength: int = 0

    def cases(self, base: Case) -> Iterator[Case]:
        """Yield the allowed cases, each once."""
        found: dict[str, Case] = {}
        positions: dict[str, tuple[int, ...]] = {}
        for position in itertools.product(*(range(len(values)) for values in self.axes.values())):
            changes: dict[str, Any] = {}
            for (names, values), index in zip(self.axes.items(), position, strict=True):
                changes |= dict(zip(names, values[index], strict=True)) if isinstance(names, tuple) else {names: values[index]}
            case = with_required_features(base.replace(**changes))
            if case.id not in found and allowed(case):
                found[case.id], positions[case.id] = case, position
        yield from (found[case_id] for case_id in (_covering(positions, self.strength) if self.strength else found))


def _covering(rows: Mapping[str, tuple[int, ...]], strength: int) -> Iterator[str]:
    """Yield the names of rows that contain every combination of `strength` values in any row: the row with most new ones first."""
    combinations = {name: set(itertools.combinations(enumerate(row), strength)) for name, row in rows.items()}
    missing = set().union(*combinations.values())
    while missing:
        name = max(combinations, key=lambda name: len(combinations[name] & missing))
        missing -= combinations[name]
        yield name


def allowed(case: Case) -> bool:
    """Whether no exclusion forbids the case, and its relation, if any, applies to it."""
    return exclusion_of(case) is None and (not case.relation or RELATIONS[case.relation].applies_to(case))


def with_required_features(case: Case) -> Case:
    """Return the case with the features that its other features require: an unrolled loop needs a known length."""
    route = case.execution.route
    changes: dict[str, Any] = {}
    if case.execution.unroll:
        changes["static_time"] = True
    if case.config.stateful:
        changes["static_batch"] = True
        changes |= {"compiled": False} if case.initial_state else {}
    if case.architecture == "td" or route in TRAINED:
        changes["return_state"] = False
    if case.dropout in DROPPING:
        changes["compiled"] = False
    if route in EXPORTED and case.mask_source != "embedding":
        changes["input_dtype"] = "float32"
    return case.replace(**changes)


_NAMES = tuple(name for name in activations.ACTIVATIONS if name not in activations.WITHOUT_KERAS_NAME)
_RELATED = tuple(RELATIONS)
_MASKED = MASKS[1:]
# Sizes around the powers of two by which implementations choose a loop or a block of memory.
BORDERS = (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256)

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
    # --- crossings: what an implementation decides by two features at once
    Grid(
        name="dropout without effect",
        strength=3,
        axes={
            "dropout": AT_INFERENCE,
            "implementation": (2, 1),
            "route": ("call", "functional", "stateless_call", "predict", "evaluate", "from_config", "keras_file"),
            "architecture": ("lstm", "bidi"),
        },
    ),
    Grid(
        name="dropout of every architecture",
        strength=2,
        axes={
            "dropout": (*AT_INFERENCE, *DROPPING),
            "architecture": ARCHITECTURES,
            ("mask", "initial_state", "go_backwards", "stateful"): (
                ("left", False, False, False),
                ("none", True, False, False),
                ("none", False, True, False),
                ("none", False, False, True),
            ),
        },
    ),
    Grid(
        name="zeros for masked outputs",
        strength=3,
        axes={
            "zero_output_for_mask": (True,),
            "mask": ("left", "right"),
            "mask_source": ("argument", "masking", "embedding"),
            "architecture": ("lstm", "layers2", "cells2", "td"),
            "unroll": (False, True),
            "return_sequences": (True, False),
        },
    ),
    Grid(
        name="bidirectional calls",
        strength=3,
        axes={
            "architecture": ("bidi",),
            ("initial_state", "mask", "stateful"): (
                (True, "left", False),
                (True, "none", False),
                (False, "interior", True),
                (False, "none", True),
            ),
            "route": ("call", "training", "functional", "predict"),
            "return_sequences": (True, False),
            "merge_mode": ("concat", "ave", "none"),
        },
    ),
    Grid(
        name="stacked calls",
        strength=2,
        axes={
            "architecture": ("layers2", "cells2"),
            ("mask", "initial_state", "stateful", "go_backwards"): (
                ("left", False, False, False),
                ("interior", True, False, False),
                ("none", False, True, False),
                ("left", False, True, False),
                ("left", False, False, True),
            ),
            "route": ("call", "training", "evaluate", "fit", "from_config", "keras_file"),
            "return_sequences": (True, False),
        },
    ),
    Grid(
        name="masks of sequences of sequences",
        strength=2,
        axes={
            "architecture": ("td",),
            "mask": _MASKED,
            ("return_sequences", "go_backwards", "zero_output_for_mask"): (
                (True, False, False),
                (False, True, False),
                (True, True, True),
            ),
            "unroll": (False, True),
        },
    ),
    Grid(
        name="stateful calls",
        strength=3,
        axes={
            "stateful": (True,),
            "mask": ("none", "left", "right", "row"),
            "initial_state": (False, True),
            ("return_sequences", "go_backwards"): ((True, False), (False, False), (True, True)),
            "unroll": (False, True),
        },
    ),
    Grid(
        name="stateful gradients",
        strength=3,
        axes={
            "route": ("gradient", "train_on_batch", "fit"),
            "stateful": (True,),
            "mask": ("none", "left"),
            "architecture": ("lstm", "bidi", "layers2"),
            "return_sequences": (True, False),
        },
    ),
    Grid(
        name="losses under a mask",
        strength=3,
        axes={
            "route": TRAINED,
            "mask": ("left", "interior", "row"),
            "mask_source": ("argument", "masking", "embedding"),
            "architecture": ("lstm", "layers2", "cells2", "bidi"),
        },
    ),
    Grid(
        name="unrolled loops",
        strength=3,
        axes={
            "unroll": (True,),
            "go_backwards": (False, True),
            "mask": ("none", "left", "interior"),
            "initial_state": (False, True),
            "return_sequences": (True, False),
            "implementation": (2, 1),
        },
    ),
    *(
        Grid(name=f"borders of {size}", axes={size: BORDERS, ("mask", "initial_state"): (("none", True), ("left", False))})
        for size in ("units", "input_dim", "batch")
    ),
    Grid(
        name="borders of timesteps",
        strength=2,
        axes={"timesteps": (1, 2, 63, 64, 65), "mask": ("none", "right"), "go_backwards": (False, True), "unroll": (False, True)},
    ),
    Grid(
        name="large sizes",
        strength=2,
        axes={
            ("units", "input_dim", "timesteps", "batch"): ((130, 34, 9, 17), (257, 5, 9, 9), (5, 257, 33, 9), (33, 17, 66, 17)),
            ("architecture", "mask", "initial_state"): (
                ("lstm", "left", True),
                ("bidi", "right", False),
                ("cells2", "interior", False),
            ),
            "route": ("call", "gradient"),
        },
    ),
    # Few of the other sizes, so that they cost little.
    Grid(
        name="two large sizes",
        strength=2,
        axes={
            ("units", "input_dim", "timesteps", "batch"): (
                (2, 2, 130, 130),
                (2, 130, 2, 130),
                (2, 130, 130, 2),
                (130, 2, 2, 130),
                (130, 2, 130, 2),
                (130, 130, 2, 2),
            ),
            ("implementation", "dropout"): ((2, "none"), (1, "none"), (1, "recurrent"), (2, "input")),
            ("architecture", "initial_state"): (("lstm", False), ("lstm", True), ("bidi", True), ("layers2", False)),
            "mask": ("none", "left"),
        },
    ),
    Grid(
        name="borders of other architectures",
        axes={
            "architecture": ("layers2", "cells2", "bidi", "td"),
            ("units", "input_dim", "timesteps", "batch"): (
                (17, 2, 5, 4),
                (3, 17, 5, 4),
                (3, 2, 17, 4),
                (3, 2, 5, 17),
                (33, 33, 33, 33),
            ),
        },
    ),
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
