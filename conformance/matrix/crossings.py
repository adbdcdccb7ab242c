"""Grids of crossings: what an implementation decides by two or three features at once, and by sizes."""

from __future__ import annotations

from conformance.cases.features import ARCHITECTURES, AT_INFERENCE, MASKS
from conformance.matrix.exclusions import DROPPING, TRAINED
from conformance.matrix.grid import Grid

_MASKED = MASKS[1:]
# Sizes around the powers of two by which implementations choose a loop or a block of memory.
BORDERS = (1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 256)

CROSSINGS: tuple[Grid, ...] = (
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
            "route": ("call", "training"),
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
    # Of this mask, no row's hidden timesteps are all hidden in another row: rows cannot be taken for each other.
    Grid(
        name="borders of masked batches", axes={"batch": BORDERS, "mask": ("interior",), "go_backwards": (False, True)}, strength=1
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
)
