"""A case: one configuration, one input size, one way of computing it, one seed; and its readable, stable id."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from conformance.cases.features import FEATURES, POLICIES, TRAINING_ROUTES, Feature
from conformance.cases.masks import gradient_needs, mask_of, output_needs, state_needs, visible_outputs
from lstm_ref import LSTMConfig, LSTMError
from lstm_ref.arrays import Array
from lstm_ref.deviations import Need

_WORDS = "".join(f"(?:-(?P<{feature.name}>{feature.pattern}))?" for feature in FEATURES)
_SIZE = r"\d{1,18}"  # more digits are no number that an array or a seed could have
_ID = re.compile(
    rf"u(?P<units>{_SIZE})-d(?P<input_dim>{_SIZE})-t(?P<timesteps>{_SIZE})-b(?P<batch>{_SIZE}){_WORDS}-s(?P<seed>{_SIZE})"
)

# Features that leave a case a slice of a plain run: those of the execution, but for routes that show other things.
_PLAIN = {"return_sequences", "stateful"} | {
    feature.name for feature in FEATURES if not feature.is_semantic and feature.name != "route"
}

TIME_DISTRIBUTED_OVER = 2  # sequences per row of TimeDistributed(LSTM)

# Timesteps after which what a chaotic LSTM returns may be as unlike the reference as two of its states are.
PREDICTABLE_STEPS = 100


class NotACaseError(LSTMError):
    """A text is not the id of a case."""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How the answer is computed, which must not change it; the oracle never sees this. Values: see `features`.

    Attributes:
        compiled: call the layer inside the backend's compiler, where it has one; else eagerly.
        layer: written as LSTM, RNN(LSTMCell) or RNN([LSTMCell]).
        activation_as: the activations' names, Keras' functions, or equivalent lambdas.
        unroll, implementation, use_cudnn: the layer's own arguments.
        jit_compile: of the model, or of the compiled call.
        static_time, static_batch: whether the shape is known when the model is built.
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

    The state is reset before it where `after_reset`; `initial_state` says that it is given one.
    """

    start: int
    stop: int
    after_reset: bool = False
    initial_state: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Family:
    """The cases that share weights and inputs: shorter cases and smaller batches read a prefix of the longest and largest."""

    units: int
    input_dim: int
    seed: int

    def __str__(self) -> str:
        """The part of the case id that all members share."""
        return f"u{self.units}-d{self.input_dim}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked of an implementation. Features and their values: see `features`.

    Attributes:
        config: what the answer is.
        input_dim: features per timestep.
        timesteps: per call.
        batch: rows.
        seed: of weights and inputs.
        execution: how the answer is computed.
        architecture: what the LSTM is part of.
        merge_mode, unequal: of a Bidirectional.
        mask, mask_source: which timesteps are masked, and how the layer is told.
        initial_state: whether initial states are given.
        dropout: rates, and whether training is on.
        dtype: the dtype policy.
        input_dtype, contiguous: of the array that is passed.
        values: what one of its elements holds.
        weights: as drawn, or with a recurrent kernel that makes the LSTM chaotic.
        relation: what else must give the same answer; "" for nothing.
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
            if feature.part != "config" and value not in feature.values:  # the configuration has looked at its own
                raise LSTMError(f"{feature.name} must be one of {', '.join(map(str, feature.values))}; got {value!r}")

    @cached_property
    def id(self) -> str:
        """Readable and stable: `u10-d5-t13-b3-seq-stateful-s0`; `from_id` reads it back."""
        words = [feature.word_of(self.feature(feature)) for feature in FEATURES]
        said = "".join(f"-{word}" for word in words if word)
        return f"u{self.config.units}-d{self.input_dim}-t{self.timesteps}-b{self.batch}{said}-s{self.seed}"

    @classmethod
    def from_id(cls, text: str) -> Case:
        """The case of that id.

        Raises:
            NotACaseError: not an id.
            LSTMError: of nothing that can be asked.
        """
        match = _ID.fullmatch(text)
        if match is None:
            raise NotACaseError(f"{text!r} is not a case id; expected one like u10-d5-t13-b3-seq-stateful-s0")
        sizes: dict[str, Any] = {name: int(match[name]) for name in ("input_dim", "timesteps", "batch", "seed")}
        bare = cls(config=LSTMConfig(units=int(match["units"]), return_state=True), **sizes)
        said = {feature.name: feature.value_of(match[feature.name]) for feature in FEATURES if match[feature.name]}
        return bare.replace(**said)

    def feature(self, feature: Feature) -> Any:
        """The value of a feature in this case."""
        return getattr(getattr(self, feature.part) if feature.part else self, feature.name)

    def replace(self, **changes: Any) -> Case:
        """The same case with other features or sizes."""
        part_of = {feature.name: feature.part for feature in FEATURES} | {"units": "config"}
        parts: dict[str, dict[str, Any]] = {"config": {}, "execution": {}, "": {}}
        for name, value in changes.items():
            parts[part_of.get(name, "")][name] = value
        config, execution = replace(self.config, **parts["config"]), replace(self.execution, **parts["execution"])
        return replace(self, config=config, execution=execution, **parts[""])

    @property
    def group(self) -> str:
        """What reports and progress count it under: its family, or the route by which a case of the surface goes."""
        return str(self.family) if self.is_documents else f"via {self.execution.route}"

    @property
    def said(self) -> dict[str, Any]:
        """The features in which the case departs from the defaults."""
        return {feature.name: self.feature(feature) for feature in FEATURES if self.feature(feature) != feature.default}

    @cached_property
    def is_plain(self) -> bool:
        """Whether the answer is a slice of one forward run from zeros by the standard equations, as in the documents' matrix."""
        return self.said.keys() <= _PLAIN

    @property
    def is_documents(self) -> bool:
        """Whether it is of the documents' kind: plain, and run by Keras' defaults, traced or eagerly."""
        return self.is_plain and self.execution in (Execution(), Execution(compiled=False))

    @property
    def precision(self) -> str:
        """The compute dtype that the policy asks for."""
        return POLICIES[self.dtype]

    @property
    def sequences(self) -> int:
        """Number of sequences that are read, the rows of the reference's batch."""
        return self.batch * TIME_DISTRIBUTED_OVER if self.architecture == "td" else self.batch

    @property
    def layer_sizes(self) -> tuple[tuple[int, int], ...]:
        """(units, input_dim) of each LSTM of the architecture, in the order of its states."""
        units, input_dim = self.config.units, self.input_dim
        if self.architecture in ("layers2", "cells2"):
            return (units, input_dim), (units, units)
        if self.architecture == "bidi":
            return (units, input_dim), (units + self.unequal, input_dim)
        return ((units, input_dim),)

    @property
    def outputs_width(self) -> int:
        """Size of the outputs' last axis, of both halves together where a Bidirectional returns both."""
        units = [units for units, _ in self.layer_sizes]
        return sum(units) if self.architecture == "bidi" and self.merge_mode in ("concat", "none") else units[-1]

    @property
    def returns_loss(self) -> bool:
        """Whether the route shows a loss in place of the outputs."""
        return self.execution.route in ("evaluate", "train_on_batch", "fit")

    def gradients_of(self, call: Call) -> tuple[str, ...]:
        """Names of what a call's gradients belong to: weights, floating inputs, initial states, in this order."""
        if self.execution.route != "gradient":
            return ()
        parts = {1: ("",), 2: ("forward ", "backward ") if self.architecture == "bidi" else ("first ", "second ")}[
            len(self.layer_sizes)
        ]
        weights = ("kernel", "recurrent_kernel", "bias") if self.config.use_bias else ("kernel", "recurrent_kernel")
        read = () if self.mask_source == "embedding" or self.input_dtype == "int32" else ("inputs",)
        states = ("initial hidden state", "initial cell state") if call.initial_state else ()
        return (*(part + name for part in parts for name in weights), *read, *(part + name for part in parts for name in states))

    @property
    def in_training(self) -> bool:
        """Whether the layer is called with training=True."""
        return self.execution.route in TRAINING_ROUTES or self.dropout in ("input", "recurrent", "both")

    @property
    def dropout_rates(self) -> tuple[float, float]:
        """Of inputs and of hidden state."""
        return {"none": (0.0, 0.0), "inference": (0.5, 0.25), "input": (0.5, 0.0), "recurrent": (0.0, 0.25), "both": (0.5, 0.25)}[
            self.dropout
        ]

    @property
    def dropout_masks(self) -> int:
        """Masks of each kind that Keras draws: one for all gates, or four by implementation 1, which recurrent dropout enforces."""
        return 4 if self.execution.implementation == 1 or self.dropout_rates[1] else 1

    @property
    def family(self) -> Family:
        """What this case shares weights and inputs with."""
        return Family(units=self.config.units, input_dim=self.input_dim, seed=self.seed)

    @property
    def calls(self) -> tuple[Call, ...]:
        """One call; of a stateful layer three that carry over, then a reset and one more over what the first two read in pieces."""
        steps, given = self.timesteps, self.initial_state
        if not self.config.stateful:
            return (Call(start=0, stop=steps, initial_state=given),)
        carried = tuple(Call(start=k * steps, stop=(k + 1) * steps, initial_state=given and k == 1) for k in range(3))
        # As long as two of the others, where nothing fixes the length.
        last = 2 * steps if self.is_documents else steps
        return (*carried, Call(start=0, stop=last, after_reset=True))

    @property
    def horizon(self) -> int:
        """Timesteps of stimulus that the calls read."""
        return max(call.stop for call in self.calls)

    @cached_property
    def fulfilled_needs(self) -> frozenset[Need]:
        """What the case offers a deviation to show itself."""
        offered = _offered_by_form(self) | _offered_by_masks(self) | _offered_by_architecture(self) | _offered_by_dropout(self)
        lost = _AT_THE_END if self.weights == "chaotic" and self.horizon > PREDICTABLE_STEPS else frozenset()
        return frozenset(need for need, is_offered in offered.items() if is_offered) - lost


# What shows in nothing but what a long run ends with.
_AT_THE_END = frozenset(
    {
        Need.LAST_STEP,
        Need.LAST_OUTPUT,
        Need.STATES,
        Need.CARRIED_CALL,
        Need.RESET,
        Need.MASKED_END,
        Need.MASKED_STATE,
        Need.HELD_STATE,
    }
)


def _offered_by_form(case: Case) -> dict[Need, bool]:
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
        Need.WIDE_INPUTS: case.input_dtype != case.precision and case.mask_source != "embedding",  # which returns the policy's
        Need.FRACTIONS: case.input_dtype != "int32",
        Need.FLOAT32: case.precision in ("float32", "float64"),
    }


def _offered_by_masks(case: Case) -> dict[Need, bool]:
    """Of one call: of the states, what any LSTM offers; of the outputs, what those whose outputs are returned do."""
    config, halves = case.config, case.architecture == "bidi"
    mask = mask_of(case.mask, case.sequences, case.timesteps)
    started = np.logical_or(case.initial_state, np.logical_and(config.stateful, mask.any(axis=1)))
    first = mask[:, ::-1] if config.go_backwards else mask
    # Each of two layers reverses what it reads; the cells of one RNN do so together.
    last = mask if config.go_backwards and case.architecture == "layers2" else first
    returned = config.return_state and not case.returns_loss
    # In the order of processing, each with the mask as the outputs have it: a Bidirectional puts its outputs back in order.
    lower = [(first, first)] if case.architecture == "layers2" else []
    passes = [(mask, mask), (mask[:, ::-1], mask[:, ::-1])] if halves else [*lower, (last, mask)]
    seen = [(one, visible_outputs(behind, shows_all=config.return_sequences, in_loss=case.returns_loss)) for one, behind in passes]
    states = [state_needs(one, started, shown, returned=returned, carried=config.stateful) for one, shown in seen]
    zeroes = config.return_sequences if halves else config.zero_output_for_mask
    outputs = [output_needs(one, started, shown, zeroes=zeroes) for one, shown in (seen if halves else seen[-1:])]
    shows = all if case.merge_mode == "mul" else any  # a product with the other half's zeros hides what is emitted
    return {
        **{need: any(one[need] for one in states) for need in states[0]},
        **{need: shows(one[need] for one in outputs) for need in outputs[0]},
        Need.MASKED_SECOND: states[-1][Need.MASKED_STEP],
        **_offered_by_gradients(case, (mask, mask[:, ::-1]) if halves else (last,)),
        Need.INITIAL_STATE: case.initial_state and bool(np.logical_or(returned, mask.any(axis=1)).any()),
        Need.MASKED_NAN: case.values == "masked_nan",  # infinity saturates the gates, and the states stay finite
    }


def _offered_by_gradients(case: Case, masks: Sequence[Array]) -> dict[Need, bool]:
    """Of one call, what any LSTM offers; masks in the order of processing."""
    config, asked = case.config, case.gradients_of(case.calls[-1])
    zeroes = config.return_sequences if case.architecture == "bidi" else config.zero_output_for_mask
    met = [
        gradient_needs(
            mask, given=case.initial_state, returned=config.return_state, shows_all=config.return_sequences, zeroes=zeroes
        )
        for mask in masks
    ]
    offered = {need: any(one[need] for one in met) for need in met[0]} | {Need.GRADIENT_OF_INPUTS: "inputs" in asked}
    return {need: bool(asked) and is_met for need, is_met in offered.items()}


def _offered_by_architecture(case: Case) -> dict[Need, bool]:
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


def _offered_by_dropout(case: Case) -> dict[Need, bool]:
    acts = case.in_training and any(case.dropout_rates) and case.sequences > 0
    return {
        Need.INFERENCE: case.dropout == "inference" and not case.in_training and case.sequences > 0,
        Need.DROPOUT: acts,
        Need.INPUT_DROPOUT: acts and case.dropout_rates[0] > 0,
        Need.RECURRENT_DROPOUT: acts and case.dropout_rates[1] > 0,
        Need.MASK_SHARED: acts and case.dropout_masks == 1,
        Need.MASK_PER_GATE: acts and case.dropout_masks > 1,
    }
