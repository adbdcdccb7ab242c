"""Weights and inputs of a family of cases: a pure function of the family.

Vectors that can fail: dense weights of random sign and no small magnitude, so that gates, units and features all differ and each
acts; a bias of its own for every unit and gate; inputs whose scale varies from timestep to timestep by a factor of ten and more,
so that pre-activations are negative, near zero, between the two hard sigmoids' corners and saturated. Unit 0 forgets slowly, and
its hidden state does not push its candidate back towards zero: it carries a trace of the state that a call starts from to the
end of the longest sequence, where a lost initial state would else go unseen.

A row's inputs are drawn from its own stream, timestep after timestep: a shorter sequence is a prefix of a longer one and a smaller
batch the first rows of a larger one, whatever else is drawn. The weights of further layers, initial states, masks, targets and
embeddings have streams of their own.
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

# Mean bias of the gates i, f, c, o; unit 0's forget gate stands at sigmoid(4) = 0.98, where the inputs move it little.
_BIAS = {"i": 0.3, "f": 1.0, "c": -0.2, "o": 0.6}
_SLOW_FORGET_BIAS, _SLOW_FORGET_GAIN = 4.0, 0.3
_WEIGHTS_STREAM, _INPUTS_STREAM, _STATES_STREAM, _TARGETS_STREAM, _MASKED_STREAM, _DROPOUT_STREAM, _COTANGENTS_STREAM = range(7)

# Unbounded activations feed back on themselves: weights of full size would take a few of them out of float32's range.
_TAMED = dict.fromkeys(
    (
        "elu", "celu", "gelu", "leaky_relu", "linear", "mish", "relu", "relu6", "selu", "silu", "softplus", "squareplus", "swish",
        "hard_silu", "hard_swish", "hard_shrink", "soft_shrink", "log_sigmoid", "log_softmax", "sparse_plus", "tanh_shrink",
    ),
    0.5,
) | {"exponential": 0.02}  # fmt: skip

# A recurrent kernel that many times as large makes an LSTM of a few units chaotic, and is as representable.
_CHAOTIC = 4

NOT_FINITE = {"nan": np.nan, "inf": np.inf, "masked_nan": np.nan, "masked_inf": np.inf}


@dataclass(frozen=True, eq=False)
class Stimulus:
    """What a family's implementations are given.

    Attributes:
        family: whose.
        precision: the dtype that holds the weights exactly.
        weights: in float64, each value representable in `precision`.
        inputs: (batch, timesteps, input_dim) float64 of the largest batch and longest horizon; not representable in `precision`.
        given_weights, given_states, given_mask: take the place of what would be drawn for a case, where a relation derives one
            stimulus from another.
    """

    family: Family
    precision: str
    weights: LSTMWeights
    inputs: Array
    given_weights: tuple[LSTMWeights, ...] | None = None
    given_states: tuple[State, ...] | None = None
    given_mask: Array | None = None

    def inputs_of(self, case: Case, call: Call) -> Array:
        """What one call of a case is given, (sequences, timesteps, input_dim) of case.input_dtype."""
        inputs = self.inputs[: case.sequences, call.start : call.stop]
        if case.is_plain and case.input_dtype == "float64":
            return inputs.copy() if case.contiguous else _strided(inputs)
        if case.precision in ("float16", "bfloat16"):
            # Cast by way of another dtype, other values would be rounded twice.
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
        tamed = min(_TAMED.get(str(name), 1.0) for name in (case.config.activation, case.config.recurrent_activation))
        drawn = []
        for layer, (units, input_dim) in enumerate(case.layer_sizes):
            weights = _draw_weights(Family(units=units, input_dim=input_dim, seed=self.family.seed), self.precision, layer, tamed)
            recurrent_kernel = weights.recurrent_kernel * (_CHAOTIC if case.weights == "chaotic" else 1)
            drawn.append(LSTMWeights(weights.kernel, recurrent_kernel, weights.bias if case.config.use_bias else None))
        return tuple(drawn)

    def mask_of(self, case: Case, call: Call) -> Array | None:
        """Which timesteps of a call are to be used, (sequences, timesteps); None where there is no mask."""
        if self.given_mask is not None:
            return self.given_mask
        return None if case.mask == "none" else mask_of(case.mask, case.sequences, call.stop - call.start)

    def initial_state_of(self, case: Case, call: Call) -> tuple[State, ...] | None:
        """The states that a call is given, one per LSTM, h and c (sequences, units) each; None where it is given none."""
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
        """What a loss compares outputs of that shape with."""
        random = _stream(self.family.seed, _TARGETS_STREAM, *outputs_shape)
        return representable(random.uniform(-2, 2, outputs_shape), case.precision)

    def cotangents_of(self, case: Case, call: Call) -> tuple[Array, tuple[State, ...]]:
        """What the outputs and the final states of each LSTM are weighed by in the sum whose gradients are taken.

        The same in every call of a case, since what is compiled holds them; of states that are not returned, zeros.
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
        """Rows of an embedding: 0 for what is masked, then one per sequence and timestep, (1 + sequences · horizon, input_dim)."""
        masked = _stream(self.family.seed, _MASKED_STREAM, case.input_dim).standard_normal((1, case.input_dim))
        inputs = self.inputs[: case.sequences, : case.horizon].reshape(-1, case.input_dim)
        return representable(np.concatenate([masked, inputs]), case.precision)

    def ids_of(self, case: Case, call: Call) -> Array:
        """The rows of that embedding that one call reads, (sequences, timesteps) int32."""
        ids = np.arange(1, case.sequences * case.horizon + 1, dtype=np.int32).reshape(case.sequences, case.horizon)
        ids = ids[:, call.start : call.stop]
        mask = self.mask_of(case, call)
        return ids if mask is None else np.where(mask, ids, 0).astype(np.int32)


def signature_of(case: Case) -> list[tuple[tuple[int | None, ...], str]]:
    """Shape and dtype of each array that a call is given: inputs or ids, mask, initial states; None where it is left open."""
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
    """Rows of sequences as TimeDistributed reads them: (batch, sequences per row, …)."""
    return np.reshape(array, (case.batch, TIME_DISTRIBUTED_OVER, *array.shape[1:])) if case.architecture == "td" else array


def join_rows(case: Case, array: Any) -> Any:
    """The other way round."""
    return np.reshape(array, (case.sequences, *array.shape[2:])) if case.architecture == "td" else array


def draw(cases: Sequence[Case]) -> Stimulus:
    """The stimulus that serves all the cases, which must be of one family and precision.

    Raises:
        LSTMError: they are not.
    """
    shared = {(case.family, case.precision) for case in cases}
    if len(shared) != 1:
        raise LSTMError(f"a stimulus serves one family in one precision; got {len(shared)}")
    ((family, precision),) = shared
    return _draw(family, precision, batch=max(case.sequences for case in cases), steps=max(case.horizon for case in cases))


# One stimulus for all that ask for the same: what was computed from it is then known to be right again.
@lru_cache(maxsize=4)
def _draw(family: Family, precision: str, batch: int, steps: int) -> Stimulus:
    return Stimulus(
        family=family,
        precision=precision,
        weights=_draw_weights(family, precision),
        inputs=_draw_inputs(family, batch, steps),
    )


@lru_cache(maxsize=4)
def _draw_weights(family: Family, precision: str, layer: int = 0, tamed: float = 1.0) -> LSTMWeights:
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
    return LSTMWeights(*(representable(tamed * array, precision) for array in (kernel, recurrent_kernel, bias)))


def _dropout_masks(random: np.random.RandomState, case: Case, units: int, input_dim: int) -> DropoutMasks:
    rates, count = case.dropout_rates, case.dropout_masks

    def drawn(rate: float, size: int) -> Array | None:
        return (random.random_sample((count, case.sequences, size)) >= rate) / (1 - rate) if rate else None

    return DropoutMasks(inputs=drawn(rates[0], input_dim), hidden=drawn(rates[1], units))


def position_of(case: Case, mask: Array | None) -> tuple[int, int, int]:
    """Row, timestep and feature of the value that is not finite: the last that is masked or used, as the case asks."""
    wanted = np.ones((case.sequences, case.timesteps), dtype=bool) if mask is None else mask
    if case.values.startswith("masked"):
        wanted = ~wanted
    places = np.argwhere(wanted)
    row, step = places[len(places) // 2]
    return int(row), int(step), case.input_dim - 1


def _strided(array: Array) -> Array:
    """The same values as every second one of a larger array, the axes of time and features in exchanged places in memory."""
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
    """RandomState and not Generator, whose streams may change with NumPy: a case means the same numbers for ever."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(key)))  # see the docstring
