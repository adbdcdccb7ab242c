"""How the worker asks TensorFlow's cells: by a cell in NumPy, which is given what they are given and described as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conformance.adapters.observation import Observation
from conformance.adapters.protocol import Answer, observation_of, question_of
from conformance.adapters.worker.cells import Cells, cell_weights
from conformance.adapters.worker.common import Unsupported
from conformance.cases.case import Case
from conformance.cases.stimulus import draw
from conformance.diagnosis.diagnosis import Diagnostician
from conformance.judging.checks import Evidence
from lstm_ref.layouts import LAYOUTS


def made_by(num_units: int, forget_bias: float = 1.0) -> None:
    """The signature of what makes a cell."""


class NumPyCell(Cells):
    """A BasicLSTMCell without TensorFlow: i, j, f, o of [x, h], 1 added to f, state (c, h), zeros behind a row's length."""

    system = name = "cell"

    def __init__(self) -> None:
        """There is nothing to import."""
        self.made_by = made_by

    def run(self, question: Any, arrays: Any, inputs: Any, lengths: Any, states: Any) -> Any:
        """One timestep after the other."""
        (kernel, bias), (batch, timesteps, _) = cell_weights(arrays).values(), inputs.shape
        c, h = states or np.zeros((2, batch, question["units"]), inputs.dtype)
        outputs = []
        for t in range(timesteps):
            i, j, f, o = np.split(np.concatenate([inputs[:, t], h], axis=1) @ kernel + bias, 4, axis=1)
            new_c = c / (1 + np.exp(-f - 1)) + np.tanh(j) / (1 + np.exp(-i))
            new_h = np.tanh(new_c) / (1 + np.exp(-o))
            used = (t < (timesteps if lengths is None else lengths) * np.ones(batch))[:, np.newaxis]
            c, h = np.where(used, new_c, c), np.where(used, new_h, h)
            outputs.append(np.where(used, new_h, 0))
        return np.stack(outputs, axis=1), [c, h], [list(kernel.shape), list(bias.shape)]


def observed(case: Case) -> Observation:
    """What the cell shows when it is asked by the protocol."""
    question, arrays = question_of(case, draw([case]))
    said, returned = NumPyCell().answer({**question, "ask": "lstm"}, arrays)
    return observation_of(case, Answer(fields=said, arrays=returned))


@pytest.mark.parametrize(
    "case_id",
    [
        "u3-d2-t6-b4-s0",
        "u3-d2-t6-b4-seq-init-s0",
        "u3-d2-t6-b4-mask_right-init-s0",
        "u3-d2-t6-b4-seq-mask_all-s0",
        "u3-d2-t6-b4-seq-nostate-s0",
        "u3-d2-t6-b4-seq-init-p_float64-s0",
        "u3-d2-t6-b4-seq-with_nan-s0",
    ],
)
def test_a_cell_is_explained_by_its_description(case_id: str) -> None:
    """Weights left as they are, states in the order of the system: all that departs from Keras is in the description."""
    case, described = Case.from_id(case_id), LAYOUTS["basic-lstm-cell"].description().name
    evidence = Evidence(case=case, stimulus=draw([case]), observed=observed(case))
    explained = Diagnostician(description=described).explain(evidence)
    assert explained == (described,)


@pytest.mark.parametrize(
    ("case_id", "said"),
    [
        ("u3-d2-t6-b4-stateful-s0", "no stateful=True in cell"),
        ("u3-d2-t6-b4-seq-bidi-s0", "no architecture='bidi' in cell"),
        ("u3-d2-t6-b4-seq-p_bfloat16-s0", "no dtype bfloat16 in cell"),
        ("u3-d2-t6-b4-seq-mask_left-s0", "no mask but one of lengths"),
    ],
)
def test_what_a_cell_has_not_is_unsupported(case_id: str, said: str) -> None:
    """It says what, and nothing is computed that the case did not ask for."""
    with pytest.raises(Unsupported, match=said):
        observed(Case.from_id(case_id))


def test_a_cell_describes_its_arguments_and_weights() -> None:
    """Of one of two units; it returns its states without being asked to."""
    described, arrays = NumPyCell().answer({"ask": "describe"}, {})
    assert described["arguments"] == {"forget_bias": "1.0"}
    assert described["weights"] == [["kernel", [3, 8]], ["bias", [8]]]
    assert described["returns_states"]
    assert not arrays


def test_a_question_of_another_kind_is_unsupported() -> None:
    """A model file, for instance, is nothing that a cell reads."""
    with pytest.raises(Unsupported, match="no such question: model"):
        NumPyCell().answer({"ask": "model"}, {})


def test_peepholes_and_projection_have_the_names_of_tensorflow() -> None:
    """A row each of i, f and o."""
    given = {"0.kernel": np.ones((2, 12)), "0.recurrent_kernel": np.ones((2, 12)), "0.bias": np.ones(12)}
    own = {"0.peepholes": np.arange(9.0).reshape(3, 3), "0.projection": np.ones((3, 2))}
    weights = cell_weights({**given, **own})
    assert {name: array.shape for name, array in weights.items()} == {
        "kernel": (4, 12), "bias": (12,), "w_i_diag": (3,), "w_f_diag": (3,), "w_o_diag": (3,), "projection": (3, 2),
    }  # fmt: skip
    np.testing.assert_array_equal(weights["w_f_diag"], [3, 4, 5])
