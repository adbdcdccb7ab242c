"""What holds for every test of the project."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same draws in every run: what fails on one machine fails on every other.
settings.register_profile("reproducible", derandomize=True, database=None, deadline=None)
settings.load_profile("reproducible")

# Read when NumPy is first imported by a process: the tests' processes are the parallelism.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Where Python is told to write no bytecode, as in many containers, each of the hundred processes of a test run would compile all
# that it imports, TensorFlow's two thousand modules among it. They share it in pytest's own cache, and write none elsewhere.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).parent / ".pytest_cache" / "bytecode")
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """What lasts to the end, ten thousand tests among it, is no garbage: no collection need look through it again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded as `shown`; it comes through pytest-xdist, where a test's own printing is lost."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "shown" and report.when == "call":
                    terminalreporter.section(report.nodeid)
                    terminalreporter.write_line(str(value))
