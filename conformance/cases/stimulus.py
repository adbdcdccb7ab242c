"""Weights and inputs of a family of cases: a pure function of the family.

The numbers are chosen so that errors show. Weights are dense, of random sign and without small magnitudes: all gates, units and
features differ and have an effect. Every unit and gate has its own bias. The scale of the inputs varies between timesteps by
a factor of ten and more: pre-activations are negative, near zero, between the corners of the two hard sigmoids, and saturated.
Unit 0 forgets slowly, and its hidden state does not push its candidate back towards zero. So a trace of the initial state reaches
the end of the longest sequence, and a lost initial state shows there.

The inputs of a row are drawn from a stream of their own, timestep after timestep. So a shorter sequence is a prefix of a longer
one, and a smaller batch consists of the first rows of a larger one. The weights of further layers, initial states, masks, targets
and embeddings have streams of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.cases.case import TIME_DISTRIBUTED_OVER, Call, Case, Family
from conformance.cases.masks import mask_of
from lstm_ref import GATE_ORDER, DropoutMasks, LSTMError, LSTMWeights, State
from lstm_ref.arrays import Array, representable

# Mean bias of the gates i, f, c, o. Unit 0's forget gate is near sigmoid(4) = 0.98, where the inputs have little effect.
_BIAS = {"i": 0.3, "f": 1.0, "c": -0.2, "o": 0.6}
_SLOW_FORGET_BIAS, _SLOW_FORGET_GAIN = 4.0, 0.3
_WEIGHTS_STREAM, _INPUTS_STREAM, _STATES_STREAM, _TARGETS_STREAM, _MASKED_STREAM, _DROPOUT_STREAM, _COTANGENTS_STREAM = range(7)

# Scale of the weights for unbounded activations. With weights of full size, their feedback would leave float32's range.
_WEIGHT_SCALE = dict.fromkeys(
    (
        "elu", "celu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "silu", "softplus", "squareplus", "swish",
        "hard_silu", "hard_swish", "hard_shrink", "soft_shrink", "log_sigmoid", "log_softmax", "sparse_plus", "tanh_shrink",
    ),
    0.5,
) | {"exponential": 0.02}  # fmt: skip

# The factor of the recurrent kernel that makes an LSTM of a few units chaotic. A power of two keeps it representable.
_CHAOTIC = 4

NOT_FINITE = {"nan": np.nan, "inf": np.inf, "masked_nan": np.nan, "masked_inf": np.inf}


@dataclass(frozen=True, eq=False)
class Stimulus:
    """The weights and inputs of a family of cases.

    Attributes:
        family: of the cases.
        precision: the dtype that holds the weights exactly.
        weights: in float64, each value representable in `precision`.
        inputs: (batch, timesteps, input_dim) float64 of the largest batch and longest horizon; not representable in `precision`.
        given_weights, given_states, given_mask: replace the drawn ones, if a relation derives one stimulus from another.
    """

    family: Family
    precision: str
    weights: LSTMWeights
    inputs: Array
    given_weights: tuple[LSTMWeights, ...] | None = None
    given_states: tuple[State, ...] | None = None
    given_mask: Array | None = None

    def inputs_of(self, case: Case, call: Call) -> Array:
        """The inputs of one call, (sequences, timesteps, input_dim) of case.input_dtype."""
        inputs = self.inputs[: case.sequences, call.start : call.stop]
        if case.is_plain and case.input_dtype == "float64":
            return inputs.copy() if case.contiguous else _strided(inputs)
        if case.precision in ("float16", "bfloat16"):
            # Other values would be rounded twice if they are cast through another dtype.
            inputs = representable(inputs, case.precision)
        inputs = np.rint(2 * inputs) if case.input_dtype == "int32" else inputs.copy()
        mask = self.mask_of(case, call)
        if mask is not None and case.mask_source == "masking":
            inputs[~mask] = 0
        if case.mask_source == "masking":
            inputs[..., 0] += (inputs == 0).all(axis=-1) & (True if mask is None else mask)  # a used timestep is not all zeros
        if case.values != "finite" and inputs.size:
            inputs[position_of(case, mask)] = NOT_FINITE[case.values]
        inputs = inputs.astype(case.input_dtype)
        return inputs if case.contiguous else _strided(inputs)

    def weights_of(self, case: Case) -> tuple[LSTMWeights, ...]:
        """The weights of each LSTM of the case, in the order of its states."""
        if self.given_weights is not None:
            return self.given_weights
        if case.is_plain:
            return (self.weights,)
        scale = min(_WEIGHT_SCALE.get(str(name), 1.0) for name in (case.config.activation, case.config.recurrent_activation))
        all_weights = []
        for layer, (units, input_dim) in enumerate(case.layer_sizes):
            weights = _draw_weights(Family(units=units, input_dim=input_dim, seed=self.family.seed), self.precision, layer, scale)
            recurrent_kernel = weights.recurrent_kernel * (_CHAOTIC if case.weights == "chaotic" else 1)
            all_weights.append(LSTMWeights(weights.kernel, recurrent_kernel, weights.bias if case.config.use_bias else None))
        return tuple(all_weights)

    def mask_of(self, case: Case, call: Call) -> Array | None:
        """The mask of a call, (sequences, timesteps), True = use; None if there is no mask."""
        if self.given_mask is not None:
            return self.given_mask
        return None if case.mask == "none" else mask_of(case.mask, case.sequences, call.stop - call.start)

    def initial_state_of(self, case: Case, call: Call) -> tuple[State, ...] | None:
        """The initial states of a call, one per LSTM, h and c (sequences, units) each; None if the call gets none."""
        if not call.initial_state:
            return None
        if self.given_states is not None:
            return self.given_states
        states = []
        for layer, (units, _) in enumerate(case.layer_sizes):
            random = _stream(self.family.seed, _STATES_STREAM, layer, units)
            hidden, cell = (
                representable(random.uniform(-1, 1, (case.sequences, units)), self.precision) for _ in ("hidden", "cell")
            )
            states.append(State(hidden, 2 * cell))
        return tuple(states)

    def dropout_of(self, case: Case) -> tuple[tuple[DropoutMasks, ...], ...]:
        """Masks that an implementation might draw, per call and LSTM; () for a case without dropout."""
        if case.dropout == "none":
            return ()
        calls = []
        for number in range(len(case.calls)):
            random = _stream(self.family.seed, _DROPOUT_STREAM, number)
            calls.append(tuple(_dropout_masks(random, case, *sizes) for sizes in case.layer_sizes))
        return tuple(calls)

    def targets_of(self, case: Case, outputs_shape: tuple[int, ...]) -> Array:
        """The targets of a loss for outputs of that shape."""
        random = _stream(self.family.seed, _TARGETS_STREAM, *outputs_shape)
        return representable(random.uniform(-2, 2, outputs_shape), case.precision)

    def cotangents_of(self, case: Case, call: Call) -> tuple[Array, tuple[State, ...]]:
        """The weights of the outputs and of the final states of each LSTM in the sum whose gradients are computed.

        They are the same in every call of a case, because a compiled function contains them. For states that are not returned they
        are zeros.
        """
        steps = (call.stop - call.start,) if case.config.return_sequences else ()
        random = _stream(self.family.seed, _COTANGENTS_STREAM)
        outputs = representable(random.uniform(-1, 1, (case.sequences, *steps, case.outputs_width)), case.precision)
        states = []
        for units, _ in case.layer_sizes:
            pair = representable(random.uniform(-1, 1, (2, case.sequences, units)), case.precision)
            states.append(State(*(pair if case.config.return_state else 0 * pair)))
        return outputs, tuple(states)

    def embedding_of(self, case: Case) -> Array:
        """Rows of an embedding, (1 + sequences · horizon, input_dim): row 0 for masked timesteps, then one for every timestep."""
        masked = _stream(self.family.seed, _MASKED_STREAM, case.input_dim).standard_normal((1, case.input_dim))
        inputs = self.inputs[: case.sequences, : case.horizon].reshape(-1, case.input_dim)
        return representable(np.concatenate([masked, inputs]), case.precision)

    def ids_of(self, case: Case, call: Call) -> Array:
        """The rows of the embedding that one call reads, (sequences, timesteps) int32."""
        ids = np.arange(1, case.sequences * case.horizon + 1, dtype=np.int32).reshape(case.sequences, case.horizon)
        ids = ids[:, call.start : call.stop]
        mask = self.mask_of(case, call)
        return ids if mask is None else np.where(mask, ids, 0).astype(np.int32)


def signature_of(case: Case) -> list[tuple[tuple[int | None, ...], str]]:
    """Shape and dtype of each argument of a call: inputs or ids, mask, initial states. An axis of unknown size is None."""
    execution = case.execution
    rows: tuple[int | None, ...] = (case.batch if execution.static_batch or case.config.stateful else None,)
    rows += (TIME_DISTRIBUTED_OVER,) if case.architecture == "td" else ()
    steps = case.timesteps if execution.static_time or execution.unroll else None
    if case.mask_source == "embedding":
        signature: list[tuple[tuple[int | None, ...], str]] = [((*rows, steps), "int32")]
    else:
        signature = [((*rows, steps, case.input_dim), case.input_dtype)]
    if case.mask != "none" and case.mask_source == "argument":
        signature.append(((*rows, steps), "bool"))
    if case.initial_state:
        dtype = "float64" if case.dtype == "float64" else "float32"
        signature += [((*rows, units), dtype) for units, _ in case.layer_sizes for _ in ("hidden", "cell")]
    return signature


def split_rows(case: Case, array: Any) -> Any:
    """Split sequences into rows as TimeDistributed reads them: (batch, sequences per row, …)."""
    return np.reshape(array, (case.batch, TIME_DISTRIBUTED_OVER, *array.shape[1:])) if case.architecture == "td" else array


def join_rows(case: Case, array: Any) -> Any:
    """Join the rows of TimeDistributed: (sequences, …)."""
    return np.reshape(array, (case.sequences, *array.shape[2:])) if case.architecture == "td" else array


def draw(cases: Sequence[Case]) -> Stimulus:
    """Draw the stimulus of cases of one family and precision.

    Raises:
        LSTMError: the cases are of several families or precisions.
    """
    shared = {(case.family, case.precision) for case in cases}
    if len(shared) != 1:
        raise LSTMError(f"a stimulus serves one family in one precision; got {len(shared)}")
    ((family, precision),) = shared
    return _draw(family, precision, batch=max(case.sequences for case in cases), steps=max(case.horizon for case in cases))


# Cached, so that results computed from a stimulus are found again by its identity.
@lru_cache(maxsize=4)
def _draw(family: Family, precision: str, batch: int, steps: int) -> Stimulus:
    return Stimulus(
        family=family,
        precision=precision,
        weights=_draw_weights(family, precision),
        inputs=_draw_inputs(family, batch, steps),
    )


@lru_cache(maxsize=4)
def _draw_weights(family: Family, precision: str, layer: int = 0, scale: float = 1.0) -> LSTMWeights:
    further = (layer,) if layer else ()
    random = _stream(family.seed, _WEIGHTS_STREAM, family.units, family.input_dim, *further)
    kernel = _dense(random, (family.input_dim, 4 * family.units)) / np.sqrt(family.input_dim)
    recurrent_kernel = _dense(random, (family.units, 4 * family.units)) / np.sqrt(family.units)
    bias = np.repeat([_BIAS[gate] for gate in GATE_ORDER], family.units) + random.uniform(-0.7, 0.7, 4 * family.units)
    slow = GATE_ORDER.index("f") * family.units
    kernel[:, slow] *= _SLOW_FORGET_GAIN
    recurrent_kernel[:, slow] *= _SLOW_FORGET_GAIN
    bias[slow] = _SLOW_FORGET_BIAS + random.uniform(-0.2, 0.2)
    feedback = GATE_ORDER.index("c") * family.units
    recurrent_kernel[0, feedback] = abs(recurrent_kernel[0, feedback])
    return LSTMWeights(*(representable(scale * array, precision) for array in (kernel, recurrent_kernel, bias)))


def _dropout_masks(random: np.random.RandomState, case: Case, units: int, input_dim: int) -> DropoutMasks:
    rates, count = case.dropout_rates, case.dropout_masks

    def draw_mask(rate: float, size: int) -> Array | None:
        return (random.random_sample((count, case.sequences, size)) >= rate) / (1 - rate) if rate else None

    return DropoutMasks(inputs=draw_mask(rates[0], input_dim), hidden=draw_mask(rates[1], units))


def position_of(case: Case, mask: Array | None) -> tuple[int, int, int]:
    """Row, timestep and feature of the value that is not finite: at a masked or at a used timestep, as the case requires."""
    candidates = np.ones((case.sequences, case.timesteps), dtype=bool) if mask is None else mask
    if case.values.startswith("masked"):
        candidates = ~candidates
    places = np.argwhere(candidates)
    row, step = places[len(places) // 2]
    return int(row), int(step), case.input_dim - 1


def _strided(array: Array) -> Array:
    """The same values as every second element of a larger array, with the axes of time and features exchanged in memory."""
    spread = np.zeros((array.shape[0], array.shape[2], 2 * array.shape[1]), array.dtype)
    spread[:, :, ::2] = np.swapaxes(array, 1, 2)
    return np.swapaxes(spread[:, :, ::2], 1, 2)


def _draw_inputs(family: Family, batch: int, steps: int) -> Array:
    rows = []
    for row in range(batch):
        normal = _stream(family.seed, _INPUTS_STREAM, family.input_dim, row).standard_normal((steps, family.input_dim + 1))
        rows.append(normal[:, 1:] * np.exp(0.8 * normal[:, :1]))
    return np.stack(rows) if rows else np.zeros((0, steps, family.input_dim))


def _dense(random: np.random.RandomState, shape: tuple[int, int]) -> Array:
    """Magnitudes between 0.4 and 1.6, either sign."""
    return np.asarray(random.uniform(0.4, 1.6, shape) * random.choice([-1.0, 1.0], shape))


def _stream(*key: int) -> np.random.RandomState:
    """A stream of random numbers, by RandomState: its streams stay the same in every version of NumPy; Generator's may change."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(key)))  # see the docstring
