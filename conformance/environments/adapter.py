"""The adapter of an implementation in an isolated environment, which a worker drives."""

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
from conformance.adapters.packing import unpacked
from conformance.adapters.protocol import Answer, AnswerError, observation_of, question_of
from conformance.adapters.worker.routes import ROUTES
from conformance.cases.case import Case
from conformance.cases.features import AT_INFERENCE
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
        spec: of the environment, which is built if it does not exist; or the file of a recording.
        time_limit: seconds for one case.
        recorded: use the recording of the environment, if there is one, and do not run the environment. None if the user cannot
            choose this.
    """

    spec: str
    time_limit: float = 60.0
    recorded: bool | None = None
    keras: None = field(default=None, init=False, repr=False)
    _handler: RequestHandler | None = field(default=None, init=False, repr=False)
    _backend: Backend | None = field(default=None, init=False, repr=False)

    def prepare(self, progress: Callable[[str], None]) -> None:
        """Build the environment if it does not exist, so that the start is fast; `progress` gets a line for each step.

        Raises:
            AdapterStartError: the environment cannot be provided, and no recording is used.
        """
        if self._recording_file:
            return
        try:
            self._provide(self._parsed_spec, progress)
        except LSTMError as error:
            raise AdapterStartError(str(error)) from error

    def start(self) -> Mapping[str, str]:
        """Provide the environment, start its worker and return its versions.

        Raises:
            AdapterStartError: the environment cannot be provided, or its framework cannot be imported.
        """
        try:
            self._handler = read_recording(self._recording_file) if self._recording_file else self._open(self._parsed_spec)
            hello = self._handler.hello()
        except LSTMError as error:
            raise AdapterStartError(f"{error}{self._next_step(error)}") from error
        self._backend = BACKENDS.get(hello.get("backend", ""))
        deviations = recipes().deviations_of(hello)
        described = {DESCRIBED_BY: "+".join(deviations)} if deviations else {}
        return {**hello, "environment": hello.get("environment", self.spec), **described, "conventions": str(self.conventions)}

    @property
    def conventions(self) -> Conventions:
        """The conventions of the backend."""
        return self._backend.conventions if self._backend else DEFAULT_CONVENTIONS

    def observe(self, case: Case, stimulus: Stimulus) -> Observation:
        """Send the case to the worker and return the observation.

        Raises:
            UnsupportedError: the implementation does not support the case.
            RaisedError: the implementation raised an exception.
            CrashedError: its process ended, and so did a new one.
            UnresolvedError: the recording does not contain the case; or the worker, or the machine, is at fault.
        """
        if self._backend and (costs := self._backend.too_costly(case)):
            raise UnsupportedError(costs)
        question, arrays = question_of(case, stimulus)
        asks_suite = _asks_suite(case)
        answer = self._answer("case", arrays, case=case.id) if asks_suite else self._answer("lstm", arrays, **question)
        try:
            return unpacked(answer.fields, answer.arrays) if asks_suite else observation_of(case, answer)
        except AnswerError as error:
            raise UnresolvedError(str(error)) from error

    def probe(self, probe_id: str) -> Mapping[str, Any]:
        """Send a probe to the worker, and return its result as the fields of JSON. It raises what `observe` raises."""
        result = self._answer("probe", probe=probe_id).fields.get("result")
        if not isinstance(result, Mapping):
            raise UnresolvedError(f"the answer does not follow the protocol: the result of {probe_id} is {result!r}")
        return result

    def _answer(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Ask the worker, twice if it dies, and raise the adapter's errors."""
        try:
            try:
                answer = self._active_handler.request(kind, arrays, **question)
            except WorkerDiedError:
                answer = self._active_handler.request(kind, arrays, **question)
        except UnsupportedQuestionError as error:
            raise UnsupportedError(str(error)) from error
        except QuestionError as error:
            raise (UnresolvedError if error.of_worker else RaisedError)(str(error)) from error
        except WorkerDiedError as error:
            raise (UnresolvedError if is_external_signal(error.exit_code) else CrashedError)(f"{error}, twice") from error
        except NotRecordedError as error:
            raise (UnresolvedError if kind == "lstm" else UnsupportedError)(str(error)) from error
        except WorkerError as error:
            raise UnresolvedError(str(error)) from error
        if kind != "lstm" and "verdict" in answer.fields:
            raise _BY_VERDICT.get(str(answer.fields["verdict"]), UnresolvedError)(str(answer.fields.get("reason", "")))
        return answer

    def describe(self) -> Mapping[str, Any]:
        """Return the layer's interface: arguments, config, not_serialised, methods, weights, initial_bias, activations, summary."""
        fields = self._active_handler.request("describe").fields
        return {name: value for name, value in fields.items() if name not in ("id", "arrays")}

    def source(self) -> Path | None:
        """Return the folder of the implementation's Python files, or its recording; None for another kind of program.

        Raises:
            LSTMError: the worker does not answer.
        """
        if isinstance(self._handler, Recording):
            return self._recording_file or recording_path(str(self._parsed_spec))
        try:
            return Path(str(self._active_handler.request("source").fields["folder"]))
        except UnsupportedQuestionError:
            return None

    def _next_step(self, error: LSTMError) -> str:
        """Return the next step if the framework cannot be imported: a command that installs packages, or another environment."""
        if not isinstance(error, ImportFailedError):
            return ""
        spec = self._parsed_spec
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
    def _parsed_spec(self) -> Spec:
        return recipes().without_default_backend(parse(self.spec))

    @property
    def _recording_file(self) -> Path | None:
        """The file of a recording, if the spec names one in place of an environment."""
        return Path(self.spec) if self.spec.endswith(".npz") else None

    def record(self) -> Recorder:
        """Record all further answers."""
        self._handler = Recorder(self._active_handler, str(self._parsed_spec))
        return self._handler

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Send any question of the protocol, and return the answer.

        Raises:
            LSTMError: the worker has no answer.
        """
        return self._active_handler.request(kind, arrays, **question)

    def stop(self) -> None:
        """End the worker."""
        if self._handler is not None:
            self._handler.stop()

    @property
    def _active_handler(self) -> RequestHandler:
        if self._handler is None:
            raise AdapterStartError(f"{self.spec} was not started")
        return self._handler

    def _provide(self, spec: Spec, progress: Callable[[str], None] = lambda _: None) -> Environment | Recording:
        """Return the environment, or its recording if recordings are requested and there is one."""
        path = recording_path(str(spec))
        if self.recorded and path.exists():
            recording = read_recording(path)
            progress(f"the recording of {spec} answers, as --recorded asks: {recording.hello()['recorded']}")
            return recording
        try:
            return provide(spec, progress)
        except UnavailableError as error:
            if self.recorded is None or not path.exists():
                raise
            date = read_recording(path).provenance["recorded"]
            raise UnavailableError(f"{error}. Or let its recording of {date} answer, which is not a run: --recorded") from error

    def _open(self, spec: Spec) -> RequestHandler:
        """Return the environment's worker, or its recording."""
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


# What the suite's own code, in the worker, said of an exception. Anything else is UNRESOLVED.
_BY_VERDICT: Mapping[str, type[RuntimeError]] = {
    "UNSUPPORTED": UnsupportedError,
    "ERROR": RaisedError,
}


def _asks_suite(case: Case) -> bool:
    """Whether only the suite's own code can run a case: the protocol does not read the masks of dropout, and has fewer routes."""
    return case.dropout not in ("none", *AT_INFERENCE) or case.execution.route not in ROUTES


def _check_version(spec: Spec, hello: Mapping[str, str]) -> None:
    """Check the version. An overlay that is not first on the path would run another version."""
    got = hello.get(spec.system, spec.version)
    if spec.version and got != spec.version:
        raise EnvironmentSpecError(f"{spec} was asked for, and {spec.system} {got} answers: remove its folder in {cache()}")
