"""Finds the Python interpreters of this machine, and runs uv, which installs packages for them."""

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

# The last releases of the versions of Python that uv cannot install.
_PYENV_RELEASES = {"3.6": "3.6.15", "3.7": "3.7.17"}
# The oldest version of Python that can run the worker.
_OLDEST = Version("3.6")
_START_LIMIT = 60
_QUOTED_LINES = 12
_VERSION = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"


class UnavailableError(LSTMError):
    """An environment cannot be provided on this machine. The message states the reason and the remedy."""


def find_interpreter(versions: Sequence[str]) -> Path:
    """Return an interpreter of the first of these versions of Python that is installed.

    Raises:
        UnavailableError: none is installed.
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
    """Return the command that installs a version of Python."""
    if version not in _PYENV_RELEASES:
        return f"uv python install {version}"
    elsewhere = "" if shutil.which("pyenv") else ", by pyenv, which is not here either (https://github.com/pyenv/pyenv)"
    return f"pyenv install {_PYENV_RELEASES[version]}{elsewhere}"


def check_interpreter(python: Path) -> None:
    """Refuse a path that is not an interpreter for the worker.

    Raises:
        UnavailableError: it is no such interpreter.
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
    """Return the version as "3.11"; "" if the interpreter does not start, or is no CPython."""
    try:
        run = subprocess.run(  # noqa: S603  # an interpreter that the user has or names
            [python, "-E", "-c", _VERSION], capture_output=True, text=True, timeout=_START_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    name, _, version = run.stdout.strip().partition(" ")
    return version if run.returncode == 0 and name == "cpython" else ""


def install_command(python: Path, packages: Sequence[str]) -> str:
    """Return the command that installs packages for an interpreter, with its own pip, or with uv if it has none."""
    with suppress(OSError, subprocess.TimeoutExpired):
        pip = [str(python), "-m", "pip"]
        run = subprocess.run([*pip, "--version"], capture_output=True, timeout=_START_LIMIT, check=False)  # noqa: S603  # the user's
        if run.returncode == 0:
            return shlex.join([*pip, "install", *packages])
    return shlex.join([uv_bin(), "pip", "install", "--python", str(python), *packages])


def python_of(environment: Path) -> Path:
    """Return the interpreter of a virtual environment."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def uv(*arguments: str | Path) -> str:
    """Run uv and return its output. It runs in the root folder, so that it reads no settings of a project.

    uv reads the user's own settings, including package indexes.

    Args:
        arguments: paths must be absolute.

    Raises:
        UnavailableError: uv is missing or failed; the message states the reason, or ends with uv's last lines.
    """
    return run_command([uv_bin(), *map(str, arguments)], cwd=Path(Path(sys.prefix).anchor), variables=_pip_indexes())


def uv_bin() -> str:
    """Return the path of uv, which is installed with the suite.

    Raises:
        UnavailableError: uv is missing.
    """
    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        again = shlex.join([sys.executable, "-m", "pip", "install", "--force-reinstall", "uv"])
        raise UnavailableError(f"uv, which builds environments, is not here; install it anew with: {again}") from error


def run_command(command: Sequence[str], *, cwd: Path, variables: Mapping[str, str]) -> str:
    """Run a command and return its output.

    Raises:
        UnavailableError: the command failed; the message ends with its last lines.
    """
    run = subprocess.run(  # noqa: S603  # uv, and interpreters that it has made
        command, cwd=cwd, env={**os.environ, **variables}, capture_output=True, text=True, errors="replace", check=False
    )
    if run.returncode:
        raise UnavailableError(_failure(command, run.returncode, run.stderr.strip() or run.stdout.strip()))
    return run.stdout


def _failure(command: Sequence[str], status: int, written: str) -> str:
    """Describe a failed command in one line, with the next step if its output is known."""
    for pattern, message in _KNOWN_FAILURES.items():
        if (match := re.search(pattern, written, re.DOTALL)) is not None:
            return message.format(*(" ".join(group.split()) for group in match.groups()))
    last = "; ".join(line.strip() for line in written.splitlines()[-_QUOTED_LINES:] if line.strip())
    return f"`{shlex.join([Path(command[0]).name, *command[1:]])}` failed with status {status}: {last}"


# Patterns for uv's output after a failed installation. The first match decides.
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


def _pip_indexes() -> dict[str, str]:
    """Pass pip's folders of packages to uv, unless the user has set uv's own."""
    folders = os.environ.get("PIP_FIND_LINKS", "").split()
    return {"UV_FIND_LINKS": ",".join(folders)} if folders and "UV_FIND_LINKS" not in os.environ else {}


def _candidates(version: str) -> Iterator[Path]:
    """Yield interpreters that may have the version, those first that are found fastest."""
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
