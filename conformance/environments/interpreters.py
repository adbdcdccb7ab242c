"""The Pythons of this machine, and uv, which fills environments for them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from packaging.version import Version
from uv import find_uv_bin

from lstm_ref import LSTMError

# The last release of the Pythons that uv does not have.
_PYENV_RELEASES = {"3.6": "3.6.15", "3.7": "3.7.17"}
# The worker's language.
_OLDEST = Version("3.6")
_START_LIMIT = 60
_LAST_LINES = 12
_VERSION = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"


class UnavailableError(LSTMError):
    """An environment cannot be had on this machine; the message says why, and what would provide it."""


def find_interpreter(versions: Sequence[str]) -> Path:
    """The interpreter of the first of these versions of Python that is here.

    Raises:
        UnavailableError: none is here.
    """
    for version in versions:
        for candidate in _candidates(version):
            if version_of(candidate) == version:
                return candidate
    looked = f"this interpreter, python{versions[0]} on PATH, {_pyenv()}, and what uv knows"
    raise UnavailableError(
        f"it needs Python {' or '.join(versions)}, and none is here (looked at {looked}). To have it: {providing(versions[0])}"
    )


def providing(version: str) -> str:
    """The command that installs a version of Python."""
    return f"pyenv install {_PYENV_RELEASES[version]}" if version in _PYENV_RELEASES else f"uv python install {version}"


def check_interpreter(python: Path) -> None:
    """Refuse what is no interpreter that the worker can run in.

    Raises:
        UnavailableError: it is none.
    """
    inside = python_of(python)
    if inside.is_file():
        raise UnavailableError(f"{python} is a folder; name its interpreter: {inside}")
    if not python.is_file():
        raise UnavailableError(f"there is no interpreter {python}; name the path of one, as in ./venv/bin/python")
    version = version_of(python)
    if not version:
        raise UnavailableError(f"{python} does not start as a CPython; try `{python} --version`")
    if Version(version) < _OLDEST:
        raise UnavailableError(f"{python} is Python {version}; {_OLDEST} or later is needed: name a later one")


def version_of(python: Path) -> str:
    """Its version as in "3.11"; "" where it does not start, or is no CPython."""
    try:
        run = subprocess.run(  # noqa: S603  # an interpreter that the user has or names
            [python, "-E", "-c", _VERSION], capture_output=True, text=True, timeout=_START_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name, _, version = run.stdout.strip().partition(" ")
    return version if run.returncode == 0 and name == "cpython" else ""


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def uv(*arguments: str | Path) -> str:
    """Run uv and return what it printed; in the root folder, since it heeds the settings of a project around where it runs.

    The user's own settings, of indexes among them, are heeded.

    Args:
        arguments: paths among them are absolute.

    Raises:
        UnavailableError: it failed; the message ends with its last lines.
    """
    return run_or_explain([find_uv_bin(), *map(str, arguments)], cwd=Path(Path(sys.prefix).anchor), variables=_indexes())


def run_or_explain(command: Sequence[str], *, cwd: Path, variables: Mapping[str, str]) -> str:
    """Run a command and return what it printed.

    Raises:
        UnavailableError: it failed; the message ends with its last lines.
    """
    run = subprocess.run(  # noqa: S603  # uv, and interpreters that it has made
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, errors="replace", check=False
    )
    if run.returncode:
        last = "\n".join((run.stderr.strip() or run.stdout.strip()).splitlines()[-_LAST_LINES:])
        raise UnavailableError(f"`{' '.join([Path(command[0]).name, *command[1:]])}` failed with status {run.returncode}:\n{last}")
    return run.stdout


def _indexes() -> dict[str, str]:
    """The folders of packages that pip is told of, for uv as well, unless it has its own."""
    folders = os.environ.get("PIP_FIND_LINKS", "").split()
    return {"UV_FIND_LINKS": ",".join(folders)} if folders and "UV_FIND_LINKS" not in os.environ else {}


def _candidates(version: str) -> Iterator[Path]:
    """Interpreters that are perhaps of that version, those first that cost least to find."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield Path(sys.executable)
    on_path = shutil.which(f"python{version}")
    if on_path:
        yield Path(on_path)
    yield from sorted(_pyenv().glob(f"{version}.*[0-9]/bin/python"), reverse=True)
    try:
        yield Path(uv("python", "find", "--no-python-downloads", "--system", version).strip())
    except UnavailableError:
        return


def _pyenv() -> Path:
    return Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
