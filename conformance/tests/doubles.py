"""Implementations that misbehave on purpose; in a module of their own, since worker processes import what they are sent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from conformance.adapters.base import AdapterStartError
from conformance.adapters.reference import ReferenceAdapter
from conformance.case import Case
from conformance.observation import Observation
from conformance.stimulus import Stimulus


@dataclass(frozen=True)
class Scaling:
    """The reference with its outputs multiplied: wrong, and no deviation of the registry."""

    factor: float

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "scaling"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, outputs scaled."""
        observed = ReferenceAdapter().observe(case, stimulus)
        return replace(observed, calls=tuple(replace(call, outputs=self.factor * call.outputs) for call in observed.calls))


@dataclass(frozen=True)
class Raising:
    """The reference, which raises at one case."""

    case_id: str
    error: Exception

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "raising"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or the error."""
        if case.id == self.case_id:
            raise self.error
        return ReferenceAdapter().observe(case, stimulus)


@dataclass(frozen=True)
class Incomplete:
    """The reference, which loses its last call."""

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "incomplete"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation without its last call."""
        observed = ReferenceAdapter().observe(case, stimulus)
        return replace(observed, calls=observed.calls[:-1])


@dataclass(frozen=True)
class Dying:
    """The reference, whose process ends at one family, as a crash in a framework's C++ code ends it."""

    family: str
    when: str = "observe"

    def start(self) -> Mapping[str, str]:
        """Load nothing, or die of it."""
        if self.when == "start":
            os._exit(3)
        return {"implementation": "dying"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or none ever."""
        if str(case.family) == self.family:
            os._exit(3)
        return ReferenceAdapter().observe(case, stimulus)


@dataclass(frozen=True)
class NotInstalled:
    """Cannot start at all."""

    def start(self) -> Mapping[str, str]:
        """Refuse.

        Raises:
            AdapterStartError: always.
        """
        raise AdapterStartError("there is no such framework; install it with: pip install framework")

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Never reached."""
        raise NotImplementedError


@dataclass(frozen=True)
class Counting:
    """Reports from which process and with which arguments each case was observed, in its path."""

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "counting", "process": str(os.getpid())}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation; the path is the process and the stimulus it was given."""
        return replace(ReferenceAdapter().observe(case, stimulus), path=f"{os.getpid()} {id(stimulus)} {stimulus.inputs.shape}")
