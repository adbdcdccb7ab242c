"""An implementation in an environment of its own, driven by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.adapters.base import AdapterStartError, RaisedError, UnsupportedError
from conformance.backends import CONVENTIONS
from conformance.case import Case
from conformance.conventions import USUAL, Conventions
from conformance.environments.build import UnavailableError, provide
from conformance.environments.process import Asked, QuestionError, UnsupportedQuestionError, Worker
from conformance.environments.protocol import observation_of, question_of
from conformance.environments.recorded import Recorder, read_recording, recording_of
from conformance.environments.spec import Spec, parse
from conformance.observation import Observation
from conformance.stimulus import Stimulus
from lstm_ref import LSTMError


@dataclass
class EnvironmentAdapter:
    """Runs cases in the environment that a spec names: `keras==3.0.5 --backend jax`, `keras==2.2.4`, or the path of an interpreter.

    Args:
        spec: of the environment, which is built if it is not there.
        time_limit: seconds that one case may take.
        only_live: do not take a recording where the environment cannot be had here.
    """

    spec: str
    time_limit: float = 60.0
    only_live: bool = False
    keras: None = field(default=None, init=False, repr=False)
    _asked: Asked | None = field(default=None, init=False, repr=False)
    _conventions: Conventions = field(default=USUAL, init=False, repr=False)

    def start(self) -> Mapping[str, str]:
        """Provide the environment, start its worker and say which versions these are.

        Raises:
            AdapterStartError: the environment cannot be had here, or its framework not be imported.
        """
        try:
            spec = parse(self.spec)
            self._asked = self._open(spec)
            hello = self._asked.hello()
        except LSTMError as error:
            raise AdapterStartError(str(error)) from error
        self._conventions = CONVENTIONS.get(hello.get("backend", ""), USUAL)
        products = hello.get("products", "")
        if products:
            self._conventions = replace(self._conventions, products=products)
        return {**hello, "environment": str(spec), "conventions": str(self.conventions)}

    @property
    def conventions(self) -> Conventions:
        """Of the backend."""
        return self._conventions

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Ask the worker.

        Raises:
            UnsupportedError: the implementation has no such thing.
            RaisedError: it has raised.
        """
        question, arrays = question_of(case, stimulus)
        try:
            return observation_of(case, self._running.ask("lstm", arrays, **question))
        except UnsupportedQuestionError as error:
            raise UnsupportedError(str(error)) from error
        except QuestionError as error:
            raise RaisedError(str(error)) from error

    def describe(self) -> Mapping[str, Any]:
        """The layer's interface: arguments, config, not_serialised, methods, weights, initial_bias, activations, summary."""
        said = dict(self._running.ask("describe").said)
        return {name: value for name, value in said.items() if name not in ("id", "arrays")}

    def record(self) -> Recorder:
        """From now on, keep what is answered."""
        self._asked = Recorder(self._running)
        return self._asked

    def stop(self) -> None:
        """End the worker."""
        if self._asked is not None:
            self._asked.stop()

    @property
    def _running(self) -> Asked:
        if self._asked is None:
            raise AdapterStartError(f"{self.spec} was not started")
        return self._asked

    def _open(self, spec: Spec) -> Asked:
        """The environment's worker; where the environment cannot be had, its recording."""
        recording = recording_of(str(spec))
        try:
            environment = provide(spec)
        except UnavailableError:
            if self.only_live or not recording.exists():
                raise
            return read_recording(recording)
        return Worker(
            python=[str(environment.python)],
            system=environment.runs,
            paths=[str(path) for path in environment.paths],
            variables=environment.variables,
            time_limit=self.time_limit,
        )
