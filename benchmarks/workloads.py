"""What is timed: cases whose sizes come from the documents."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.case import Case
from conformance.stimulus import Stimulus
from lstm_ref.arrays import Array

WORKLOADS = {
    "one step of one unit": "u1-d1-t1-b32-seq-s0",
    "150 characters as 3 × 50": "u32-d64-t50-b3-seq-s0",
    "the largest cell of the matrix": "u128-d64-t150-b32-seq-s0",
}


@dataclass(frozen=True)
class Workload:
    """A case, its stimulus and its inputs in float32, (batch, timesteps, input_dim)."""

    case: Case
    stimulus: Stimulus
    inputs: Array
