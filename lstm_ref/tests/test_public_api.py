"""Every public callable, on whatever it may be given: the right answer, or one of our errors.

The right answer is that of `slow`, one number at a time, or of a few lines here; that nothing was raised says nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from numbers import Integral
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lstm_ref import (
    LSTM,
    Bidirectional,
    DropoutMasks,
    LSTMConfig,
    LSTMError,
    LSTMWeights,
    Stacked,
    State,
    activations,
    count_params,
    from_keras,
)
from lstm_ref.arrays import Array
from lstm_ref.deviations import DEVIATIONS, Deviation, combine, summary_of
from lstm_ref.keras_layers.identification import identify_activation
from lstm_ref.layouts import LAYOUTS
from lstm_ref.sequence import Trajectory
from lstm_ref.tests import slow
from lstm_ref.training import SGD, Adam, Penalty, Task
from lstm_ref.uncertainty.model import ARITHMETIC, ELEMENT_LIMIT, rounding_sigma

fast, faster = (
    settings(
        max_examples=examples, phases=[Phase.explicit, Phase.generate, Phase.shrink], suppress_health_check=[HealthCheck.too_slow]
    )
    for examples in (60, 20)
)

REFUSED = object()
MERGE_MODES = ["concat", "sum", "ave", "mul", None]

numbers = st.floats(-4, 4, width=32)
DTYPES = ["f8", "f4", "f2", "i4", "u1", "?", "c16", "O", "U3", "M8[s]", "V4", [("a", "f4")]]


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> Array:
    """Of any dtype and shape, or of that shape and real numbers; read-only, reversed and out of order, too."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES if shape is None else ["f8", "f8", "f4", "f2", "i4", "?", ">f8"])))
    size = draw(st.tuples(*[st.integers(0, 4)] * draw(st.integers(0, 4)))) if shape is None else shape
    if dtype.kind in "fc":
        array = draw(hnp.arrays(dtype, size, elements=st.floats(-4, 4, width=16)))
    elif dtype.kind in "iu?b":
        array = draw(hnp.arrays(dtype, size, elements=st.integers(0, 1)))
    else:
        array = np.zeros(size, dtype)
    disguise = draw(st.sampled_from(["as it is", "read-only", "reversed", "Fortran", "strided"]))
    if disguise == "reversed":
        array = array[..., ::-1] if array.ndim else array
    elif disguise == "Fortran":
        array = np.asfortranarray(array)
    elif disguise == "strided" and array.ndim:
        array = np.repeat(array, 2, axis=0)[::2]
    array.flags.writeable = disguise != "read-only"
    return array


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        [2**100, -(2**70), np.int64(2), np.float32(2), np.True_, float("nan"), float("inf"), 1j, b"tanh", object, {}, ()]
    ),
    st.sampled_from([[[1, 2], [3]], [None], [[]], ["a"], [[1.0, None]], [np.ones(2), np.ones(3)], {"kernel": 1}, State, len]),
    st.text(max_size=3),
    st.floats(width=16),
    arrays(),
)


def answer(function: Callable[..., Any], *read: Any, **given: Any) -> Any:
    """What is returned, or REFUSED where the error is one of ours; any other is raised."""
    try:
        with np.errstate(all="ignore"):
            return function(*read, **given)
    except LSTMError as error:
        assert len(str(error)) > 20  # noqa: PT017  # a sentence, whatever it says
        return REFUSED


def assert_close(ours: Any, theirs: Any, tolerance: float = 1e-11) -> None:
    """Of the same shape, and NaN where the other is."""
    assert np.shape(ours) == np.shape(theirs)
    np.testing.assert_allclose(np.asarray(ours, np.float64), theirs, rtol=0, atol=tolerance)


def is_count(value: Any) -> bool:
    """Whether a number of units or features."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


# --- names and sizes -------------------------------------------------------------------------------------------------------------


@fast
@given(ANYTHING, ANYTHING, ANYTHING)
def test_count_params(units: Any, input_dim: Any, use_bias: Any) -> None:
    """Four gates, each a kernel, a recurrent kernel and a bias."""
    counted = answer(count_params, units, input_dim, use_bias)
    is_valid = is_count(units) and is_count(input_dim) and isinstance(use_bias, bool)
    assert counted == (
        sum(4 * units for _ in range(input_dim + units + use_bias)) if is_valid and units < 9 > input_dim else counted
    )
    assert (counted is not REFUSED) == is_valid


@fast
@given(st.one_of(ANYTHING, st.sampled_from(sorted(activations.ACTIVATIONS))))
def test_activations_get(name: Any) -> None:
    """A function by its name, which computes what the name says."""
    function = answer(activations.get, name)
    is_known = name is None or (isinstance(name, str) and name in activations.ACTIVATIONS)
    assert (function is not REFUSED) == is_known
    if is_known and name in slow.ACTIVATIONS:
        row = [-3.5, -0.25, 0.0, 2.75]
        assert_close(function(np.array([row]))[0], slow.ACTIVATIONS[name](row))


FIELDS = list(asdict(LSTMConfig(1)))


@fast
@given(st.dictionaries(st.sampled_from(FIELDS), st.one_of(ANYTHING, st.booleans(), st.just("relu")), max_size=4))
def test_lstm_config(changes: dict[str, Any]) -> None:
    """Each field as it is given, or none."""
    config = answer(LSTMConfig, **({"units": 2} | changes))
    if config is not REFUSED:
        assert is_count(config.units)
        assert {name: getattr(config, name) for name in changes} == changes
        assert all(isinstance(getattr(config, name), bool) for name in FIELDS[3:])


@fast
@given(ANYTHING, ANYTHING, ANYTHING)
def test_weights_of_anything(kernel: Any, recurrent_kernel: Any, bias: Any) -> None:
    """Hardly ever weights."""
    weights = answer(LSTMWeights.from_arrays, kernel, recurrent_kernel, bias)
    if weights is not REFUSED:
        assert weights.recurrent_kernel.shape == (weights.units, 4 * weights.units)
        np.testing.assert_array_equal(weights.kernel, np.asarray(kernel))
    assert answer(LSTMWeights, kernel, recurrent_kernel, bias) is REFUSED or weights is not REFUSED


@fast
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_weights_of_arrays_that_fit(data: st.DataObject, units: int, input_dim: int, use_bias: bool) -> None:
    """Exactly those numbers, each gate's columns apart, whatever the dtype and the order in memory."""
    shapes = [(input_dim, 4 * units), (units, 4 * units), (4 * units,)]
    drawn = [data.draw(arrays(shape)) for shape in shapes[: 3 if use_bias else 2]]
    weights = answer(LSTMWeights.from_arrays, *drawn)
    assert (weights is REFUSED) == any(array.dtype.kind == "b" for array in drawn)
    if weights is REFUSED:
        return
    assert weights.count == count_params(units, input_dim, use_bias)
    for ours, theirs in zip(weights.arrays.values(), drawn, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    gate = data.draw(st.one_of(st.sampled_from("ifco"), ANYTHING))
    columns = answer(weights.gate, gate)
    assert (columns is not REFUSED) == (isinstance(gate, str) and gate in ("i", "f", "c", "o"))
    if columns is not REFUSED:
        first = "ifco".index(gate) * units
        np.testing.assert_array_equal(columns.kernel, np.asarray(drawn[0])[:, first : first + units])
    dtype = data.draw(st.one_of(st.sampled_from(["float16", "float32", np.float64, "int8", "no dtype"]), ANYTHING))
    cast = answer(weights.astype, dtype)
    assert cast is REFUSED or cast.kernel.dtype.kind == "f"


# --- one LSTM --------------------------------------------------------------------------------------------------------------------


class Call:
    """An LSTM and what it is called with, drawn; what is wrong with a call, or the right answer."""

    def __init__(self, data: st.DataObject, *, is_valid: bool = False, **config: Any) -> None:
        units, input_dim = data.draw(st.integers(1, 2)), data.draw(st.integers(1, 2))
        flags = {
            name: data.draw(st.booleans()) for name in ("return_sequences", "return_state", "go_backwards", "zero_output_for_mask")
        }
        self.names = (
            data.draw(st.sampled_from(["tanh", "softmax", None])),
            data.draw(st.sampled_from(["sigmoid", "hard_sigmoid"])),
        )
        drawn = {"activation": self.names[0], "recurrent_activation": self.names[1]}
        self.config = LSTMConfig(units, **(drawn | flags | config))
        self.weights = weights_of(data, units, input_dim)
        self.batch, self.steps = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3))
        self.shape = (self.batch, self.steps, input_dim)
        anything = st.nothing() if is_valid else ANYTHING
        self.inputs = data.draw(st.one_of(arrays(self.shape), anything))
        pair = st.lists(arrays((self.batch, units)), min_size=2, max_size=2)
        self.states = data.draw(
            st.one_of(
                st.none(), pair, pair.map(lambda both: State(*both)), anything if is_valid else st.lists(anything, max_size=3)
            )
        )
        self.mask = data.draw(st.one_of(st.none(), arrays(self.shape[:2]), anything))

    def is_right(self) -> bool:
        """Whether the call is one."""
        return all([fits(self.inputs, self.shape), self.has_states(), self.mask is None or fits(self.mask, self.shape[:2])])

    def has_states(self) -> bool:
        """Whether initial states are those of the LSTM, if there are any."""
        pair = pair_of(self.states)
        shape = (self.batch, self.config.units)
        return self.states is None or (pair is not None and all(fits(array, shape) for array in pair))

    def expected(self, inputs: Any = None, weights: Any = None, states: Any = None) -> tuple[Array, Array, Array]:
        """Outputs and states, one number at a time."""
        pair = pair_of(self.states)
        given = states if states is not None else None if pair is None else [np.asarray(array, np.float64) for array in pair]
        return slow.run(
            weights or [self.weights.kernel, self.weights.recurrent_kernel, self.weights.bias],
            np.asarray(self.inputs, np.float64) if inputs is None else inputs,
            activations=self.names,
            states=given,  # type: ignore[arg-type]  # two of them
            mask=None if self.mask is None else np.asarray(self.mask).astype(bool),
            return_sequences=self.config.return_sequences,
            go_backwards=self.config.go_backwards,
            zero_output_for_mask=self.config.zero_output_for_mask,
        )


def weights_of(data: st.DataObject, units: int, input_dim: int) -> LSTMWeights:
    """Seeded, dense, asymmetric."""
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    return LSTMWeights(*(random.standard_normal(shape) for shape in ((input_dim, 4 * units), (units, 4 * units), (4 * units,))))


def fits(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether real numbers of that shape."""
    try:
        array = np.asarray(value)
    except ValueError:
        return False
    return array.shape == shape and array.dtype.kind in "biuf"


def pair_of(states: Any) -> Any:
    """Hidden and cell state, where there are two."""
    if isinstance(states, State):
        return states.hidden, states.cell
    return states if isinstance(states, list | tuple) and len(states) == 2 else None


@fast
@given(st.data(), st.sampled_from([("oracle", "float64"), ("fused", "float64"), ("fused", "float32"), ("oracle", "float32")]))
def test_a_call_of_an_lstm(data: st.DataObject, how: tuple[str, str]) -> None:
    """By either engine, in either dtype."""
    call = Call(data)
    lstm = LSTM(call.config, call.weights, how[1], engine=how[0])
    returned = answer(lstm, call.inputs, call.states, call.mask)
    assert (returned is not REFUSED) == call.is_right()
    if returned is not REFUSED:
        found = returned if call.config.return_state else (returned,)
        for ours, theirs in zip(found, call.expected()[: len(found)], strict=True):
            assert_close(ours, theirs, 1e-11 if how[1] == "float64" else 1e-4)


@faster
@given(st.data(), st.sampled_from(["oracle", "fused"]))
def test_a_trajectory(data: st.DataObject, engine: str) -> None:
    """Of each timestep what a sequence that ends there gives, in processing order."""
    call = Call(data, return_sequences=True)
    trajectory = answer(LSTM(call.config, call.weights, engine=engine).trajectory, call.inputs, call.states, call.mask)
    assert (trajectory is not REFUSED) == call.is_right()
    if trajectory is not REFUSED:
        outputs, hidden, cell = call.expected()
        assert_close(trajectory.outputs, outputs)
        assert_close(trajectory.final_state.hidden, hidden)
        assert_close(trajectory.final_state.cell, cell)


@faster
@given(st.data(), st.booleans())
def test_a_stateful_lstm(data: st.DataObject, is_reset: bool) -> None:
    """Two calls are one of both sequences, and nothing is stored of a call that is refused."""
    call = Call(data, is_valid=True, stateful=True, return_state=True)
    lstm = LSTM(call.config, call.weights)
    assert answer(lstm, call.inputs, mask="mask") is REFUSED
    assert lstm.state is None
    lstm(call.inputs, call.states, call.mask)
    if is_reset:
        lstm.reset_state()
    again = lstm(call.inputs, mask=call.mask)
    start = np.zeros((2, call.batch, call.config.units)) if is_reset else call.expected()[1:]
    for ours, theirs in zip(again, call.expected(states=start), strict=True):
        assert_close(ours, theirs)


@faster
@given(st.data(), st.sampled_from(["oracle", "fused"]))
def test_gradients(data: st.DataObject, engine: str) -> None:
    """The slope of the slow LSTM's outputs and states, weighed, at every number that they depend on."""
    call = Call(data, is_valid=True, activation="tanh", recurrent_activation="sigmoid")
    call.names = ("tanh", "sigmoid")
    assume(call.batch)
    lstm = LSTM(call.config, call.weights, engine=engine)
    random = np.random.default_rng(1)
    weighing = [random.standard_normal(array.shape) for array in call.expected()]
    d_outputs = data.draw(st.one_of(st.just(weighing[0]), ANYTHING))
    d_final = data.draw(st.one_of(st.just(weighing[1:]), st.just(State(*weighing[1:])), st.lists(ANYTHING, max_size=2)))
    copies = data.draw(st.one_of(st.just(1), ANYTHING))
    found = answer(lstm.gradients, call.inputs, d_outputs, d_final, call.states, call.mask, copies=copies)
    is_right = fits(d_outputs, weighing[0].shape) and pair_of(d_final) is not None and is_count(copies) and call.batch % copies == 0
    is_right = is_right and all(fits(array, weighing[1].shape) for array in pair_of(d_final))
    assert (found is not REFUSED) == is_right
    if not is_right or copies != 1:
        return
    weighing = [np.asarray(array, np.float64) for array in (d_outputs, *pair_of(d_final))]
    read = [np.array(array, np.float64) for array in (call.inputs, *call.weights.arrays.values(), *(pair_of(call.states) or ()))]

    def loss() -> float:
        passed = call.expected(read[0], read[1:4], read[4:] or np.zeros((2, call.batch, call.config.units)))
        return float(sum((weight * array).sum() for weight, array in zip(weighing, passed, strict=True)))

    ours = [found.inputs, *found.weights.values(), found.initial_state.hidden, found.initial_state.cell]
    for array, gradient in zip(read, ours, strict=False):
        index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
        assert gradient[index] == pytest.approx(slope(loss, array, index), rel=1e-6, abs=1e-6)


def slope(loss: Callable[[], float], array: Array, index: tuple[int, ...], step: float = 1e-5) -> float:
    """Central difference of second order, off by some 1e-10."""
    value = array[index]
    array[index] = value + step
    above = loss()
    array[index] = value - step
    below = loss()
    array[index] = value
    return (above - below) / (2 * step)


@fast
@given(st.data(), ANYTHING)
def test_dropout_masks(data: st.DataObject, anything: Any) -> None:
    """A mask of the inputs that the gates share is the same factor at every timestep."""
    call = Call(data, is_valid=True)
    count = data.draw(st.sampled_from([0, 1, 1, 4, 5]))
    right = arrays((count, call.batch, call.shape[2]))
    masks = data.draw(st.one_of(right, right, st.just(anything)))
    dropout = answer(DropoutMasks, inputs=masks)
    if dropout is REFUSED or masks is None:
        return
    assert masks.ndim == 3
    assert len(masks) in (1, 4)
    lstm = LSTM(call.config, call.weights, dropout=dropout)
    returned = answer(lstm, call.inputs, call.states, call.mask)
    assert (returned is not REFUSED) == (masks.shape[1:] == (call.batch, call.shape[2]))
    if returned is not REFUSED and (len(masks) == 1 or (masks == masks[:1]).all()):
        scaled = np.asarray(call.inputs, np.float64) * np.asarray(masks, np.float64)[0][:, np.newaxis]
        assert_close(returned[0] if call.config.return_state else returned, call.expected(scaled)[0])


@fast
@given(st.dictionaries(st.sampled_from(["config", "weights", "dtype", "dropout", "engine", "threads"]), ANYTHING, min_size=1))
def test_an_lstm_of_anything(arguments: dict[str, Any]) -> None:
    """Is none, or one that computes what the slow one does."""
    weights = LSTMWeights(np.full((2, 4), 0.5), np.full((1, 4), -0.25), np.zeros(4))
    lstm = answer(LSTM, **({"config": LSTMConfig(1), "weights": weights} | arguments))
    if lstm is not REFUSED:
        expected, *_ = slow.run(list(weights.arrays.values()), np.ones((1, 3, 2)))
        assert_close(lstm(np.ones((1, 3, 2))), expected)


# --- several LSTMs ---------------------------------------------------------------------------------------------------------------


def flat_or_pairs(data: st.DataObject, states: list[list[Array]]) -> tuple[Any, bool]:
    """Initial states as Keras takes them, or anything; and whether they are."""
    given = data.draw(st.sampled_from(["none", "pairs", "flat", "States", "one less", "anything"]))
    flat = [array for pair in states for array in pair]
    made: dict[str, Callable[[], Any]] = {
        "none": lambda: None,
        "pairs": lambda: states,
        "flat": lambda: tuple(flat),
        "States": lambda: [State(*pair) for pair in states],
        "one less": lambda: flat[1:],
        "anything": lambda: data.draw(ANYTHING.filter(lambda value: value is not None)),
    }
    return made[given](), given not in ("one less", "anything")


@fast
@given(st.data(), st.sampled_from(MERGE_MODES))
def test_a_bidirectional(data: st.DataObject, merge_mode: str | None) -> None:
    """Two slow LSTMs, merged, and their states behind."""
    call = Call(data, is_valid=True, go_backwards=False)
    backward = weights_of(data, call.config.units, call.shape[2])
    behind = LSTMConfig(**(asdict(call.config) | {"go_backwards": True}))
    whole = Bidirectional(LSTM(call.config, call.weights), LSTM(behind, backward), merge_mode)
    random = np.random.default_rng(2)
    states = [list(random.standard_normal((2, call.batch, call.config.units))) for _ in range(2)]
    given_states, is_right = flat_or_pairs(data, states)
    returned = answer(whole, call.inputs, given_states, call.mask)
    assert (returned is not REFUSED) == is_right
    if returned is REFUSED:
        return
    starts = states if given_states is not None else [np.zeros((2, call.batch, call.config.units))] * 2
    first = call.expected(states=starts[0])
    call.config = behind
    second = call.expected(weights=list(backward.arrays.values()), states=starts[1])
    expected = [*slow.merge(merge_mode, first[0], second[0]), *([*first[1:], *second[1:]] if behind.return_state else [])]
    found = returned if behind.return_state or merge_mode is None else [returned]
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs)


@fast
@given(st.data())
def test_a_stack(data: st.DataObject) -> None:
    """Slow LSTMs, one on the outputs of the other, and the states of each as a pair."""
    call = Call(data, is_valid=True, return_sequences=True, go_backwards=False, zero_output_for_mask=False)
    upper, units = weights_of(data, 2, call.config.units), call.config.units
    config = LSTMConfig(2, return_state=data.draw(st.booleans()))
    whole = Stacked([LSTM(call.config, call.weights), LSTM(config, upper)])
    random = np.random.default_rng(2)
    states = [list(random.standard_normal((2, call.batch, size))) for size in (units, 2)]
    given_states, is_right = flat_or_pairs(data, states)
    returned = answer(whole, call.inputs, given_states, call.mask)
    assert (returned is not REFUSED) == is_right
    if returned is REFUSED:
        return
    starts = states if given_states is not None else [np.zeros((2, call.batch, size)) for size in (units, 2)]
    between, *first = call.expected(states=starts[0])
    mask = None if call.mask is None else np.asarray(call.mask).astype(bool)
    outputs, *second = slow.run(list(upper.arrays.values()), between, states=tuple(starts[1]), mask=mask)
    assert_close(returned[0] if config.return_state else returned, outputs)
    for ours, theirs in zip(returned[1:] if config.return_state else [], [first, second], strict=False):
        assert_close(ours[0], theirs[0])
        assert_close(ours[1], theirs[1])


@fast
@given(ANYTHING, ANYTHING, ANYTHING)
def test_composites_of_anything(first: Any, second: Any, merge_mode: Any) -> None:
    """Are none."""
    lstm = LSTM(LSTMConfig(1), LSTMWeights(np.ones((1, 4)), np.ones((1, 4)), np.ones(4)))
    assert answer(Bidirectional, first, second, merge_mode) is REFUSED
    assert answer(Bidirectional, lstm, lstm, merge_mode) is REFUSED
    assert answer(Stacked, first) is REFUSED
    assert answer(Stacked, [lstm, second]) is REFUSED


# --- from elsewhere --------------------------------------------------------------------------------------------------------------


@faster
@given(ANYTHING)
def test_what_is_no_layer(anything: Any) -> None:
    """Nor a function."""
    assert answer(from_keras, anything) is REFUSED
    assert answer(identify_activation, anything) is REFUSED or anything is None


@fast
@given(st.sampled_from(sorted(LAYOUTS)), st.data())
def test_layouts(name: str, data: st.DataObject) -> None:
    """What is read is what was written, whatever else is given is refused."""
    layout, weights = LAYOUTS[name], weights_of(data, data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3)))
    written = layout.write(weights)
    changed = data.draw(st.dictionaries(st.one_of(st.sampled_from(sorted(written)), st.text(max_size=3)), ANYTHING, max_size=2))
    retained = {key: value for key, value in written.items() if data.draw(st.integers(0, 9))}
    read = answer(layout.read, retained | changed)
    if retained == written and not changed:
        for ours, theirs in zip(read.arrays.values(), weights.arrays.values(), strict=True):
            assert_close(ours, theirs)
    elif read is not REFUSED:  # arrays that may be missing, or that happen to be others that fit
        again = layout.write(read)
        for key, value in (retained | changed).items():
            np.testing.assert_allclose(again[key], np.asarray(value, np.float64), rtol=0, atol=1e-12)
    assert answer(layout.read, data.draw(ANYTHING)) is REFUSED
    assert answer(layout.write, data.draw(ANYTHING)) is REFUSED


@fast
@given(st.lists(st.one_of(ANYTHING, st.sampled_from(sorted(DEVIATIONS))), max_size=3), ANYTHING)
def test_lookups_of_deviations(names: list[Any], anything: Any) -> None:
    """Those that there are, in that order."""
    found = answer(combine, names)
    if found is not REFUSED:
        assert found.name == "+".join(names)
        assert found.summary == "; ".join(DEVIATIONS[name].summary for name in names)
        assert not names or summary_of(found.name) == found.summary
    assert answer(summary_of, anything) is REFUSED or anything == ""
    other = answer(combine, anything)
    assert other is REFUSED or (isinstance(other, Deviation) and not len(anything))


# --- training and uncertainty ----------------------------------------------------------------------------------------------------


@faster
@given(st.data())
def test_a_step_of_training(data: st.DataObject) -> None:
    """SGD goes down the slope of the slow LSTM's loss."""
    call = Call(data, is_valid=True, activation="tanh", recurrent_activation="sigmoid", return_state=False)
    call.names, call.states, call.mask = ("tanh", "sigmoid"), None, None
    shape = call.expected()[0].shape
    targets = data.draw(st.one_of(arrays(shape), arrays(shape), ANYTHING))
    factor = data.draw(st.one_of(numbers, numbers, ANYTHING))
    penalty = answer(Penalty, l2=factor)
    assert (penalty is not REFUSED) == (isinstance(factor, int | float | np.floating | np.integer) and not isinstance(factor, bool))
    if penalty is REFUSED or not abs(float(factor)) < 10:
        return
    name = data.draw(st.sampled_from(["kernel", "bias", "no such weight"]))
    task = answer(Task, config=call.config, weights=call.weights, inputs=call.inputs, targets=targets, penalties={name: penalty})
    assert (task is not REFUSED) == (fits(targets, shape) and call.batch > 0 and name != "no such weight")
    if task is REFUSED:
        return
    steps = data.draw(ANYTHING.filter(lambda steps: not isinstance(steps, Integral)))
    assert answer(task.train, SGD(0.5), steps) is REFUSED
    trained = task.train(SGD(0.5), 1)
    read = [array.copy() for array in call.weights.arrays.values()]

    def loss() -> float:
        outputs, *_ = call.expected(weights=read)
        error = float(np.mean((outputs - np.asarray(targets, np.float64)) ** 2))
        return error + float(factor) * float((read[0 if name == "kernel" else 2] ** 2).sum())

    for array, after in zip(read, trained.arrays.values(), strict=True):
        index = tuple(data.draw(st.integers(0, size - 1)) for size in array.shape)
        assert after[index] == pytest.approx(array[index] - 0.5 * slope(loss, array, index), rel=1e-6, abs=1e-6)


@faster
@given(st.sampled_from([SGD, Adam]), st.one_of(ANYTHING, numbers))
def test_optimizers(optimizer: type, rate: Any) -> None:
    """A first step of either is against the gradient, by the rate; Adam's whatever the gradient's size."""
    made = answer(optimizer, rate)
    if made is REFUSED or not abs(float(rate)) < 10:
        return
    after = made.step("w", np.array([1.0, 1.0]), np.array([0.5, -2.0]))
    expected = [1 - 0.5 * rate, 1 + 2 * rate] if optimizer is SGD else [1 - rate, 1 + rate]
    np.testing.assert_allclose(after, expected, rtol=0, atol=1e-5 * (1 + abs(rate)))  # for epsilon


@faster
@given(st.data())
def test_rounding_sigma(data: st.DataObject) -> None:
    """The same run in float32 lies within 8 σ; what is no run over these inputs has none."""
    call = Call(data, is_valid=True)
    call.mask = call.states = None
    assume(call.batch)
    config = LSTMConfig(call.config.units, return_sequences=True)
    inputs = np.asarray(call.inputs, np.float32).astype(np.float64)
    weights = call.weights.astype("float32").astype("float64")
    trajectory = LSTM(config, weights).trajectory(inputs)
    sigma = rounding_sigma(config, weights, inputs, trajectory, ARITHMETIC["float32"])
    error = np.abs(LSTM(config, weights, "float32").trajectory(inputs).outputs - trajectory.outputs)
    assert (error <= ELEMENT_LIMIT * sigma.hidden).all()
    longer = Trajectory(*(np.concatenate([array, array], axis=1) for array in vars(trajectory).values()))
    assert answer(rounding_sigma, config, weights, inputs, longer, ARITHMETIC["float32"]) is REFUSED
    assert answer(rounding_sigma, call.config, weights, inputs[..., :0], trajectory, ARITHMETIC["float32"]) is REFUSED
