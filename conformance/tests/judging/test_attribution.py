"""Whose an exception is: by the code that raised it, what the implementation lacks, and what its words tell of the machine."""

from __future__ import annotations

import errno
from typing import Any

import numpy as np
import pytest

from conformance.adapters.base import CrashedError, RaisedError, UnresolvedError, UnsupportedError
from conformance.cases.case import Case
from conformance.judging.attribution import suite_error_message, verdict_of_exception
from conformance.judging.verdict import Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run_case
from lstm_ref import LSTMError


class Layer:
    """Of an implementation: no class of the suite's."""

    def __init__(self, units: int) -> None:
        self.units = units

    def call(self, inputs: Any) -> Any:
        """What an implementation may do."""
        return inputs[self.units]


def raised_in(module: str, source: str) -> Exception:
    """What the source raises where it is code of a module, without the frames of whoever has run it."""
    try:
        exec(source, {"__name__": module, "Layer": Layer, "np": np})  # noqa: S102  # a frame of another module is what is needed
    except Exception as error:  # noqa: BLE001  # whatever it is
        after = error.__traceback__
        return error.with_traceback(after.tb_next if after else None)
    raise AssertionError("it raises nothing")


@pytest.mark.parametrize(
    ("module", "source", "verdict"),
    [
        ("conformance.adapters.protocol", "[][1]", Verdict.UNRESOLVED),
        ("conformance.adapters.protocol", "np.swapaxes(np.zeros(3), 1, 2)", Verdict.UNRESOLVED),
        ("conformance.adapters.keras.layer", "import json; json.loads('{')", Verdict.UNRESOLVED),
        ("conformance.adapters.keras.layer", "np.zeros(3).nothing", Verdict.UNRESOLVED),
        ("conformance.adapters.keras.layer", "Layer(1).call([])", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "Layer(1).nothing", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "Layer.nothing", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "import click; click.nothing", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "np.nothing", Verdict.UNRESOLVED),
        ("conformance.adapters.keras.layer", "Layer()", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "Layer(1, use_bias=True)", Verdict.ERROR),
        ("conformance.adapters.keras.layer", "1 + ''", Verdict.UNRESOLVED),
        ("a_port.lstm", "[][1]", Verdict.ERROR),
        ("lstm_ref.cell", "[][1]", Verdict.ERROR),
        ("conformance.tests.support.doubles", "[][1]", Verdict.ERROR),
        ("a_port.lstm", "import nothing_of_that_name", Verdict.UNRESOLVED),
        ("a_port.lstm", "raise MemoryError", Verdict.UNRESOLVED),
        ("a_port.lstm", f"raise OSError({errno.ENOSPC}, 'No space left on device')", Verdict.UNRESOLVED),
    ],
)
def test_an_exception_is_its_code_s_and_the_machine_s_is_nobody_s(module: str, source: str, verdict: Verdict) -> None:
    """Each type and message is kept, in one line."""
    error = raised_in(module, source)
    found, reason = verdict_of_exception(error)
    assert (found, type(error).__name__ in reason) == (verdict, True)


@pytest.mark.parametrize(
    ("error", "verdict", "reason"),
    [
        (UnsupportedError("no such thing"), Verdict.UNSUPPORTED, "no such thing"),
        (UnresolvedError("the worker did not start"), Verdict.UNRESOLVED, "the worker did not start"),
        (CrashedError("the process died, twice"), Verdict.ERROR, "the process died, twice"),
        (RaisedError("ValueError: no"), Verdict.ERROR, "ValueError: no"),
        (
            RaisedError("OSError: [Errno 28] No space left on device"),
            Verdict.UNRESOLVED,
            "the disk cannot be written: OSError: [Errno 28] No space left on device",
        ),
    ],
)
def test_an_adapter_says_whose_it_is(error: Exception, verdict: Verdict, reason: str) -> None:
    """By the type that it raises; only the words of an implementation's own exception are read."""
    assert verdict_of_exception(error) == (verdict, reason)


def test_a_mistake_of_the_suite_says_where_it_is() -> None:
    """With a next step; an error of the suite's own, which has one, stands for itself."""
    assert suite_error_message(raised_in("conformance.judging.checks", "[][1]")).endswith(
        "(<string>:1); run it again, and report it if it stays"
    )
    assert suite_error_message(LSTMError("name another case")) == "the suite itself failed: name another case"


def test_a_mistake_on_the_way_to_the_implementation_is_the_suites() -> None:
    """A real one: what is no stimulus ends in the suite's own code, before anything of the implementation ran."""
    no_stimulus: Any = object()
    result = run_case(Case.from_id("u2-d1-t3-b2-seq-nobias-s0"), no_stimulus, ReferenceAdapter())
    assert result.verdict is Verdict.UNRESOLVED
    assert result.reason.startswith("the suite itself failed: AttributeError: 'object' object has no attribute ")
