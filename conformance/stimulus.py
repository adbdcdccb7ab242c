"""Weights and inputs of a family of cases: a pure function of the family.

Vectors that can fail: dense weights of random sign and no small magnitude, so that gates, units and features all differ and each
acts; a bias of its own for every unit and gate; inputs whose scale varies from timestep to timestep by a factor of ten and more,
so that pre-activations are negative, near zero, between the two hard sigmoids' corners and saturated. Unit 0 forgets slowly, and
its hidden state does not push its candidate back towards zero: it carries a trace of the state that a call starts from to the
end of the longest sequence, where a lost initial state would else go unseen.

A row's inputs are drawn from its own stream, timestep after timestep: a shorter sequence is a prefix of a longer one and a smaller
batch the first rows of a larger one, whatever else is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conformance.case import Call, Case, Family
from lstm_ref import GATE_ORDER, LSTMError, LSTMWeights
from lstm_ref.arrays import Array

# Mean bias of the gates i, f, c, o; unit 0's forget gate stands at sigmoid(4) = 0.98, where the inputs move it little.
_BIAS = {"i": 0.3, "f": 1.0, "c": -0.2, "o": 0.6}
_SLOW_FORGET_BIAS, _SLOW_FORGET_GAIN = 4.0, 0.3
_WEIGHTS_STREAM, _INPUTS_STREAM = 0, 1


@dataclass(frozen=True, eq=False)
class Stimulus:
    """What a family's implementations are given.

    Attributes:
        family: whose.
        precision: the dtype that holds the weights exactly.
        weights: in float64, each value representable in `precision`.
        inputs: (batch, timesteps, input_dim) float64 of the largest batch and longest horizon; not representable in `precision`.
    """

    family: Family
    precision: str
    weights: LSTMWeights
    inputs: Array

    def inputs_of(self, case: Case, call: Call) -> Array:
        """What one call of a case is given, (batch, timesteps, input_dim) of case.input_dtype."""
        return self.inputs[: case.batch, call.start : call.stop].astype(case.input_dtype)


def draw(cases: Sequence[Case]) -> Stimulus:
    """The stimulus that serves all the cases, which must be of one family and precision.

    Raises:
        LSTMError: they are not.
    """
    shared = {(case.family, case.precision) for case in cases}
    if len(shared) != 1:
        raise LSTMError(f"a stimulus serves one family in one precision; got {len(shared)}")
    ((family, precision),) = shared
    return Stimulus(
        family=family,
        precision=precision,
        weights=_draw_weights(family, precision),
        inputs=_draw_inputs(family, batch=max(case.batch for case in cases), steps=max(case.horizon for case in cases)),
    )


def _draw_weights(family: Family, precision: str) -> LSTMWeights:
    random = _stream(family.seed, _WEIGHTS_STREAM, family.units, family.input_dim)
    kernel = _dense(random, (family.input_dim, 4 * family.units)) / np.sqrt(family.input_dim)
    recurrent_kernel = _dense(random, (family.units, 4 * family.units)) / np.sqrt(family.units)
    bias = np.repeat([_BIAS[gate] for gate in GATE_ORDER], family.units) + random.uniform(-0.7, 0.7, 4 * family.units)
    slow = GATE_ORDER.index("f") * family.units
    kernel[:, slow] *= _SLOW_FORGET_GAIN
    recurrent_kernel[:, slow] *= _SLOW_FORGET_GAIN
    bias[slow] = _SLOW_FORGET_BIAS + random.uniform(-0.2, 0.2)
    feedback = GATE_ORDER.index("c") * family.units
    recurrent_kernel[0, feedback] = abs(recurrent_kernel[0, feedback])
    return LSTMWeights(kernel, recurrent_kernel, bias).astype(precision).astype(np.float64)


def _draw_inputs(family: Family, batch: int, steps: int) -> Array:
    rows = []
    for row in range(batch):
        normal = _stream(family.seed, _INPUTS_STREAM, family.input_dim, row).standard_normal((steps, family.input_dim + 1))
        rows.append(normal[:, 1:] * np.exp(0.8 * normal[:, :1]))
    return np.stack(rows)


def _dense(random: np.random.RandomState, shape: tuple[int, int]) -> Array:
    """Magnitudes between 0.4 and 1.6, either sign."""
    return np.asarray(random.uniform(0.4, 1.6, shape) * random.choice([-1.0, 1.0], shape))


def _stream(*key: int) -> np.random.RandomState:
    """RandomState and not Generator, whose streams may change with NumPy: a case means the same numbers for ever."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(key)))  # see the docstring
