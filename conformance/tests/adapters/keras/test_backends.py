"""Backends: a file each, with all that the suite must know of one."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from conformance.adapters.keras.backends import BACKENDS, CONVENTIONS, exporting
from conformance.adapters.keras.backends.backend import Backend
from conformance.cases.case import Case

PYPROJECT = Path(__file__).parents[4] / "pyproject.toml"

PLAIN, COMPILED_BY_XLA, EAGER, STATEFUL = (
    Case.from_id(f"u2-d1-t3-b1{words}-s0") for words in ("", "-jit", "-eager", "-stateful-staticbatch")
)


def test_every_file_is_a_backend() -> None:
    """Found by its name; each can be installed as an extra of that name."""
    assert set(BACKENDS) == set(CONVENTIONS) == {"tensorflow", "jax", "torch", "openvino", "numpy"}
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert set(BACKENDS) <= set(extras)


@pytest.mark.parametrize(
    ("backend", "compilers"),
    [
        ("tensorflow", ["tf.function", "tf.function", "", "tf.function"]),
        ("jax", ["jax.jit", "jax.jit", "", ""]),
        ("torch", ["", "torch.compile", "", ""]),
        ("openvino", ["", "", "", ""]),
        ("numpy", ["", "", "", ""]),
    ],
)
def test_compiler_of_a_call(backend: str, compilers: list[str]) -> None:
    """A case that asks for none has none; one that changes its state cannot be jitted."""
    assert [BACKENDS[backend].compiler(case) for case in (PLAIN, COMPILED_BY_XLA, EAGER, STATEFUL)] == compilers


@pytest.mark.parametrize("name", BACKENDS)
def test_what_names_a_compiler_says_how_it_is_imported(name: str) -> None:
    """And only that."""
    backend = BACKENDS[name]
    names_one = bool(backend.compiler(COMPILED_BY_XLA))
    assert bool(backend.import_line) is names_one
    assert names_one or not backend.is_functional


@pytest.mark.parametrize(
    ("form", "backends"),
    [("saved_model", {"tensorflow", "jax", "torch"}), ("onnx", {"tensorflow", "jax", "torch"}),
     ("openvino", {"tensorflow", "jax", "torch", "openvino"})],
)  # fmt: skip
def test_backends_that_export(form: str, backends: set[str]) -> None:
    """As Keras' documentation of `Model.export` says."""
    assert set(exporting(form)) == backends


def test_a_backend_of_which_nothing_is_said_is_usual() -> None:
    """The name of its package is all that a new one needs."""
    new = Backend(package="new")
    assert (new.compiler(COMPILED_BY_XLA), new.exports, new.conventions) == ("", (), CONVENTIONS["tensorflow"])
