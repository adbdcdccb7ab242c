"""An implementation in an environment of its own, driven by a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.adapters.base import AdapterStartError, UnsupportedError
from conformance.backends import CONVENTIONS
from conformance.case import Case
from conformance.conventions import USUAL, Conventions
from conformance.environments.build import provide
from conformance.environments.process import Answer, UnsupportedQuestionError, Worker
from conformance.environments.protocol import observation_of, question_of
from conformance.environments.spec import parse
from conformance.observation import Observation
from conformance.stimulus import Stimulus
from lstm_ref import LSTMError
from lstm_ref.arrays import Array


@dataclass
class EnvironmentAdapter:
    """Runs cases in the environment that a spec names: `keras==3.0.5 --backend jax`, `keras==2.2.4`, a path of an interpreter …

    Args:
        spec: of the environment, which is built if it is not there.
        time_limit: seconds that one case may take.
    """

    spec: str
    time_limit: float = 60.0
    keras: None = field(default=None, init=False, repr=False)
    _worker: Worker | None = field(default=None, init=False, repr=False)
    _conventions: Conventions = field(default=USUAL, init=False, repr=False)

    def start(self) -> Mapping[str, str]:
        """Provide the environment, start its worker and say which versions these are.

        Raises:
            AdapterStartError: the environment cannot be had here, or its framework not be imported.
        """
        try:
            spec = parse(self.spec)
            environment = provide(spec)
            self._worker = Worker(
                python=[str(environment.python)],
                system=environment.runs,
                paths=[str(path) for path in environment.paths],
                variables=environment.variables,
                time_limit=self.time_limit,
            )
            hello = self._worker.hello()
        except LSTMError as error:
            raise AdapterStartError(f"{self.spec}: {error}") from error
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
        """
        question, arrays = question_of(case, stimulus)
        try:
            return observation_of(case, self._running.ask("lstm", arrays, **question))
        except UnsupportedQuestionError as error:
            raise UnsupportedError(str(error)) from error

    def describe(self) -> Mapping[str, Any]:
        """The layer's interface: arguments, config, not_serialised, methods, weights, initial_bias, activations, summary …"""
        said = dict(self._running.ask("describe").said)
        return {name: value for name, value in said.items() if name not in ("id", "arrays")}

    def ask(self, ask: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Any other question of the protocol.

        Raises:
            LSTMError: the worker has no answer.
        """
        return self._running.ask(ask, arrays, **question)

    def stop(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.stop()

    @property
    def _running(self) -> Worker:
        if self._worker is None:
            raise AdapterStartError(f"{self.spec} was not started")
        return self._worker
