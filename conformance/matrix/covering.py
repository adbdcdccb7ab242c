"""Pairwise covering arrays: few cases that contain every pair of values of any two features.

`python -m conformance.matrix.covering` regenerates `pairs.txt` with the covertable library, which takes minutes. A test shows that
the file covers every pair that the exclusions allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import covertable

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.matrix.exclusions import EXCLUSIONS, Exclusion
from lstm_ref import LSTMConfig

PAIRS = Path(__file__).with_name("pairs.txt")

# Two features have their own grids instead: compilers, because one of them takes half a minute for each case, and relations.
_SEPARATE = ("jit_compile", "relation")

FACTORS: dict[str, tuple[Any, ...]] = {"units": (3, 1), "input_dim": (2, 1), "timesteps": (5, 1, 2), "batch": (4, 1, 7)} | {
    feature.name: feature.values for feature in FEATURES if feature.name not in _SEPARATE
}


def pairs(seed: int) -> Iterator[Case]:
    """Yield the cases of the stored array, each with weights and inputs of its own."""
    for number, line in enumerate(PAIRS.read_text(encoding="utf-8").split()):
        yield Case.from_id(line).replace(seed=seed + number)


def make(strength: int = 2) -> list[Case]:
    """Generate a covering array."""
    constraints = [
        {"operator": "fn", "requires": list(exclusion.of), "evaluate": _allows(exclusion)}
        for exclusion in EXCLUSIONS
        if set(exclusion.of) <= FACTORS.keys()
    ]
    rows = covertable.make({name: list(values) for name, values in FACTORS.items()}, strength=strength, constraints=constraints)
    bare = Case(config=LSTMConfig(units=1, return_state=True), input_dim=1, timesteps=1, batch=1)
    return [bare.replace(**row) for row in rows]


def _allows(exclusion: Exclusion) -> Any:
    return lambda row: not exclusion.excludes(row)


if __name__ == "__main__":
    PAIRS.write_text("".join(f"{case.id}\n" for case in make()), encoding="utf-8")
