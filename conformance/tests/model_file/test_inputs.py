"""What a model reads, in its order: drawn for it, or the user's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import ModelInput, draw_inputs, inputs_of, read_inputs
from conformance.tests.support.model_files import Node, lstm_node, model_node, node
from lstm_ref.arrays import Array


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
        ({"class_name": "Sequential", "config": [lstm_node("first", batch_input_shape=[None, 7, 3])]}, [""]),
        (model_node(lstm_node()), []),
        ({"config": None}, []),
        ({"config": []}, []),
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


def _cut(path: Path, size: int) -> None:
    """Of a whole file, the beginning."""
    np.savez(path, a=np.ones((4, 2)), b=np.ones((4, 3)))
    path.write_bytes(path.read_bytes()[:size])


PAIR = (ModelInput(name="a", shape=(None, 2), dtype="float32"), ModelInput(name="b", shape=(None, 3), dtype="float32"))


def test_own_inputs_go_by_their_names(tmp_path: Path) -> None:
    """Whatever their order."""
    np.savez(tmp_path / "own.npz", b=np.ones((4, 3)), a=np.zeros((4, 2)))
    assert [array.shape for array in read_inputs(tmp_path / "own.npz", PAIR)] == [(4, 2), (4, 3)]


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda path: np.savez(path, a=np.ones((4, 2))), r"has 1 array \(a\), the model has 2 inputs: a, b; save one array for"),
        (np.savez, r"has 0 arrays \(without a name\), the model has 2 inputs"),
        (lambda path: np.savez(path, a=np.ones((4, 2)), b=np.ones((4, 9))), "the model reads"),
        (lambda path: np.savez(path, a=np.ones((4, 2)), b=np.ones((5, 3))), "one number of rows"),
        (lambda path: np.savez(path, a=np.ones((0, 2)), b=np.ones((0, 3))), "has 0 rows; expected at least one"),
        (lambda path: np.savez(path, a=np.array([{}]), b=np.ones((4, 3))), "holds no arrays .*pickled objects"),
        (lambda path: np.savez(path, a=np.ones((4, 2), "M8[s]"), b=np.ones((4, 3))), "'a' holds datetime64.*, expected numbers"),
        (lambda path: path.write_bytes(b"hello\n"), "is neither a .npy nor a .npz file; expected arrays"),
        (lambda path: path.write_bytes(b""), "is neither a .npy nor a .npz file; expected arrays"),
        (lambda path: _cut(path, 100), "holds no arrays .*not a zip file"),
        (lambda path: path.mkdir(), "could not be read: Is a directory; that is a folder: name a file"),
        (lambda _: None, "could not be read: No such file or directory; it is not there: name another path"),
    ],
)
def test_own_inputs_that_do_not_fit(tmp_path: Path, save: Callable[[Path], None], said: str) -> None:
    """What the file has and what the model reads."""
    save(tmp_path / "own.npz")
    with pytest.raises(ModelFileError, match=said):
        read_inputs(tmp_path / "own.npz", PAIR)


def test_own_inputs_are_as_many_as_the_model_is_built_for(tmp_path: Path) -> None:
    """A model of a fixed batch reads no fewer; of more, the first."""
    fixed = (ModelInput(name="a", shape=(4, 2), dtype="float32"),)
    np.save(tmp_path / "own.npy", np.ones((5, 2)))
    assert [array.shape for array in read_inputs(tmp_path / "own.npy", fixed)] == [(4, 2)]
    np.save(tmp_path / "own.npy", np.ones((3, 2)))
    with pytest.raises(ModelFileError, match="has 3 rows; the model is built for 4"):
        read_inputs(tmp_path / "own.npy", fixed)


@pytest.mark.parametrize("held", [np.ones(()), np.ones((2, 3))])
def test_own_inputs_of_a_model_that_does_not_say_what_it_reads(tmp_path: Path, held: Array) -> None:
    """Any rows are taken, a single number is none."""
    np.save(tmp_path / "own.npy", held)
    if held.ndim:
        assert [array.shape for array in read_inputs(tmp_path / "own.npy", ())] == [(2, 3)]
    else:
        with pytest.raises(ModelFileError, match="expected one number of rows"):
            read_inputs(tmp_path / "own.npy", ())
