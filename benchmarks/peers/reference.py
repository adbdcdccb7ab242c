"""`lstm_ref` itself."""

from dataclasses import replace
from typing import Any

from benchmarks.errors import UnsupportedError
from benchmarks.peers.base import Prepared, chained
from benchmarks.problem import Problem
from lstm_ref import LSTM, Bidirectional, LSTMConfig, LSTMWeights, State


def prepare(problem: Problem, route: str, threads: int) -> Prepared:
    """An engine and a dtype of `lstm_ref.LSTM`."""
    engine, dtype = route.split()
    arguments: dict[str, Any] = {"dtype": dtype, "engine": engine}
    if engine == "fused-rows":
        if threads == 1:
            raise UnsupportedError("rows are split among several threads")
        arguments |= {"engine": "fused", "threads": threads}

    def build(config: LSTMConfig, weights: LSTMWeights) -> LSTM:
        return LSTM(config, weights, **arguments)

    if problem.is_bidirectional:
        return _both_directions(problem, build)
    lstm, (inputs, *_) = build(problem.config, problem.weights[0]), problem.inputs
    if problem.cotangent is not None:
        return Prepared(
            lambda: lstm.gradients(inputs, problem.cotangent, mask=problem.mask),
            lambda gradients: [*gradients.weights.values(), gradients.inputs],
        )

    def call(read: Any, *states: Any) -> Any:
        returned = lstm(read, State(*states) if states else None, problem.mask)
        return returned if problem.is_carried else (returned,)

    return Prepared(lambda: chained(call, problem.inputs), list)


def _both_directions(problem: Problem, build: Any) -> Prepared:
    half = replace(problem.config, return_state=True)
    halves = [build(replace(half, go_backwards=k == 1), weights) for k, weights in enumerate(problem.weights)]
    bidirectional = Bidirectional(halves[0], halves[1], "concat")
    return Prepared(lambda: bidirectional(problem.inputs[0]), lambda returned: [returned[0]])
