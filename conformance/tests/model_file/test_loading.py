"""Why a model file of an earlier Keras, or of another system, does not load: the true cause, and a next step that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.model_file.contents import contents_of
from conformance.model_file.loading import reason_and_remedy
from conformance.tests.support.model_files import lstm_node, model_node, node, weights_of, write_keras

WITHOUT_WEIGHTS = (
    "ValueError: Layer 'lstm_cell' expected 3 variables, but received 0 variables during loading. Expected: ['kernel']"
)
TIME_MAJOR = "ValueError: Unrecognized keyword arguments passed to LSTM: {'time_major': False}"


@pytest.mark.parametrize(
    ("message", "reason", "mend"),
    [
        (
            WITHOUT_WEIGHTS,
            "its weights have names of Windows, such as layers\\lstm\\cell, and this Keras looks for layers/lstm/cell",
            "rename the groups of its model.weights.h5 (in each name, \\ to /), or load it on Windows in the Keras that wrote it",
        ),
        (TIME_MAJOR, "Keras 3's LSTM has no argument time_major", "too: rename the groups of its model.weights.h5"),
    ],
)
@pytest.mark.parametrize("halves", [False, True])
def test_names_of_windows_are_why_weights_are_missing(tmp_path: Path, message: str, reason: str, mend: str, halves: bool) -> None:
    """Whatever layers the file has; where something else comes first, they are named as what comes next."""
    layer = node("Bidirectional", "both", layer=lstm_node()) if halves else lstm_node()
    path = write_keras(tmp_path / "model.keras", model_node(layer), {"layers\\lstm\\cell": weights_of()}, "2.15.0")
    said = reason_and_remedy(message, contents_of(path), {}, {"tf.keras": "2.15.1"})
    assert (reason in said[0], mend in said[1]) == (True, True)


@pytest.mark.parametrize(
    ("here", "named"),
    [
        ({"keras": "3.15.1"}, True),
        ({"tf.keras": "2.15.1", "tensorflow": "2.15.1"}, True),
        ({"keras": "2.3.1"}, False),
        ({"keras": "1.2.2"}, False),
    ],
)
def test_a_file_of_keras_1_is_called_so_where_keras_no_longer_reads_it(tmp_path: Path, here: dict[str, str], named: bool) -> None:
    """Keras 2.0.1 to 2.3 convert one, so that there another cause is to be found."""
    path = write_keras(tmp_path / "model.keras", model_node(lstm_node()), {"layers/lstm/cell": weights_of()}, "1.2.2")
    reason, mend = reason_and_remedy("TypeError: pop expected at most 1 argument, got 2", contents_of(path), {}, here)
    assert reason.startswith("it was written by Keras 1,") == named
    assert (mend == "load it in Keras 2.0.1 to 2.3 and save it again") == named
