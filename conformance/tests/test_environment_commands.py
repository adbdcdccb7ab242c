"""The command `record`, on an environment that answers at once: a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

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
