"""An observation that another process has packed is the same observation."""

import json
from typing import Any

import numpy as np
import pytest

from conformance.adapters.observation import ARRAYS, Observation
from conformance.adapters.packing import packed, unpacked
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.reference.adapter import ReferenceAdapter
from lstm_ref.arrays import Array

CASES = [
    "u3-d2-t5-b4-seq-s0",
    "u3-d2-t5-b4-seq-stateful-staticbatch-s0",
    "u3-d2-t5-b4-seq-bidi-drop_both-s0",
    "u3-d2-t5-b4-seq-layers2-mask_left-via_gradient-s0",
    "u3-d2-t5-b4-nostate-via_evaluate-s0",
]


def arrays_of(observed: Observation) -> dict[str, Array]:
    """Every array of an observation, by its place."""
    arrays: dict[str, Any] = {}
    for number, call in enumerate(observed.calls):
        arrays |= {f"{number} {name}": getattr(call, name) for name in ARRAYS}
        arrays |= {f"{number} gradient of {name}": array for name, array in call.gradients.items()}
    for number, drawn in enumerate(observed.dropout):
        for cell, masks in enumerate(drawn):
            arrays |= {f"{number} {cell} inputs": masks.inputs, f"{number} {cell} hidden": masks.hidden}
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize("case_id", CASES)
def test_nothing_is_lost(case_id: str) -> None:
    """Through JSON and plain arrays: every array, bit for bit, and every word."""
    case = Case.from_id(case_id)
    observed = ReferenceAdapter().observe(case, draw([case]))
    fields, arrays = packed(observed)
    again = unpacked(json.loads(json.dumps(fields)), arrays)
    before, after = arrays_of(observed), arrays_of(again)
    assert before.keys() == after.keys()
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    for name in ("parameter_count", "weight_shapes", "path", "not_run"):
        assert getattr(again, name) == getattr(observed, name)
    assert [(call.returned, call.dtypes) for call in again.calls] == [(call.returned, call.dtypes) for call in observed.calls]
    assert len(again.dropout) == len(observed.dropout)
