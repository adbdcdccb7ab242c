"""Environments are built once and used again, or missed with an instruction: shown on packages of one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from conformance.environments.build import Environment, UnavailableError, provide
from conformance.environments.folders import MARKER, VARIABLE, packages_of
from conformance.environments.interpreters import find_interpreter, python_of
from conformance.environments.spec import parse

RECIPES = """
[base.small]
python = ["{python}"]
requirements = ["framework==1.0"]
imports = ["{imports}"]

[[lane]]
system = "keras"
versions = ">=3"
bases = {{ numpy = "small" }}
overlay = ["little=={{version}}"]
variables = {{ KERAS_BACKEND = "{{backend}}" }}
runs = "keras"
deviations = ["hard_sigmoid"]
"""
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
on_posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in of an interpreter is a shell script")


def _wheel(folder: Path, name: str, version: str) -> None:
    metadata = f"{name}-{version}.dist-info"
    content = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {file: urlsafe_b64encode(sha256(text.encode()).digest()).rstrip(b"=").decode() for file, text in content.items()}
    lines = [f"{file},sha256={digests[file]},{len(text)}\n" for file, text in content.items()]
    content[f"{metadata}/RECORD"] = "".join([*lines, f"{metadata}/RECORD,,\n"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for file, text in content.items():
            wheel.writestr(file, text)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheels of a framework, and of two versions of what runs on it."""
    folder = tmp_path_factory.mktemp("packages")
    _wheel(folder, "framework", "1.0")
    _wheel(folder, "little", "3.1")
    _wheel(folder, "little", "3.2")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, packages: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of its own for each test; no package comes from elsewhere."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_FIND_LINKS", str(packages))
    return tmp_path / "cache"


Build = Callable[..., tuple[Environment, list[str]]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Provides an environment by the small recipes, and returns it with what was said."""

    def built(text: str = "keras==3.1", *, python: str = HERE, imports: str = "framework") -> tuple[Environment, list[str]]:
        file = tmp_path / f"recipes-{python}-{imports}.toml"
        file.write_text(RECIPES.format(python=python, imports=imports))
        said: list[str] = []
        return provide(parse(text), said.append, file=file), said

    return built


def _printed(environment: Environment, code: str) -> str:
    lines = f"import sys; sys.path[:0] = {[str(path) for path in environment.paths]}\n{code}"
    command = [str(environment.python), "-c", lines]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  # built here


def test_an_environment_is_a_base_and_an_overlay(build: Build) -> None:
    """Its interpreter has the base's packages, the paths put first add the version that was asked for."""
    environment, said = build()
    assert _printed(environment, "import framework, little; print(framework.version, little.version)") == "1.0 3.1"
    assert (environment.variables, environment.runs) == ({"KERAS_BACKEND": "numpy"}, "keras")
    assert [line.split()[0] for line in said] == ["building", "building"]


def test_what_is_there_is_used(build: Build) -> None:
    """Nothing is built a second time, and another version shares the base."""
    first, _ = build()
    again, said = build()
    other, said_of_other = build("keras==3.2")
    assert (again, said) == (first, [])
    assert other.python == first.python
    assert ["little-3.2" in line for line in said_of_other] == [True]


def modules(environment: Environment) -> list[Path]:
    """Those of the base and of the overlay."""
    return [packages_of(environment.python.parents[1]) / "framework/__init__.py", environment.paths[0] / "little/__init__.py"]


def test_who_edits_an_environment_edits_no_other(build: Build, cache: Path) -> None:
    """Its files are its own, not linked to those that uv makes the next one from; one that was edited is made anew as it was."""
    environment, _ = build()
    assert [module.stat().st_nlink for module in modules(environment)] == [1, 1]
    for module in modules(environment):
        module.write_text("version = 'edited'\n")
    again, said = build()
    assert [line.split()[0] for line in said] == ["building", "building"]
    assert _printed(again, "import framework, little; print(framework.version, little.version)") == "1.0 3.1"
    assert cache in again.python.parents


@pytest.mark.parametrize(("number", "name"), [(0, "framework"), (1, "little")])
def test_what_was_edited_in_the_cache_of_uv_is_not_taken(number: int, name: str, build: Build, cache: Path, tmp_path: Path) -> None:
    """As by one who edits a file in an environment of another tool that is linked to it; the file and what to do are named."""
    build()
    (module,) = (tmp_path / "uv").glob(f"archive-*/*/{name}/__init__.py")
    module.write_text("version = 'edited'\n")
    shutil.rmtree(cache)
    with pytest.raises(UnavailableError, match=rf"{name}/__init__.py: not as released, .*`uv cache clean {name}`") as raised:
        build()
    assert "keras==3.1 cannot be had here" in str(raised.value)
    assert not list((cache / ("bases", "overlays")[number]).glob(f"{name}*[!k]"))


def test_settings_of_a_project_around_the_cache_are_not_heeded(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor those of the project that a command is run in."""
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\nconstraint-dependencies = ["framework<1", "little<3"]\n')
    monkeypatch.chdir(tmp_path)
    environment, _ = build()
    assert _printed(environment, "import framework, little; print(framework.version, little.version)") == "1.0 3.1"


def test_folders_of_the_cache_can_be_read_by_people(build: Build, cache: Path) -> None:
    """They are named by what they are made from, and the marker says the rest."""
    environment, _ = build()
    base = environment.python.parent.parent
    assert base.name.startswith("framework-1.0-")
    assert environment.paths[0].name.startswith("little-3.1-")
    assert '"framework": "1.0"' in (base / MARKER).read_text()
    assert {folder.name for folder in cache.iterdir()} == {"bases", "overlays"}


def test_a_base_whose_interpreter_does_not_start_is_built_anew(build: Build) -> None:
    """However complete it looks; the overlay is kept."""
    first, _ = build()
    first.python.unlink()
    again, said = build()
    assert (again, len(said)) == (first, 1)
    assert _printed(again, "import framework; print(framework.version)") == "1.0"


def test_two_processes_build_once(tmp_path: Path, build: Build) -> None:
    """The second waits for the first, and both have the environment."""
    file = tmp_path / "recipes.toml"
    file.write_text(RECIPES.format(python=HERE, imports="framework"))
    code = (
        "from pathlib import Path; from conformance.environments.build import provide; "
        "from conformance.environments.spec import parse; "
        f"print(provide(parse('keras==3.1'), print, file=Path({str(file)!r})).python)"
    )
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603  # of this file
    lines = [line for process in both for line in process.communicate()[0].splitlines()]
    environment, said = build()
    assert [process.returncode for process in both] == [0, 0]
    assert (lines.count(str(environment.python)), said) == (2, [])
    assert len([line for line in lines if line.startswith("building ")]) == 2


@pytest.mark.parametrize(
    ("text", "imports", "said"),
    [
        (
            "keras==3.9",
            "framework",
            "the package index has no little==3.9; name a version that it has, within the ranges that `lstm-conformance env",
        ),
        ("keras==3.1", "absent", "`python -c 'import absent'` failed with status 1: Traceback"),
        ("keras==3.1", "absent", "ModuleNotFoundError: No module named 'absent'"),
    ],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(build: Build, cache: Path, text: str, imports: str, said: str) -> None:
    """In one line, which has the environment and the cause, or the last lines of what failed."""
    with pytest.raises(UnavailableError) as refused:
        build(text, imports=imports)
    assert str(refused.value).startswith(f"{text} cannot be had here: ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert [*cache.glob("*/*.part-*")] == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"UV_OFFLINE": "1"},
            "its packages are not all in uv's cache, and uv is told not to use the network; let it with: ",
        ),
        (
            {"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0", "NO_PROXY": "127.0.0.1"},
            "uv cannot reach http://127.0.0.1:9/simple/framework/ (",
        ),
    ],
    ids=["told to stay offline", "no network"],
)
def test_packages_that_cannot_be_fetched_are_said_with_the_way_to_them(
    build: Build, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    """In one line, without the log of what tried."""
    for name in ("UV_NO_INDEX", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UnavailableError) as refused:
        build()
    assert str(refused.value).startswith(f"keras==3.1 cannot be had here: {said}")
    assert "\n" not in str(refused.value)


def test_a_suite_without_uv_says_how_to_have_it(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package whose program was lost is installed anew."""

    def lost() -> str:
        raise FileNotFoundError("uv")

    monkeypatch.setattr("conformance.environments.interpreters.find_uv_bin", lost)
    with pytest.raises(UnavailableError, match=r"uv, which builds environments, is not here; install it anew with: .* -m pip "):
        build()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with the present interpreter alone; the folder that PATH names."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "pythons"))
    return folder


# Where that is not here either.
PYENV = ", by pyenv, which is not here either (https://github.com/pyenv/pyenv)"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("python", "command"),
    [("3.6", f"pyenv install 3.6.15{PYENV}"), ("3.7", f"pyenv install 3.7.17{PYENV}"), ("3.8", "uv python install 3.8")],
)
def test_a_missing_interpreter_is_named_with_the_command_that_installs_it(build: Build, python: str, command: str) -> None:
    """By uv where it has that version, else by pyenv; and it is said where it was looked for."""
    with pytest.raises(UnavailableError) as refused:
        build(python=python)
    assert f"it needs Python {python}, and none is here" in str(refused.value)
    assert str(refused.value).endswith(f"To install it: {command}")


@on_posix
def test_pyenv_that_is_here_is_not_looked_for_elsewhere(build: Build, bare: Path) -> None:
    """Its command is all that is said."""
    (bare / "pyenv").touch(mode=0o755)
    with pytest.raises(UnavailableError, match=r"To install it: pyenv install 3\.7\.17$"):
        build(python="3.7")


def _stand_in(path: Path, line: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


@on_posix
def test_an_interpreter_must_start_to_be_found(bare: Path, tmp_path: Path) -> None:
    """The one on PATH that does not is passed over, and that of pyenv taken."""
    _stand_in(bare / "python3.6", "exit 127")
    good = _stand_in(tmp_path / "pyenv/versions/3.6.15/bin/python", "echo cpython 3.6")
    assert find_interpreter(["3.7", "3.6"]) == good


@on_posix
def test_an_interpreter_of_another_version_is_not_taken(bare: Path) -> None:
    """Whatever its name says."""
    _stand_in(bare / "python3.6", "echo cpython 3.7")
    with pytest.raises(UnavailableError):
        find_interpreter(["3.6"])


@pytest.mark.parametrize("text", ["installed --backend torch", f"{sys.executable} --backend torch"])
def test_an_interpreter_that_is_there_is_used_as_it_is(text: str, cache: Path) -> None:
    """Nothing is built for it."""
    environment = provide(parse(text))
    assert (environment.python, environment.paths) == (Path(sys.executable), ())
    assert (environment.variables, environment.runs) == ({"KERAS_BACKEND": "torch"}, "keras")
    assert not cache.exists()


def test_a_path_that_is_no_interpreter_is_refused(tmp_path: Path) -> None:
    """One that is not there, and a file of another kind."""
    (tmp_path / "notes").write_text("text")
    with pytest.raises(UnavailableError, match="there is no interpreter"):
        provide(parse(f"{tmp_path}/python"))
    with pytest.raises(UnavailableError, match="does not start as a CPython"):
        provide(parse(f"{tmp_path}/notes"))


def test_a_virtual_environment_is_refused_with_its_interpreter(tmp_path: Path) -> None:
    """Which is what was meant."""
    inside = python_of(tmp_path)
    inside.parent.mkdir()
    inside.touch()
    with pytest.raises(UnavailableError) as refused:
        provide(parse(str(tmp_path)))
    assert str(refused.value).endswith(f"name its interpreter: {inside}")


@on_posix
def test_an_interpreter_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """The worker is written for 3.6 and later."""
    old = _stand_in(tmp_path / "python", "echo cpython 2.7")
    with pytest.raises(UnavailableError, match=r"is Python 2\.7; 3\.6 or later is needed"):
        provide(parse(str(old)))
