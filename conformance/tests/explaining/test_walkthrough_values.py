"""The numbers of the walkthrough; that its page draws the same, and computes what the reference does, a browser shows."""

from __future__ import annotations

import numpy as np

from conformance.explaining.walkthrough.example import Example
from conformance.explaining.walkthrough.values import draw, inputs_of, weights_of


def test_a_weight_stays_while_the_layer_grows() -> None:
    """Each is named by its own place, so that a slider adds weights and changes none, but for the scale of their number."""
    small, large = weights_of(Example(units=2, input_dim=3)), weights_of(Example(units=5, input_dim=3))
    assert np.array_equal(small.gate("f").kernel, large.gate("f").kernel[:, :2])
    assert np.allclose(small.gate("o").recurrent_kernel * np.sqrt(2), large.gate("o").recurrent_kernel[:2, :2] * np.sqrt(5))


def test_numbers_differ_wherever_their_names_do() -> None:
    """Dense weights, none like another; and seeds, rows and timesteps of the inputs differ too."""
    drawn = draw(0, np.arange(4)[:, None, None], np.arange(20)[:, None], np.arange(20))
    assert len(np.unique(drawn)) == drawn.size
    assert abs(drawn.mean()) < 4 * np.sqrt(1 / 3 / drawn.size)
    assert not np.any(inputs_of(Example()) == inputs_of(Example(seed=1)))
    assert not np.any(inputs_of(Example(), 1) == inputs_of(Example(), 2))
