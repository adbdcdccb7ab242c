"""Which of Keras' inner loops really runs: its backend's functions, watched."""

import contextlib
import functools
import importlib
from typing import Any, Callable, Iterator, List

from .keras import Keras

# Function of the backend → what it is when it returns; one that raises NotImplementedError has not run.
LOOPS = {"lstm": "fused kernel", "bidirectional_lstm": "fused bidirectional kernel", "rnn": "loop"}


@contextlib.contextmanager
def watched_loops(keras: Keras) -> Iterator[List[str]]:
    """The inner loops that run, or are traced, within the context, each once, in the order in which they end."""
    module = importlib.import_module("keras.src.backend") if keras.generation == 3 else keras.module.backend
    names = LOOPS if keras.generation == 3 else ["rnn"]
    ran: List[str] = []
    before = {name: getattr(module, name) for name in names if hasattr(module, name)}
    for name, function in before.items():
        setattr(module, name, noting(function, LOOPS[name], ran))
    try:
        yield ran
    finally:
        for name, function in before.items():
            setattr(module, name, function)


def noting(function: Callable[..., Any], kind: str, ran: List[str]) -> Callable[..., Any]:
    """The same function, which adds its kind to `ran` when it returns."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        returned = function(*args, **kwargs)
        named = "unrolled loop" if kind == "loop" and kwargs.get("unroll") else kind
        if named not in ran:
            ran.append(named)
        return returned

    return call
