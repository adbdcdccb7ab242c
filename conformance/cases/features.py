"""The features of a case beyond its sizes: their values, and their words in a case id.

A feature's first value is its default, which a case id leaves out. Semantic features change the result. Features of the execution
must not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Keras' dtype policies, and the precision that each computes in.
POLICIES: Mapping[str, str] = {
    "float32": "float32",
    "float64": "float64",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "mixed_float16": "float16",
    "mixed_bfloat16": "bfloat16",
}
MASKS = ("none", "right", "left", "interior", "first", "row", "all")
ARCHITECTURES = ("lstm", "layers2", "cells2", "bidi", "td")
MERGE_MODES = ("concat", "sum", "ave", "mul", "none")
ROUTES = (
    "call",
    "training",
    "gradient",
    "functional",
    "stateless_call",
    "predict",
    "predict_twice",
    "predict_partial",
    "predict_on_batch",
    "evaluate",
    "train_on_batch",
    "fit",
    "from_config",
    "clone_model",
    "keras_file",
    "weights_file",
    "saved_model",
    "onnx",
    "openvino",
)
# Those that call the layer with training=True.
TRAINING_ROUTES = ("training", "gradient", "train_on_batch", "fit")
# The values of `dropout` that leave training off: both rates, or one alone, since one rate selects another path than both.
AT_INFERENCE = ("inference", "inference_input", "inference_recurrent")
RELATIONS = (
    "",
    "eager_call",
    "predict",
    "training",
    "loop",
    "no_cudnn",
    "two_calls",
    "padded",
    "rows_permuted",
    "units_permuted",
    "time_reversed",
    "in_float64",
)


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One axis of the surface.

    Attributes:
        name: of the field of a case; Keras' own word if Keras has one.
        part: the part of a case that has the field: "config", "execution", or "" for the case itself.
        words: value → word in the case id, in the order of the values; the first, the default, is "".
        meaning: one sentence for people.
    """

    name: str
    part: str
    words: Mapping[Any, str]
    meaning: str

    @property
    def values(self) -> tuple[Any, ...]:
        """All values, the default first."""
        return tuple(self.words)

    @property
    def default(self) -> Any:
        """The value that a case id leaves out."""
        return self.values[0]

    @property
    def is_semantic(self) -> bool:
        """Whether the result depends on it."""
        return self.part != "execution"

    def value_of(self, word: str) -> Any:
        """The value of a word of a case id. Every activation's name is a value, also one that is not listed here."""
        known = {listed: value for value, listed in self.words.items()}
        return known[word] if word in known else word.removeprefix(_ACTIVATION_PREFIX[self.name])

    def word_of(self, value: Any) -> str:
        """The word for a value; "" for the default."""
        return self.words[value] if value in self.words else f"{_ACTIVATION_PREFIX[self.name]}{value}"

    @property
    def pattern(self) -> str:
        """A regular expression that matches its words."""
        if self.name in _ACTIVATION_PREFIX:
            return _ACTIVATION_PREFIX[self.name] + r"\w+"
        return "|".join(word for word in self.words.values() if word)


_ACTIVATION_PREFIX = {"activation": "act_", "recurrent_activation": "ract_"}


def _switch(name: str, part: str, word: str, meaning: str, *, default: bool = False) -> Feature:
    return Feature(name=name, part=part, words={default: "", not default: word}, meaning=meaning)


def _choice(name: str, part: str, prefix: str, values: tuple[Any, ...], meaning: str) -> Feature:
    words = {value: f"{prefix}{value}" if position else "" for position, value in enumerate(values)}
    return Feature(name=name, part=part, words=words, meaning=meaning)


FEATURES: tuple[Feature, ...] = (
    _switch("return_sequences", "config", "seq", "all outputs are returned, not only the last"),
    _switch("return_state", "config", "nostate", "the states are returned too", default=True),
    _switch("stateful", "config", "stateful", "three calls carry over, then a reset and one more"),
    _switch("go_backwards", "config", "back", "the sequence is read from its end"),
    _switch("zero_output_for_mask", "config", "zeromask", "masked timesteps emit zeros"),
    _switch("use_bias", "config", "nobias", "a bias is added", default=True),
    _choice("activation", "config", "act_", ("tanh", "relu", "linear", "softmax", "hard_tanh"), "of candidate and output"),
    _choice("recurrent_activation", "config", "ract_", ("sigmoid", "hard_sigmoid", "sparse_sigmoid", "tanh"), "of the three gates"),
    _choice("architecture", "", "", ARCHITECTURES, "one LSTM; two layers; two cells in one RNN; Bidirectional; TimeDistributed"),
    _choice("merge_mode", "", "merge_", MERGE_MODES, "how Bidirectional joins its halves"),
    _switch("unequal", "", "unequal", "the backward layer of Bidirectional has one unit more"),
    _choice("mask", "", "mask_", MASKS, "which timesteps are masked"),
    _choice("mask_source", "", "by_", ("argument", "masking", "embedding"), "mask=, a Masking layer, or Embedding(mask_zero=True)"),
    _switch("initial_state", "", "init", "initial states are given; to a stateful layer, in its second call"),
    _choice("dropout", "", "drop_", ("none", *AT_INFERENCE, "input", "recurrent", "both"), "rates, and whether training is on"),
    _choice("dtype", "", "p_", tuple(POLICIES), "the dtype policy"),
    _choice("input_dtype", "", "in_", ("float64", "float32", "int32"), "of the array that is passed"),
    _switch("contiguous", "", "strided", "the input array is contiguous", default=True),
    _choice("values", "", "with_", ("finite", "nan", "inf", "masked_nan", "masked_inf"), "what one input element holds"),
    _choice("weights", "", "weights_", ("drawn", "chaotic"), "as drawn, or the recurrent kernel four times as large"),
    _switch("compiled", "execution", "eager", "inside the backend's compiler, where a call has one", default=True),
    _choice("layer", "execution", "", ("lstm", "rnn", "rnnlist"), "LSTM, RNN(LSTMCell), RNN([LSTMCell])"),
    _choice("activation_as", "execution", "as_", ("name", "function", "lambda"), "how the activations are given"),
    _switch("unroll", "execution", "unroll", "the loop is unrolled"),
    _choice("implementation", "execution", "impl", (2, 1), "one product for all gates, or one per gate"),
    Feature(name="use_cudnn", part="execution", words={"auto": "", False: "nocudnn"}, meaning="whether a fused kernel may run"),
    _switch("jit_compile", "execution", "jit", "XLA, torch.compile"),
    _switch("static_time", "execution", "statictime", "the number of timesteps is known when the model is built"),
    _switch("static_batch", "execution", "staticbatch", "the batch size is known when the model is built"),
    _choice("route", "execution", "via_", ROUTES, "by which the layer is reached"),
    _choice("relation", "", "same_as_", RELATIONS, "what else must give the same answer"),
)  # fmt: skip
