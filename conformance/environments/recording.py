"""Answers that were recorded, for environments that cannot be had everywhere any more: one small .npz each, with its provenance.

A recording answers the questions that were asked when it was made, and no other: each is known by its own words and by a
fingerprint of its arrays. It is marked as recorded wherever it is shown.
"""

from __future__ import annotations

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


class RecordingError(LSTMError):
    """The file is no recording, or not as it was written."""


class NotRecordedError(LSTMError):
    """The question was not asked when the recording was made: nothing is known of its answer."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What an environment answered.

    Attributes:
        provenance: what answered, where, when, and by which command it was asked.
        answers: question key → what was said, with the arrays' names and places.
        arrays: question key → arrays by name.
    """

    provenance: Mapping[str, Any]
    answers: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, Mapping[str, Array]] = field(repr=False)

    def hello(self) -> Mapping[str, str]:
        """What answered then, and that this was then."""
        where = f"{self.provenance['recorded']} on {self.provenance['platform']}"
        return {**self.provenance["hello"], "recorded": where}

    def ask(self, ask: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """The recorded answer.

        Raises:
            NotRecordedError: the question was not asked then.
            UnsupportedQuestionError, QuestionError, WorkerDiedError: it was the answer.
        """
        key = question_key(ask, question, arrays or {})
        said = self.answers.get(key)
        if said is None:
            raise NotRecordedError(f"not among what was recorded on {self.provenance['recorded']}")
        if "unsupported" in said:
            raise UnsupportedQuestionError(str(said["unsupported"]))
        if "error" in said:
            raise QuestionError(str(said["error"]))
        if "died" in said:
            raise WorkerDiedError(str(said["died"]), int(said.get("exit_code", 0)))
        return Answer(said=said, arrays=self.arrays.get(key, {}))

    def stop(self) -> None:
        """Nothing runs."""


@dataclass
class Recorder:
    """Hands questions on to what answers them, and keeps the answers.

    Args:
        asked: what answers.
        environment: its spec.
        command: by which it is asked, for the provenance.
    """

    asked: RequestHandler
    environment: str
    command: str = field(default_factory=lambda: shlex.join(["lstm-conformance", *sys.argv[1:]]))
    _answers: dict[str, dict[str, Any]] = field(default_factory=dict, init=False)
    _arrays: dict[str, Mapping[str, Array]] = field(default_factory=dict, init=False)

    def hello(self) -> Mapping[str, str]:
        """As it says."""
        return self.asked.hello()

    def stop(self) -> None:
        """End what answers."""
        self.asked.stop()

    def ask(self, ask: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Its answer, kept, unless the worker or the machine is at fault: nothing of the environment is to be learnt from that."""
        key = question_key(ask, question, arrays or {})
        try:
            answer = self.asked.ask(ask, arrays, **question)
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
        self._answers[key] = {name: value for name, value in answer.said.items() if name not in ("id", "arrays")}
        self._arrays[key] = answer.arrays
        return answer

    @property
    def recording(self) -> Recording:
        """All that was answered."""
        provenance = {
            "protocol": PROTOCOL,
            "hello": {**self.hello(), "environment": self.environment},
            "recorded": datetime.now(UTC).date().isoformat(),
            "platform": f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}",
            "command": self.command,
        }
        return Recording(provenance=provenance, answers=self._answers, arrays=self._arrays)


def question_key(ask: str, question: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """Of a question: the same for arrays that differ by no more than the last digits of float64, as from machine to machine."""
    prints = {name: fingerprint(array) for name, array in arrays.items()}
    said = json.dumps([ask, question, prints], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:24]


def fingerprint(array: Array) -> list[Any]:
    """Dtype, shape, and two weighed sums to seven digits; what is not finite is counted."""
    values = np.asarray(array, np.float64).ravel()
    finite = np.where(np.isfinite(values), values, 0)
    weights = 1 + np.arange(values.size) % 97
    sums = [f"{float(np.dot(part, weights)):.6e}" for part in (finite, np.abs(finite))]
    return [array.dtype.str, list(array.shape), *sums, int(values.size - np.isfinite(values).sum())]


def write_recording(recording: Recording, path: Path) -> None:
    """One compressed .npz: an index in JSON, and the numbers of each dtype one after the other."""
    numbers: dict[str, list[Array]] = {}
    places: dict[str, dict[str, list[Any]]] = {}
    for key, arrays in recording.arrays.items():
        for name, array in arrays.items():
            kept = numbers.setdefault(array.dtype.str, [])
            start = sum(each.size for each in kept)
            kept.append(array.ravel())
            places.setdefault(key, {})[name] = [array.dtype.str, start, list(array.shape)]
    flat = {_file_name(dtype): np.concatenate(arrays) for dtype, arrays in numbers.items()}
    index = {"answers": recording.answers, "places": places}
    provenance = {**recording.provenance, "sha256": _digest(index, flat)}
    said = json.dumps({"provenance": provenance, **index}, sort_keys=True).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    contents: dict[str, Any] = {_INDEX: np.frombuffer(said, np.uint8), **flat}
    with atomic_write(path) as begun, begun.open("wb") as file:
        np.savez_compressed(file, **contents)


def read_recording(path: Path) -> Recording:
    """The recording, whole and as it was written.

    Raises:
        RecordingError: it is not.
    """
    try:
        flat = load_arrays(path)
        index = json.loads(bytes(flat.pop(_INDEX)))
        provenance = index.pop("provenance")
        if provenance.pop("sha256") != _digest(index, flat):
            raise RecordingError(f"{path} is damaged: its contents are not those that were recorded; {_made_with(path)}")
        arrays = {
            key: {name: _cut(flat[_file_name(dtype)], start, shape) for name, (dtype, start, shape) in places.items()}
            for key, places in index["places"].items()
        }
    except (ArrayFileError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if not path.exists():
            raise RecordingError(f"there is no recording {path}; {_made_with(path)}") from error
        raise RecordingError(
            f"{path} is damaged, or no recording of an environment ({type(error).__name__}: {error}); {_made_with(path)}"
        ) from error
    return Recording(provenance=provenance, answers=index["answers"], arrays=arrays)


def _made_with(path: Path) -> str:
    return f"name another, or make one with: lstm-conformance record SPEC --output {shlex.quote(str(path))}"


def recording_path(spec: str, folder: Path = FOLDER) -> Path:
    """Where the recording of an environment lies, if there is one."""
    return folder / f"{re.sub('[^A-Za-z0-9.]+', '-', spec)}.npz"


def _cut(numbers: Array, start: int, shape: list[int]) -> Array:
    return np.asarray(numbers[start : start + int(np.prod(shape))]).reshape(shape)


def _file_name(dtype: str) -> str:
    return f"numbers {np.dtype(dtype).name}"


def _digest(index: Mapping[str, Any], flat: Mapping[str, Array]) -> str:
    found = hashlib.sha256(json.dumps(index, sort_keys=True).encode())
    for name in sorted(flat):
        found.update(name.encode() + np.ascontiguousarray(flat[name]).tobytes())
    return found.hexdigest()
