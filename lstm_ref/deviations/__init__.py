"""Named, small departures from Keras' semantics: one registry with three uses.

As a mutant, a deviation must be rejected by the checks, or a check or its data is blind. As a diagnosis, the deviation that
makes the reference agree with a failing implementation names the implementation's mistake. As a description, another system is
the reference plus its deviations.

Each changes one thing: the weights as read, the configuration, one method of the layer or of what it is built into, or how
dropout's masks are drawn, or how gradients are taken. They stand by chapter, as do the semantics that they depart from.

>>> print(DEVIATIONS["mask_inverted"].summary)
the mask is inverted: True masks a timestep
>>> [str(need) for need in DEVIATIONS["mask_inverted"].needs]
['a masked timestep']
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from lstm_ref.deviations import composition, dropout, equations, gradients, masks, precision, sequence, states, weights
from lstm_ref.deviations.deviation import Deviation, Draws, Need

__all__ = ["CHAPTERS", "DEVIATIONS", "Deviation", "Draws", "Need"]

CHAPTERS = (weights, equations, sequence, states, masks, composition, dropout, precision, gradients)

DEVIATIONS: Mapping[str, Deviation] = MappingProxyType(
    {deviation.name: deviation for chapter in CHAPTERS for deviation in chapter.DEVIATIONS}
)
