"""Recorded answers of environments that cannot be built everywhere any more: one small .npz file each, with its provenance.

A recording answers the questions that it contains, and no others. A question is identified by its fields and by a fingerprint of
its arrays. Reports mark the results as recorded.
"""

import hashlib
import json
import platform
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from conformance.adapters.protocol import Answer
from conformance.adapters.worker import PROTOCOL
from conformance.environments.process import QuestionError, RequestHandler, UnsupportedQuestionError, WorkerDiedError
from conformance.system.array_files import ArrayFileError, load_arrays
from conformance.system.infrastructure import infrastructure_fault, is_external_signal
from conformance.system.lifetime import atomic_write
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

FOLDER = Path(__file__).with_name("recordings")
_INDEX = "index"
# Characters of a specification in the name of its file.
_LONGEST_NAME = 150


class RecordingError(LSTMError):
    """The file is no recording, or is damaged."""


class NotRecordedError(LSTMError):
    """The recording does not contain the question."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The recorded answers of an environment.

    Attributes:
        provenance: what answered, where, when, and the command of the recording.
        answers: question key → the fields of the answer.
        arrays: question key → arrays by name.
    """

    provenance: Mapping[str, Any]
    answers: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, Mapping[str, Array]] = field(repr=False)

    def hello(self) -> Mapping[str, str]:
        """Return name and versions, with the date and the platform of the recording."""
        where = f"{self.provenance['recorded']} on {self.provenance['platform']}"
        return {**self.provenance["hello"], "recorded": where}

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Return the recorded answer.

        Raises:
            NotRecordedError: the recording does not contain the question.
            UnsupportedQuestionError, QuestionError, WorkerDiedError: the answer was this error.
        """
        key = question_key(kind, question, arrays or {})
        fields = self.answers.get(key)
        if fields is None:
            raise NotRecordedError(f"not among what was recorded on {self.provenance['recorded']}")
        if "unsupported" in fields:
            raise UnsupportedQuestionError(str(fields["unsupported"]))
        if "error" in fields:
            raise QuestionError(str(fields["error"]))
        if "died" in fields:
            raise WorkerDiedError(str(fields["died"]), int(fields.get("exit_code", 0)))
        return Answer(fields=fields, arrays=self.arrays.get(key, {}))

    def stop(self) -> None:
        """Nothing runs."""


@dataclass
class Recorder:
    """Passes questions to a handler, and records its answers.

    Args:
        handler: answers the questions.
        environment: spec of the environment.
        command: of the recording, for the provenance.
    """

    handler: RequestHandler
    environment: str
    command: str = field(default_factory=lambda: shlex.join(["lstm-conformance", *sys.argv[1:]]))
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _arrays: dict[str, Mapping[str, Array]] = field(default_factory=dict, init=False)

    def hello(self) -> Mapping[str, str]:
        """Return the handler's name and versions."""
        return self.handler.hello()

    def stop(self) -> None:
        """Stop the handler."""
        self.handler.stop()

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Return the handler's answer and record it. A fault of the worker or of the machine is not recorded."""
        key = question_key(kind, question, arrays or {})
        try:
            answer = self.handler.request(kind, arrays, **question)
        except UnsupportedQuestionError as error:
            self._answers[key] = {"unsupported": str(error)}
            raise
        except QuestionError as error:
            if not error.of_worker and not infrastructure_fault(str(error)):
                self._answers[key] = {"error": str(error)}
            raise
        except WorkerDiedError as error:
            if not is_external_signal(error.exit_code):
                self._answers[key] = {"died": str(error), "exit_code": error.exit_code}
            raise
        self._answers[key] = {name: value for name, value in answer.fields.items() if name not in ("id", "arrays")}
        self._arrays[key] = answer.arrays
        return answer

    @property
    def recording(self) -> Recording:
        """The recording of all answers."""
        provenance = {
            "protocol": PROTOCOL,
            "hello": {**self.hello(), "environment": self.environment},
            "recorded": datetime.now(UTC).date().isoformat(),
            "platform": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
            "command": self.command,
        }
        return Recording(provenance=provenance, answers=self._answers, arrays=self._arrays)


def question_key(kind: str, question: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """Return the key of a question. Differences in the last digits of float64, as between machines, do not change it."""
    prints = {name: fingerprint(array) for name, array in arrays.items()}
    text = json.dumps([kind, question, prints], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def fingerprint(array: Array) -> list[Any]:
    """Return dtype, shape, two weighted sums to seven digits, and the number of values that are not finite."""
    values = np.asarray(array, np.float64).ravel()
    finite = np.where(np.isfinite(values), values, 0)
    weights = 1 + np.arange(values.size) % 97
    sums = [f"{float(np.dot(part, weights)):.6e}" for part in (finite, np.abs(finite))]
    return [array.dtype.str, list(array.shape), *sums, int(values.size - np.isfinite(values).sum())]


def write_recording(recording: Recording, path: Path) -> None:
    """Write one compressed .npz file: an index in JSON, and the numbers of each dtype in one array."""
    numbers: dict[str, list[Array]] = {}
    places: dict[str, dict[str, list[Any]]] = {}
    for key, arrays in recording.arrays.items():
        for name, array in arrays.items():
            stored = numbers.setdefault(array.dtype.str, [])
            start = sum(part.size for part in stored)
            stored.append(array.ravel())
            places.setdefault(key, {})[name] = [array.dtype.str, start, list(array.shape)]
    flat = {_file_name(dtype): np.concatenate(arrays) for dtype, arrays in numbers.items()}
    index = {"answers": recording.answers, "places": places}
    provenance = {**recording.provenance, "sha256": _digest(index, flat)}
    text = json.dumps({"provenance": provenance, **index}, sort_keys=True).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {_INDEX: np.frombuffer(text, np.uint8), **flat}
    with atomic_write(path) as begun, begun.open("wb") as file:
        np.savez_compressed(file, **contents)


def read_recording(path: Path) -> Recording:
    """Read a recording and check its digest.

    Raises:
        RecordingError: the file is missing, damaged, or no recording.
    """
    try:
        flat = load_arrays(path)
        index = json.loads(bytes(flat.pop(_INDEX)))
        provenance = index.pop("provenance")
        if provenance.pop("sha256") != _digest(index, flat):
            raise RecordingError(f"{path} is damaged: its contents are not those that were recorded; {_how_to_record(path)}")
        arrays = {
            key: {name: _cut(flat[_file_name(dtype)], start, shape) for name, (dtype, start, shape) in places.items()}
            for key, places in index["places"].items()
        }
    except (ArrayFileError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if not path.exists():
            raise RecordingError(f"there is no recording {path}; {_how_to_record(path)}") from error
        raise RecordingError(
            f"{path} is damaged, or no recording of an environment ({type(error).__name__}: {error}); {_how_to_record(path)}"
        ) from error
    return Recording(provenance=provenance, answers=index["answers"], arrays=arrays)


def _how_to_record(path: Path) -> str:
    return f"name another, or make one with: lstm-conformance record SPEC --output {shlex.quote(str(path))}"


def recording_path(spec: str, folder: Path = FOLDER) -> Path:
    """Return the path of an environment's recording, which may not exist. Names of files have 255 bytes at most."""
    name = re.sub("[^A-Za-z0-9.]+", "-", spec)
    if len(name) > _LONGEST_NAME:
        name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(spec.encode()).hexdigest()[:8]}"
    return folder / f"{name}.npz"


def _cut(numbers: Array, start: int, shape: list[int]) -> Array:
    return np.asarray(numbers[start : start + int(np.prod(shape))]).reshape(shape)


def _file_name(dtype: str) -> str:
    return f"numbers {np.dtype(dtype).name}"


def _digest(index: Mapping[str, Any], flat: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(json.dumps(index, sort_keys=True).encode())
    for name in sorted(flat):
        digest.update(name.encode() + np.ascontiguousarray(flat[name]).tobytes())
    return digest.hexdigest()
