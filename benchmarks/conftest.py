"""The workloads, and a Keras layer for each: speed is compared within one run, never against a clock."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.workloads import WORKLOADS, Workload
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.case import Case
from conformance.stimulus import draw


@pytest.fixture(scope="session", params=WORKLOADS, ids=lambda name: name.replace(" ", "_"))
def workload(request: pytest.FixtureRequest) -> Workload:
    """Each workload in turn."""
    case = Case.from_id(WORKLOADS[request.param])
    stimulus = draw([case])
    return Workload(case, stimulus, stimulus.inputs_of(case, case.calls[0]).astype(case.precision))


@pytest.fixture(scope="session")
def adapter() -> KerasLayerAdapter:
    """Keras on TensorFlow, imported once."""
    adapter = KerasLayerAdapter("tensorflow")
    adapter.start()
    return adapter


@pytest.fixture
def in_group(benchmark: Any, workload: Workload) -> Any:
    """The benchmark, grouped with its peers on the same workload."""
    benchmark.group = workload.case.id
    return benchmark
