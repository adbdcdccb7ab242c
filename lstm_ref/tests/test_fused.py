"""The fused engine computes the same as the oracle within the derived uncertainty, and its loop allocates no memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lstm_ref import LSTM, DropoutMasks, LSTMConfig, LSTMError, LSTMWeights, State
from lstm_ref.arrays import Array
from lstm_ref.fused import forward as module
from lstm_ref.fused.forward import PAGE, FusedLSTM
from lstm_ref.gradients import Gradients
from lstm_ref.sequence import Trajectory
from lstm_ref.uncertainty.model import REPLICAS, Arithmetic
from lstm_ref.uncertainty.rounding import RoundingLSTM, root_mean_square

ARITHMETIC = {
    "float32": Arithmetic(unit_roundoff=2.0**-24, underflow=2.0**-126),
    "float64": Arithmetic(unit_roundoff=2.0**-53, underflow=2.0**-1022),
}
UNITS, INPUT_DIM, STEPS = 5, 4, 7

# Arguments of the configuration and of the call: masked, the number of rows, threads.
CASES: dict[str, dict[str, Any]] = {
    "last output": {},
    "all outputs": {"return_sequences": True},
    "one row": {"return_sequences": True, "batch": 1},
    "one row, no bias": {"use_bias": False, "batch": 1},
    "one masked row": {"return_sequences": True, "masked": True, "batch": 1},
    "no bias": {"use_bias": False},
    "backwards": {"return_sequences": True, "go_backwards": True},
    "masked": {"return_sequences": True, "masked": True},
    "masked, last output": {"masked": True},
    "masked nowhere": {"return_sequences": True, "masked": True, "fewest": 1},
    "masked, backwards": {"return_sequences": True, "masked": True, "go_backwards": True},
    "masked, zero outputs": {"return_sequences": True, "masked": True, "zero_output_for_mask": True},
    "masked, h0 emitted": {"return_sequences": True, "masked": True, "emits": True},
    "masked, h0 emitted, last output": {"masked": True, "emits": True},
    "two threads": {"return_sequences": True, "masked": True, "batch": 7, "threads": 2},
    "three threads, last output": {"threads": 3},
    "relu": {"activation": "relu", "return_sequences": True},
    "linear": {"activation": None, "masked": True},
    "gelu": {"activation": "gelu"},
    "sigmoid": {"activation": "sigmoid"},
    "softmax": {"activation": "softmax", "masked": True},
    "tanh gates": {"recurrent_activation": "tanh"},
    "hard gates": {"recurrent_activation": "hard_sigmoid", "masked": True},
    "softmax gates": {"recurrent_activation": "softmax", "return_sequences": True},
}  # fmt: skip


class Problem:
    """An oracle in float64, the fused engine, and their inputs, which float32 represents exactly."""

    def __init__(
        self,
        dtype: str,
        *,
        masked: bool = False,
        fewest: int = 0,
        emits: bool = False,
        batch: int = 6,
        threads: int = 1,
        **config: Any,
    ) -> None:
        random = np.random.default_rng(7)

        def values(*shape: int) -> Array:
            return random.standard_normal(shape).astype(np.float32).astype(np.float64)

        self.arithmetic = ARITHMETIC[dtype]
        self.config = LSTMConfig(units=UNITS, return_state=True, **config)
        bias = values(4 * UNITS) if self.config.use_bias else None
        self.weights = LSTMWeights(0.5 * values(INPUT_DIM, 4 * UNITS), values(UNITS, 4 * UNITS), bias)
        self.oracle = LSTM(self.config, self.weights)
        self.fused = LSTM(self.config, self.weights, dtype, engine="fused", threads=threads)
        self.replicas = RoundingLSTM(
            self.config, self.weights, arithmetic=self.arithmetic, random=np.random.default_rng(1), copies=REPLICAS
        )
        for lstm in (self.oracle, self.fused, self.replicas):
            lstm.emits_initial_state = emits
        self.mask = random.integers(fewest, 2, (batch, STEPS)).astype(bool) if masked else None
        self.inputs = values(batch, STEPS, INPUT_DIM)
        self.state, self.d_final = (State(values(batch, UNITS), values(batch, UNITS)) for _ in range(2))
        self.d_outputs = values(batch, *((STEPS, UNITS) if self.config.return_sequences else (UNITS,)))

    def read(self, copies: int = 1) -> tuple[Array, State, Array | None]:
        """Inputs, initial state and mask."""
        return (
            repeat_batch(self.inputs, copies),
            repeat_state(self.state, copies),
            None if self.mask is None else repeat_batch(self.mask, copies),
        )

    def gradients(self, lstm: LSTM, copies: int = 1) -> list[Array]:
        """Of inputs, states and weights."""
        inputs, state, mask = self.read(copies)
        d_results = repeat_batch(self.d_outputs, copies), repeat_state(self.d_final, copies)
        return arrays(lstm.gradients(inputs, *d_results, state, mask, copies=copies))

    def errors(self, results: list[Array], expected: list[Array], replicas: list[Array]) -> Array:
        """In σ; two runs of float64 lie √2 times as far apart."""
        sigma = [
            root_mean_square(many.reshape(REPLICAS, *single.shape), single, self.arithmetic)
            for many, single in zip(replicas, expected, strict=True)
        ]
        return np.concatenate([((a - b) / s / 2**0.5).ravel() for a, b, s in zip(results, expected, sigma, strict=True)])


def repeat_batch(array: Array, copies: int) -> Array:
    """The batch, repeated."""
    return np.tile(array, (copies,) + (1,) * (array.ndim - 1))


def repeat_state(state: State, copies: int) -> State:
    """The states of a repeated batch."""
    return State(repeat_batch(state.hidden, copies), repeat_batch(state.cell, copies))


def arrays(results: Gradients) -> list[Array]:
    """All gradients."""
    return [results.inputs, results.initial_state.hidden, results.initial_state.cell, *results.weights.values()]


def arrays_of(trajectory: Trajectory) -> list[Array]:
    """The arrays of a trajectory."""
    return [trajectory.outputs, trajectory.hidden, trajectory.cell]


@pytest.fixture(autouse=True)
def _threads_for_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which are not worth them."""
    monkeypatch.setattr(module, "WORTH_A_THREAD", 1)


@pytest.fixture(params=ARITHMETIC)
def dtype(request: pytest.FixtureRequest) -> str:
    """Each in turn."""
    return str(request.param)


@pytest.mark.parametrize("name", CASES)
def test_a_call_returns_what_the_oracle_returns(name: str, dtype: str) -> None:
    """Outputs and final states, from a given initial state; as for any implementation, within 8 σ each and 2 σ together."""
    problem = Problem(dtype, **CASES[name])
    results, expected, replicas = (
        problem.fused(*problem.read()),
        problem.oracle(*problem.read()),
        problem.replicas(*problem.read(REPLICAS)),
    )
    assert {array.dtype for array in results} == {np.dtype(dtype)}
    errors = problem.errors(results, expected, replicas)
    assert np.abs(errors).max() < 8
    assert np.sqrt(np.mean(errors**2)) < 2


@pytest.mark.parametrize("name", CASES)
def test_a_trajectory_is_the_oracles(name: str, dtype: str) -> None:
    """Outputs, hidden and cell state of every timestep."""
    problem = Problem(dtype, **CASES[name])
    errors = problem.errors(
        arrays_of(problem.fused.trajectory(*problem.read())),
        arrays_of(problem.oracle.trajectory(*problem.read())),
        arrays_of(problem.replicas.trajectory(*problem.read(REPLICAS))),
    )
    assert np.abs(errors).max() < 8
    assert np.sqrt(np.mean(errors**2)) < 2


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_the_oracles(name: str, dtype: str) -> None:
    """Of inputs, initial states and weights."""
    problem = Problem(dtype, **CASES[name])
    errors = problem.errors(
        problem.gradients(problem.fused), problem.gradients(problem.oracle), problem.gradients(problem.replicas, REPLICAS)
    )
    assert np.abs(errors).max() < 8
    assert np.sqrt(np.mean(errors**2)) < 2


@pytest.mark.parametrize("threads", [1, 2])
def test_copies_of_a_batch_have_gradients_of_their_own(threads: int) -> None:
    """Each is what its part of the batch has alone, to the bit, and all are of the oracle's shapes."""
    problem = Problem("float64", batch=8, threads=threads)
    results = problem.fused.gradients(problem.inputs, problem.d_outputs, copies=2)
    expected = problem.oracle.gradients(problem.inputs, problem.d_outputs, copies=2)
    halves = [
        problem.fused.gradients(half, d)
        for half, d in zip(np.split(problem.inputs, 2), np.split(problem.d_outputs, 2), strict=True)
    ]
    assert {name: array.shape for name, array in results.weights.items()} == {
        name: array.shape for name, array in expected.weights.items()
    }
    for name, array in results.weights.items():
        np.testing.assert_array_equal(array, [half.weights[name] for half in halves])


def test_a_masked_timestep_is_not_read(dtype: str) -> None:
    """Neither forwards nor backwards: what it holds may be NaN."""
    problem = Problem(dtype, masked=True, return_sequences=True)
    assert problem.mask is not None
    clean = problem.fused(*problem.read()), problem.gradients(problem.fused)
    problem.inputs[~problem.mask] = np.nan
    for left, right in zip(
        [*clean[0], *clean[1]], [*problem.fused(*problem.read()), *problem.gradients(problem.fused)], strict=True
    ):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_gates_that_are_closed_for_good_make_no_warning(batch: int) -> None:
    """exp(-z) is infinite in float32 where z is -200: what a closed gate lets through is nothing."""
    weights = LSTMWeights(np.full((1, 4), -200.0), np.zeros((1, 4)), np.zeros(4))
    lstm = LSTM(LSTMConfig(units=1), weights, "float32", engine="fused")
    np.testing.assert_array_equal(lstm(np.ones((batch, 3, 1))), np.zeros((batch, 1)))


def test_rows_a_page_apart_are_read_as_any_others(dtype: str) -> None:
    """They are transposed a few at a time."""
    config = LSTMConfig(units=1, return_sequences=True)
    size = PAGE // np.dtype(dtype).itemsize
    kernel, recurrent_kernel = (np.linspace(-1, 1, n * 4).reshape(n, 4) for n in (size, 1))
    weights = LSTMWeights(kernel, recurrent_kernel, np.arange(4.0))
    inputs = np.random.default_rng(0).standard_normal((37, 2, size)).astype(dtype)
    apart = np.concatenate([inputs, inputs[:, :1]], axis=1)[:, :2]
    lstm = LSTM(config, weights, dtype, engine="fused")
    np.testing.assert_array_equal(lstm(inputs), lstm(apart))


def test_a_stateful_layer_goes_on_from_its_state() -> None:
    """As with the oracle, and after a reset it starts anew."""
    problem = Problem("float64", stateful=True)
    first = problem.fused(problem.inputs)
    whole = replace(problem.config, stateful=False)
    twice = LSTM(whole, problem.weights, engine="fused")(np.concatenate([problem.inputs, problem.inputs], axis=1))
    np.testing.assert_array_equal(problem.fused(problem.inputs)[0], twice[0])
    problem.fused.reset_state()
    np.testing.assert_array_equal(problem.fused(problem.inputs)[0], first[0])


def test_a_call_with_dropout_runs_the_equations() -> None:
    """Gates may read different things there, which one product does not make."""
    problem = Problem("float64")
    for lstm in (problem.fused, problem.oracle):
        lstm.dropout = DropoutMasks(inputs=np.full((1, 6, INPUT_DIM), 2.0))
    np.testing.assert_array_equal(problem.fused(problem.inputs)[0], problem.oracle(problem.inputs)[0])


@pytest.mark.parametrize(("batch", "threads", "parts"), [(64, 2, 1), (512, 2, 2), (512, 1, 1), (1, 2, 1), (0, 2, 1)])
def test_a_thread_is_given_what_is_worth_it(
    batch: int, threads: int, parts: int, make_weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About a million multiplications in a timestep; all parts together are the batch."""
    monkeypatch.undo()
    engine = FusedLSTM(LSTMConfig(units=32), make_weights(32, 16), threads)
    results = engine.parts(batch)
    assert len(results) == parts
    assert [k for part in results for k in range(batch)[part]] == list(range(batch))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"engine": "fast"}, "engine must be one of oracle, fused; got 'fast'"),
        ({"engine": "fused", "threads": 0}, "threads must be a positive integer; got 0"),
        ({"engine": "fused", "threads": True}, "threads must be a positive integer; got True"),
        ({"threads": 2}, "the oracle runs on one thread; got threads=2: use engine='fused'"),
    ],
)
def test_unknown_engines_and_threads_are_refused(arguments: dict[str, Any], message: str, make_weights: Any) -> None:
    """With what was given and what is expected."""
    with pytest.raises(LSTMError, match=message):
        LSTM(LSTMConfig(units=2), make_weights(2, 1), **arguments)


@pytest.mark.parametrize(("batch", "units"), [(1, 2000), (200, 10)])
def test_the_loop_allocates_no_memory(batch: int, units: int, make_weights: Any) -> None:
    """Beside its buffers it needs three arrays, one of them twice as large as the states; and that for any number of timesteps."""

    def peak(steps: int) -> int:
        fused = FusedLSTM(LSTMConfig(units=units), make_weights(units, 1, scale=0.01).astype("float32"))
        inputs = np.zeros((batch, steps, 1), "float32")
        state = State(*np.zeros((2, batch, units), "float32"))
        tape = fused.forward(inputs, state, None)
        preactivations = fused._single_row_preactivations(tape, inputs[0]) if batch == 1 else fused._preactivations(tape)
        next(preactivations)
        tracemalloc.start()
        fused._run_steps(replace(tape, use=tape.use[1:]), preactivations)
        results = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return results

    of_state = 4 * batch * units
    assert peak(30) < 4 * of_state
    assert abs(peak(60) - peak(30)) < of_state
