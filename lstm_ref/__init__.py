"""A from-scratch NumPy reference for `keras.layers.LSTM`.

It imports NumPy and the standard library only.

The reference is written from the equations of the LSTM with forget gate (Hochreiter & Schmidhuber 1997; Gers, Schmidhuber &
Cummins 2000), computes in float64 by default and needs NumPy only. It never imports Keras: a layer's weights and configuration
are read by duck typing.

>>> import numpy as np
>>> from lstm_ref import LSTM, LSTMConfig, LSTMWeights
>>> weights = LSTMWeights.from_arrays(np.ones((1, 8)), np.ones((2, 8)), np.zeros(8))
>>> lstm = LSTM(LSTMConfig(units=2, return_sequences=True), weights)
>>> lstm(np.zeros((3, 5, 1))).shape
(3, 5, 2)
"""

from lstm_ref.composite import Bidirectional, Composite, Stacked
from lstm_ref.config import LSTMConfig
from lstm_ref.dropout import DropoutMasks
from lstm_ref.errors import DtypeError, LSTMError, ShapeError, UnsupportedConfigError
from lstm_ref.keras_layers.reading import from_keras
from lstm_ref.layer import LSTM
from lstm_ref.state import State
from lstm_ref.weights import GATE_ORDER, GateWeights, LSTMWeights, count_params

__all__ = [
    "GATE_ORDER",
    "LSTM",
    "Bidirectional",
    "Composite",
    "DropoutMasks",
    "DtypeError",
    "GateWeights",
    "LSTMConfig",
    "LSTMError",
    "LSTMWeights",
    "ShapeError",
    "Stacked",
    "State",
    "UnsupportedConfigError",
    "count_params",
    "from_keras",
]
