"""A case: one configuration, one input size, one way of computing it, one seed; and its readable, stable id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from conformance.cases.features import AT_INFERENCE, FEATURES, POLICIES, TRAINING_ROUTES, Feature
from conformance.cases.masks import gradient_needs, mask_of, output_needs, state_needs, visible_outputs
from lstm_ref import LSTMConfig, LSTMError
from lstm_ref.arrays import Array
from lstm_ref.deviations import Need

_FEATURE_WORDS = "".join(f"(?:-(?P<{feature.name}>{feature.pattern}))?" for feature in FEATURES)
_SIZE = r"\d{1,18}"  # a larger number fits no array and no seed
_ID = re.compile(
    rf"u(?P<units>{_SIZE})-d(?P<input_dim>{_SIZE})-t(?P<timesteps>{_SIZE})-b(?P<batch>{_SIZE}){_FEATURE_WORDS}-s(?P<seed>{_SIZE})"
)

# Features with which a case is still a slice of a plain run: those of the execution except the route.
_PLAIN = {"return_sequences", "stateful"} | {
    feature.name for feature in FEATURES if not feature.is_semantic and feature.name != "route"
}

TIME_DISTRIBUTED_OVER = 2  # sequences in each row of TimeDistributed(LSTM)

# After this number of timesteps, rounding may have moved a chaotic LSTM as far from the reference as two of its states are apart.
PREDICTABLE_STEPS = 100


class NotACaseError(LSTMError):
    """The text is not the id of a case."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How the result is computed. The execution must not change the result, and the oracle never sees it. Values: see `features`.

    Attributes:
        compiled: call the layer inside the backend's compiler, if it has one; else eagerly.
        layer: LSTM, RNN(LSTMCell) or RNN([LSTMCell]).
        activation_as: the activations are given as names, as Keras' functions, or as equivalent lambdas.
        unroll, implementation, use_cudnn: the layer's own arguments.
        jit_compile: of the model, or of the compiled call.
        static_time, static_batch: whether the size is known when the model is built.
        route: how a user reaches the layer.
    """

    compiled: bool = True
    layer: str = "lstm"
    activation_as: str = "name"
    unroll: bool = False
    implementation: int = 2
    use_cudnn: str | bool = "auto"
    jit_compile: bool = False
    static_time: bool = False
    static_batch: bool = False
    route: str = "call"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the layer, on timesteps start … stop-1 of the stimulus.

    Attributes:
        after_reset: whether the state is reset before the call.
        initial_state: whether the call gets an initial state.
    """

    start: int
    stop: int
    after_reset: bool = False
    initial_state: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Family:
    """The cases that share weights and inputs. A shorter case or a smaller batch reads a prefix of the longest or largest."""

    units: int
    input_dim: int
    seed: int

    def __str__(self) -> str:
        """The part of the case id that all members share."""
        return f"u{self.units}-d{self.input_dim}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One comparison of an implementation with the reference. Features and their values: see `features`.

    Attributes:
        config: of the LSTM; it determines the result.
        input_dim: features per timestep.
        timesteps: per call.
        batch: rows.
        seed: of weights and inputs.
        execution: how the result is computed.
        architecture: the composition that contains the LSTM.
        merge_mode, unequal: of a Bidirectional.
        mask, mask_source: which timesteps are masked, and how the layer gets the mask.
        initial_state: whether initial states are given.
        dropout: rates, and whether training is on.
        dtype: the dtype policy.
        input_dtype, contiguous: of the input array.
        values: the kind of value in one element of the inputs.
        weights: as drawn, or with a recurrent kernel that makes the LSTM chaotic.
        relation: the metamorphic relation; "" for none.
    """

    config: LSTMConfig
    input_dim: int
    timesteps: int
    batch: int
    seed: int = 0
    execution: Execution = field(default_factory=Execution)
    architecture: str = "lstm"
    merge_mode: str = "concat"
    unequal: bool = False
    mask: str = "none"
    mask_source: str = "argument"
    initial_state: bool = False
    dropout: str = "none"
    dtype: str = "float32"
    input_dtype: str = "float64"
    contiguous: bool = True
    values: str = "finite"
    weights: str = "drawn"
    relation: str = ""

    def __post_init__(self) -> None:
        for name, least in (("input_dim", 1), ("timesteps", 1), ("batch", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise LSTMError(f"{name} must be at least {least}; got {getattr(self, name)}")
        for feature in FEATURES:
            value = self.feature(feature)
            if feature.part != "config" and value not in feature.values:  # the configuration validates its own fields
                raise LSTMError(f"{feature.name} must be one of {', '.join(map(str, feature.values))}; got {value!r}")

    @cached_property
    def id(self) -> str:
        """Readable and stable: `u10-d5-t13-b3-seq-stateful-s0`; `from_id` reads it back."""
        words = "".join(f"-{word}" for feature in FEATURES if (word := feature.word_of(self.feature(feature))))
        return f"u{self.config.units}-d{self.input_dim}-t{self.timesteps}-b{self.batch}{words}-s{self.seed}"

    @classmethod
    def from_id(cls, text: str) -> Case:
        """Return the case with this id.

        Raises:
            NotACaseError: the text is not an id.
            LSTMError: a size or a value is invalid.
        """
        match = _ID.fullmatch(text)
        if match is None:
            raise NotACaseError(f"{text!r} is not a case id; expected one like u10-d5-t13-b3-seq-stateful-s0")
        sizes: dict[str, Any] = {name: int(match[name]) for name in ("input_dim", "timesteps", "batch", "seed")}
        bare = cls(config=LSTMConfig(units=int(match["units"]), return_state=True), **sizes)
        features = {feature.name: feature.value_of(match[feature.name]) for feature in FEATURES if match[feature.name]}
        return bare.replace(**features)

    def feature(self, feature: Feature) -> Any:
        """The value of a feature in this case."""
        return getattr(getattr(self, feature.part) if feature.part else self, feature.name)

    def replace(self, **changes: Any) -> Case:
        """Return the same case with other features or sizes."""
        part_of = {feature.name: feature.part for feature in FEATURES} | {"units": "config"}
        parts: dict[str, dict[str, Any]] = {"config": {}, "execution": {}, "": {}}
        for name, value in changes.items():
            parts[part_of.get(name, "")][name] = value
        config, execution = replace(self.config, **parts["config"]), replace(self.execution, **parts["execution"])
        return replace(self, config=config, execution=execution, **parts[""])

    @property
    def group(self) -> str:
        """The group in reports and progress: the family of a documents' case, the route of any other case."""
        return str(self.family) if self.is_documents else f"via {self.execution.route}"

    @property
    def non_default_features(self) -> dict[str, Any]:
        """The features that differ from their defaults: name → value."""
        return {feature.name: self.feature(feature) for feature in FEATURES if self.feature(feature) != feature.default}

    @cached_property
    def is_plain(self) -> bool:
        """Whether the result is a slice of one forward run from zero states by the standard equations."""
        return self.non_default_features.keys() <= _PLAIN

    @property
    def is_documents(self) -> bool:
        """Whether the case could be in the documents' matrix: plain, with Keras' default execution, traced or eager."""
        return self.is_plain and self.execution in (Execution(), Execution(compiled=False))

    @property
    def precision(self) -> str:
        """The compute dtype of the policy."""
        return POLICIES[self.dtype]

    @property
    def sequences(self) -> int:
        """Number of sequences: the rows of the reference's batch."""
        return self.batch * TIME_DISTRIBUTED_OVER if self.architecture == "td" else self.batch

    @property
    def layer_sizes(self) -> tuple[tuple[int, int], ...]:
        """(units, input_dim) of each LSTM of the architecture, in the order of the states."""
        units, input_dim = self.config.units, self.input_dim
        if self.architecture in ("layers2", "cells2"):
            return (units, input_dim), (units, units)
        if self.architecture == "bidi":
            return (units, input_dim), (units + self.unequal, input_dim)
        return ((units, input_dim),)

    @property
    def outputs_width(self) -> int:
        """Size of the outputs' last axis; of both halves together if a Bidirectional returns both."""
        units = [units for units, _ in self.layer_sizes]
        return sum(units) if self.architecture == "bidi" and self.merge_mode in ("concat", "none") else units[-1]

    @property
    def returns_loss(self) -> bool:
        """Whether the route returns a loss in place of the outputs."""
        return self.execution.route in ("evaluate", "train_on_batch", "fit")

    def gradients_of(self, call: Call) -> tuple[str, ...]:
        """Names of the arrays whose gradients a call computes: weights, floating inputs, initial states, in this order."""
        if self.execution.route != "gradient":
            return ()
        parts = {1: ("",), 2: ("forward ", "backward ") if self.architecture == "bidi" else ("first ", "second ")}[
            len(self.layer_sizes)
        ]
        weights = ("kernel", "recurrent_kernel", "bias") if self.config.use_bias else ("kernel", "recurrent_kernel")
        inputs = () if self.mask_source == "embedding" or self.input_dtype == "int32" else ("inputs",)
        states = ("initial hidden state", "initial cell state") if call.initial_state else ()
        return (*(part + name for part in parts for name in weights), *inputs, *(part + name for part in parts for name in states))

    @property
    def in_training(self) -> bool:
        """Whether the layer is called with training=True."""
        return self.execution.route in TRAINING_ROUTES or self.dropout in ("input", "recurrent", "both")

    @property
    def dropout_rates(self) -> tuple[float, float]:
        """Dropout rates of the inputs and of the hidden state."""
        if self.dropout == "none":
            return (0.0, 0.0)
        return (0.0 if self.dropout.endswith("recurrent") else 0.5, 0.0 if self.dropout.endswith("input") else 0.25)

    @property
    def dropout_masks(self) -> int:
        """Number of masks of each kind: one for all gates, or four with implementation 1, which recurrent dropout requires."""
        return 4 if self.execution.implementation == 1 or self.dropout_rates[1] else 1

    @property
    def family(self) -> Family:
        """The family of cases that share weights and inputs."""
        return Family(units=self.config.units, input_dim=self.input_dim, seed=self.seed)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of the layer: one call, or four of a stateful layer.

        Its first three calls carry the state over. Before the fourth the state is reset; the fourth reads the inputs of the first
        two in one piece if the length is not fixed.
        """
        steps, given = self.timesteps, self.initial_state
        if not self.config.stateful:
            return (Call(start=0, stop=steps, initial_state=given),)
        carried = tuple(Call(start=k * steps, stop=(k + 1) * steps, initial_state=given and k == 1) for k in range(3))
        # Twice as long as the other calls, if the length is not fixed.
        last = 2 * steps if self.is_documents else steps
        return (*carried, Call(start=0, stop=last, after_reset=True))

    @property
    def horizon(self) -> int:
        """Number of timesteps of the stimulus that the calls read."""
        return max(call.stop for call in self.calls)

    @cached_property
    def fulfilled_needs(self) -> frozenset[Need]:
        """The needs that the case fulfils. A deviation shows in a case that fulfils all its needs."""
        fulfilled = _form_needs(self) | _mask_needs(self) | _architecture_needs(self) | _dropout_needs(self)
        hidden = _FINAL_STEP_NEEDS if self.weights == "chaotic" and self.horizon > PREDICTABLE_STEPS else frozenset()
        return frozenset(need for need, is_fulfilled in fulfilled.items() if is_fulfilled) - hidden


# Needs of deviations that change only the end of a long run.
_FINAL_STEP_NEEDS = frozenset(
    (
        Need.LAST_STEP, Need.LAST_OUTPUT, Need.STATES, Need.CARRIED_CALL,
        Need.RESET, Need.MASKED_END, Need.MASKED_STATE, Need.HELD_STATE,
    )
)  # fmt: skip


def _form_needs(case: Case) -> dict[Need, bool]:
    config = case.config
    return {
        Need.SEVERAL_UNITS: config.units > 1,
        Need.SEVERAL_FEATURES: case.input_dim > 1,
        Need.SEVERAL_ROWS: case.sequences > 1,
        Need.CARRIED_CALL: config.stateful,
        Need.RESET: config.stateful,
        Need.FULL_SEQUENCE: config.return_sequences,
        Need.LAST_OUTPUT: not config.return_sequences,
        Need.OUTPUTS: not case.returns_loss,
        Need.STATES: config.return_state and not case.returns_loss,
        Need.BIAS: config.use_bias,
        Need.TANH: config.activation == "tanh",
        Need.SIGMOID: config.recurrent_activation == "sigmoid",
        Need.HARD_SIGMOID: "hard_sigmoid" in (config.activation, config.recurrent_activation),
        Need.SPARSEMAX: "sparsemax" in (config.activation, config.recurrent_activation) and config.units > 1,
        Need.ACTIVATIONS_APART: config.activation != config.recurrent_activation,
        Need.WIDE_INPUTS: case.input_dtype != case.precision
        and case.mask_source != "embedding",  # which returns the policy's dtype
        Need.FRACTIONS: case.input_dtype != "int32",
        Need.FLOAT32: case.precision in ("float32", "float64"),
    }


def _mask_needs(case: Case) -> dict[Need, bool]:
    """The needs that the mask of one call fulfils: for states in any LSTM, for outputs in an LSTM whose outputs are returned."""
    config, halves = case.config, case.architecture == "bidi"
    mask = mask_of(case.mask, case.sequences, case.timesteps)
    started = np.logical_or(case.initial_state, np.logical_and(config.stateful, mask.any(axis=1)))
    first = mask[:, ::-1] if config.go_backwards else mask
    # Each of two layers reverses its inputs. The cells of one RNN read the same reversed inputs.
    last = mask if config.go_backwards and case.architecture == "layers2" else first
    returned = config.return_state and not case.returns_loss
    # Masks in the order of processing, and in the order of the outputs: a Bidirectional puts its backward outputs back in order.
    lower = [(first, first)] if case.architecture == "layers2" else []
    passes = [(mask, mask), (mask[:, ::-1], mask[:, ::-1])] if halves else [*lower, (last, mask)]
    seen = [
        (processed, visible_outputs(emitted, shows_all=config.return_sequences, in_loss=case.returns_loss))
        for processed, emitted in passes
    ]
    states = [state_needs(processed, started, visible, returned=returned, carried=config.stateful) for processed, visible in seen]
    zeroes = config.return_sequences if halves else config.zero_output_for_mask
    outputs = [output_needs(processed, started, visible, zeroes=zeroes) for processed, visible in (seen if halves else seen[-1:])]
    shows = all if case.merge_mode == "mul" else any  # the product with a zero of the other half hides an output
    return {
        **{need: any(needs[need] for needs in states) for need in states[0]},
        **{need: shows(needs[need] for needs in outputs) for need in outputs[0]},
        Need.MASKED_SECOND: states[-1][Need.MASKED_STEP],
        **_gradient_needs(case, (mask, mask[:, ::-1]) if halves else (last,)),
        Need.INITIAL_STATE: case.initial_state and bool(np.logical_or(returned, mask.any(axis=1)).any()),
        Need.MASKED_NAN: case.values == "masked_nan",  # infinity saturates the gates, so the states stay finite
    }


def _gradient_needs(case: Case, masks: Sequence[Array]) -> dict[Need, bool]:
    """The needs that any LSTM of one call fulfils; masks in the order of processing."""
    config, names = case.config, case.gradients_of(case.calls[-1])
    zeroes = config.return_sequences if case.architecture == "bidi" else config.zero_output_for_mask
    by_mask = [
        gradient_needs(
            mask, given=case.initial_state, returned=config.return_state, shows_all=config.return_sequences, zeroes=zeroes
        )
        for mask in masks
    ]
    fulfilled = {need: any(needs[need] for needs in by_mask) for need in by_mask[0]} | {Need.GRADIENT_OF_INPUTS: "inputs" in names}
    return {need: bool(names) and is_fulfilled for need, is_fulfilled in fulfilled.items()}


def _architecture_needs(case: Case) -> dict[Need, bool]:
    sizes, halves, backwards = case.layer_sizes, case.architecture == "bidi", case.config.go_backwards
    return {
        Need.FORWARDS: not backwards,
        Need.BACKWARDS: backwards,
        Need.HALF_BACKWARDS: backwards or halves,
        Need.ONE_PART: len(sizes) == 1,
        Need.TWO_PARTS: len(sizes) > 1,
        Need.EQUAL_PARTS: len(sizes) > 1 and sizes[0][0] == sizes[1][0],
        Need.TWO_LAYERS: len(sizes) > 1 and not halves,
        Need.TWO_DIRECTIONS: halves,
        Need.HALVES_APART: halves and case.merge_mode in ("concat", "none"),
        Need.MERGE_CONCAT: halves and case.merge_mode == "concat",
        Need.MERGE_SUM: halves and case.merge_mode == "sum",
        Need.MERGE_AVE: halves and case.merge_mode == "ave",
        Need.MERGE_MUL: halves and case.merge_mode == "mul",
    }


def _dropout_needs(case: Case) -> dict[Need, bool]:
    acts = case.in_training and any(case.dropout_rates) and case.sequences > 0
    return {
        Need.INFERENCE: case.dropout in AT_INFERENCE and not case.in_training and case.sequences > 0,
        Need.DROPOUT: acts,
        Need.INPUT_DROPOUT: acts and case.dropout_rates[0] > 0,
        Need.RECURRENT_DROPOUT: acts and case.dropout_rates[1] > 0,
        Need.MASK_SHARED: acts and case.dropout_masks == 1,
        Need.MASK_PER_GATE: acts and case.dropout_masks > 1,
    }
