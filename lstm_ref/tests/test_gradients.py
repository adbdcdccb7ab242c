"""Back-propagation through time against complex-step differentiation of the run itself, and by numbers worked by hand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, Bidirectional, DropoutMasks, LSTMConfig, LSTMWeights, ShapeError, Stacked, State
from lstm_ref.arrays import Array
from lstm_ref.composite import Composite

# f(x + ih) = f(x) + ih f'(x) - …: no difference is taken, so that the step may be as small as wanted and costs no accuracy.
STEP = 1e-40
# A few hundred products and sums of size 1, on either side.
ABSOLUTE = 1000 * 2.0**-53

ANALYTIC: dict[str, Callable[[Array], Array]] = {
    "linear": lambda z: z,
    "tanh": lambda z: np.asarray(np.tanh(z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "hard_sigmoid": lambda z: np.where(z.real > 3, 1, np.where(z.real < -3, 0, z / 6 + 0.5)),
    "relu": lambda z: np.where(z.real > 0, z, 0),
    "softplus": lambda z: np.asarray(np.log(1 + np.exp(z))),
    "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
}


class ComplexWeights:
    """Weights that may be complex, which LSTMWeights refuses."""

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.units, self.input_dim = len(arrays["recurrent_kernel"]), len(arrays["kernel"])

    def gate(self, name: str) -> tuple[Array, Array, Array | None]:
        """One gate's columns."""
        columns = np.s_[..., "ifco".index(name) * self.units : ("ifco".index(name) + 1) * self.units]
        bias = self.arrays.get("bias")
        return self.arrays["kernel"][columns], self.arrays["recurrent_kernel"][columns], None if bias is None else bias[columns]


class ComplexLSTM(LSTM):
    """The reference's own run, on numbers that may be complex."""

    def __init__(self, like: LSTM, weights: dict[str, Array]) -> None:
        super().__init__(like.config, like.weights, dropout=like.dropout)
        self.emits_initial_state = like.emits_initial_state
        self.weights: Any = ComplexWeights(weights)
        self._activation, self._recurrent_activation = (
            ANALYTIC[str(name)] for name in (like.config.activation, like.config.recurrent_activation)
        )

    def _checked(self, inputs: Any, initial_state: Any, mask: Any) -> tuple[Array, State, Array | None]:
        return inputs, initial_state, mask


def random_lstm(units: int, input_dim: int, seed: int, **config: Any) -> LSTM:
    """With dense weights."""
    random = np.random.default_rng(seed)
    shapes = ((input_dim, 4 * units), (units, 4 * units), (4 * units,))
    kernel, recurrent_kernel, bias = (random.standard_normal(shape) for shape in shapes)
    lstm_config = LSTMConfig(units, return_state=True, **config)
    return LSTM(lstm_config, LSTMWeights(kernel, recurrent_kernel, bias if lstm_config.use_bias else None))


class GradientProblem:
    """A composition, what it reads, and how its outputs and states are weighed."""

    def __init__(self, compose: Callable[[Sequence[LSTM]], Composite], layers: Sequence[LSTM], mask: Array | None) -> None:
        random = np.random.default_rng(7)
        self.compose, self.layers, self.mask = compose, layers, mask
        self.inputs = random.standard_normal((3, 4, layers[0].weights.input_dim))
        self.states = [State(*random.standard_normal((2, 3, layer.config.units))) for layer in layers]
        outputs, _ = compose(layers).forward(self.inputs, self.states, mask)
        self.d_outputs = random.standard_normal(outputs.shape)
        self.d_states = [State(*random.standard_normal((2, 3, layer.config.units))) for layer in layers]

    def arrays(self) -> Iterator[Array]:
        """All that the loss depends on, in the order of `gradients`."""
        yield self.inputs
        for layer in self.layers:
            yield from layer.weights.arrays.values()
        for state in self.states:
            yield from (state.hidden, state.cell)

    def gradients(self) -> list[Array]:
        """By back-propagation through time."""
        d_inputs, parts = self.compose(self.layers).gradients(self.inputs, self.d_outputs, self.d_states, self.states, self.mask)
        weights = [array for part in parts for array in part.weights.values()]
        return [d_inputs, *weights, *(array for part in parts for array in (part.initial_state.hidden, part.initial_state.cell))]

    def loss(self, arrays: Sequence[Array]) -> complex:
        """Outputs and states, weighed and summed."""
        inputs, *rest = arrays
        layers = []
        for layer in self.layers:
            names = layer.weights.arrays
            layers.append(ComplexLSTM(layer, dict(zip(names, rest, strict=False))))
            rest = rest[len(names) :]
        states = [State(rest[k], rest[k + 1]) for k in range(0, len(rest), 2)]
        outputs, final = self.compose(layers).forward(inputs, states, self.mask)
        weighed = (self.d_outputs * outputs).sum()
        for state, d_state in zip(final, self.d_states, strict=True):
            weighed += (state.hidden * d_state.hidden).sum() + (state.cell * d_state.cell).sum()
        return complex(weighed)

    def complex_step(self) -> list[Array]:
        """Every element's derivative, one complex run each."""
        arrays = [array.astype(complex) for array in self.arrays()]
        gradients = []
        for array in arrays:
            derivative = np.empty(array.shape)
            for index in np.ndindex(array.shape):
                array[index] += 1j * STEP
                derivative[index] = self.loss(arrays).imag / STEP
                array[index] = array[index].real
            gradients.append(derivative)
        return gradients


def assert_differentiates(problem: GradientProblem) -> None:
    """Both ways agree in every element, and none of them is zero for want of trying."""
    got, want = problem.gradients(), problem.complex_step()
    for ours, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=ABSOLUTE * max(1, np.abs(theirs).max()))
    assert all(array.any() for array in got)


# A row each: the end is masked, the beginning, one between.
MASK = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 1, 1]], dtype=bool)


@pytest.mark.parametrize("mask", [None, MASK], ids=["unmasked", "masked"])
@pytest.mark.parametrize("emits", [False, True], ids=["zeros first", "initial state first"])
@pytest.mark.parametrize(
    "flags",
    [
        dict(zip(("return_sequences", "go_backwards", "zero_output_for_mask"), values, strict=True))
        for values in itertools.product((False, True), repeat=3)
    ],
    ids=lambda flags: " ".join(name for name, value in flags.items() if value) or "plain",
)
def test_gradients_of_one_lstm(flags: dict[str, bool], emits: bool, mask: Array | None) -> None:
    """Of inputs, weights and initial states, under every flag that decides what is emitted."""
    layer = random_lstm(3, 2, 1, **flags)
    layer.emits_initial_state = emits
    assert_differentiates(GradientProblem(Stacked, [layer], mask))


@pytest.mark.parametrize("name", [name for name in ANALYTIC if name not in ("tanh", "relu")])
@pytest.mark.parametrize("of", ["activation", "recurrent_activation"])
def test_gradients_with_other_activations(of: str, name: str) -> None:
    """In either place; along the units too."""
    assert_differentiates(GradientProblem(Stacked, [random_lstm(3, 2, 2, return_sequences=True, **{of: name})], MASK))


def test_gradients_without_a_bias() -> None:
    """There is none of it."""
    layer = random_lstm(2, 3, 3, use_bias=False, return_sequences=True)
    assert_differentiates(GradientProblem(Stacked, [layer], None))
    (_, (part,)) = Stacked([layer]).gradients(np.zeros((1, 2, 3)), np.ones((1, 2, 2)), [layer.zero_state(1)])
    assert list(part.weights) == ["kernel", "recurrent_kernel"]


@pytest.mark.parametrize("mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "all"])
def test_gradients_of_two_directions(mode: str, sequences: bool) -> None:
    """Through every merge mode, under a mask."""
    forward = random_lstm(2, 2, 4, return_sequences=sequences)
    backward = random_lstm(2, 2, 5, return_sequences=sequences, go_backwards=True)
    assert_differentiates(GradientProblem(lambda layers: Bidirectional(layers[0], layers[1], mode), [forward, backward], MASK))


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_gradients_of_two_layers(backwards: bool) -> None:
    """The lower one's come through the upper one's inputs, whose mask is reversed where the lower goes backwards."""
    lower = random_lstm(2, 2, 6, return_sequences=True, go_backwards=backwards)
    assert_differentiates(GradientProblem(Stacked, [lower, random_lstm(3, 2, 7, go_backwards=backwards)], MASK))


@pytest.mark.parametrize("count", [1, 4], ids=["shared", "per gate"])
def test_gradients_with_dropout(count: int) -> None:
    """Each gate reads, and passes back, what its masks leave."""
    random = np.random.default_rng(8)
    layer = random_lstm(2, 3, 9, return_sequences=True)
    layer.dropout = DropoutMasks(
        inputs=2.0 * random.integers(0, 2, (count, 3, 3)), hidden=2.0 * random.integers(0, 2, (count, 3, 2))
    )
    problem = GradientProblem(Stacked, [layer], None)
    for ours, theirs in zip(problem.gradients(), problem.complex_step(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=ABSOLUTE * max(1, np.abs(theirs).max()))


def test_one_step_by_hand() -> None:
    """One unit, one step, x = 2, c_0 = 1/2, zero weights: every gate is 1/2, the candidate 0, c_1 = 1/4.

    With δh = 1 and δc = 0: δo = tanh(1/4), δc_1 = (1 - tanh²(1/4)) / 2; δi = 0 since the candidate is 0, δf = δc_1 / 2 and
    δc̃ = δc_1 / 2. A gate's slope is 1/4, the candidate's 1, so that δz = (0, δf / 4, δc̃, δo / 4).
    """
    zeros = LSTM(LSTMConfig(1), LSTMWeights(np.zeros((1, 4)), np.zeros((1, 4)), np.zeros(4)))
    gradients = zeros.gradients([[[2.0]]], [[1.0]], initial_state=[np.array([[0.0]]), np.array([[0.5]])])
    t = math.tanh(0.25)
    d_cell = (1 - t * t) / 2
    d_z = np.array([0, d_cell / 2 / 4, d_cell / 2, t / 4])
    np.testing.assert_allclose(gradients.weights["bias"], d_z, rtol=4 * 2.0**-53)
    np.testing.assert_allclose(gradients.weights["kernel"], [2 * d_z], rtol=4 * 2.0**-53)
    assert not gradients.weights["recurrent_kernel"].any()  # h_0 = 0
    assert not gradients.inputs.any()  # the kernel is zero
    np.testing.assert_allclose(gradients.initial_state.cell, [[d_cell / 2]], rtol=4 * 2.0**-53)
    assert not gradients.initial_state.hidden.any()  # the recurrent kernel is zero


def test_nothing_flows_through_a_masked_timestep() -> None:
    """Not even NaN: a sequence that is masked throughout has the gradient of its initial state alone."""
    layer = random_lstm(2, 1, 10)
    states = [np.ones((1, 2)), np.ones((1, 2))]
    d_final = [np.array([[3.0, 4.0]]), np.array([[5.0, 6.0]])]
    gradients = layer.gradients(np.full((1, 3, 1), np.nan), np.ones((1, 2)), d_final, states, np.zeros((1, 3), bool))
    assert not gradients.inputs.any()
    assert not any(array.any() for array in gradients.weights.values())
    np.testing.assert_array_equal(gradients.initial_state.hidden, d_final[0])
    np.testing.assert_array_equal(gradients.initial_state.cell, d_final[1])


def test_copies_have_gradients_of_their_own() -> None:
    """The weights' gradient of each part of the batch is what that part alone gives."""
    layer = random_lstm(2, 3, 11, return_sequences=True)
    random = np.random.default_rng(12)
    inputs, d_outputs = random.standard_normal((6, 4, 3)), random.standard_normal((6, 4, 2))
    whole = layer.gradients(inputs, d_outputs, copies=3)
    for k in range(3):
        part = layer.gradients(inputs[2 * k : 2 * k + 2], d_outputs[2 * k : 2 * k + 2])
        np.testing.assert_array_equal(whole.inputs[2 * k : 2 * k + 2], part.inputs)
        for name, array in part.weights.items():
            np.testing.assert_allclose(whole.weights[name][k], array, rtol=0, atol=ABSOLUTE)


def test_the_stored_state_is_read_and_left_alone() -> None:
    """The gradients of a stateful layer are those of its next call."""
    layer = random_lstm(2, 1, 13, stateful=True)
    plain = LSTM(replace(layer.config, stateful=False), layer.weights)
    inputs = np.random.default_rng(14).standard_normal((2, 2, 3, 1))
    _, hidden, cell = layer(inputs[0])
    gradients = layer.gradients(inputs[1], np.ones((2, 2)))
    expected = plain.gradients(inputs[1], np.ones((2, 2)), initial_state=[hidden, cell])
    np.testing.assert_array_equal(gradients.weights["kernel"], expected.weights["kernel"])
    assert layer.state is not None
    np.testing.assert_array_equal(layer.state.hidden, hidden)


def test_derivatives_of_another_shape_are_refused() -> None:
    """They must be those of the outputs."""
    layer = random_lstm(2, 1, 15)
    with pytest.raises(ShapeError, match=r"d_outputs must have the shape of the outputs, \(3, 2\); got \(3, 4, 2\)"):
        layer.gradients(np.zeros((3, 4, 1)), np.zeros((3, 4, 2)))


def test_an_empty_batch_has_gradients_of_zero() -> None:
    """Sums over nothing."""
    gradients = random_lstm(2, 1, 16).gradients(np.zeros((0, 3, 1)), np.zeros((0, 2)))
    assert gradients.inputs.shape == (0, 3, 1)
    assert not gradients.weights["kernel"].any()
