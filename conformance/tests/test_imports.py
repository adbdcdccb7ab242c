"""What is imported when: a command has its answer soon if it loads no more than it needs.

No clock is read. What a fresh interpreter imports is known to the module, and says as much on every machine.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

NUMPY = {"lstm_ref", "numpy"}
COMMAND_LINE = {"click", "conformance"}
CASES = NUMPY | COMMAND_LINE | {"covertable"}
TEXT = CASES | {"packaging", "rich"}
POOL = TEXT | {"filelock", "junitparser", "lxml", "pebble", "platformdirs", "uv"}  # lxml: where it is here, junitparser takes it


def imported(*arguments: str) -> set[str]:
    """Names of the modules that an interpreter with these arguments imports, however it ends."""
    ran = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-X", "importtime", *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    lines = [line.split("|") for line in ran.stderr.splitlines() if line.startswith("import time:")]
    return {line[-1].strip() for line in lines}


def packages(*arguments: str) -> set[str]:
    """Those packages among them that are here, and that an interpreter neither has of its own nor imports unasked."""
    roots = {module.partition(".")[0] for module in imported(*arguments) - imported("-c", "")} - sys.stdlib_module_names
    return {root for root in roots if find_spec(root) is not None}


def test_the_reference_imports_numpy_alone() -> None:
    """All else is the standard library."""
    assert packages("-c", "import lstm_ref") == NUMPY


def test_a_pytest_session_that_asks_nothing_of_the_suite_imports_one_module_of_it() -> None:
    """The plugin is loaded into every session of an environment that has the suite."""
    added = imported("-c", "import pytest, conformance.pytest_plugin") - imported("-c", "import pytest")
    assert added == {"conformance", "conformance.pytest_plugin"}


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_the_list_of_commands_imports_none_of_them(arguments: list[str]) -> None:
    """Their names and first sentences are known without."""
    loaded = imported("-m", "conformance", *arguments)
    assert {module for module in loaded if module.startswith("conformance")} == {
        "conformance",
        "conformance.cli",
        "conformance.system",
        "conformance.system.streams",
    }
    assert packages("-m", "conformance", *arguments) == COMMAND_LINE


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["list", "--level", "quick"], CASES),
        (["list", "--level", "standard"], CASES),
        (["explain", "nonsense"], TEXT),
        (["verify", "--no-such-option"], POOL),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_imports_what_it_needs(arguments: list[str], allowed: set[str]) -> None:
    """No framework, no HDF5."""
    assert packages("-m", "conformance", *arguments) <= allowed
