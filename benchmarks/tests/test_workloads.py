"""Workloads are what their names say, and the peers of this project compute them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.errors import NotConformingError
from benchmarks.peers import PEERS, floor, reference
from benchmarks.workloads import WORKLOADS, Workload
from conformance.cases.case import Case

pytestmark = pytest.mark.xdist_group("benchmarks")
KINDS: dict[str, dict[str, Any]] = {
    "forward": {},
    "padded": {"mask": "right", "zero_output_for_mask": True},
    "gaps": {"mask": "interior"},
    "stateful": {"stateful": True},
    "bidirectional": {"architecture": "bidi"},
    "gradient": {"route": "gradient"},
}


@pytest.fixture(params=KINDS)
def workload(request: pytest.FixtureRequest) -> Workload:
    """A small one of each kind."""
    case = Case.from_id("u4-d3-t5-b6-seq-s0").replace(return_state=False, **KINDS[request.param])
    return Workload(name=request.param, case=case)


@pytest.mark.parametrize("route", ["oracle float32", "oracle float64"])
def test_the_reference_conforms(workload: Workload, route: str) -> None:
    """Each kind of workload is computed, and within its σ."""
    prepared = reference.prepare(workload.problem, route, threads=1)
    assert workload.expectation().largest_error(prepared.read(prepared.call())) < 8


def test_the_floor_runs(workload: Workload) -> None:
    """It has products to make of each kind of workload, and answers nothing."""
    prepared = floor.prepare(workload.problem, "", threads=1)
    assert list(prepared.read(prepared.call())) == []


def test_another_answer_is_refused(workload: Workload) -> None:
    """Each array that is answered is looked at."""
    prepared = reference.prepare(workload.problem, "oracle float32", threads=1)
    *answers, last = prepared.read(prepared.call())
    with pytest.raises(NotConformingError, match="does not conform"):
        workload.expectation().largest_error([*answers, 1.001 * last])


def test_a_missing_answer_is_refused(workload: Workload) -> None:
    """As many arrays are expected as calls, or gradients, are asked for."""
    with pytest.raises(NotConformingError, match="0 arrays, expected"):
        workload.expectation().largest_error([])


def test_a_centred_sigmoid_is_allowed_its_error_and_no_other() -> None:
    """1/2 + tanh(z/2)/2 in float32 is over the usual σ where a gate is all but closed, and within that of its arithmetic."""
    workload = WORKLOADS["word-vectors"]
    outputs = _centred_in_float32(workload)
    assert workload.expectation(centred=True).largest_error([outputs]) < 8
    with pytest.raises(NotConformingError, match="does not conform"):
        workload.expectation().largest_error([outputs])


def _centred_in_float32(workload: Workload) -> Any:
    (weights,), (inputs,) = workload.problem.weights, workload.problem.inputs
    assert weights.bias is not None
    half = np.float32(0.5)
    h = c = np.zeros((len(inputs), weights.units), np.float32)
    outputs = []
    for x_t in inputs.swapaxes(0, 1):
        i, f, candidate, o = np.split(x_t @ weights.kernel + h @ weights.recurrent_kernel + weights.bias, 4, axis=1)
        i, f, o = (half + half * np.tanh(half * z) for z in (i, f, o))
        c = f * c + i * np.tanh(candidate)
        h = o * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


@pytest.mark.parametrize(("name", "is_right_padded"), [("padded", True), ("gaps", False), ("text", False)])
def test_only_padding_is_padding(name: str, is_right_padded: bool) -> None:
    """Gaps are none, nor is no mask."""
    assert WORKLOADS[name].problem.is_right_padded is is_right_padded


def test_names_stand_in_ids() -> None:
    """Of workloads and peers: none holds a space, and all are ASCII."""
    assert not [name for name in (*WORKLOADS, *PEERS) if not name.isascii() or " " in name]
