"""Training steps in NumPy: a loss with its penalties, back-propagation, and the optimizers SGD and Adam.

The loss is the mean of the squared differences from the targets, over the batch and all outputs, plus the penalties: of a weight w,
l1 Σ |w| + l2 Σ w²; of the outputs, the same sum divided by the batch size, as in Keras' activity_regularizer.

SGD: w ← w - η g. Adam (Kingma & Ba 2015, arXiv:1412.6980, section 2, in the order of computation that it recommends):
m ← m + (g - m) (1 - β₁), v ← v + (g² - v) (1 - β₂), w ← w - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np

from lstm_ref.arrays import Array, real_array
from lstm_ref.config import LSTMConfig
from lstm_ref.errors import LSTMError, ShapeError
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.weights import LSTMWeights

# Rounds the result of an operation.
Rounding = Callable[[Array], Array]


def _no_rounding(value: Array) -> Array:
    return value


def _check_numbers(**values: Any) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise LSTMError(f"{name} must be a number; got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Penalty:
    """l1 Σ |a| + l2 Σ a² of an array a.

    Raises:
        LSTMError: a factor is not a number.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        _check_numbers(l1=self.l1, l2=self.l2)

    def gradient(self, array: Array, rounded: Rounding = _no_rounding) -> Array:
        """The gradient, of the shape of the array; that of |a| at 0 is 0."""
        return rounded(self.l1 * np.sign(array) + rounded(2 * self.l2 * array))


class Optimizer(Protocol):
    """An optimizer; it stores its moments by the names of the weights."""

    learning_rate: float

    def step(self, name: str, weight: Array, gradient: Array, rounded: Rounding = _no_rounding) -> Array:
        """The weight after one step."""


@dataclass
class SGD:
    """Stochastic gradient descent without momentum.

    Raises:
        LSTMError: the rate is not a number.
    """

    learning_rate: float

    def __post_init__(self) -> None:
        _check_numbers(learning_rate=self.learning_rate)

    def step(self, name: str, weight: Array, gradient: Array, rounded: Rounding = _no_rounding) -> Array:  # noqa: ARG002  # no memory
        """See Optimizer."""
        return rounded(weight - rounded(self.learning_rate * gradient))


@dataclass
class Adam:
    """Adaptive moments, with Keras' defaults.

    Raises:
        LSTMError: a rate, a decay or epsilon is not a number.
    """

    learning_rate: float
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    moments: dict[str, tuple[int, Array, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_numbers(**{name: getattr(self, name) for name in ("learning_rate", "beta_1", "beta_2", "epsilon")})

    def step(self, name: str, weight: Array, gradient: Array, rounded: Rounding = _no_rounding) -> Array:
        """See Optimizer."""
        t, m, v = self.moments.get(name, (0, np.zeros_like(weight), np.zeros_like(weight)))
        t += 1
        m = rounded(m + rounded(rounded(gradient - m) * (1 - self.beta_1)))
        v = rounded(v + rounded(rounded(rounded(gradient**2) - v) * (1 - self.beta_2)))
        self.moments[name] = t, m, v
        # 1 - β₂ᵗ is a small difference of numbers near 1: it multiplies the rounding error of β₂ by a thousand.
        correction_1, correction_2 = (rounded(1 - rounded(rounded(np.asarray(beta)) ** t)) for beta in (self.beta_1, self.beta_2))
        rate = rounded(rounded(self.learning_rate * rounded(np.sqrt(correction_2))) / correction_1)
        return rounded(weight - rounded(rounded(m * rate) / rounded(rounded(np.sqrt(v)) + self.epsilon)))


@dataclass(frozen=True, kw_only=True)
class Task:
    """An LSTM, its inputs and the loss to train it with.

    Attributes:
        config: of the LSTM.
        weights: before the first step.
        inputs: (batch, timesteps, input_dim).
        targets: of the shape of the outputs.
        penalties: of the weights, by their names.
        activity: penalty of the outputs.

    Raises:
        LSTMError: a penalty names a weight that the LSTM does not have.
        ShapeError, DtypeError: inputs or targets do not fit.
    """

    config: LSTMConfig
    weights: LSTMWeights
    inputs: Array
    targets: Array
    penalties: Mapping[str, Penalty] = field(default_factory=dict)
    activity: Penalty = Penalty()  # frozen

    def __post_init__(self) -> None:
        outputs, _ = self._outputs(LSTM(self.config, self.weights))
        targets = real_array("targets", self.targets)
        if targets.shape != outputs.shape:
            raise ShapeError(f"targets must have the shape of the outputs, {outputs.shape}; got {targets.shape}")
        if not outputs.size:
            raise ShapeError(f"the mean over no outputs is none; got inputs {np.shape(self.inputs)}")
        unknown = [name for name in self.penalties if name not in self.weights.arrays]
        if unknown:
            raise LSTMError(f"penalties are of {', '.join(self.weights.arrays)}; got one of {', '.join(map(repr, unknown))}")

    def train(
        self,
        optimizer: Optimizer,
        steps: int,
        build: Callable[[LSTMConfig, LSTMWeights], LSTM] = LSTM,
        rounded: Rounding = _no_rounding,
    ) -> LSTMWeights:
        """The weights after that number of steps over the whole batch.

        Raises:
            LSTMError: steps is not a number of steps.
        """
        if isinstance(steps, bool) or not isinstance(steps, Integral) or steps < 0:
            raise LSTMError(f"steps must be a number of steps, 0 or more; got {steps!r}")
        weights = self.weights
        for _ in range(steps):
            gradients = self._gradients(build(self.config, weights), rounded)
            weights = LSTMWeights(
                **{name: optimizer.step(name, array, gradients[name], rounded) for name, array in weights.arrays.items()}
            )
        return weights

    def _outputs(self, lstm: LSTM) -> tuple[Array, State]:
        return lstm.outputs_and_state(lstm.trajectory(self.inputs))

    def _gradients(self, lstm: LSTM, rounded: Rounding) -> dict[str, Array]:
        outputs, _ = self._outputs(lstm)
        d_outputs = rounded(rounded(outputs - self.targets) * (2 / outputs.size))
        d_outputs = rounded(d_outputs + rounded(self.activity.gradient(outputs, rounded) / len(outputs)))
        gradients = lstm.gradients(self.inputs, d_outputs).weights
        no_penalty = Penalty()
        return {
            name: rounded(gradient + self.penalties.get(name, no_penalty).gradient(lstm.weights.arrays[name], rounded))
            for name, gradient in gradients.items()
        }
