"""An implementation in an environment of its own, driven by a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.adapters.base import AdapterStartError, RaisedError, UnsupportedError
from conformance.backends import CONVENTIONS
from conformance.case import Case
from conformance.conventions import USUAL, Conventions
from conformance.environments import DESCRIBED
from conformance.environments.build import UnavailableError, provide
from conformance.environments.folders import cache
from conformance.environments.process import Answer, Asked, QuestionError, UnsupportedQuestionError, Worker, run_by
from conformance.environments.protocol import observation_of, question_of
from conformance.environments.recipes import recipes
from conformance.environments.recorded import Recorder, read_recording, recording_of
from conformance.environments.spec import INSTALLED, INTERPRETER, EnvironmentSpecError, Spec, parse
from conformance.observation import Observation
from conformance.stimulus import Stimulus
from lstm_ref import LSTMError
from lstm_ref.arrays import Array


@dataclass
class EnvironmentAdapter:
    """Runs cases in the environment that a spec names: `keras==3.0.5 --backend jax`, `keras==2.2.4`, or the path of an interpreter.

    Args:
        spec: of the environment, which is built if it is not there; or the file of a recording.
        time_limit: seconds that one case may take.
        only_live: do not take a recording where the environment cannot be had here.
    """

    spec: str
    time_limit: float = 60.0
    only_live: bool = False
    keras: None = field(default=None, init=False, repr=False)
    _asked: Asked | None = field(default=None, init=False, repr=False)
    _conventions: Conventions = field(default=USUAL, init=False, repr=False)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Build the environment where it is not there yet, so that starting takes no long time; `say` is told what is done.

        Raises:
            AdapterStartError: it cannot be had here, and there is no recording of it.
        """
        if self._recording:
            return
        try:
            spec = self._named
            provide(spec, say)
        except UnavailableError as error:
            if self.only_live or not recording_of(str(spec)).exists():
                raise AdapterStartError(str(error)) from error
            say(f"{error}\nIts recording answers in its place.")
        except LSTMError as error:
            raise AdapterStartError(str(error)) from error

    def start(self) -> Mapping[str, str]:
        """Provide the environment, start its worker and say which versions these are.

        Raises:
            AdapterStartError: the environment cannot be had here, or its framework not be imported.
        """
        try:
            self._asked = read_recording(self._recording) if self._recording else self._open(self._named)
            hello = self._asked.hello()
        except LSTMError as error:
            raise AdapterStartError(f"{error}{self._other_backend(str(error))}") from error
        self._conventions = CONVENTIONS.get(hello.get("backend", ""), USUAL)
        deviations = recipes().describing(hello)
        described = {DESCRIBED: "+".join(deviations)} if deviations else {}
        return {**hello, "environment": hello.get("environment", self.spec), **described, "conventions": str(self.conventions)}

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

    def _other_backend(self, said: str) -> str:
        """A hint for an interpreter whose Keras has another backend than its default, which KERAS_BACKEND does not name here."""
        if "cannot be imported" not in said or self._recording or "--backend" in self.spec:
            return ""
        is_existing = parse(self.spec).system in (INSTALLED, INTERPRETER)
        return f"; where its Keras runs on another backend, name that: '{self.spec} --backend numpy'" if is_existing else ""

    @property
    def _named(self) -> Spec:
        return recipes().shortest(parse(self.spec))

    @property
    def _recording(self) -> Path | None:
        """The recording that is named in place of an environment."""
        return Path(self.spec) if self.spec.endswith(".npz") else None

    def record(self) -> Recorder:
        """From now on, keep what is answered."""
        self._asked = Recorder(self._running, str(self._named))
        return self._asked

    def ask(self, ask: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Any other question of the protocol.

        Raises:
            LSTMError: the worker has no answer.
        """
        return self._running.ask(ask, arrays, **question)

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
        worker = Worker(
            command=run_by(environment.python),
            system=environment.runs,
            paths=[str(path) for path in environment.paths],
            variables=environment.variables,
            time_limit=self.time_limit,
        )
        _check_version(spec, worker.hello())
        return worker


def _check_version(spec: Spec, hello: Mapping[str, str]) -> None:
    """An overlay that is not first on the path would answer for another version."""
    got = hello.get(spec.system, spec.version)
    if spec.version and got != spec.version:
        raise EnvironmentSpecError(f"{spec} was asked for, and {spec.system} {got} answers: remove its folder in {cache()}")
