"""What drives an implementation under test."""

from __future__ import annotations

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
    """The implementation says, or is known by construction, not to have what a case asks for; the message is the reason."""


class RaisedError(RuntimeError):
    """What the implementation raised in a process of its own: the message is that exception, type and text, in one line."""


class CrashedError(RuntimeError):
    """The implementation has ended its process, also when that ran nothing else; the message says how, in one line."""


class UnresolvedError(RuntimeError):
    """The suite or the machine has kept a case from its answer, and not the implementation; the message says how, in one line."""


class Adapter(Protocol):
    """Drives one kind of implementation; it never sees what is expected."""

    @property
    def keras(self) -> Any:
        """The module that probes look into, once started; None for an implementation without one."""

    @property
    def conventions(self) -> Conventions:
        """What it does by choice where Keras promises nothing."""

    def start(self) -> Mapping[str, str]:
        """Load the implementation and say what it is: name, versions, backend, as reports show them.

        Raises:
            AdapterStartError: it cannot run here.
        """

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Run the case's calls on the stimulus and say what came out.

        Raises:
            UnsupportedError: the implementation has no such thing.
            RaisedError: it has raised, in a process of its own; in this one, anything.
            CrashedError: it has ended its process, or never answers.
            UnresolvedError: something else kept it from an answer.
        """


@runtime_checkable
class SupportsSource(Protocol):
    """An adapter that can say where its implementation's files are."""

    def source(self) -> Path | None:
        """The folder of a started implementation's Python files, or the file of a recording; None where it cannot say."""


@runtime_checkable
class SupportsDescription(Protocol):
    """An adapter that can say more of the API than its answers do."""

    def describe(self) -> Mapping[str, Any]:
        """Facts of a started implementation.

        They are `arguments` of the constructor and the repr of their defaults, `config`, the keys of the configuration,
        `not_serialised`, the arguments that it lacks, `methods`, `summary`, the text of a model's, and `weights`, names and shapes.
        """
