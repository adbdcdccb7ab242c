"""Weights and inputs that can fail: a pure function of the family, dense, distinct, and reaching every part of every gate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from conformance.cases.case import Call, Case, Family
from conformance.cases.stimulus import Stimulus, _draw, _draw_weights, draw
from conformance.matrix.documents import INPUT_DIMS, UNITS
from lstm_ref import GATE_ORDER, LSTM, LSTMConfig, LSTMError
from lstm_ref.arrays import Array

FAMILIES = list(itertools.product(UNITS, INPUT_DIMS))
by_family = pytest.mark.parametrize(("units", "input_dim"), FAMILIES)


def stimulus(units: int, input_dim: int, *, rest: str = "t6-b3", seed: int = 0) -> Stimulus:
    """What one case of that size is given, drawn anew."""
    _draw.cache_clear()
    _draw_weights.cache_clear()
    return draw([Case.from_id(f"u{units}-d{input_dim}-{rest}-s{seed}")])


def test_the_same_family_draws_the_same_bits() -> None:
    """Nothing but the family decides; no global random state, no order of calls."""
    first, again = stimulus(10, 5), stimulus(10, 5)
    assert first.family == Family(units=10, input_dim=5, seed=0)
    for one, other in zip(first.weights.arrays.values(), again.weights.arrays.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(first.inputs, again.inputs)


@pytest.mark.parametrize("longer", ["t150-b3", "t6-b32", "t100-b32-seq-stateful"])
def test_a_smaller_case_reads_a_prefix(longer: str) -> None:
    """Fewer rows and fewer timesteps are the first of many, bit for bit, under the same weights."""
    small, large = stimulus(10, 5), stimulus(10, 5, rest=longer)
    np.testing.assert_array_equal(small.inputs, large.inputs[:3, :6])
    np.testing.assert_array_equal(small.weights.kernel, large.weights.kernel)


def test_one_stimulus_serves_all_cases_of_a_family() -> None:
    """It is as long as the longest case and as large as the largest."""
    cases = [Case.from_id(f"u2-d5-{rest}-s0") for rest in ("t6-b32", "t13-b3-stateful", "t28-b3-seq")]
    assert draw(cases).inputs.shape == (32, 39, 5)


@pytest.mark.parametrize("other", ["u10-d2-t6-b3-s0", "u2-d5-t6-b3-s0", "u10-d5-t6-b3-s1"])
def test_cases_of_two_families_are_refused(other: str) -> None:
    """One stimulus cannot serve both."""
    with pytest.raises(LSTMError, match="a stimulus serves one family in one precision; got 2"):
        draw([Case.from_id("u10-d5-t6-b3-s0"), Case.from_id(other)])


def test_inputs_of_a_call_are_its_rows_and_timesteps() -> None:
    """In the dtype in which the case hands them over."""
    one, call = Case.from_id("u2-d5-t6-b2-stateful-s0"), Call(start=6, stop=12)
    drawn = stimulus(2, 5, rest="t6-b3-stateful")
    given = drawn.inputs_of(one, call)
    assert given.dtype == np.float64
    np.testing.assert_array_equal(given, drawn.inputs[:2, 6:12])


def test_weights_mean_the_same_numbers_for_ever() -> None:
    """Pinned bit for bit: a report of today and one of next year speak of the same weights."""
    weights = stimulus(2, 2).weights
    pinned = {
        "kernel": ["-0x1.cdd6ac0000000p-2", "-0x1.ceed800000000p-1", "0x1.fc014e0000000p-4"],
        "recurrent_kernel": ["-0x1.2c61140000000p-1", "0x1.af80aa0000000p-1", "-0x1.57b6a40000000p-2"],
        "bias": ["0x1.9664a00000000p-6", "0x1.45df740000000p-2"],
    }
    assert {
        "kernel": [float(value).hex() for value in weights.kernel[0, :3]],
        "recurrent_kernel": [float(value).hex() for value in weights.recurrent_kernel[1, 5:]],
        "bias": [float(value).hex() for value in weights.bias[:2]],  # type: ignore[index]  # a stimulus has a bias
    } == pinned
    assert [float(value).hex() for value in stimulus(10, 5, seed=7).weights.kernel[4, 38:]] == [
        "-0x1.478fa80000000p-2",
        "-0x1.d9a5ec0000000p-2",
    ]


@pytest.mark.parametrize(
    ("seed", "units", "at", "pinned"),
    [
        (0, 2, (0, 0), [-1.820843653201146, 1.5326611206528684]),
        (0, 2, (2, 5), [0.10302254511524099, 0.0336391561020606]),
        (0, 128, (2, 5), [0.10302254511524099, 0.0336391561020606]),
    ],
)
def test_inputs_mean_the_same_numbers_for_ever(seed: int, units: int, at: tuple[int, int], pinned: list[float]) -> None:
    """Pinned up to the platform's log and exp; they depend on the number of features, the seed, row and timestep only.

    A normal number is x sqrt(-2 log(r²) / r²), its scale exp(0.8 n): log, exp, sqrt and five products, each off by a few 2^-53.
    """
    np.testing.assert_allclose(stimulus(units, 2, seed=seed).inputs[at], pinned, rtol=32 * 2.0**-53)


@by_family
def test_weights_are_exact_in_float32(units: int, input_dim: int) -> None:
    """The implementation gets the very numbers that the reference has."""
    for array in stimulus(units, input_dim).weights.arrays.values():
        np.testing.assert_array_equal(array, array.astype(np.float32))


@by_family
def test_inputs_are_not_exact_in_float32(units: int, input_dim: int) -> None:
    """Each one is rounded when it is cast to the compute dtype: an implementation that does not cast shows."""
    inputs = stimulus(units, input_dim).inputs
    assert not np.any(inputs == inputs.astype(np.float32))


@by_family
def test_weights_are_dense(units: int, input_dim: int) -> None:
    """No weight is small beside the others of its matrix, so that each one acts.

    Magnitudes are between 0.4 and 1.6 over √rows, those of unit 0's forget gate 0.3 times that; rounding to float32 takes 2^-24.
    """
    weights = stimulus(units, input_dim).weights
    rest = np.arange(4 * units) != units
    for array, rows in ((weights.kernel, input_dim), (weights.recurrent_kernel, units)):
        scaled = np.abs(array) * np.sqrt(rows)
        # One rounding to float32, and one each of float64's root, quotient and product, which 2^-23 covers.
        assert 0.4 * (1 - 2.0**-23) <= scaled[:, rest].min() <= scaled[:, rest].max() <= 1.6 * (1 + 2.0**-23)
        assert 0.3 * 0.4 * (1 - 2.0**-23) <= scaled[:, ~rest].min() <= scaled[:, ~rest].max() <= 0.3 * 1.6 * (1 + 2.0**-23)


@by_family
def test_no_two_gates_units_or_features_are_alike(units: int, input_dim: int) -> None:
    """All weights differ from one another, so that no exchange of columns or rows goes unseen."""
    for array in stimulus(units, input_dim).weights.arrays.values():
        assert len(np.unique(array)) > 0.99 * array.size  # of 66,000 float32 some few meet by chance
        assert len(np.unique(np.atleast_2d(array), axis=1).T) == array.shape[-1]
        assert len(np.unique(array, axis=0)) == array.shape[0]


@by_family
def test_every_bias_acts_and_is_its_own(units: int, input_dim: int) -> None:
    """None is zero, none is another's."""
    bias = stimulus(units, input_dim).weights.bias
    assert bias is not None
    assert np.all(bias != 0)
    assert len(np.unique(bias)) == 4 * units


def preactivations(drawn: Stimulus, gate: str) -> Array:
    """Z of one gate over the whole run from zeros, (batch, timesteps, units)."""
    lstm = LSTM(LSTMConfig(drawn.family.units), drawn.weights)
    hidden = lstm.run(drawn.inputs, lstm.zero_state(len(drawn.inputs))).hidden
    previous = np.concatenate([np.zeros_like(hidden[:, :1]), hidden[:, :-1]], axis=1)
    W, U, b = drawn.weights.gate(gate)
    return np.asarray(drawn.inputs @ W + previous @ U + b)


# A layer of one unit has no forget gate but the slow one, which stands open by design.
REACHING = [(*size, gate) for size in FAMILIES for gate in GATE_ORDER if (size[0], gate) != (1, "f")]


@pytest.mark.parametrize(("units", "input_dim", "gate"), REACHING)
def test_every_gate_is_negative_near_zero_between_the_hard_sigmoids_and_saturated(units: int, input_dim: int, gate: str) -> None:
    """Where the two hard sigmoids differ (2.5 to 3), where all are alike (0), and where sigmoid and tanh have gone flat."""
    z = preactivations(stimulus(units, input_dim, rest="t150-b32"), gate)
    seen = {
        "negative": np.any(z < 0),
        "near zero": np.any(np.abs(z) < 0.1),
        "between the corners": np.any((np.abs(z) > 2.5) & (np.abs(z) < 3)),
        "saturated": np.any(np.abs(z) > 6),
    }
    assert all(seen.values()), seen


@by_family
def test_the_slow_forget_gate_stands_open(units: int, input_dim: int) -> None:
    """Unit 0 keeps more than nine tenths of its cell state in the typical timestep."""
    z = preactivations(stimulus(units, input_dim, rest="t150-b32"), "f")[..., 0]
    assert np.median(1 / (1 + np.exp(-z))) > 0.9


def test_seeds_are_other_numbers() -> None:
    """Neither weights nor inputs of one seed return under another."""
    one, other = stimulus(10, 5, seed=0), stimulus(10, 5, seed=1)
    assert not np.any(one.weights.kernel == other.weights.kernel)
    assert not np.any(one.inputs == other.inputs)


def test_rows_are_other_numbers() -> None:
    """Each row of a batch reads its own sequence."""
    inputs = stimulus(10, 5, rest="t150-b32").inputs
    assert len(np.unique(inputs)) == inputs.size
