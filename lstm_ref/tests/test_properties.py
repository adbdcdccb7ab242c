"""Laws that hold for every LSTM, tried on many shapes and seeds at once.

Two runs that are equal in exact arithmetic may sum in another order, so each comparison allows twice the rounding error bound.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstm_ref import GATE_ORDER, LSTM, LSTMConfig, LSTMWeights, State
from lstm_ref.activations import ACTIVATIONS, get
from lstm_ref.sequence import Trajectory

# The two fixtures below are functions without memory: that they are not made anew for each example does not matter.
thrifty = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
sizes = st.integers(1, 5)
seeds = st.integers(0, 2**32 - 1)
scales = st.sampled_from([1e-6, 0.1, 0.5, 1.0])

NOT_MONOTONIC = {
    "silu", "swish", "hard_silu", "hard_swish", "gelu", "gelu_tanh", "mish", "softmax", "log_softmax", "sparsemax",
}  # fmt: skip

Bound = Callable[..., Trajectory]
Make = Callable[..., LSTMWeights]


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """The shape, seed and scale of one run."""
    return {name: draw(sizes) for name in ("units", "input_dim", "timesteps", "batch")} | {
        "seed": draw(seeds),
        "scale": draw(scales),
        "use_bias": draw(st.booleans()),
        "go_backwards": draw(st.booleans()),
    }


def random_call(make_weights: Make, run: dict[str, Any]) -> tuple[LSTM, Any, State, Any]:
    """Layer, inputs, initial state and mask of a run."""
    weights = make_weights(run["units"], run["input_dim"], **{name: run[name] for name in ("use_bias", "seed", "scale")})
    config = LSTMConfig(run["units"], use_bias=run["use_bias"], go_backwards=run["go_backwards"], return_sequences=True)
    rng = np.random.default_rng(run["seed"])
    shape = (run["batch"], run["timesteps"])
    inputs = rng.standard_normal((*shape, run["input_dim"]))
    return LSTM(config, weights), inputs, State(*rng.standard_normal((2, run["batch"], run["units"]))), rng.random(shape) < 0.7


@thrifty
@given(run=runs())
def test_rows_of_a_batch_do_not_know_each_other(make_weights: Make, rounding_bound: Bound, run: dict[str, Any]) -> None:
    """A batch in another order gives the same rows in that order."""
    lstm, inputs, state, mask = random_call(make_weights, run)
    order = np.random.default_rng(run["seed"]).permutation(run["batch"])
    permuted = lstm(inputs[order], State(state.hidden[order], state.cell[order]), mask[order])
    gap = np.abs(permuted - lstm(inputs, state, mask)[order])
    assert (gap <= 2 * rounding_bound(lstm, inputs, state, mask).outputs[order]).all()


@thrifty
@given(run=runs())
def test_renaming_the_units_renames_the_outputs(make_weights: Make, rounding_bound: Bound, run: dict[str, Any]) -> None:
    """Permuting the columns of every gate and the rows of the recurrent kernel permutes the units, and does nothing else."""
    lstm, inputs, state, mask = random_call(make_weights, run)
    units = run["units"]
    order = np.random.default_rng(run["seed"]).permutation(units)
    columns = np.concatenate([block * units + order for block in range(4)])
    arrays = lstm.weights.arrays | {"recurrent_kernel": lstm.weights.recurrent_kernel[order]}
    renamed = LSTM(lstm.config, LSTMWeights(**{name: array[..., columns] for name, array in arrays.items()}))
    gap = np.abs(renamed(inputs, State(state.hidden[:, order], state.cell[:, order]), mask) - lstm(inputs, state, mask)[..., order])
    assert (gap <= 2 * rounding_bound(lstm, inputs, state, mask).outputs[..., order]).all()


@thrifty
@given(run=runs())
def test_renaming_the_features_with_their_rows_changes_nothing(
    make_weights: Make, rounding_bound: Bound, run: dict[str, Any]
) -> None:
    """Permuting the features of the inputs and the rows of the kernel alike is no change."""
    lstm, inputs, state, mask = random_call(make_weights, run)
    order = np.random.default_rng(run["seed"]).permutation(run["input_dim"])
    renamed = LSTM(lstm.config, LSTMWeights(**(lstm.weights.arrays | {"kernel": lstm.weights.kernel[order]})))
    gap = np.abs(renamed(inputs[..., order], state, mask) - lstm(inputs, state, mask))
    assert (gap <= 2 * rounding_bound(lstm, inputs, state, mask).outputs).all()


@thrifty
@given(run=runs())
def test_units_that_do_not_hear_each_other_are_that_many_lstms_of_one_unit(
    make_weights: Make, rounding_bound: Bound, run: dict[str, Any]
) -> None:
    """With diagonal recurrent blocks each unit computes what an LSTM(1) with its weights computes."""
    lstm, inputs, state, mask = random_call(make_weights, run)
    units = run["units"]
    lstm.weights.recurrent_kernel[...] *= np.tile(np.eye(units), 4)
    whole, bound = lstm(inputs, state, mask), rounding_bound(lstm, inputs, state, mask).outputs
    alone = LSTMConfig(1, use_bias=run["use_bias"], go_backwards=run["go_backwards"], return_sequences=True)

    def single(unit: int) -> Any:
        arrays = lstm.weights.arrays | {"recurrent_kernel": lstm.weights.recurrent_kernel[[unit]]}
        weights = LSTMWeights(**{name: array[..., unit::units] for name, array in arrays.items()})
        return LSTM(alone, weights)(inputs, State(state.hidden[:, [unit]], state.cell[:, [unit]]), mask)

    gap = np.abs(np.concatenate([single(unit) for unit in range(units)], axis=-1) - whole)
    assert (gap <= 2 * bound).all()


@thrifty
@given(run=runs(), cut=st.integers(0, 5))
def test_a_stateful_layer_may_be_fed_in_any_two_chunks(make_weights: Make, run: dict[str, Any], cut: int) -> None:
    """Wherever the cut, with a mask too, the outputs in processing order are those of one call."""
    lstm, inputs, state, mask = random_call(make_weights, run | {"go_backwards": False})
    cut = 1 + cut % run["timesteps"]
    stateful = LSTM(LSTMConfig(run["units"], use_bias=run["use_bias"], return_sequences=True, stateful=True), lstm.weights)
    mask[:, [0, cut % run["timesteps"]]] = True  # what a chunk emits before its first used timestep is zeros, not memory
    first = stateful(inputs[:, :cut], state, mask[:, :cut])
    rest = [stateful(inputs[:, cut:], mask=mask[:, cut:])] if cut < run["timesteps"] else []
    np.testing.assert_array_equal(np.concatenate([first, *rest], axis=1), lstm(inputs, state, mask))


@thrifty
@given(run=runs())
def test_the_future_has_no_influence(make_weights: Make, run: dict[str, Any]) -> None:
    """Changing the last processed timestep changes no earlier output."""
    lstm, inputs, state, mask = random_call(make_weights, run)
    before = lstm(inputs, state, mask)
    inputs[:, 0 if run["go_backwards"] else -1] += 1
    np.testing.assert_array_equal(lstm(inputs, state, mask)[:, :-1], before[:, :-1])


@thrifty
@given(run=runs())
def test_outputs_lie_within_plus_minus_one_and_the_cell_state_grows_by_at_most_one_per_step(
    make_weights: Make, run: dict[str, Any]
) -> None:
    """With tanh and sigmoid |h_t| <= 1 and |c_t| <= |c_0| + t, in floating point as in theory: each factor rounds to 1 at most."""
    lstm, inputs, state, _ = random_call(make_weights, run | {"scale": 100.0})
    trajectory = lstm.run(inputs, state)
    steps = np.arange(1, run["timesteps"] + 1)[:, np.newaxis]
    assert (np.abs(trajectory.hidden) <= 1).all()
    # Products with a factor of at most 1 do not grow by rounding; up to five sums, of size below 16 here, are off by u each.
    assert (np.abs(trajectory.cell) <= np.abs(state.cell)[:, np.newaxis] + steps + 5 * 16 * 2.0**-53).all()


@thrifty
@given(run=runs(), gate=st.sampled_from(GATE_ORDER))
def test_a_zero_bias_is_no_bias(make_weights: Make, run: dict[str, Any], gate: str) -> None:
    """use_bias=False computes what biases of zero compute, and any one gate's bias is heard."""
    lstm, inputs, state, mask = random_call(make_weights, run | {"use_bias": True, "scale": 0.5})
    assert lstm.weights.bias is not None
    mask[:, :] = True
    lstm.weights.bias[...] = 0
    arrays = {name: array for name, array in lstm.weights.arrays.items() if name != "bias"}
    config = LSTMConfig(run["units"], use_bias=False, go_backwards=run["go_backwards"], return_sequences=True)
    without = LSTM(config, LSTMWeights(**arrays))(inputs, state, mask)
    np.testing.assert_array_equal(lstm(inputs, state, mask), without)
    lstm.weights.bias[GATE_ORDER.index(gate) * run["units"] :][: run["units"]] = 1
    assert (lstm(inputs, state, mask) != without).all()


@pytest.mark.parametrize(
    "name",
    sorted(set(ACTIVATIONS) - NOT_MONOTONIC),
)
@thrifty
@given(pair=st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_an_activation_that_is_monotonic_never_falls(name: str, pair: tuple[float, float]) -> None:
    """All but the self-gated ones rise or stay; at most rounding, 32u of the larger value, may hide it (see test_activations)."""
    low, high = get(name)(np.array(sorted(pair)))
    assert low - high <= 32 * 2.0**-53 * max(abs(low), abs(high))


@pytest.mark.parametrize("name", ["softmax", "sparsemax"])
@thrifty
@given(row=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_a_row_of_shares_sums_to_one(name: str, row: list[float]) -> None:
    """Shares are not negative and sum to 1, up to 8 roundings of each of 8 terms and their sum."""
    shares = get(name)(np.array(row))
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1, abs=8 * (8 + 8) * 2.0**-53)
