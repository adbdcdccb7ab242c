"""The Pythons of this machine, and uv, which fills environments for them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
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
        f"it needs Python {' or '.join(versions)}, and none is here (looked at {looked}). "
        f"To install it: {python_install_command(versions[0])}"
    )


def python_install_command(version: str) -> str:
    """The command that installs a version of Python."""
    if version not in _PYENV_RELEASES:
        return f"uv python install {version}"
    elsewhere = "" if shutil.which("pyenv") else ", by pyenv, which is not here either (https://github.com/pyenv/pyenv)"
    return f"pyenv install {_PYENV_RELEASES[version]}{elsewhere}"


def check_interpreter(python: Path) -> None:
    """Refuse what is no interpreter that the worker can run in.

    Raises:
        UnavailableError: it is none.
    """
    inside = python_of(python)
    if inside.is_file():
        raise UnavailableError(f"{python} is a folder; name its interpreter: {inside}")
    if python.is_dir():
        raise UnavailableError(f"{python} is a folder without an interpreter; name the path of one, as in ./venv/bin/python")
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


def install_command(python: Path, packages: Sequence[str]) -> str:
    """The command that installs packages for an interpreter: by its own pip, or by uv where it has none."""
    with suppress(OSError, subprocess.TimeoutExpired):
        pip = [str(python), "-m", "pip"]
        tried = subprocess.run([*pip, "--version"], capture_output=True, timeout=_START_LIMIT, check=False)  # noqa: S603  # the user's
        if tried.returncode == 0:
            return shlex.join([*pip, "install", *packages])
    return shlex.join([uv_bin(), "pip", "install", "--python", str(python), *packages])


def python_of(environment: Path) -> Path:
    """The interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def uv(*arguments: str | Path) -> str:
    """Run uv and return what it printed; in the root folder, since it heeds the settings of a project around where it runs.

    The user's own settings, of indexes among them, are heeded.

    Args:
        arguments: paths among them are absolute.

    Raises:
        UnavailableError: it is not here, or failed; the message says why, or ends with its last lines.
    """
    return run_command([uv_bin(), *map(str, arguments)], cwd=Path(Path(sys.prefix).anchor), variables=_indexes())


def uv_bin() -> str:
    """The program, which comes with the suite.

    Raises:
        UnavailableError: it is not here.
    """
    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        again = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "uv"])
        raise UnavailableError(f"uv, which builds environments, is not here; install it anew with: {again}") from error


def run_command(command: Sequence[str], *, cwd: Path, variables: Mapping[str, str]) -> str:
    """Run a command and return what it printed.

    Raises:
        UnavailableError: it failed; the message ends with its last lines.
    """
    run = subprocess.run(  # noqa: S603  # uv, and interpreters that it has made
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, errors="replace", check=False
    )
    if run.returncode:
        raise UnavailableError(_failure(command, run.returncode, run.stderr.strip() or run.stdout.strip()))
    return run.stdout


def _failure(command: Sequence[str], status: int, written: str) -> str:
    """Why a command failed, in one line, with the next step where what it wrote is known."""
    for pattern, said in _KNOWN_FAILURES.items():
        if (match := re.search(pattern, written, re.DOTALL)) is not None:
            return said.format(*(" ".join(group.split()) for group in match.groups()))
    last = "; ".join(line.strip() for line in written.splitlines()[-_LAST_LINES:] if line.strip())
    return f"`{shlex.join([Path(command[0]).name, *command[1:]])}` failed with status {status}: {last}"


# What uv writes where it cannot install; the first that is found decides.
_KNOWN_FAILURES = {
    r"the network was disabled": (
        "its packages are not all in uv's cache, and uv is told not to use the network; let it with: unset UV_OFFLINE"
    ),
    r"Failed to fetch: `?([^\s`]+)`?.*cause: ([^\n]+)": (
        "uv cannot reach {0} ({1}); connect this machine to it, mend HTTPS_PROXY, or name another index with UV_DEFAULT_INDEX"
    ),
    r"there is no version of (\S+) and you require": (
        "the package index has no {0}; name a version that it has, within the ranges that `lstm-conformance environments` lists"
    ),
}


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
