"""Answers a worker's questions about the Keras of its interpreter that need the suite's own code: probes, and whole cases.

What is measured is the answer; the parent judges a case. A probe compares in place, so its answer has its checks.
"""

import re
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import numpy as np

from conformance.adapters.keras.layer import KerasLayerAdapter
from conformance.adapters.packing import packed
from conformance.adapters.protocol import question_of
from conformance.adapters.worker.common import Answer, Arrays
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.judging.attribution import verdict_of_exception
from conformance.judging.verdict import Verdict
from conformance.probes import probe_of, run_probe

# What Keras 3 says of an activation that it does not have: later versions have more of them.
_MISSING_ACTIVATION = re.compile(r"ValueError: Could not interpret activation function identifier: (\w+)$")


def answer(backend: str, question: dict[str, Any], arrays: Arrays) -> Answer:
    """Answer `probe`, the checks of a probe, or `case`, the observation of a case, or why there is none."""
    adapter = _adapter(backend)
    if question["ask"] == "probe":
        result = run_probe(probe_of(question["probe"]), adapter.keras)
        if missing := _MISSING_ACTIVATION.search(result.reason):
            return _unsupported(f"no activation {missing[1]!r} in this version"), {}
        return {"result": asdict(result)}, {}
    case = Case.from_id(question["case"])
    stimulus = draw([case])
    _, own = question_of(case, stimulus)
    if own.keys() != arrays.keys() or not all(np.array_equal(own[name], arrays[name], equal_nan=True) for name in own):
        return _unsupported("of this case only the numbers that belong to it can be asked, and a relation asks others"), {}
    try:
        observed = adapter.observe(case, stimulus)
    except Exception as error:  # noqa: BLE001  # any exception of the implementation is its result
        verdict, reason = verdict_of_exception(error)
        return {"verdict": verdict.value, "reason": reason}, {}
    return packed(observed)


def _unsupported(reason: str) -> dict[str, Any]:
    return {"verdict": Verdict.UNSUPPORTED.value, "reason": reason}


@lru_cache(maxsize=1)
def _adapter(backend: str) -> KerasLayerAdapter:
    adapter = KerasLayerAdapter(backend)
    adapter.start()
    return adapter
