"""The experiment on a docstring's code: it runs, and a doctest prints what it says."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np

from conformance.claims.judging import equal, judge
from conformance.claims.measure import import_keras
from conformance.claims.model import Evidence, Finding


def example_runs(code: str) -> Finding:
    """Run the code with the names that docstrings of Keras use without an import."""
    keras = import_keras()
    names: dict[str, Any] = {
        "np": np,
        "keras": keras,
        "layers": keras.layers,
        **{name: getattr(keras.layers, name) for name in ("LSTM", "Bidirectional", "Dense")},
        "Input": keras.Input,
        "Sequential": keras.Sequential,
    }
    if not code.startswith(">>> "):
        return judge(equal("running the code", _outcome(code, names), "no exception"))
    return judge(*(_of_doctest(example, names) for example in doctest.DocTestParser().get_examples(code)))


def _outcome(code: str, names: dict[str, Any]) -> str:
    try:
        exec(compile(code, "docstring", "exec"), names)  # noqa: S102  # the code of the list of sentences, as it is in the docstring
    except Exception as error:  # noqa: BLE001  # the outcome is the measurement
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return "no exception"


def _of_doctest(example: doctest.Example, names: dict[str, Any]) -> Evidence:
    source, wanted = example.source.strip(), example.want.strip()
    if not wanted:
        return equal(source, _outcome(source, names), "no exception")
    try:
        value = eval(source, names)  # noqa: S307  # as above
        # Each backend prints a shape in its own way.
        printed = repr(tuple(value)) if source.endswith(".shape") else repr(value)
    except Exception as error:  # noqa: BLE001  # the outcome is the measurement
        printed = f"{type(error).__name__}: {error}".splitlines()[0]
    return equal(source, printed, wanted)
