"""Dropout's masks: what they multiply, which gate reads which, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lstm_ref import GATE_ORDER, LSTM, DropoutMasks, LSTMConfig, LSTMWeights, ShapeError, State
from lstm_ref.arrays import Array

UNITS, INPUT_DIM, BATCH = 3, 2, 4


@pytest.fixture
def make_lstm(make_weights: Callable[..., LSTMWeights]) -> Callable[..., LSTM]:
    """An LSTM of three units over two features that returns everything."""

    def make(dropout: DropoutMasks | None = None) -> LSTM:
        config = LSTMConfig(UNITS, return_sequences=True, return_state=True)
        return LSTM(config, make_weights(UNITS, INPUT_DIM), dropout=dropout)

    return make


@pytest.fixture
def inputs() -> Any:
    """(batch, timesteps, input_dim) = (4, 5, 2)."""
    return np.random.default_rng(41).standard_normal((BATCH, 5, INPUT_DIM))


def random_masks(masks: int, size: int, rate: float = 0.5, seed: int = 42) -> Array:
    """Inverted dropout masks, (masks, batch, size)."""
    return (np.random.default_rng(seed).random((masks, BATCH, size)) >= rate) / (1 - rate)


def test_an_input_mask_multiplies_the_inputs_at_every_timestep(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """One mask for all gates is a change of the inputs."""
    masks = random_masks(1, INPUT_DIM)
    outputs, *_ = make_lstm(DropoutMasks(inputs=masks))(inputs)
    np.testing.assert_array_equal(outputs, make_lstm()(inputs * masks[0][:, np.newaxis])[0])


def test_a_hidden_mask_multiplies_what_the_gates_read_and_not_what_is_kept() -> None:
    """With i = f = o = 1 and c̃ = x + h: over 1, 1 from h0 = 1, a mask of 2 gives c = 1 + 2 = 3, then 3 + 1 + 2 * 3 = 10."""
    weights = LSTMWeights.from_arrays([[0, 0, 1, 0]], [[0, 0, 1, 0]], [1000, 1000, 0, 1000])
    config = LSTMConfig(1, activation="linear", return_sequences=True)
    lstm = LSTM(config, weights, dropout=DropoutMasks(hidden=np.full((1, 1, 1), 2.0)))
    outputs = lstm(np.ones((1, 2, 1)), initial_state=State(hidden=np.ones((1, 1)), cell=np.zeros((1, 1))))
    np.testing.assert_array_equal(outputs, [[[3], [10]]])


@pytest.mark.parametrize("gate", GATE_ORDER)
def test_of_four_masks_each_gate_reads_its_own(gate: str) -> None:
    """The k-th mask is that of the k-th gate in the order i, f, c, o."""
    masks = DropoutMasks(inputs=random_masks(4, INPUT_DIM), hidden=random_masks(4, UNITS, seed=43))
    assert masks.inputs is not None
    assert masks.hidden is not None
    x_t, hidden = masks.apply(gate, np.ones((BATCH, INPUT_DIM)), np.ones((BATCH, UNITS)))
    np.testing.assert_array_equal(x_t, masks.inputs[GATE_ORDER.index(gate)])
    np.testing.assert_array_equal(hidden, masks.hidden[GATE_ORDER.index(gate)])


@pytest.mark.parametrize("position", range(4), ids=GATE_ORDER)
def test_of_four_masks_each_acts_on_its_gate_alone(make_lstm: Callable[..., LSTM], inputs: Any, position: int) -> None:
    """A gate is that of the layer whose inputs are multiplied by its mask."""
    masks = random_masks(4, INPUT_DIM)
    x_t, state = inputs[:, 0], make_lstm().zero_state(BATCH)
    got = make_lstm(DropoutMasks(inputs=masks)).gates(x_t, state)[position]
    np.testing.assert_array_equal(got, make_lstm().gates(x_t * masks[position], state)[position])


def test_four_equal_masks_are_one(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """Implementation 1 differs from 2 in what it draws, not in what it does."""
    shared = DropoutMasks(inputs=random_masks(1, INPUT_DIM), hidden=random_masks(1, UNITS))
    four = shared.map(lambda masks: np.repeat(masks, 4, axis=0))
    np.testing.assert_array_equal(make_lstm(four)(inputs)[0], make_lstm(shared)(inputs)[0])


@pytest.mark.parametrize("nothing", [None, DropoutMasks(), DropoutMasks(inputs=np.ones((1, BATCH, INPUT_DIM)))])
def test_no_mask_and_a_mask_of_ones_change_nothing(
    make_lstm: Callable[..., LSTM], inputs: Any, nothing: DropoutMasks | None
) -> None:
    """As at inference, and at a rate of 0."""
    np.testing.assert_array_equal(make_lstm(nothing)(inputs)[0], make_lstm()(inputs)[0])


def test_tiled_masks_serve_copies_of_the_batch(make_lstm: Callable[..., LSTM], inputs: Any) -> None:
    """The second copy of a sequence meets the mask of the first."""
    masks = DropoutMasks(inputs=random_masks(4, INPUT_DIM), hidden=random_masks(4, UNITS))
    once, (twice, *_) = make_lstm(masks)(inputs)[0], make_lstm(masks.tile(2))(np.tile(inputs, (2, 1, 1)))
    np.testing.assert_allclose(twice, np.tile(once, (2, 1, 1)), rtol=1e-13)  # BLAS may sum other batches in another order


@pytest.mark.parametrize("kind", ["inputs", "hidden"])
@pytest.mark.parametrize("shape", [(2, 4, 3), (0, 4, 3), (4, 3), (3,)])
def test_neither_one_mask_nor_four_is_refused(kind: str, shape: tuple[int, ...]) -> None:
    """The message says which, and what is expected."""
    with pytest.raises(ShapeError) as refusal:
        DropoutMasks(**{kind: np.ones(shape)})
    assert str(refusal.value) == f"dropout masks of {kind} must have shape (1 or 4, batch, size); got {shape}"
