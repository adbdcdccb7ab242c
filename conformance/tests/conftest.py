"""What the tests of the suite share: Keras, loaded once a process."""

from __future__ import annotations

import pytest

from conformance.adapters.keras.layer import KerasLayerAdapter


@pytest.fixture(scope="session")
def keras_adapter() -> KerasLayerAdapter:
    """The adapter of `keras.layers.LSTM` on TensorFlow, started."""
    adapter = KerasLayerAdapter()
    adapter.start()
    return adapter
