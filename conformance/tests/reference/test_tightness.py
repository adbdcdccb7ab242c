"""The bounds are tight: a relative error of 1e-5, a hundred times what float32 rounds by, is seen wherever it is made.

The same deviations with 1e-6 say that they may hide; how many sizes see them is printed at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.matrix import documents_matrix
from conformance.running.kill_matrix import kill_matrix
from lstm_ref.deviations import DEVIATIONS, Need

CASES = [
    case
    for case in documents_matrix()
    if case.batch == 3 and case.timesteps == 50 and case.config.return_sequences and not case.config.stateful
]


def off_by(size: str) -> list[str]:
    """The deviations of what is computed forwards that are off by so much."""
    return [name for name in DEVIATIONS if name.endswith(f"_off_by_{size}") and Need.GRADIENTS not in DEVIATIONS[name].needs]


@pytest.mark.parametrize("name", off_by("1e-5"))
def test_a_slight_error_is_rejected_at_every_size(name: str) -> None:
    """Wherever it is made, over 50 timesteps of which all outputs are returned."""
    (kills,) = kill_matrix(CASES, [name])
    assert len(kills.cases) == 36
    assert kills.survived == ()


def test_how_many_sizes_see_an_error_ten_times_smaller(record_property: Callable[[str, object], None]) -> None:
    """Each is seen somewhere."""
    matrix = kill_matrix(CASES, off_by("1e-6"))
    seen = {kills.deviation: len(kills.cases) - len(kills.survived) for kills in matrix}
    record_property("shown", "\n".join(f"{name}: seen in {count} of {len(CASES)} sizes" for name, count in seen.items()))
    assert all(seen.values())
