"""Names: what is accepted, and what is refused and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lstm_ref import UnsupportedConfigError
from lstm_ref.activations import get, linear


def test_none_is_linear() -> None:
    """As in Keras, where activation=None applies no activation."""
    assert get(None) is linear


@pytest.mark.parametrize(("alias", "name"), [("swish", "silu"), ("hard_swish", "hard_silu")])
def test_an_alias_is_the_same_function(alias: str, name: str) -> None:
    """Keras keeps the older name of either."""
    assert get(alias) is get(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("glu", r"activation 'glu' cannot be used in an LSTM: it halves the units axis"),
        ("threshold", r"activation 'threshold' cannot be used in an LSTM: it needs two more arguments"),
    ],
)
def test_an_activation_that_no_lstm_can_use_is_refused_with_the_reason(name: str, reason: str) -> None:
    """Keras knows these names, but builds no working LSTM from them."""
    with pytest.raises(UnsupportedConfigError, match=reason):
        get(name)


@pytest.mark.parametrize("name", ["Tanh", "", "hard_sigmoid_keras3", "TANH ", 3, ["tanh"], {"class_name": "tanh"}, np.tanh])
def test_an_unknown_activation_is_refused_with_the_names_that_are_known(name: Any) -> None:
    """Whatever is no known name, hashable or not, is shown beside the choice."""
    with pytest.raises(UnsupportedConfigError, match=r"unknown activation .*; expected None or one of celu, elu, .*tanh_shrink"):
        get(name)
