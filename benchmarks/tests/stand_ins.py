"""Peers that need no framework: the reference, with what their route says done to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from benchmarks.errors import UnsupportedError
from benchmarks.peers.base import Prepared
from benchmarks.problem import Problem
from benchmarks.race import WARM_UP_SECONDS
from lstm_ref import LSTM

Call = Callable[[], Any]


def _refuse(_: Call) -> Prepared:
    raise UnsupportedError("no such thing here")


def _raise(_: Call) -> Prepared:
    raise ValueError("something went wrong\nand more of it")


def _die(_: Call) -> Prepared:
    os._exit(7)


def _die_later(call: Call) -> Prepared:
    """It lives through its check, and through the one call of its warm-up."""
    calls = [lambda: sleep(WARM_UP_SECONDS), call]
    return Prepared(lambda: calls.pop()() if calls else os._exit(9), lambda outputs: [outputs])


def _record(call: Call, name: str) -> Prepared:
    def recorded() -> Any:
        with Path(os.environ["RECORD"]).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return call()

    return Prepared(recorded, lambda outputs: [outputs])


ROUTES: dict[str, Callable[[Call], Prepared]] = {
    "first": lambda call: _record(call, "first"),
    "second": lambda call: _record(call, "second"),
    "wrong": lambda call: Prepared(call, lambda outputs: [1.001 * outputs]),
    "another shape": lambda call: Prepared(call, lambda outputs: [outputs[:, 1:]]),
    "refuses": _refuse,
    "raises": _raise,
    "dies": _die,
    "dies later": _die_later,
    "shares": lambda call: Prepared(call, lambda outputs: [outputs]),
}


def prepare(problem: Problem, route: str, threads: int) -> Prepared:  # noqa: ARG001  # one is enough
    """One of the routes."""
    lstm = LSTM(problem.config, problem.weights[0], "float32")
    return ROUTES[route](lambda: lstm(problem.inputs[0]))
