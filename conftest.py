"""What holds for every test of the project."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same draws in every run: what fails on one machine fails on every other.
settings.register_profile("reproducible", derandomize=True, database=None, deadline=None)
settings.load_profile("reproducible")

# Read when NumPy is first imported by a process: the tests' processes are the parallelism.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded as `shown`; it comes through pytest-xdist, where a test's own printing is lost."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties:
                if name == "shown" and report.when == "call":
                    terminalreporter.section(report.nodeid)
                    terminalreporter.write_line(str(value))
