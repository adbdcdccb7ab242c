"""The combinations of features that are excluded from the cases, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.cases.case import PREDICTABLE_STEPS, Case
from conformance.cases.features import AT_INFERENCE, FEATURES, TRAINING_ROUTES
from lstm_ref.uncertainty.rounding import WITHIN_ONE

TRAINED = ("evaluate", "train_on_batch", "fit")
RELOADED = ("from_config", "clone_model", "keras_file", "weights_file")
EXPORTED = ("saved_model", "onnx", "openvino")
MODEL_ONLY = ("functional", *RELOADED, *EXPORTED)
DROPPING = ("input", "recurrent", "both")

SIZES = ("units", "input_dim", "timesteps", "batch")


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Excluded combinations.

    Attributes:
        reason: of the exclusion, in one sentence.
        of: names of the features and sizes that determine it.
        forbids: whether the values of those, in that order, are excluded.
    """

    reason: str
    of: tuple[str, ...]
    forbids: Callable[..., bool]

    def excludes(self, values: Mapping[str, Any]) -> bool:
        """Whether the values are excluded; False if a value is missing."""
        return all(name in values for name in self.of) and self.forbids(*(values[name] for name in self.of))


def _rule(reason: str, *of: str, when: Callable[..., bool]) -> Exclusion:
    return Exclusion(reason=reason, of=of, forbids=when)


EXCLUSIONS: tuple[Exclusion, ...] = (
    # --- what an architecture has
    _rule("only Bidirectional merges", "architecture", "merge_mode", when=lambda a, m: a != "bidi" and m != "concat"),
    _rule("only Bidirectional has a backward layer", "architecture", "unequal", when=lambda a, u: a != "bidi" and u),
    _rule("halves of different sizes cannot be added", "merge_mode", "unequal", when=lambda m, u: u and m in ("sum", "ave", "mul")),
    _rule("Bidirectional goes both ways itself", "architecture", "go_backwards", when=lambda a, b: a == "bidi" and b),
    _rule(
        "Bidirectional sets zero_output_for_mask itself",
        "architecture",
        "zero_output_for_mask",
        when=lambda a, z: a == "bidi" and z,
    ),
    _rule("TimeDistributed returns one array", "architecture", "return_state", when=lambda a, r: a == "td" and r),
    _rule("TimeDistributed takes no states", "architecture", "initial_state", when=lambda a, i: a == "td" and i),
    _rule("TimeDistributed carries no states", "architecture", "stateful", when=lambda a, s: a == "td" and s),
    _rule("only the layer LSTM has use_cudnn", "layer", "use_cudnn", when=lambda k, c: k != "lstm" and c != "auto"),
    _rule("two cells are an RNN already", "architecture", "layer", when=lambda a, k: a == "cells2" and k != "lstm"),
    _rule("only the layer LSTM has use_cudnn", "architecture", "use_cudnn", when=lambda a, c: a == "cells2" and c != "auto"),
    _rule(
        "Bidirectional makes its layers from a configuration",
        "architecture",
        "activation_as",
        when=lambda a, f: a == "bidi" and f == "lambda",
    ),
    # --- masks
    _rule(
        "too short for the mask",
        "mask",
        "timesteps",
        when=lambda m, t: t < {"right": 3, "left": 3, "interior": 3, "first": 2}.get(m, 1),
    ),
    _rule("too few rows for the mask", "mask", "batch", when=lambda m, b: m == "row" and b < 2),
    _rule("an embedding reads ids", "mask_source", "input_dtype", when=lambda s, d: s == "embedding" and d != "float64"),
    _rule("an embedding reads ids", "mask_source", "contiguous", when=lambda s, c: s == "embedding" and not c),
    _rule(
        "an embedding or a Masking makes its own values",
        "mask_source",
        "values",
        when=lambda s, v: s != "argument" and v != "finite",
    ),
    _rule("nothing is masked", "mask", "values", when=lambda m, v: m == "none" and v.startswith("masked")),
    _rule("nothing is used", "mask", "values", when=lambda m, v: m == "all" and v in ("nan", "inf")),
    _rule("integers are finite", "input_dtype", "values", when=lambda d, v: d == "int32" and v != "finite"),
    _rule("there is no element", "batch", "values", when=lambda b, v: b == 0 and v != "finite"),
    _rule(
        "such a recurrent kernel drives what is not bounded out of range",
        "weights",
        "activation",
        when=lambda w, a: w == "chaotic" and a not in WITHIN_ONE,
    ),
    _rule(
        "rounding leaves nothing known of what a long chaotic run ends with",
        "weights",
        "timesteps",
        "return_sequences",
        when=lambda w, t, s: w == "chaotic" and t > PREDICTABLE_STEPS and not s,
    ),
    _rule(
        "a loss or a gradient of a long chaotic run is as unknown as its end",
        "weights",
        "timesteps",
        "route",
        when=lambda w, t, r: w == "chaotic" and t > PREDICTABLE_STEPS and r in (*TRAINED, "gradient"),
    ),
    # --- shapes known beforehand
    _rule("an unrolled loop knows its length", "unroll", "static_time", when=lambda u, t: u and not t),
    _rule("a stateful layer knows its batch size", "stateful", "static_batch", when=lambda s, b: s and not b),
    # --- what a route has
    _rule(
        "a model's inputs are the same at every call",
        "stateful",
        "initial_state",
        "route",
        when=lambda s, i, r: s and i and r not in ("call", "training"),
    ),
    _rule(
        "a traced function's inputs are the same at every call",
        "stateful",
        "initial_state",
        "compiled",
        when=lambda s, i, c: s and i and c,
    ),
    _rule("the drawn masks are read from a running layer", "dropout", "route", when=lambda d, r: d in DROPPING and r != "call"),
    _rule("the drawn masks are read from a running layer", "dropout", "compiled", when=lambda d, c: d in DROPPING and c),
    _rule(
        "a layer draws masks for each sequence of TimeDistributed anew",
        "dropout",
        "architecture",
        when=lambda d, a: d in DROPPING and a == "td",
    ),
    _rule("this is training", "dropout", "route", when=lambda d, r: d in AT_INFERENCE and r in TRAINING_ROUTES),
    _rule("there is nothing to drop", "dropout", "batch", when=lambda d, b: d in DROPPING and b == 0),
    _rule("what is not compiled has no compiler", "compiled", "jit_compile", when=lambda c, j: j and not c),
    _rule(
        "the route has no compiler",
        "route",
        "jit_compile",
        when=lambda r, j: j and r in (*MODEL_ONLY, "training", "stateless_call"),
    ),
    _rule("the route is the same", "route", "compiled", when=lambda r, c: not c and r in MODEL_ONLY),
    _rule("a loss is that of the outputs", "route", "return_state", when=lambda r, s: r in TRAINED and s),
    _rule("a loss is that of one array", "route", "merge_mode", when=lambda r, m: r in TRAINED and m == "none"),
    _rule(
        "the trainer, not the LSTM, decides where a loss is rounded",
        "route",
        "dtype",
        when=lambda r, d: r in TRAINED and d != "float32",
    ),
    _rule("nothing is left to take a loss of", "route", "mask", when=lambda r, m: r in TRAINED and m == "all"),
    _rule("a loss is not finite then", "route", "values", when=lambda r, v: r in TRAINED and v != "finite"),
    _rule(
        "gradients in low precision leave its range, unless an optimizer scales the loss",
        "route",
        "dtype",
        when=lambda r, d: r == "gradient" and d not in ("float32", "float64"),
    ),
    _rule("a gradient is not finite then", "route", "values", when=lambda r, v: r == "gradient" and v in ("nan", "inf")),
    _rule(
        "there is no data", "route", "batch", when=lambda r, b: b == 0 and r not in ("call", "training", "gradient", "functional")
    ),
    _rule("one row makes no partial batch", "route", "batch", when=lambda r, b: r == "predict_partial" and b < 2),
    _rule("a partial batch is of another size", "route", "static_batch", when=lambda r, b: r == "predict_partial" and b),
    _rule("the second prediction starts elsewhere", "route", "stateful", when=lambda r, s: r == "predict_twice" and s),
    _rule(
        "a lambda is not serialised",
        "route",
        "activation_as",
        when=lambda r, a: a == "lambda" and r in ("from_config", "clone_model", "keras_file"),
    ),
    _rule("an exported model keeps no state", "route", "stateful", when=lambda r, s: r in EXPORTED and s),
    _rule("an exported model computes in float32", "route", "dtype", when=lambda r, d: r in EXPORTED and d != "float32"),
    _rule(
        "an exported model takes what it declares",
        "route",
        "input_dtype",
        "mask_source",
        when=lambda r, d, s: r in EXPORTED and s != "embedding" and d != "float32",
    ),
)


def exclusion_of(case: Case) -> Exclusion | None:
    """Return the exclusion that forbids a case; None if no exclusion does."""
    values = {name: getattr(case.config if name == "units" else case, name) for name in SIZES}
    values |= {feature.name: case.feature(feature) for feature in FEATURES}
    return next((exclusion for exclusion in EXCLUSIONS if exclusion.excludes(values)), None)
