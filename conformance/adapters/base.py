"""What drives an implementation under test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from conformance.case import Case
from conformance.observation import Observation
from conformance.stimulus import Stimulus


class AdapterStartError(RuntimeError):
    """The implementation cannot run here at all: a package is missing, or another backend is loaded already."""


class Adapter(Protocol):
    """Drives one kind of implementation; it never sees what is expected."""

    def start(self) -> Mapping[str, str]:
        """Load the implementation and say what it is: name, versions, backend, as reports show them.

        Raises:
            AdapterStartError: it cannot run here.
        """

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Run the case's calls on the stimulus and say what came out."""
