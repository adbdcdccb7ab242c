"""The protocol of an adapter, which drives an implementation under test, and its errors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from conformance.adapters.conventions import Conventions
from conformance.adapters.observation import Observation
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from lstm_ref import LSTMError


class AdapterStartError(LSTMError):
    """The implementation cannot run here at all: a package is missing, or another backend is loaded already."""


class UnsupportedError(RuntimeError):
    """The implementation does not support what a case needs. The message is the reason."""


class RaisedError(RuntimeError):
    """The implementation raised an exception in its own process. The message is that exception, type and text, in one line."""


class CrashedError(RuntimeError):
    """The implementation ended its process, also when the process ran this case alone. The message says how, in one line."""


class UnresolvedError(RuntimeError):
    """A fault of the suite or of the machine prevented an answer. The message says how, in one line."""


class Adapter(Protocol):
    """Drives one kind of implementation. It never sees the expected values."""

    @property
    def keras(self) -> Any:
        """The Keras module for probes, after the start; None for an implementation without one."""

    @property
    def conventions(self) -> Conventions:
        """The implementation's choices where Keras promises nothing."""

    def start(self) -> Mapping[str, str]:
        """Load the implementation and return its name, versions and backend, as reports show them.

        Raises:
            AdapterStartError: the implementation cannot run here.
        """

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Run the case's calls on the stimulus and return the observation.

        Raises:
            UnsupportedError: the implementation does not support the case.
            RaisedError: the implementation raised an exception in its own process. In this process, any exception may come.
            CrashedError: the implementation ended its process, or never answers.
            UnresolvedError: a fault of the suite or of the machine prevented an answer.
        """


@runtime_checkable
class SupportsSource(Protocol):
    """An adapter that knows the files of its implementation."""

    def source(self) -> Path | None:
        """The folder of a started implementation's Python files, or the file of a recording; None if it is unknown."""


@runtime_checkable
class SupportsProbes(Protocol):
    """An adapter whose Keras lies in another process, which runs the probes there."""

    def probe(self, probe_id: str) -> Mapping[str, Any]:
        """Return the result of a probe, as the fields of JSON. It raises what `observe` raises."""


@runtime_checkable
class SupportsDescription(Protocol):
    """An adapter that can describe the API of its implementation."""

    def describe(self) -> Mapping[str, Any]:
        """Return facts about a started implementation.

        The keys are: `arguments`, the constructor's arguments and the repr of their defaults; `config`, the keys of the
        configuration; `not_serialised`, the arguments that the configuration lacks; `methods`; `summary`, the text of a model's
        summary; `weights`, names and shapes.
        """
