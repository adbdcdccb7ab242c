"""A stateful layer: what is carried from call to call, what overrides it, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMError, LSTMWeights, ShapeError, State


@pytest.fixture
def inputs() -> Any:
    """(batch, timesteps, input_dim) = (3, 6, 2)."""
    return np.random.default_rng(21).standard_normal((3, 6, 2))


@pytest.fixture
def state() -> State:
    """A start with h ≠ c, (batch, units) = (3, 4) each."""
    return State(*np.random.default_rng(22).standard_normal((2, 3, 4)))


@pytest.fixture
def stateless(make_weights: Callable[..., LSTMWeights]) -> LSTM:
    """What the stateful layer is measured by."""
    return LSTM(LSTMConfig(4, return_sequences=True, return_state=True), make_weights(4, 2))


@pytest.fixture
def stateful(make_weights: Callable[..., LSTMWeights]) -> LSTM:
    """The same layer, stateful."""
    return LSTM(LSTMConfig(4, return_sequences=True, return_state=True, stateful=True), make_weights(4, 2))


def test_the_first_call_starts_from_zeros(stateful: LSTM, stateless: LSTM, inputs: Any) -> None:
    """As long as nothing is stored, stateful or not is the same."""
    np.testing.assert_array_equal(stateful(inputs)[0], stateless(inputs)[0])


def test_a_call_goes_on_where_the_last_one_ended(stateful: LSTM, stateless: LSTM, inputs: Any) -> None:
    """Three calls on chunks of a sequence are one call on the whole."""
    chunks = [stateful(chunk)[0] for chunk in np.split(inputs, [1, 4], axis=1)]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), stateless(inputs)[0])


def test_what_is_stored_is_what_is_returned(stateful: LSTM, inputs: Any) -> None:
    """The stored state is the final hidden and cell state of the call, by name."""
    _, h, c = stateful(inputs)
    assert stateful.state is not None
    np.testing.assert_array_equal(stateful.state.hidden, h)
    np.testing.assert_array_equal(stateful.state.cell, c)


def test_writing_to_the_returned_states_leaves_the_stored_state_alone(stateful: LSTM, stateless: LSTM, inputs: Any) -> None:
    """The caller owns what was returned, the layer what it stored."""
    _, h, c = stateful(inputs)
    h[:], c[:] = 9, 9
    np.testing.assert_array_equal(stateful(inputs)[0], stateless(inputs, stateless(inputs)[1:])[0])


def test_the_state_under_a_mask_is_the_held_one(stateful: LSTM, inputs: Any, state: State) -> None:
    """A call whose every timestep is masked stores the state that it started from."""
    stateful(inputs, state, np.zeros(inputs.shape[:2]))
    assert stateful.state is not None
    np.testing.assert_array_equal(stateful.state.cell, state.cell)


def test_reset_state_starts_again_from_zeros(stateful: LSTM, inputs: Any) -> None:
    """After a reset a call answers as the first one did."""
    first = stateful(inputs)[0]
    again = stateful(inputs)[0]
    stateful.reset_state()
    np.testing.assert_array_equal(stateful(inputs)[0], first)
    assert not np.isclose(first[:, 0], again[:, 0]).any()


def test_reset_state_is_refused_where_nothing_is_stored(stateless: LSTM) -> None:
    """A layer that is not stateful has no state to forget."""
    with pytest.raises(LSTMError, match=r"reset_state\(\) is for a stateful layer; build it with LSTMConfig\(stateful=True\)"):
        stateless.reset_state()


def test_an_initial_state_overrides_the_stored_one_and_is_gone_on_from(
    stateful: LSTM, stateless: LSTM, inputs: Any, state: State
) -> None:
    """The call starts from the given state, and the next one from where that led."""
    stateful(inputs)
    overridden = stateful(inputs, state)
    np.testing.assert_array_equal(overridden[0], stateless(inputs, state)[0])
    np.testing.assert_array_equal(stateful(inputs)[0], stateless(inputs, overridden[1:])[0])


def test_another_batch_size_is_refused_until_a_reset(stateful: LSTM, inputs: Any) -> None:
    """The stored state belongs to the rows that made it."""
    stateful(inputs)
    with pytest.raises(ShapeError, match=r"keeps its batch size: the stored state has 3 rows, inputs have 2; call reset_state\(\)"):
        stateful(inputs[:2])
    stateful.reset_state()
    assert stateful(inputs[:2])[0].shape == (2, 6, 4)


def test_a_refused_call_leaves_the_stored_state_alone(stateful: LSTM, inputs: Any) -> None:
    """An error is no step."""
    stateful(inputs)
    before = stateful.state
    with pytest.raises(ShapeError, match=r"mask must have shape"):
        stateful(inputs, mask=np.ones((3, 5)))
    assert stateful.state is before


def test_a_chunk_of_a_backward_layer_is_carried_too(make_weights: Callable[..., LSTMWeights], inputs: Any) -> None:
    """With go_backwards, reading the last chunk first and then the first one is reading the whole."""
    config: dict[str, Any] = {"units": 4, "return_sequences": True, "go_backwards": True}
    stateful = LSTM(LSTMConfig(**config, stateful=True), make_weights(4, 2))
    chunks = [stateful(chunk) for chunk in (inputs[:, 4:], inputs[:, :4])]
    np.testing.assert_array_equal(np.concatenate(chunks, axis=1), LSTM(LSTMConfig(**config), make_weights(4, 2))(inputs))
