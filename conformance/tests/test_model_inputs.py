"""What a model reads, in its order: drawn for it, or the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import ModelInput, draw_inputs, inputs_of, read_inputs
from conformance.tests.model_files import Node, lstm_node, model_node, node


def _functional(*inputs: Node, order: Any) -> Node:
    return node("Functional", "model", module="keras", layers=list(inputs), input_layers=order)


A = node("InputLayer", "a", batch_shape=[None, None, 4], dtype="float32")
B = node("InputLayer", "b", batch_input_shape=[2, 3], dtype="int32")


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (_functional(A, B, order=[["b", 0, 0], ["a", 0, 0]]), ["b", "a"]),
        (_functional(A, B, order=["a", 0, 0]), ["a"]),
        (_functional(A, B, order={"x": ["b", 0, 0]}), ["b"]),
        (model_node(A, lstm_node()), ["a"]),
        (model_node(lstm_node(), build_input_shape=[None, 5, 3]), ["model"]),
        (model_node(lstm_node()), []),
        ({"config": None}, []),
    ],
)
def test_the_inputs_of_a_model(config: Node, names: list[str]) -> None:
    """In its order."""
    assert [one.name for one in inputs_of(config)] == names


def test_inputs_are_drawn_for_what_the_model_reads() -> None:
    """Integers that every Embedding has a row for."""
    config = _functional(A, B, node("Embedding", "e", input_dim=4), order=[["a", 0, 0], ["b", 0, 0]])
    first, second = draw_inputs(inputs_of(config), config)
    assert (first.shape, first.dtype.name, second.shape, second.dtype.name) == ((3, 9, 4), "float32", (2, 3), "int32")
    assert 0 <= second.min() <= second.max() < 4


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ((), "does not say what the model reads"),
        ((ModelInput(name="text", shape=(None, 1), dtype="string"),), "reads string"),
        ((ModelInput(name="long", shape=(None, 1 << 40, 1), dtype="float32"),), "too large to draw"),
    ],
)
def test_inputs_that_cannot_be_drawn(inputs: tuple[ModelInput, ...], said: str) -> None:
    """The user's own are asked for."""
    with pytest.raises(ModelFileError, match=said):
        draw_inputs(inputs, {})


PAIR = (ModelInput(name="a", shape=(None, 2), dtype="float32"), ModelInput(name="b", shape=(None, 3), dtype="float32"))


def test_own_inputs_go_by_their_names(tmp_path: Path) -> None:
    """Whatever their order."""
    np.savez(tmp_path / "own.npz", b=np.ones((4, 3)), a=np.zeros((4, 2)))
    assert [array.shape for array in read_inputs(tmp_path / "own.npz", PAIR)] == [(4, 2), (4, 3)]


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda path: np.savez(path, a=np.ones((4, 2))), "has 1 arrays"),
        (lambda path: np.savez(path, a=np.ones((4, 2)), b=np.ones((4, 9))), "the model reads"),
        (lambda path: np.savez(path, a=np.ones((4, 2)), b=np.ones((5, 3))), "one number of rows"),
        (lambda path: np.savez(path, a=np.array([{}]), b=np.ones((4, 3))), "cannot be read"),
        (lambda path: path.write_bytes(b"no"), "cannot be read"),
    ],
)
def test_own_inputs_that_do_not_fit(tmp_path: Path, save: Callable[[Path], None], said: str) -> None:
    """What the file has and what the model reads."""
    save(tmp_path / "own.npz")
    with pytest.raises(ModelFileError, match=said):
        read_inputs(tmp_path / "own.npz", PAIR)
