"""Controls a worker process: questions and answers, time limits, and the replacement of a worker that died."""

import contextlib
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from conformance.adapters import worker
from conformance.adapters.protocol import Answer
from conformance.adapters.worker import PROTOCOL
from conformance.system.array_files import ArrayFileError, load_arrays
from conformance.system.error_messages import file_error_message
from conformance.system.infrastructure import exit_code_text
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

WORKER = Path(worker.__file__).with_name("__main__.py")

# Number of lines of stderr that are quoted if the worker died.
QUOTED = 3


def run_by(python: Path) -> tuple[str, ...]:
    """The worker's command in an interpreter, which is to see no packages of the user and to leave no files."""
    return str(python), "-s", "-B", str(WORKER)


class WorkerError(LSTMError):
    """The worker could not start, died, gave no answer in time, or violated the protocol."""


class ImportFailedError(WorkerError):
    """The framework cannot be imported there.

    Attributes:
        missing: names of the modules that are not installed there; empty if the cause is another.
        backends: backends of Keras that are installed there.
    """

    def __init__(self, message: str, missing: Sequence[str] = (), backends: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.missing = tuple(missing)
        self.backends = tuple(backends)


class WorkerDiedError(WorkerError):
    """The process ended while it computed an answer.

    Attributes:
        exit_code: of the process; if a signal ended it, the negative number of the signal.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class UnsupportedQuestionError(LSTMError):
    """The implementation does not support the question."""


class QuestionError(LSTMError):
    """The answer is an exception, in one line; its traceback is stored.

    Attributes:
        traceback: as the worker's interpreter prints it.
        of_worker: whether the worker is at fault, and not the implementation.
    """

    def __init__(self, message: str, traceback: str = "", *, of_worker: bool = False) -> None:
        super().__init__(message)
        self.traceback = traceback
        self.of_worker = of_worker


class RequestHandler(Protocol):
    """Answers questions of the protocol: a worker, or a recording of one."""

    def hello(self) -> Mapping[str, str]:
        """Return name and versions."""

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Send one question and return its answer."""

    def stop(self) -> None:
        """End the process, if there is one."""


@dataclass
class Worker:
    """One worker process. It is started for the first question.

    Args:
        command: of a program that follows the protocol; it is given the job, in JSON, as one argument more.
        system: the worker's name for what it runs.
        paths: folders that come first where modules are sought.
        variables: of the environment.
        start_limit: seconds in which the framework must have been imported.
        time_limit: seconds in which a question must be answered.
    """

    command: Sequence[str]
    system: str
    paths: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    start_limit: float = 300.0
    time_limit: float = 120.0
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _folder: Path = field(default=Path(), init=False, repr=False)
    _lines: queue.Queue[bytes] = field(default_factory=queue.Queue, init=False, repr=False)
    _hello: Mapping[str, str] = field(default_factory=dict, init=False, repr=False)
    _question_count: int = field(default=0, init=False, repr=False)
    _end: Callable[[], object] = field(default=lambda: None, init=False, repr=False)

    def hello(self) -> Mapping[str, str]:
        """Return name and versions of what the worker runs.

        Raises:
            WorkerError: it does not start, or has another version of the protocol.
        """
        if self._process is None:
            self._start()
        return self._hello

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Send one question and return its answer. A worker that has died is replaced before the next question.

        Raises:
            UnsupportedQuestionError: the implementation does not support the question.
            QuestionError: the implementation, or the worker, raised an exception.
            WorkerDiedError: the process died.
            WorkerError: it does not start, gave no answer in time, or arrays cannot be exchanged with it.
        """
        self.hello()
        assert self._process and self._process.stdin  # noqa: S101, PT018  # for the type checker: hello says so
        self._question_count += 1
        message = {"id": self._question_count, "ask": kind, **question}
        if arrays:
            message["arrays"] = f"{self._question_count}.question.npz"
            self._write(message["arrays"], arrays)
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:  # the process has died; its last line is read below
            pass
        answered = self._line(self.time_limit, "while it answered")
        if "unsupported" in answered:
            raise UnsupportedQuestionError(str(answered["unsupported"]))
        if "error" in answered:
            of_worker = bool(answered.get("of_worker"))
            raise QuestionError(str(answered["error"]), str(answered.get("traceback", "")), of_worker=of_worker)
        return Answer(fields=answered, arrays=self._read(answered))

    def stop(self) -> None:
        """End the process; the next question starts another."""
        self._process = None
        self._end()

    def _start(self) -> None:
        try:
            folder = self._folder = Path(tempfile.mkdtemp(prefix="lstm-conformance-"))
            errors = (folder / "stderr").open("wb")
        except OSError as error:
            raise WorkerError(file_error_message("made", error.filename or "a temporary folder", error)) from error
        parent = {"process": os.getpid(), "lasting": threading.current_thread() is threading.main_thread()}
        job = {"system": self.system, "paths": list(self.paths), "folder": str(folder), **parent}
        with errors:
            process = self._process = subprocess.Popen(  # noqa: S603  # a program that the user named, or the worker
                [*self.command, json.dumps(job)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**worker_variables(folder), **self.variables},
                start_new_session=True,  # Ctrl-C goes to the parent, which ends its workers
            )
        self._end = weakref.finalize(self, _end, process, folder)
        self._lines = queue.Queue()
        threading.Thread(target=_pump, args=(process.stdout, self._lines), daemon=True).start()
        try:
            greeting = self._line(self.start_limit, "while it imported the framework")
        except WorkerDiedError as error:  # of no question
            raise WorkerError(str(error)) from error
        if greeting.get("protocol") != PROTOCOL:
            self.stop()
            raise WorkerError(f"the worker speaks protocol {greeting.get('protocol')!r}, expected {PROTOCOL}")
        if "hello" not in greeting:
            self.stop()
            missing, backends = ([str(name) for name in greeting.get(key) or ()] for key in ("missing", "backends"))
            why = f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed there; " if missing else ""
            raise ImportFailedError(
                f"the framework cannot be imported: {why}{greeting.get('error', 'it says nothing')}", missing, backends
            )
        self._hello = {str(name): str(value) for name, value in greeting["hello"].items()}

    def _line(self, limit: float, when: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=limit)
        except queue.Empty:
            self.stop()
            raise WorkerError(f"no answer within {limit:g} s {when}: the process was ended") from None
        if not line:
            code, written = self._ending()
            raise WorkerDiedError(f"the process died ({exit_code_text(code)}) {when}{written}", code)
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self.stop()
            raise WorkerError(f"the worker wrote a line that is no answer {when}: {line[:80]!r}")
        return fields

    def _ending(self) -> tuple[int, str]:
        """Return the exit code, and the last lines of stderr if they can be read."""
        assert self._process  # noqa: S101  # for the type checker: it was started
        code, written = self._process.wait(), ""
        with contextlib.suppress(OSError):
            written = (self._folder / "stderr").read_text("utf-8", "replace")
        self.stop()
        return code, "".join(f"; {line.strip()}" for line in written.strip().splitlines()[-QUOTED:])

    def _write(self, name: str, arrays: Mapping[str, Array]) -> None:
        try:
            np.savez(self._folder / name, **dict[str, Any](arrays))
        except OSError as error:
            self.stop()  # the folder may be unusable; the next worker gets a new one
            raise WorkerError(file_error_message("written", error.filename or self._folder, error)) from error

    def _read(self, answered: Mapping[str, Any]) -> dict[str, Array]:
        path = self._folder / Path(str(answered.get("arrays", ""))).name
        try:
            return load_arrays(path)
        except ArrayFileError as error:
            self.stop()
            raise WorkerError(f"the worker's arrays cannot be read: {error}") from error
        finally:
            for left in self._folder.glob(f"{self._question_count}.*.npz"):
                left.unlink(missing_ok=True)


def _pump(stream: IO[bytes], lines: queue.Queue[bytes]) -> None:
    """Pass on each line, and an empty one at the end."""
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """End the process and remove its folder."""
    process.kill()
    process.wait()
    with contextlib.suppress(OSError):  # unwritten data may be left
        if process.stdin:
            process.stdin.close()
    shutil.rmtree(folder, ignore_errors=True)


def worker_variables(folder: Path) -> dict[str, str]:
    """The variables that a worker gets: none that Python or a framework reads, a home of its own, one thread."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_READ_BY_FRAMEWORKS)}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), "1")
    homes = {"HOME": str(folder), "KERAS_HOME": str(folder / ".keras")}
    return kept | threads | homes | {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}


_READ_BY_FRAMEWORKS = ("PYTHON", "KERAS", "TF_", "THEANO", "XLA_", "JAX_", "VIRTUAL_ENV")
