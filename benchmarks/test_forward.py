"""One forward pass by the reference and by Keras, beside the floor: the matrix products that any LSTM has to make."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.workloads import Workload
from conformance.adapters.keras_layer import KerasLayerAdapter
from conformance.case import Execution
from lstm_ref import LSTM


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_reference(in_group: Any, workload: Workload, dtype: str) -> None:
    """`lstm_ref.LSTM`, in either precision."""
    lstm = LSTM(workload.case.config, workload.stimulus.weights, dtype)
    in_group(lstm, workload.inputs)


@pytest.mark.parametrize("compiled", [True, False], ids=["tf.function", "eager"])
def test_keras(in_group: Any, workload: Workload, adapter: KerasLayerAdapter, compiled: bool) -> None:
    """`keras.layers.LSTM` on a layer that is built already; the first, tracing call is not timed."""
    case = replace(workload.case, execution=Execution(compiled=compiled))
    adapter.observe(case, workload.stimulus)
    in_group(adapter.observe, case, workload.stimulus)


def test_floor_of_matrix_products(in_group: Any, workload: Workload) -> None:
    """X W for all timesteps at once and h U for each, in float32: no LSTM of this size is faster on one core."""
    kernel, recurrent_kernel = (
        workload.stimulus.weights.arrays[name].astype(np.float32) for name in ("kernel", "recurrent_kernel")
    )
    hidden = np.zeros((workload.case.batch, workload.case.config.units), np.float32)

    def products() -> None:
        workload.inputs @ kernel
        for _ in range(workload.case.timesteps):
            hidden @ recurrent_kernel

    in_group(products)
