"""The command `record`, on an environment that answers at once: a recording."""

from __future__ import annotations

import os
import venv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from conformance.adapters.base import AdapterStartError
from conformance.adapters.environment import EnvironmentAdapter
from conformance.cli import main
from conformance.environments.recorded import read_recording, recording_of

SPEC = str(recording_of("block-lstm-v2"))


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
@pytest.mark.parametrize("backend", ["", " --backend jax"])
def test_interpreter_without_the_default_backend_is_asked_for_another(tmp_path: Path, backend: str) -> None:
    """KERAS_BACKEND is not handed on to an environment, so the message says how a backend is named."""
    venv.create(tmp_path / "there", with_pip=False)
    (site,) = (tmp_path / "there").glob("lib/python*/site-packages")
    for package in Path(np.__file__).parents[1].glob("numpy*"):
        (site / package.name).symlink_to(package)
    spec = f"{tmp_path}/there/bin/python{backend}"
    with pytest.raises(AdapterStartError, match="the framework cannot be imported: ModuleNotFoundError") as refused:
        EnvironmentAdapter(spec).start()
    assert (f"name that: '{spec} --backend numpy'" in str(refused.value)) == (not backend)
