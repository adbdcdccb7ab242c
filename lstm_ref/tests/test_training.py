"""Training steps by numbers worked by hand, and the gradient of the whole loss by complex steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, DtypeError, LSTMConfig, LSTMError, LSTMWeights, ShapeError
from lstm_ref.arrays import Array
from lstm_ref.tests.test_gradients import STEP, ComplexLSTM
from lstm_ref.training import SGD, Adam, Penalty, Task

U = 2.0**-53


def array_of(value: float) -> Array:
    """An array of one element."""
    return np.array([value])


def test_a_step_of_sgd() -> None:
    """2 - 1/4 · 3 = 5/4."""
    assert SGD(0.25).step("w", array_of(2.0), array_of(3.0)).item() == 1.25


def test_steps_of_adam() -> None:
    """By the definition's own bias-corrected moments: two steps with the gradients 3 and -1, from w = 2."""
    adam = Adam(0.25)
    w, m, v = 2.0, 0.0, 0.0
    got = array_of(w)
    for t, g in ((1, 3.0), (2, -1.0)):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        # Keras adds ε to √v, not to its corrected value.
        w -= 0.25 * m_hat / (math.sqrt(v_hat) + 1e-7 / math.sqrt(1 - 0.999**t))
        got = adam.step("w", got, array_of(g))
        # 1 - 0.999ᵗ loses ten bits to cancellation, on either side.
        assert got.item() == pytest.approx(w, rel=2**12 * U)


def test_adam_remembers_each_weight_apart() -> None:
    """The second weight's first step is a first step."""
    adam = Adam(0.25)
    first = adam.step("a", array_of(0.0), array_of(3.0))
    adam.step("a", first, array_of(-5.0))
    assert adam.step("b", array_of(0.0), array_of(3.0)) == first


@pytest.mark.parametrize(("value", "expected"), [(2.0, 0.5 + 2 * 0.25 * 2), (-2.0, -0.5 - 2 * 0.25 * 2), (0.0, 0.0)])
def test_gradient_of_a_penalty(value: float, expected: float) -> None:
    """l1 sign(w) + 2 l2 w."""
    assert Penalty(l1=0.5, l2=0.25).gradient(array_of(value)).item() == expected


def make_task(**changes: object) -> Task:
    """A small one, with every penalty."""
    random = np.random.default_rng(3)
    units, input_dim = 2, 3
    weights = LSTMWeights(*(random.standard_normal(shape) for shape in ((input_dim, 4 * units), (units, 4 * units), (4 * units,))))
    made = Task(
        config=LSTMConfig(units),
        weights=weights,
        inputs=random.standard_normal((4, 3, input_dim)),
        targets=random.standard_normal((4, units)),
        penalties={"kernel": Penalty(l1=0.1, l2=0.2), "bias": Penalty(l2=0.3)},
        activity=Penalty(l1=0.4, l2=0.5),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # fields of a Task


def loss(task: Task, arrays: dict[str, Array]) -> complex:
    """The whole loss, of weights that may be complex; |a| is a times the sign of its real part."""

    def penalty(rates: Penalty, array: Array) -> complex:
        return complex(rates.l1 * (np.sign(array.real) * array).sum() + rates.l2 * (array**2).sum())

    lstm = ComplexLSTM(LSTM(task.config, task.weights), arrays)
    start = LSTM(task.config, task.weights).zero_state(len(task.inputs))
    outputs = lstm.run(task.inputs, start).hidden[:, -1]
    penalties = sum(penalty(rates, arrays[name]) for name, rates in task.penalties.items())
    return complex(((outputs - task.targets) ** 2).mean() + penalty(task.activity, outputs) / len(outputs) + penalties)


def test_a_step_follows_the_gradient_of_the_whole_loss() -> None:
    """Mean squared error, penalties of the weights, and those of the outputs divided by the batch size."""
    task = make_task()
    moved = task.train(SGD(1.0), 1).arrays
    arrays = {name: array.astype(complex) for name, array in task.weights.arrays.items()}
    for name, array in arrays.items():
        for index in np.ndindex(array.shape):
            array[index] += 1j * STEP
            derivative = loss(task, arrays).imag / STEP
            array[index] = array[index].real
            # Some hundred sums and products of size 1 on either side.
            assert moved[name][index] == pytest.approx(task.weights.arrays[name][index] - derivative, rel=0, abs=1000 * U)


def test_several_steps_are_one_after_the_other() -> None:
    """Three steps are one from where two have led, with an optimizer that remembers."""
    task, adam = make_task(), Adam(0.125)
    twice = task.train(adam, 2)
    again = replace(task, weights=twice).train(adam, 1)
    for name, array in task.train(Adam(0.125), 3).arrays.items():
        np.testing.assert_array_equal(array, again.arrays[name])


def test_the_task_is_left_as_it_was() -> None:
    """Training makes new weights."""
    task = make_task()
    before = {name: array.copy() for name, array in task.weights.arrays.items()}
    task.train(SGD(0.5), 2)
    for name, array in before.items():
        np.testing.assert_array_equal(task.weights.arrays[name], array)


WEIGHTS = LSTMWeights(np.ones((1, 4)), np.ones((1, 4)), np.zeros(4))
TASK: dict[str, Any] = {"config": LSTMConfig(1), "weights": WEIGHTS, "inputs": np.ones((2, 3, 1)), "targets": np.ones((2, 1))}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"targets": np.ones(2)}, ShapeError, r"targets must have the shape of the outputs, \(2, 1\); got \(2,\)"),
        ({"targets": np.ones((1, 1))}, ShapeError, r"targets must have the shape of the outputs, \(2, 1\); got \(1, 1\)"),
        ({"targets": "ones"}, DtypeError, r"targets must hold real numbers; got dtype <U4"),
        ({"inputs": np.ones((0, 3, 1)), "targets": np.ones((0, 1))}, ShapeError, r"the mean over no outputs is none"),
        (
            {"penalties": {"kernels": Penalty(l1=1)}},
            LSTMError,
            r"penalties are of kernel, recurrent_kernel, bias; got one of 'kernels'",
        ),
    ],
)
def test_a_task_that_is_none_is_refused(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    """Nothing is broadcast, and nothing left out."""
    with pytest.raises(error, match=message):
        Task(**(TASK | changes))


@pytest.mark.parametrize("steps", [-1, 1.0, True, None, "1"])
def test_a_number_of_steps_that_is_none_is_refused(steps: Any) -> None:
    """Zero steps leave the weights as they are."""
    with pytest.raises(LSTMError, match=rf"steps must be a number of steps, 0 or more; got {steps!r}"):
        Task(**TASK).train(SGD(1.0), steps)
    assert Task(**TASK).train(SGD(1.0), 0) is WEIGHTS


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda value: Penalty(l1=value), "l1"),
        (lambda value: Penalty(l2=value), "l2"),
        (SGD, "learning_rate"),
        (Adam, "learning_rate"),
        (lambda value: Adam(1.0, value), "beta_1"),
        (lambda value: Adam(1.0, epsilon=value), "epsilon"),
    ],
)
@pytest.mark.parametrize("value", ["0.1", None, True, [0.1]])
def test_a_rate_or_factor_that_is_no_number_is_refused(make: Callable[[Any], Any], name: str, value: Any) -> None:
    """When it is made."""
    with pytest.raises(LSTMError, match=rf"{name} must be a number; got"):
        make(value)
