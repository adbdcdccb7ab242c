"""σ of a chaotic run: of first order while errors are small, then as wide as the states, finite, and row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lstm_ref import LSTM, LSTMConfig, LSTMWeights
from lstm_ref.arrays import Array
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import Arithmetic, RoundingSigma, rounding_sigma
from lstm_ref.uncertainty.rounding import replicated_sigma, sigma_of_run

UNITS, BATCH, STEPS = 16, 3, 400
FLOAT32 = Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126)
FLOAT64 = Arithmetic(unit_roundoff=2.0**-53, underflow=2.0**-1022)


def random_run(gain: float, *, still: int = BATCH) -> tuple[LSTMConfig, LSTMWeights, Array, Trajectory]:
    """A recurrent kernel of that gain on weak inputs; rows from `still` on have inputs that close every input gate."""
    random = np.random.default_rng(4)
    kernel, recurrent_kernel = random.standard_normal((2, 4 * UNITS)), random.standard_normal((UNITS, 4 * UNITS)) / np.sqrt(UNITS)
    kernel[1] = np.repeat([-50.0, 0, 0, 0], UNITS)
    arrays = [array.astype(np.float32).astype(np.float64) for array in (kernel, gain * recurrent_kernel, np.zeros(4 * UNITS))]
    inputs = np.zeros((BATCH, STEPS, 2))
    inputs[..., 0] = random.standard_normal((BATCH, STEPS)).astype(np.float32) / 4
    inputs[still:, :, 1] = 1
    config, weights = LSTMConfig(UNITS), LSTMWeights(*arrays)
    lstm = LSTM(config, weights)
    return config, weights, inputs, lstm.run(inputs, lstm.zero_state(BATCH))


def finite(sigma: RoundingSigma) -> bool:
    """Both, everywhere, and positive."""
    return all(bool(np.all(np.isfinite(array) & (array > 0))) for array in vars(sigma).values())


@pytest.mark.parametrize("gain", [6.0, 20.0, 200.0])
def test_sigma_is_finite_and_no_wider_than_two_runs_can_differ(gain: float) -> None:
    """By the derivative, which leaves float32's range, and by replicas: h by 2 = 2σ, c by 2t."""
    run = random_run(gain)
    derived = rounding_sigma(*run, FLOAT32)
    assert finite(derived)
    assert derived.hidden.max() == 1
    assert np.all(derived.cell <= np.arange(1, STEPS + 1)[:, np.newaxis])
    replicated = replicated_sigma(*run, FLOAT32)
    assert finite(replicated)
    assert replicated.hidden.max() <= 2
    assert np.all(replicated.cell <= 2 * np.arange(1, STEPS + 1)[:, np.newaxis] + 1)


@pytest.mark.parametrize("gain", [6.0, 20.0])
def test_a_lost_row_accepts_any_state_and_stays_lost(gain: float) -> None:
    """-1 and 1 are within √2 σ from some timestep on; before it, σ is that of the derivative."""
    config, weights, inputs, trajectory = random_run(gain)
    replicated = replicated_sigma(config, weights, inputs, trajectory, FLOAT32).hidden
    wide = np.all(np.sqrt(2) * replicated >= 1 + np.abs(trajectory.hidden), axis=-1)
    first = wide.argmax(axis=1)
    assert wide.sum(axis=1).tolist() == (STEPS - first).tolist()
    assert 10 < first.min() <= first.max() < STEPS
    derived = rounding_sigma(config, weights, inputs, trajectory, FLOAT32).hidden
    early = np.s_[:, : first.min() // 2]
    ratio = np.log(replicated[early] / derived[early])
    assert abs(np.mean(ratio)) < 0.3


def test_rows_are_lost_one_by_one() -> None:
    """A row whose state stands still keeps its σ beside one that is lost."""
    run = random_run(6.0, still=1)
    replicated = replicated_sigma(*run, FLOAT32).hidden
    assert replicated[0].max() > 1 / 2
    assert replicated[1:].max() < 1e-6


@pytest.mark.parametrize("arithmetic", [FLOAT32, FLOAT64])
def test_a_correct_run_lies_within_sigma(arithmetic: Arithmetic) -> None:
    """In float32, and in float64 with the sums in another order, which is a correct run of its own."""
    config, weights, inputs, trajectory = random_run(6.0)
    order = np.random.default_rng(0).permutation(UNITS)
    columns = np.concatenate([order + gate * UNITS for gate in range(4)])
    other = LSTMWeights(weights.kernel[:, columns], weights.recurrent_kernel[order][:, columns], np.zeros(4 * UNITS))
    lstm = LSTM(config, other, "float32" if arithmetic is FLOAT32 else "float64")
    got = lstm.run(inputs.astype(lstm.dtype), lstm.zero_state(BATCH)).hidden[..., np.argsort(order)]
    error = np.abs(got - trajectory.hidden)
    ratio = error / replicated_sigma(config, weights, inputs, trajectory, arithmetic).hidden
    assert error.max() > 1 / 2
    assert ratio.max() < 8
    assert np.sqrt(np.mean(ratio**2)) < 2


def test_double_precision_is_followed_no_further_than_its_replicas() -> None:
    """They are disturbed by more than its roundings, and lost before; what is lost is not scaled back."""
    run = random_run(6.0)
    double = replicated_sigma(*run, FLOAT64).hidden
    assert double[:, 5].max() < 1e-14
    assert double[:, -1].min() > 1 / 2


@pytest.mark.parametrize(("gain", "by_replicas"), [(1.0, False), (6.0, True)])
def test_the_derivative_serves_where_it_holds(gain: float, by_replicas: bool) -> None:
    """Where errors stay of first order, and replicas where they do not or where operands are rounded."""
    run = random_run(gain)
    replicated = sigma_of_run(*run, FLOAT32).hidden
    assert np.array_equal(replicated, replicated_sigma(*run, FLOAT32).hidden) is by_replicas
    assert np.array_equal(replicated, rounding_sigma(*run, FLOAT32).hidden) is not by_replicas
    narrow = replace(FLOAT32, operands=2.0**-11)
    np.testing.assert_array_equal(sigma_of_run(*run, narrow).hidden, replicated_sigma(*run, narrow).hidden)


def test_roundings_of_low_precision_are_no_chaos() -> None:
    """Bfloat16's own come near to what counts as lost elsewhere."""
    config, weights, inputs, trajectory = random_run(1.0)
    low = Arithmetic(unit_roundoff=2.0**-8, underflow=2.0**-126)
    assert replicated_sigma(config, weights, inputs, trajectory, low).hidden.max() < 1 / 8
