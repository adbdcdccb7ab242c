"""Which of Keras' inner loops really runs: its backend's functions, watched."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Function of keras.src.backend → what it is when it returns; one that raises NotImplementedError has not run.
_WATCHED = {
    "lstm": "fused kernel",
    "bidirectional_lstm": "fused bidirectional kernel",
    "rnn": "loop",
}


@contextmanager
def watched() -> Iterator[list[str]]:
    """The inner loops that run, or are traced, within the context, each once, in the order in which they end."""
    backend = importlib.import_module("keras.src.backend")
    ran: list[str] = []
    before = {name: getattr(backend, name) for name in _WATCHED if hasattr(backend, name)}
    for name, function in before.items():
        setattr(backend, name, _noting(function, _WATCHED[name], ran))
    try:
        yield ran
    finally:
        for name, function in before.items():
            setattr(backend, name, function)


def _noting(function: Callable[..., Any], what: str, ran: list[str]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        returned = function(*args, **kwargs)
        named = "unrolled loop" if what == "loop" and kwargs.get("unroll") else what
        if named not in ran:
            ran.append(named)
        return returned

    return call
