"""Named, small departures from Keras' semantics: one registry with three uses.

As a mutant, a deviation must be rejected by the checks, or a check or its data is blind. As a diagnosis, the deviation that
makes the reference agree with a failing implementation names the implementation's mistake. As a description, another system is
the reference plus its deviations.

Each changes one thing: the weights as read, the configuration, one method of the layer or of what it is built into, or how
dropout's masks are drawn, or how gradients are taken. They stand by chapter, as do the semantics that they depart from.

>>> print(DEVIATIONS["mask_inverted"].summary)
the mask is inverted: True masks a timestep
>>> [str(need) for need in DEVIATIONS["mask_inverted"].needs]
['a masked timestep whose state or output is seen']
"""

from __future__ import annotations

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
from lstm_ref.deviations.combining import combination
from lstm_ref.deviations.deviation import Deviation, Draws, Need
from lstm_ref.errors import LSTMError

__all__ = ["CHAPTERS", "DEVIATIONS", "Deviation", "Draws", "Need", "combined", "summary_of"]

CHAPTERS = (weights, equations, cells, sequence, states, masks, composition, dropout, precision, gradients)

DEVIATIONS: Mapping[str, Deviation] = MappingProxyType(
    {deviation.name: deviation for chapter in CHAPTERS for deviation in chapter.DEVIATIONS}
)


# What a value is part of the name of, as in cell_clipped_at_3; the registry holds each with a value that shows everywhere.
WITH_A_VALUE = {"cell_clipped_at": cells.with_cell_clip, "forget_bias_of": weights.with_forget_bias}


def combined(deviations: Iterable[str | Deviation]) -> Deviation:
    """Several deviations, by name or with weights of their own, as one; none of them is the reference itself.

    Raises:
        LSTMError: what no deviation is called, or is none; one that is there twice, or two that contradict each other.

    >>> combined(["all_gates_icfo", "forget_bias_doubled"]).name
    'all_gates_icfo+forget_bias_doubled'
    """
    given: list[Any]
    try:
        given = list(deviations)
    except TypeError:
        given = [deviations]
    strange = [each for each in given if not isinstance(each, str | Deviation)]
    if strange:
        raise LSTMError(f"deviations are given by name, or as Deviation; got {strange[0]!r}: DEVIATIONS holds those there are")
    return combination([_of_name(each) if isinstance(each, str) else each for each in given])


def summary_of(name: str) -> str:
    """What implementations do that depart so; the names of several deviations are joined by +.

    Raises:
        LSTMError: as of `combined`.
    """
    if not isinstance(name, str):
        raise LSTMError(f"a deviation's name is a string; got {name!r}")
    return combined(name.split("+")).summary


def _of_name(name: str) -> Deviation:
    kind, _, value = name.rpartition("_")
    if kind in WITH_A_VALUE and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return WITH_A_VALUE[kind](float(value))
    if name not in DEVIATIONS:
        near = difflib.get_close_matches(name, DEVIATIONS, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"{__name__}.DEVIATIONS holds those there are"
        raise LSTMError(f"unknown deviation {name!r}; {hint}")
    return DEVIATIONS[name]
