"""Named, small departures from Keras' semantics: one registry with three uses.

It imports the LSTM (`layer`, `composite`, `gradients`) and NumPy.

As a mutant, a deviation must fail the checks; otherwise a check or its data cannot find this mistake. As a diagnosis, the deviation
that makes the reference agree with a failing implementation names the implementation's mistake. As a description, another system is
the reference plus its deviations.

Each changes one thing: the weights, the configuration, one method of the layer or of its composition, the drawing of dropout masks,
or the gradients. The modules are the chapters of the semantics that the deviations change.

>>> print(DEVIATIONS["mask_inverted"].summary)
the mask is inverted: True masks a timestep
>>> [str(need) for need in DEVIATIONS["mask_inverted"].needs]
['a masked timestep whose state or output is seen']
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from lstm_ref.deviations import (
    cells,
    composition,
    dropout,
    equations,
    gradients,
    masks,
    precision,
    sequence,
    states,
    weights,
)
from lstm_ref.deviations.combining import merge
from lstm_ref.deviations.deviation import Deviation, Draws, Need
from lstm_ref.errors import LSTMError

__all__ = ["CHAPTERS", "DEVIATIONS", "Deviation", "Draws", "Need", "combine", "summary_of"]

CHAPTERS = (weights, equations, cells, sequence, states, masks, composition, dropout, precision, gradients)

DEVIATIONS: Mapping[str, Deviation] = MappingProxyType(
    {deviation.name: deviation for chapter in CHAPTERS for deviation in chapter.DEVIATIONS}
)


# Deviations whose name ends in a value, such as cell_clipped_at_3. The registry has each with a value that shows in every case.
PARAMETRIZED = {"cell_clipped_at": cells.with_cell_clip, "forget_bias_of": weights.with_forget_bias}


def combine(deviations: Iterable[str | Deviation]) -> Deviation:
    """Several deviations as one, given by name or as objects; an empty list gives the reference itself.

    Raises:
        LSTMError: an unknown name or another object, a repeated deviation, or two that contradict each other.

    >>> combine(["all_gates_icfo", "forget_bias_doubled"]).name
    'all_gates_icfo+forget_bias_doubled'
    """
    items: list[Any]
    try:
        items = list(deviations)
    except TypeError:
        items = [deviations]
    invalid = [item for item in items if not isinstance(item, str | Deviation)]
    if invalid:
        raise LSTMError(f"deviations are given by name, or as Deviation; got {invalid[0]!r}: DEVIATIONS lists them")
    return merge([_deviation(item) if isinstance(item, str) else item for item in items])


def summary_of(name: str) -> str:
    """The summary of a deviation, or of several whose names are joined by +.

    Raises:
        LSTMError: as of `combined`.
    """
    if not isinstance(name, str):
        raise LSTMError(f"a deviation's name is a string; got {name!r}")
    return combine(name.split("+")).summary


def _deviation(name: str) -> Deviation:
    kind, _, value = name.rpartition("_")
    if kind in PARAMETRIZED and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return PARAMETRIZED[kind](float(value))
    if name not in DEVIATIONS:
        matches = difflib.get_close_matches(name, DEVIATIONS, n=3)
        hint = f"did you mean {' or '.join(matches)}?" if matches else f"{__name__}.DEVIATIONS lists the names"
        raise LSTMError(f"unknown deviation {name!r}; {hint}")
    return DEVIATIONS[name]
