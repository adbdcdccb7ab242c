"""What is installed: one package of a name of its own, whole, which no other `conformance` or `lstm_ref` disturbs."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[2]
PACKAGE = "keras_lstm_conformance"
OURS = re.compile(r"\A(conformance|lstm_ref)\Z|(?<![\w-])(conformance|lstm_ref)[.:]\w|-m (conformance|lstm_ref)\b")
# The name by which reports call the reference, wherever it was loaded from.
REPORTED = ("adapter.py", "lstm_ref")
# The reference's folder in the suite's, as installed, or beside it.
FOLDER = ("suite.py", "lstm_ref")

pytestmark = pytest.mark.xdist_group("distribution")  # it is built once


def sources() -> list[Path]:
    """Production modules of the checkout."""
    found = [path for package in ("conformance", "lstm_ref") for path in (ROOT / package).rglob("*.py")]
    return [path for path in found if not {"tests", "docs"} & set(path.parts)]


def literals(path: Path) -> Iterator[str]:
    """Strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in statements)
    yield from (node.value for node in strings if isinstance(node.value, str))


def ran(*command: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that has ended, without what the tests' own environment says to Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV", "VIRTUAL"))}
    return subprocess.run(  # noqa: S603  # our own interpreter
        command, cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False, timeout=300
    )


def built(root: Path, kind: str, folder: Path) -> Path:
    """A wheel or sdist of the sources in `root`."""
    finished = ran(sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder, cwd=root)
    assert finished.returncode == 0, finished.stderr
    return next(path for path in folder.iterdir() if path.suffix in (".whl", ".gz"))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return built(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@dataclass(frozen=True)
class Project:
    """A user's folder, and an environment that has the wheel and what it needs, but no checkout.

    Attributes:
        folder: has a package `conformance` with a `pytest_plugin`, a module `lstm_ref` and a test of them.
        scripts: of the environment.
    """

    folder: Path
    scripts: Path

    def run(self, program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """A program of the environment, started in the folder."""
        return ran(self.scripts / program, *arguments, cwd=self.folder, **variables)


@pytest.fixture(scope="session")
def project(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Made once."""
    folder, environment = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("environment")
    venv.create(environment, symlinks=os.name != "nt")
    places = sysconfig.get_paths("venv", vars={"base": str(environment), "platbase": str(environment)})
    python = Path(places["scripts"]) / "python"
    installed = ran(find_uv_bin(), "pip", "install", "--no-deps", "--offline", "--python", python, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    # What the suite needs is the tests' own: a folder that a .pth file names is searched, its own .pth files are not read.
    (Path(places["purelib"]) / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "conformance").mkdir()
    (folder / "conformance" / "__init__.py").write_text("OWNER = 'the user'\n")
    (folder / "conformance" / "pytest_plugin.py").write_text("raise RuntimeError('not a plugin')\n")
    (folder / "lstm_ref.py").write_text("OWNER = 'the user'\n")
    (folder / "test_user.py").write_text(
        "import conformance, lstm_ref\n\n\ndef test_mine():\n    assert conformance.OWNER == lstm_ref.OWNER == 'the user'\n"
    )
    return Project(folder, Path(places["scripts"]))


# --- the wheel's files


def test_the_wheel_has_one_package_and_no_test(wheel: Path) -> None:
    """No tests, doubles or documentation; nothing beside the package but its metadata."""
    files = zipfile.ZipFile(wheel).namelist()
    assert {re.sub(r"-[\d.]+\.dist-info$", "", file.partition("/")[0]) for file in files} == {PACKAGE}
    assert [file for file in files if re.search(r"tests?/|/docs/|/test_(?!keras_lstm\.py)|conftest|doubles|HISTORY", file)] == []


def test_the_wheel_has_all_that_the_checkout_reads(wheel: Path) -> None:
    """Every module, and every file beside one: schemas, templates, tables and recordings, byte for byte."""
    folders = {"conformance": PACKAGE, "lstm_ref": f"{PACKAGE}/lstm_ref"}
    left_out = {"tests", "docs", "__pycache__", "HISTORY.md", "KNOWN_DIFFERENCES.md"}
    found = {
        f"{name}/{path.relative_to(ROOT / folder).as_posix()}": path
        for folder, name in folders.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not left_out & set(path.parts)
    }
    archive = zipfile.ZipFile(wheel)
    packed = {name: archive.read(name) for name in archive.namelist() if name.startswith(f"{PACKAGE}/")}
    assert packed.keys() == found.keys()
    assert [name for name, path in found.items() if path.suffix != ".py" and packed[name] != path.read_bytes()] == []


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """With the hook, and nothing else than what it holds."""
    with tarfile.open(built(ROOT, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    (tmp_path / "wheel").mkdir()
    again = zipfile.ZipFile(built(unpacked, "wheel", tmp_path / "wheel"))
    record = next(name for name in again.namelist() if name.endswith("RECORD"))
    assert again.read(record) == zipfile.ZipFile(wheel).read(record)


# --- beside a user's own packages


@pytest.mark.parametrize("path", ["", "."], ids=["", "on PYTHONPATH"])
@pytest.mark.parametrize("option", ["-P", "-B"], ids=["pytest", "python -m pytest"])
def test_a_project_with_packages_of_these_names_is_tested(option: str, path: str, project: Project) -> None:
    """Its plugin of that name is none of pytest's, whether the folder comes first on the path or not."""
    finished = project.run("python", option, "-m", "pytest", "-p", "no:cacheprovider", PYTHONPATH=path)
    assert "1 passed" in finished.stdout, finished.stdout + finished.stderr


def test_the_command_and_its_workers_run_beside_them(project: Project, tmp_path: Path) -> None:
    """Whoever's folder it is started in, wherever Python looks first."""
    report = tmp_path / "report.json"
    arguments = ("--case", "u2-d1-t6-b3*", "--deviation", "all_gates_icfo", "--workers", "2", "--json", str(report))
    finished = project.run("lstm-conformance", "verify", *arguments, PYTHONPATH=".")
    assert finished.returncode == 1, finished.stderr
    assert "matches the reference if the gates of kernel, recurrent_kernel, bias are ordered i, c, f, o" in finished.stdout
    assert {result["verdict"] for result in json.loads(report.read_text())["results"]} == {"FAIL"}


def test_the_worker_is_started_by_its_path_in_what_is_installed(project: Project, tmp_path: Path) -> None:
    """Its imports of its own modules are relative; a system that it does not know is named in its greeting."""
    script = project.run("python", "-c", f"import {PACKAGE}.environments.process as process; print(process.WORKER)").stdout.strip()
    job = json.dumps({"system": "unknown", "paths": [], "folder": str(tmp_path)})
    finished = project.run("python", "-s", "-B", script, job)
    assert json.loads(finished.stdout)["error"] == "KeyError: 'unknown'", finished.stderr


def test_python_m_names_the_installed_package(project: Project) -> None:
    """Help says how it was called."""
    finished = project.run("python", "-m", PACKAGE, "--help")
    assert finished.stdout.startswith(f"Usage: python -m {PACKAGE} "), finished.stderr


LOAD_ALL = f"""
import doctest, importlib, pkgutil, sys
import {PACKAGE} as package
names = [each.name for each in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
modules = [importlib.import_module(name) for name in names]
flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
results = [doctest.testmod(each, optionflags=flags) for each in modules]
print(sum(each.failed for each in results), sum(each.attempted for each in results) > 20, len(modules) > 200)
print([name for name in ("conformance", "lstm_ref") if name in sys.modules])
"""


def test_every_module_loads_and_its_examples_are_right(project: Project) -> None:
    """By the installed name alone, and without the checkout's."""
    finished = project.run("python", "-I", "-c", LOAD_ALL)
    assert finished.stdout.splitlines()[-2:] == ["0 True True", "[]"], finished.stdout + finished.stderr


# --- what the plugin costs

LOADED = "import pytest, sys; code = pytest.main(sys.argv[1:]); print('\\n' + ' '.join(sys.modules)); sys.exit(code)"


def test_the_plugin_adds_itself_to_a_session_and_nothing_more(project: Project) -> None:
    """Its time, a millisecond, is not measured here: these modules are what there is to load."""
    quiet = ("-p", "no:cacheprovider", "--collect-only")
    sessions = [project.run("python", "-c", LOADED, *quiet, *more) for more in ((), ("-p", "no:lstm_conformance"))]
    with_it, without = (set(session.stdout.splitlines()[-1].split()) for session in sessions)
    assert with_it - without == {PACKAGE, f"{PACKAGE}.pytest_plugin"}


def test_a_broken_package_concerns_only_tests_that_ask(project: Project, tmp_path: Path) -> None:
    """A sentence, and no word to a session that asks nothing."""
    (tmp_path / "numpy.py").write_text("raise RuntimeError('built for another Python')\n")
    (tmp_path / "test_asks.py").write_text("def test_asks(lstm_result):\n    pass\n")
    quiet = project.run("python", "-m", "pytest", "-p", "no:cacheprovider", PYTHONPATH=str(tmp_path))
    assert "1 passed" in quiet.stdout, quiet.stdout + quiet.stderr
    asking = project.run("python", "-m", "pytest", "-p", "no:cacheprovider", str(tmp_path), PYTHONPATH=str(tmp_path))
    assert asking.returncode != 0
    said = asking.stdout + asking.stderr
    assert "lstm-conformance cannot be loaded (RuntimeError: built for another Python); install it anew with" in said
    assert "INTERNALERROR" not in said


# --- how sources get the installed name


def test_no_string_of_production_code_names_a_module() -> None:
    """It would be wrong where the suite is installed: `__package__` and `__name__` are right everywhere."""
    found = {(path.name, text) for path in sources() for text in literals(path) if OURS.search(text)}
    assert found == {REPORTED, FOLDER}


def loaded(name: str) -> ModuleType:
    """A module of the folder that packages."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".packaging" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def renaming() -> Any:
    """How the hook renames."""
    return loaded("renaming")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from conformance.cases.case import Case", "from @.cases.case import Case"),
        ("from conformance import matrix", "from @ import matrix"),
        ("from lstm_ref import LSTM", "from @.lstm_ref import LSTM"),
        ("import lstm_ref", "from @ import lstm_ref"),
        ("import lstm_ref.layer as layer", "import @.lstm_ref.layer as layer"),
        ("é = 1; from lstm_ref.state import (\n    State,\n)", "é = 1; from @.lstm_ref.state import (\n    State,\n)"),
        (
            "def f():\n    from conformance.running import pool  # conformance",
            "def f():\n    from @.running import pool  # conformance",
        ),
        ('"""é.\n\n>>> from lstm_ref import LSTM  # é\n"""', '"""é.\n\n>>> from @.lstm_ref import LSTM  # é\n"""'),
        (
            '"""e.\n\n>>> f()\nlstm_ref.errors.LSTMError: lstm_ref.x\n"""',
            '"""e.\n\n>>> f()\n@.lstm_ref.errors.LSTMError: lstm_ref.x\n"""',
        ),
    ],
)
def test_an_import_is_renamed_where_it_stands(source: str, expected: str, renaming: Any) -> None:
    """Whatever is in the same line, to the byte; @ stands for the installed name."""
    assert renaming.renamed(source) == expected.replace("@", PACKAGE)


@pytest.mark.parametrize(
    "source",
    [
        "text = 'from conformance import case'",
        "from .conformance import case",
        "import conformances, lstm_reference",
        "from keras import lstm_ref",
        '"""See conformance.cases.case; import lstm_ref first."""',
        "f(conformance=1)",
    ],
)
def test_nothing_else_is_renamed(source: str, renaming: Any) -> None:
    """Strings, other packages' modules and words."""
    assert renaming.renamed(source) == source


@pytest.mark.parametrize("source", ["import conformance", "import lstm_ref.layer", "import os, lstm_ref"])
def test_an_import_that_binds_another_name_is_refused(source: str, renaming: Any) -> None:
    """It would be another name in the wheel; the build ends."""
    with pytest.raises(ValueError, match="binds a name that is not the installed one"):
        renaming.renamed(source)


# --- a checkout that is installed


def installed_checkout() -> Distribution | None:
    """This checkout's, if it is."""
    found = distribution("keras-lstm-conformance")
    return found if "dir_info" in (found.read_text("direct_url.json") or "") else None


@pytest.mark.skipif(installed_checkout() is None, reason="the alias is for a checkout that is installed: `uv sync` does that")
def test_the_installed_name_is_another_for_the_modules_of_a_checkout() -> None:
    """The same objects, none loaded twice, whichever name came first; what they know of themselves stays."""
    script = f"""
import importlib, sys
pairs = [("report.text", "conformance.report.text"), ("lstm_ref.layer", "lstm_ref.layer"), ("lstm_ref", "lstm_ref")]
first = [importlib.import_module("{PACKAGE}." + alias) for alias, _ in pairs]
second = [importlib.import_module(name) for _, name in pairs]
print(all(a is b for a, b in zip(first, second)))
print([module.__name__ for module in first] == [module.__spec__.name for module in first] == [name for _, name in pairs])
ours = {{id(module): module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)}}.values()
print(sorted({{file for file in ours if list(ours).count(file) > 1 and file.startswith({str(ROOT)!r})}}))
"""
    finished = ran(sys.executable, "-W", "error", "-c", script, cwd=ROOT)
    assert finished.stdout.splitlines() == ["True", "True", "[]"], finished.stderr


@pytest.mark.skipif(installed_checkout() is None, reason="the alias is for a checkout that is installed: `uv sync` does that")
def test_a_module_that_is_not_there_is_missing_by_the_name_that_was_asked() -> None:
    """As of any package."""
    with pytest.raises(ModuleNotFoundError, match=rf"No module named '{PACKAGE}\.nonsense'"):
        importlib.import_module(f"{PACKAGE}.nonsense")
