"""Versions that change on purpose; in a module of their own, since worker processes import what they are sent."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from conformance.adapters.base import Adapter, SupportsDescription, SupportsSource, UnsupportedError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.judging.verdict import Result
from conformance.matrix import CaseOrProbe
from conformance.probes.checks import check_equal
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.journal import as_dict
from conformance.running.pool import result_of_probe
from conformance.running.runner import Keep, KeepEvidence, run
from conformance.upgrade.side import Implementation


class InThisProcess:
    """A pool without processes, which cost more than the cases of a test; what a worker does is done when it is asked for."""

    def __init__(
        self,
        make_adapter: Callable[[], Adapter],
        _: int,
        make_diagnose: Any,
        *,
        time_limit: float,
        keep: Keep,
        keep_evidence: KeepEvidence,
    ) -> None:
        self._adapter, self._keep, self._keep_evidence = make_adapter(), keep, keep_evidence
        self.time_limit = time_limit
        self._make_diagnose = make_diagnose

    def environment(self) -> Mapping[str, str]:
        """What the adapter says."""
        return self._adapter.start()

    def facts(self) -> Mapping[str, Any]:
        """What it can describe."""
        return self._adapter.describe() if isinstance(self._adapter, SupportsDescription) else {}

    def source(self) -> Path | None:
        """Where its files are, if it says."""
        return self._adapter.source() if isinstance(self._adapter, SupportsSource) else None

    def run(self, planned: Sequence[CaseOrProbe]) -> Iterator[Result]:
        """One after the other."""
        cases = [item for item in planned if isinstance(item, Case)]
        diagnose = self._make_diagnose(self._adapter.start())
        yield from run(cases, self._adapter, diagnose, self._keep, keep_evidence=self._keep_evidence)
        yield from (result_of_probe(item, self._adapter) for item in planned if not isinstance(item, Case))

    def stop(self) -> None:
        """Nothing to end."""


# One unit in the last place of float32, about.
NUDGE = 1 + 2.0**-23


@dataclass(frozen=True)
class Version:
    """The reference, which does to each case what is said of it: a deviation, `nudged`, `absent`, or the name of an exception."""

    keras = None

    does: Mapping[str, str] = field(default_factory=dict)
    otherwise: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    files: Path | None = None

    @property
    def conventions(self) -> Conventions:
        """Of the backend that it pretends to run on."""
        return CONVENTIONS.get(self.environment.get("backend", ""), DEFAULT_CONVENTIONS)

    def start(self) -> Mapping[str, str]:
        """Nothing to load."""
        return {"implementation": "version", **self.environment}

    def describe(self) -> Mapping[str, Any]:
        """What it was told to say."""
        return self.facts

    def source(self) -> Path | None:
        """Where it was told that its files are."""
        return self.files

    def probe(self, probe_id: str) -> Mapping[str, Any]:
        """What it was told: a wrong count, or the right one.

        Raises:
            UnsupportedError: the probe is absent.
            ValueError, TypeError: as was asked.
        """
        does = self.does.get(probe_id, self.otherwise)
        if does == "absent":
            raise UnsupportedError("there is no such thing")
        if does in _ERRORS:
            raise _ERRORS[does]("it does not go")
        check = check_equal("count", "the count", 3 if does else 4, 4)
        return as_dict(Result(case_id=probe_id, group="probes", verdict=check.verdict, checks=(check,)))

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """The reference's observation, changed.

        Raises:
            UnsupportedError: the case is absent.
            ValueError, TypeError: as was asked.
        """
        does = self.does.get(case.id, self.otherwise)
        if does.startswith("absent"):
            raise UnsupportedError("there is no such thing" + does.removeprefix("absent"))
        if does == "full disk":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        name, _, words = does.partition(" ")
        if name in _ERRORS:
            raise _ERRORS[name](f"it does not go {words}".rstrip())
        nudged = does.partition("+")[2] == "nudged" or does == "nudged"
        observed = ReferenceAdapter(does.removesuffix("nudged").removesuffix("+") or None).observe(case, stimulus)
        calls = tuple(map(_nudged, observed.calls)) if nudged else observed.calls
        return replace(observed, calls=calls, path=f"eager; {self.environment.get('kernel', 'loop')}")


_ERRORS: Mapping[str, type[Exception]] = {"ValueError": ValueError, "TypeError": TypeError}


def _nudged(call: Any) -> Any:
    """Off by one rounding, and in the dtype that it had."""
    return replace(
        call, **{name: getattr(call, name) * getattr(call, name).dtype.type(NUDGE) for name in ("outputs", "hidden", "cell")}
    )


def version(does: Mapping[str, str] | None = None, name: str = "", **said: Any) -> Implementation:
    """Such a version, named."""
    return Implementation(name=name or "version", make_adapter=partial(Version, does or {}, **said))


def interrupting(after: int) -> Callable[..., None]:
    """Takes the place of `Progress.finished`: an interruption by the result of that number."""
    left = iter(range(after - 1))

    def finished(*_: object) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    return finished
