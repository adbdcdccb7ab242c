"""Implementations that misbehave on purpose; in a module of their own, since worker processes import what they are sent."""

from __future__ import annotations

import errno
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from conformance.adapters.base import AdapterStartError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.reference.adapter import ReferenceAdapter


@dataclass(frozen=True)
class Scaling:
    """The reference with its outputs multiplied: wrong, and no deviation of the registry."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    factor: float

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "scaling"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, outputs scaled."""
        observed = ReferenceAdapter().observe(case, stimulus)
        return replace(observed, calls=tuple(replace(call, outputs=self.factor * call.outputs) for call in observed.calls))


@dataclass(frozen=True)
class Mistaken:
    """The reference, which is wrong where a feature has a value: feature, value and deviation; "" scales the outputs instead."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    mistakes: tuple[tuple[str, object, str], ...]

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "mistaken"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The observation with the first mistake that concerns the case."""
        features = case.non_default_features
        deviation = next((deviation for name, value, deviation in self.mistakes if features.get(name) == value), None)
        return (Scaling(1.01) if deviation == "" else ReferenceAdapter(deviation)).observe(case, stimulus)


@dataclass(frozen=True)
class Raising:
    """The reference, which raises at one case."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

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


@dataclass
class OnceOnly:
    """The reference with its outputs multiplied, which answers once and raises whenever it is asked again."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    factor: float
    error: Exception
    asked: int = 0

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "once only"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The scaled observation, or the error."""
        self.asked += 1
        if self.asked > 1:
            raise self.error
        return Scaling(self.factor).observe(case, stimulus)


@dataclass(frozen=True)
class Incomplete:
    """The reference, which loses its last call."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "incomplete"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation without its last call."""
        observed = ReferenceAdapter().observe(case, stimulus)
        return replace(observed, calls=observed.calls[:-1])


@dataclass(frozen=True)
class Dying:
    """The reference, whose process ends at one case, as a crash in C++ code or the system's want of memory ends it."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    case_id: str
    killed_by: int = 0
    died: Path | None = None

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "dying"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or none ever; once only where a file is to say that it has died."""
        if case.id == self.case_id and not (self.died and self.died.exists()):
            if self.died:
                self.died.touch()
            if self.killed_by and signal.getsignal(self.killed_by) is signal.SIG_IGN:
                signal.signal(self.killed_by, signal.SIG_DFL)  # a run under nohup ignores SIGHUP
            os.kill(os.getpid(), self.killed_by)
            os._exit(3)
        return ReferenceAdapter().observe(case, stimulus)


@dataclass(frozen=True)
class Starved:
    """The reference on a machine whose disk is full, so many times, at one case."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    case_id: str
    folder: Path
    times: int

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "starved"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, once there is room.

        Raises:
            OSError: there is none.
        """
        tried = len(list(self.folder.glob("tried *")))
        if case.id == self.case_id and tried < self.times:
            (self.folder / f"tried {tried}").touch()
            raise OSError(errno.ENOSPC, "No space left on device")
        return ReferenceAdapter().observe(case, stimulus)


@dataclass(frozen=True)
class Hanging:
    """The reference, which never answers at one case."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    case_id: str

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "hanging"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, after for ever."""
        while case.id == self.case_id:
            time.sleep(60)
        return ReferenceAdapter().observe(case, stimulus)


@dataclass(frozen=True)
class Fading:
    """The reference, whose process dies at one case and which loads once only: every later process dies or hangs of loading it."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    case_id: str
    loaded: Path
    hangs: bool = False

    def start(self) -> Mapping[str, str]:
        """Load nothing, the first time."""
        while self.loaded.exists() and self.hangs:
            time.sleep(60)
        if self.loaded.exists():
            os._exit(3)
        self.loaded.touch()
        return {"implementation": "fading"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, or none ever."""
        return Dying(self.case_id).observe(case, stimulus)


@dataclass(frozen=True)
class NotInstalled:
    """Cannot start at all."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

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
class Broken:
    """Raises an exception of its own kind while it is loaded, as frameworks do that another package's new version has broken."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Fail.

        Raises:
            AttributeError: always.
        """
        raise AttributeError("module 'numpy' has no attribute 'bool'")

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Never reached."""
        raise NotImplementedError


@dataclass(frozen=True)
class Exiting:
    """Asks its process to exit, which no exception handler expects."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "exiting"}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """None.

        Raises:
            SystemExit: always.
        """
        raise SystemExit(f"{case.id} on {len(stimulus.inputs)} rows")


@dataclass(frozen=True)
class Counting:
    """Reports from which process and with which arguments each case was observed, in its path."""

    keras = None
    conventions = DEFAULT_CONVENTIONS

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "counting", "process": str(os.getpid())}

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation; the path is the process and the stimulus it was given."""
        return replace(ReferenceAdapter().observe(case, stimulus), path=f"{os.getpid()} {id(stimulus)} {stimulus.inputs.shape}")
