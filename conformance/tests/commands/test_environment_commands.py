"""The command `record`, on an environment that answers at once: a recording."""

from __future__ import annotations

import os
import re
import venv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from uv import find_uv_bin

from conformance.adapters.base import AdapterStartError
from conformance.cli import main
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.recording import read_recording, recording_path

SPEC = str(recording_path("block-lstm-v2"))


def record(*arguments: str) -> Result:
    """The command line in this process; an exception that it does not answer is the test's."""
    return CliRunner().invoke(main, ["record", SPEC, *arguments], catch_exceptions=False, prog_name="lstm-conformance")


@pytest.mark.parametrize(("options", "cases"), [((), 89), (("--describe-only",), 0)], ids=["all cases", "description"])
def test_what_is_answered_is_kept(tmp_path: Path, options: tuple[str, ...], cases: int) -> None:
    """The description always; with the cases of the level, unless it alone is asked for."""
    path = tmp_path / "recordings" / "file.npz"
    result = record(*options, "--output", str(path))
    kept = read_recording(path).answers.keys()
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{path}: {cases} cases, ")
    assert kept <= read_recording(Path(SPEC)).answers.keys()
    assert len(kept) == 1 if not cases else len(kept) > cases


def test_a_recording_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Which says where, and why."""
    (tmp_path / "file").touch()
    result = record("--describe-only", "--output", str(tmp_path / "file" / "file.npz"))
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {tmp_path / 'file'}")
    assert "could not be written" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="packages are linked, which Windows allows to few")
@pytest.mark.parametrize(
    ("linked", "backend", "missing"),
    [
        ((), "", ["keras", "tensorflow", "numpy"]),
        (("numpy*",), "", ["keras", "tensorflow"]),
        (("numpy*",), " --backend jax", ["keras", "jax"]),
        (("[!tj]*", "typing*"), "", ["tensorflow"]),
        (("[!tj]*", "typing*"), " --backend torch", ["torch"]),
    ],
)
def test_what_an_interpreter_lacks_is_named_with_what_installs_it(
    tmp_path: Path, linked: tuple[str, ...], backend: str, missing: list[str]
) -> None:
    """Keras itself, the backend that is asked for, NumPy: all at once, and nothing that is there."""
    python = interpreter_with(tmp_path / "there", linked)
    with pytest.raises(AdapterStartError) as refused:
        EnvironmentAdapter(f"{python}{backend}").start()
    message = str(refused.value)
    assert f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed there; ModuleNotFoundError: " in message
    assert message.endswith(f"; install it with: {find_uv_bin()} pip install --python {python} {' '.join(missing)}")


@pytest.mark.skipif(os.name == "nt", reason="packages are linked, which Windows allows to few")
def test_backend_that_is_there_is_named_in_place_of_one_that_is_not(tmp_path: Path) -> None:
    """What is offered starts."""
    python = interpreter_with(tmp_path / "there", ("[!t]*", "t[!o]*"))
    with pytest.raises(AdapterStartError, match="torch is not installed there") as refused:
        EnvironmentAdapter(f"{python} --backend torch").start()
    offered = re.search("or name a backend that is there: '(.*)'", str(refused.value))
    assert offered
    adapter = EnvironmentAdapter(offered[1])
    assert adapter.start()["backend"] == offered[1].rpartition(" ")[2]
    adapter.stop()


def interpreter_with(folder: Path, patterns: Sequence[str]) -> str:
    """An interpreter of its own with those packages of this one whose names fit."""
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    for package in {each for pattern in patterns for each in Path(np.__file__).parents[1].glob(pattern)}:
        (site / package.name).symlink_to(package)
    return f"{folder}/bin/python"
