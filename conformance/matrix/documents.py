"""The documents' matrix: the full product of all values that the four documents name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from conformance.cases.case import Case, Execution
from lstm_ref import LSTMConfig

# 6 × 6 × 8 × 2 × 2 = 1,152 cells, each at both batch sizes.
UNITS = (1, 2, 10, 32, 100, 128)
INPUT_DIMS = (1, 2, 5, 10, 28, 64)
TIMESTEPS = (1, 6, 10, 13, 28, 50, 100, 150)
RETURN_SEQUENCES = (False, True)
STATEFUL = (False, True)
BATCHES = (3, 32)


def documents_matrix(seed: int = 0, *, compiled: bool = True) -> Iterator[Case]:
    """Yield the documents' matrix. Cases that share weights and inputs follow each other."""
    axes = itertools.product(UNITS, INPUT_DIMS, STATEFUL, RETURN_SEQUENCES, TIMESTEPS, BATCHES)
    for units, input_dim, stateful, return_sequences, timesteps, batch in axes:
        yield Case(
            config=LSTMConfig(units=units, return_sequences=return_sequences, return_state=True, stateful=stateful),
            input_dim=input_dim,
            timesteps=timesteps,
            batch=batch,
            seed=seed,
            execution=Execution(compiled=compiled),
        )


def cell_count(cases: Sequence[Case]) -> int:
    """Return the number of cells of the documents' matrix among the cases. A cell is a case without its batch size."""
    return len({(case.family, case.timesteps, case.config) for case in cases})
