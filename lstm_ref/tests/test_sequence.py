"""Order, masks, states and what is returned: everything around the six equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.activations import ACTIVATIONS
from lstm_ref.sequence import Trajectory

UNITS, INPUT_DIM, TIMESTEPS, BATCH = 3, 2, 5, 4
# A row each: nothing masked, the end, the beginning, the middle; then a row without any timestep to use.
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [1, 0, 1, 0, 1]], dtype=bool)
ALL_MASKED_ROW = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 0, 1], [1, 1, 1, 1, 0]], dtype=bool)


@pytest.fixture
def make_lstm(make_weights: Callable[..., LSTMWeights]) -> Callable[..., LSTM]:
    """An LSTM of three units over two features that returns everything, unless told otherwise."""

    def make(dtype: str = "float64", **config: Any) -> LSTM:
        settings = {"units": UNITS, "return_sequences": True, "return_state": True} | config
        return LSTM(LSTMConfig(**settings), make_weights(UNITS, INPUT_DIM, scale=0.7), dtype)

    return make


@pytest.fixture
def inputs() -> Any:
    """(batch, timesteps, input_dim) = (4, 5, 2)."""
    return np.random.default_rng(11).standard_normal((BATCH, TIMESTEPS, INPUT_DIM))


@pytest.fixture
def state() -> State:
    """A start with h ≠ c, (batch, units) each."""
    return State(*np.random.default_rng(12).standard_normal((2, BATCH, UNITS)))


@pytest.mark.parametrize(("return_sequences", "shapes"), [(True, [(4, 5, 3), (4, 3), (4, 3)]), (False, [(4, 3), (4, 3), (4, 3)])])
def test_return_state_gives_a_tuple_of_outputs_hidden_and_cell_state(
    make_lstm: Callable[..., LSTM], inputs: Any, *, return_sequences: bool, shapes: list[tuple[int, ...]]
) -> None:
    """A tuple, as in Keras 3, where outputs come first and the cell state last."""
    answer = make_lstm(return_sequences=return_sequences)(inputs)
    assert isinstance(answer, tuple)
    assert [array.shape for array in answer] == shapes


@pytest.mark.parametrize(("return_sequences", "shape"), [(True, (4, 5, 3)), (False, (4, 3))])
def test_without_return_state_the_answer_is_one_array(
    make_lstm: Callable[..., LSTM], inputs: Any, *, return_sequences: bool, shape: tuple[int, ...]
) -> None:
    """Not a tuple of one."""
    answer = make_lstm(return_sequences=return_sequences, return_state=False)(inputs)
    assert isinstance(answer, np.ndarray)
    assert answer.shape == shape


@pytest.mark.parametrize("go_backwards", [False, True])
def test_the_last_output_is_the_final_hidden_state(make_lstm: Callable[..., LSTM], inputs: Any, *, go_backwards: bool) -> None:
    """Without a mask, with and without return_sequences, in either direction; the cell state is another array."""
    outputs, h, c = make_lstm(go_backwards=go_backwards)(inputs)
    np.testing.assert_array_equal(outputs[:, -1], h)
    np.testing.assert_array_equal(make_lstm(go_backwards=go_backwards, return_sequences=False, return_state=False)(inputs), h)
    assert not np.isclose(h, c).any()


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
def test_go_backwards_is_the_forward_layer_on_reversed_inputs(
    make_lstm: Callable[..., LSTM], inputs: Any, state: State, mask: Any
) -> None:
    """Outputs stay in processing order, so the first belongs to the last timestep; the mask is reversed with the inputs."""
    backwards = make_lstm(go_backwards=True)(inputs, state, mask)
    forwards = make_lstm()(inputs[:, ::-1], state, None if mask is None else mask[:, ::-1])
    assert all(np.array_equal(one, other) for one, other in zip(backwards, forwards, strict=True))


def test_a_mask_of_ones_changes_nothing(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """To use every timestep is to have no mask."""
    masked, plain = (make_lstm()(inputs, state, mask) for mask in (np.ones((BATCH, TIMESTEPS), bool), None))
    assert all(np.array_equal(one, other) for one, other in zip(masked, plain, strict=True))


@pytest.mark.parametrize("mask", [MASK, ALL_MASKED_ROW, ~MASK], ids=["each kind", "a row all masked", "inverted"])
@pytest.mark.parametrize("row", range(BATCH))
def test_the_states_are_those_of_the_sequence_without_its_masked_timesteps(
    make_lstm: Callable[..., LSTM], rounding_bound: Callable[..., Trajectory], *, inputs: Any, state: State, mask: Any, row: int
) -> None:
    """A masked timestep is as good as absent; a row without any other keeps its initial states."""
    lstm = make_lstm()
    _, h, c = lstm(inputs, state, mask)
    start, used = State(state.hidden[[row]], state.cell[[row]]), inputs[[row]][:, mask[row]]
    _, want_h, want_c = lstm(used, start) if mask[row].any() else (None, start.hidden, start.cell)
    # BLAS may sum one row in another order than four: two correct runs, twice the bound.
    bound = rounding_bound(lstm, inputs, state, mask).final_state
    assert (np.abs(h[[row]] - want_h) <= 2 * bound.hidden[[row]]).all()
    assert (np.abs(c[[row]] - want_c) <= 2 * bound.cell[[row]]).all()


@pytest.mark.parametrize("zero_output_for_mask", [False, True])
def test_a_used_timestep_emits_its_hidden_state_whatever_was_masked_before(
    make_lstm: Callable[..., LSTM], inputs: Any, state: State, *, zero_output_for_mask: bool
) -> None:
    """The mask's conventions concern masked timesteps alone."""
    lstm = make_lstm(zero_output_for_mask=zero_output_for_mask)
    trajectory = lstm.run(inputs, state, MASK)
    np.testing.assert_array_equal(trajectory.outputs[MASK], trajectory.hidden[MASK])


def test_a_masked_timestep_repeats_the_output_before_it(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """Right-masked and interior timesteps emit what was last emitted."""
    outputs, _, _ = make_lstm()(inputs, state, MASK)
    np.testing.assert_array_equal(outputs[1, 2:], np.broadcast_to(outputs[1, 1], (3, UNITS)))
    np.testing.assert_array_equal(outputs[3, [1, 3]], outputs[3, [0, 2]])


def test_before_the_first_used_timestep_zeros_are_emitted(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """Nothing was emitted yet: zeros, also where the initial hidden state is not."""
    outputs, h, c = make_lstm()(inputs, state, ALL_MASKED_ROW)
    assert not outputs[1].any()
    assert not outputs[2, 0].any()
    np.testing.assert_array_equal((h[1], c[1]), (state.hidden[1], state.cell[1]))


def test_backwards_the_first_processed_timestep_is_the_last(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """With go_backwards a right-masked row begins with zeros, in processing order."""
    outputs, _, _ = make_lstm(go_backwards=True)(inputs, state, MASK)
    assert not outputs[1, :3].any()
    assert outputs[1, 3:].all()


def test_zero_output_for_mask_emits_zeros_and_keeps_the_states(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """Masked outputs are zeros, used outputs and both states are those without the flag."""
    zeroed, held = (make_lstm(zero_output_for_mask=flag)(inputs, state, MASK) for flag in (True, False))
    np.testing.assert_array_equal(zeroed[0], np.where(MASK[:, :, np.newaxis], held[0], 0))
    np.testing.assert_array_equal(zeroed[1:], held[1:])


def test_zero_output_for_mask_reaches_the_last_output(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """Without return_sequences a row that ends masked answers zeros, while its hidden state is not."""
    outputs, h, _ = make_lstm(zero_output_for_mask=True, return_sequences=False)(inputs, mask=MASK)
    assert not outputs[1].any()
    assert h[1].all()


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, 1e300])
def test_what_stands_at_a_masked_timestep_is_irrelevant(make_lstm: Callable[..., LSTM], inputs: Any, rubbish: float) -> None:
    """Even NaN and infinity there reach no output and no state."""
    spoilt = np.where(MASK[:, :, np.newaxis], inputs, rubbish)
    with np.errstate(invalid="ignore"):  # inf - inf in a pre-activation that is then masked
        answers = make_lstm()(spoilt, mask=MASK)
    assert all(np.array_equal(got, want) for got, want in zip(answers, make_lstm()(inputs, mask=MASK), strict=True))


@pytest.mark.parametrize("kind", [list, np.float64, np.int8], ids=["lists", "floats", "integers"])
def test_a_mask_may_be_anything_that_is_zero_or_not(make_lstm: Callable[..., LSTM], inputs: Any, kind: Any) -> None:
    """Nonzero means use."""
    mask = MASK.tolist() if kind is list else 7 * MASK.astype(kind)
    np.testing.assert_array_equal(make_lstm()(inputs, mask=mask)[0], make_lstm()(inputs, mask=MASK)[0])


@pytest.mark.parametrize(
    "kind", [list, tuple, lambda pair: [array.tolist() for array in pair]], ids=["list", "tuple", "lists of lists"]
)
def test_an_initial_state_may_be_a_pair_or_a_state(make_lstm: Callable[..., LSTM], inputs: Any, state: State, kind: Any) -> None:
    """[h, c] and State(hidden=h, cell=c) mean the same."""
    pair = kind((state.hidden, state.cell))
    np.testing.assert_array_equal(make_lstm()(inputs, pair)[0], make_lstm()(inputs, state)[0])


def test_an_initial_state_of_zeros_is_the_default(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """No state and a state of zeros mean the same."""
    zeros = np.zeros((BATCH, UNITS))
    np.testing.assert_array_equal(make_lstm()(inputs, [zeros, zeros])[0], make_lstm()(inputs)[0])


def test_hidden_and_cell_state_are_not_interchangeable(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """[c, h] is another start than [h, c], visible from the first output on."""
    exchanged = make_lstm()(inputs, [state.cell, state.hidden])[0]
    assert not np.isclose(exchanged[:, 0], make_lstm()(inputs, state)[0][:, 0]).any()


@pytest.mark.parametrize("cut", range(1, TIMESTEPS))
def test_a_sequence_in_two_chunks_is_the_sequence_in_one(
    make_lstm: Callable[..., LSTM], inputs: Any, state: State, cut: int
) -> None:
    """Handing the states of the first chunk to the second goes on as if there had been no cut."""
    lstm = make_lstm()
    whole, first = lstm(inputs, state), lstm(inputs[:, :cut], state)
    second = lstm(inputs[:, cut:], first[1:])
    np.testing.assert_array_equal(np.concatenate([first[0], second[0]], axis=1), whole[0])
    np.testing.assert_array_equal(second[1:], whole[1:])


def test_states_can_be_compared_and_put_into_sets(state: State) -> None:
    """A state equals itself alone: comparing its arrays would give an array, which is neither true nor false."""
    assert state != State(state.hidden, state.cell)
    assert len({state, State(state.hidden, state.cell)}) == 2


def test_a_call_writes_to_none_of_its_arguments(make_lstm: Callable[..., LSTM], inputs: Any, state: State) -> None:
    """Inputs, states, mask and weights are what they were."""
    lstm, arguments = make_lstm(stateful=True), [inputs, state.hidden, state.cell, MASK]
    watched = [*arguments, *lstm.weights.arrays.values()]
    before = [array.copy() for array in watched]
    lstm(inputs, state, MASK)
    assert all(np.array_equal(array, copy) for array, copy in zip(watched, before, strict=True))


def test_two_calls_of_a_stateless_layer_give_the_same_answer(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """Nothing is remembered."""
    lstm = make_lstm()
    np.testing.assert_array_equal(lstm(inputs)[0], lstm(inputs)[0])
    assert lstm.state is None


def test_an_empty_batch_gives_empty_answers(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """Batch 0 is a batch; so is its mask."""
    outputs, h, c = make_lstm()(inputs[:0], mask=MASK[:0])
    assert (outputs.shape, h.shape, c.shape) == ((0, TIMESTEPS, UNITS), (0, UNITS), (0, UNITS))


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_float32_on_request_is_float32_throughout(
    make_lstm: Callable[..., LSTM], inputs: Any, state: State, activation: str
) -> None:
    """Whatever the activation and the dtype of the arguments, all that a run passes through has the compute dtype."""
    lstm = make_lstm("float32", activation=activation, recurrent_activation=activation, stateful=True)
    with np.errstate(over="ignore", invalid="ignore"):  # exp(exp(…)) leaves the range of float32
        outputs, h, c = lstm(inputs, state, MASK)
    assert lstm.state is not None
    arrays = [outputs, h, c, lstm.state.hidden, lstm.state.cell, *lstm.weights.arrays.values()]
    first = lstm.gates(inputs[:, 0].astype(np.float32), lstm.zero_state(BATCH))
    assert {array.dtype for array in [*arrays, *first]} == {np.dtype("float32")}


def test_float32_lies_near_float64(
    make_lstm: Callable[..., LSTM], rounding_bound: Callable[..., Trajectory], inputs: Any, state: State
) -> None:
    """The float64 run is within float32's rounding error bound, and the two are not the same."""
    double, single = make_lstm()(inputs, state), make_lstm("float32")(inputs, state)
    bound = rounding_bound(make_lstm(), inputs, state)
    # The bound is proportional to u: 2**-53 for float64, 2**-24 for float32. The double run's own error is 2**29 times smaller.
    gap = np.abs(single[0] - double[0])
    assert (gap <= (2**29 + 1) * bound.outputs).all()
    assert gap.any()


@pytest.mark.parametrize("flag", ["return_sequences", "return_state", "stateful"])
def test_a_flag_of_presentation_leaves_the_final_states_alone(
    make_lstm: Callable[..., LSTM], inputs: Any, state: State, flag: str
) -> None:
    """What is returned or kept does not change what is computed."""
    lstm = make_lstm()
    change: dict[str, Any] = {flag: not getattr(lstm.config, flag)}
    other = LSTM(replace(lstm.config, **change), lstm.weights)
    np.testing.assert_array_equal(other.run(inputs, state).cell, lstm.run(inputs, state).cell)
