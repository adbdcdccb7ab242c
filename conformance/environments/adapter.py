"""An implementation in an environment of its own, driven by a worker."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.adapters.base import AdapterStartError, CrashedError, RaisedError, UnresolvedError, UnsupportedError
from conformance.adapters.conventions import DEFAULT_CONVENTIONS, Conventions
from conformance.adapters.keras.backends import BACKENDS
from conformance.adapters.keras.backends.backend import Backend
from conformance.adapters.observation import Observation
from conformance.adapters.protocol import Answer, AnswerError, observation_of, question_of
from conformance.cases.case import Case
from conformance.cases.stimulus import Stimulus
from conformance.environments import DESCRIBED_BY
from conformance.environments.build import Environment, UnavailableError, provide
from conformance.environments.folders import cache
from conformance.environments.interpreters import install_command
from conformance.environments.process import (
    ImportFailedError,
    QuestionError,
    RequestHandler,
    UnsupportedQuestionError,
    Worker,
    WorkerDiedError,
    WorkerError,
    run_by,
)
from conformance.environments.recipes import recipes
from conformance.environments.recording import NotRecordedError, Recorder, Recording, read_recording, recording_path
from conformance.environments.spec import INSTALLED, INTERPRETER, EnvironmentSpecError, Spec, parse
from conformance.system.error_messages import distribution_of
from conformance.system.infrastructure import is_external_signal
from lstm_ref import LSTMError
from lstm_ref.arrays import Array


@dataclass
class EnvironmentAdapter:
    """Runs cases in the environment that a spec names: `keras==3.0.5 --backend jax`, `keras==2.2.4`, or the path of an interpreter.

    Args:
        spec: of the environment, which is built if it is not there; or the file of a recording.
        time_limit: seconds that one case may take.
        recorded: take what the environment answered when it was recorded, where it was; it is not run. None where the user has no
            such choice.
    """

    spec: str
    time_limit: float = 60.0
    recorded: bool | None = None
    keras: None = field(default=None, init=False, repr=False)
    _asked: RequestHandler | None = field(default=None, init=False, repr=False)
    _backend: Backend | None = field(default=None, init=False, repr=False)

    def prepare(self, say: Callable[[str], None]) -> None:
        """Build the environment where it is not there yet, so that starting takes no long time; `say` is told what is done.

        Raises:
            AdapterStartError: it cannot be had here, and its recording, if there is one, is not asked for.
        """
        if self._recording:
            return
        try:
            self._provide(self._named, say)
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
            raise AdapterStartError(f"{error}{self._next_step(error)}") from error
        self._backend = BACKENDS.get(hello.get("backend", ""))
        deviations = recipes().deviations_of(hello)
        described = {DESCRIBED_BY: "+".join(deviations)} if deviations else {}
        return {**hello, "environment": hello.get("environment", self.spec), **described, "conventions": str(self.conventions)}

    @property
    def conventions(self) -> Conventions:
        """Of the backend."""
        return self._backend.conventions if self._backend else DEFAULT_CONVENTIONS

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Ask the worker.

        Raises:
            UnsupportedError: the implementation has no such thing.
            RaisedError: it has raised.
            CrashedError: its process has ended, and so has a fresh one.
            UnresolvedError: the recording that answers was not asked this; or the worker, or the machine, is at fault.
        """
        if self._backend and (costs := self._backend.too_costly(case)):
            raise UnsupportedError(costs)
        question, arrays = question_of(case, stimulus)
        try:
            try:
                answer = self._running.ask("lstm", arrays, **question)
            except WorkerDiedError:
                answer = self._running.ask("lstm", arrays, **question)
            return observation_of(case, answer)
        except UnsupportedQuestionError as error:
            raise UnsupportedError(str(error)) from error
        except QuestionError as error:
            raise (UnresolvedError if error.of_worker else RaisedError)(str(error)) from error
        except WorkerDiedError as error:
            raise (UnresolvedError if is_external_signal(error.exit_code) else CrashedError)(f"{error}, twice") from error
        except (AnswerError, NotRecordedError, WorkerError) as error:
            raise UnresolvedError(str(error)) from error

    def describe(self) -> Mapping[str, Any]:
        """The layer's interface: arguments, config, not_serialised, methods, weights, initial_bias, activations, summary."""
        said = dict(self._running.ask("describe").said)
        return {name: value for name, value in said.items() if name not in ("id", "arrays")}

    def source(self) -> Path | None:
        """The folder of the implementation's Python files, or its recording; None where a program of another kind answers.

        Raises:
            LSTMError: the worker does not answer.
        """
        if isinstance(self._asked, Recording):
            return self._recording or recording_path(str(self._named))
        try:
            return Path(str(self._running.ask("source").said["folder"]))
        except UnsupportedQuestionError:
            return None

    def _next_step(self, error: LSTMError) -> str:
        """Where the framework of an environment cannot be imported: what installs what is missing, or does without it."""
        if not isinstance(error, ImportFailedError):
            return ""
        spec = self._named
        if spec.system not in (INSTALLED, INTERPRETER):
            return f"; mend it there, name another environment, or remove it from {cache()} to have it built anew"
        if not error.missing:
            return f"; mend it there, or name another environment{' or backend' if spec.backend else ''}"
        python = spec.interpreter or Path(sys.executable)
        install = install_command(python, [distribution_of(module) for module in error.missing])
        others = [] if {"keras", "numpy"} & {*error.missing} else error.backends
        other = f", or name a backend that is there: {shlex.quote(f'{replace(spec, backend=others[0])}')}" if others else ""
        return f"; install it with: {install}{other}"

    @property
    def _named(self) -> Spec:
        return recipes().without_default_backend(parse(self.spec))

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
    def _running(self) -> RequestHandler:
        if self._asked is None:
            raise AdapterStartError(f"{self.spec} was not started")
        return self._asked

    def _provide(self, spec: Spec, say: Callable[[str], None] = lambda _: None) -> Environment | Recording:
        """The environment; its recording, where that is asked for and there is one."""
        path = recording_path(str(spec))
        if self.recorded and path.exists():
            recording = read_recording(path)
            say(f"the recording of {spec} answers, as --recorded asks: {recording.hello()['recorded']}")
            return recording
        try:
            return provide(spec, say)
        except UnavailableError as error:
            if self.recorded is None or not path.exists():
                raise
            made = read_recording(path).provenance["recorded"]
            raise UnavailableError(f"{error}. Or let its recording of {made} answer, which is not a run: --recorded") from error

    def _open(self, spec: Spec) -> RequestHandler:
        """The environment's worker, or its recording."""
        provided = self._provide(spec)
        if isinstance(provided, Recording):
            return provided
        worker = Worker(
            command=run_by(provided.python),
            system=provided.runs,
            paths=[str(path) for path in provided.paths],
            variables=provided.variables,
            time_limit=self.time_limit,
        )
        _check_version(spec, worker.hello())
        return worker


def _check_version(spec: Spec, hello: Mapping[str, str]) -> None:
    """An overlay that is not first on the path would answer for another version."""
    got = hello.get(spec.system, spec.version)
    if spec.version and got != spec.version:
        raise EnvironmentSpecError(f"{spec} was asked for, and {spec.system} {got} answers: remove its folder in {cache()}")
