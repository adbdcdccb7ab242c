"""Examines a model file in one or two environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from conformance.adapters.base import Adapter
from conformance.adapters.protocol import Answer
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.process import UnsupportedQuestionError, WorkerError
from conformance.judging.verdict import Result, Verdict, exception_line
from conformance.known.known_differences import known_differences
from conformance.model_file.contents import Contents, read_in_subprocess
from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import draw_inputs, inputs_of, read_inputs
from conformance.model_file.loading import exception_message, reason_and_remedy
from conformance.model_file.prediction import compare, precision_of, prediction_of, question_of
from conformance.model_file.report import EnvironmentResult, ModelReport
from conformance.model_file.verification import Verification, known_cause, verify
from lstm_ref import LSTMError
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import REPLICAS

_REPORT_IT = "report it with the file's configuration"
_NOT_LOADED, _NOT_PREDICTED, _UNANSWERED = "does not load", "does not predict", "gave no answer"


class ModelAdapter(Adapter, Protocol):
    """An implementation that also loads model files."""

    def request(self, kind: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answer:
        """Answer a question of the protocol.

        Raises:
            LSTMError: there is no answer.
        """

    def describe(self) -> Mapping[str, Any]:
        """The LSTM's interface; its arguments among others."""

    def stop(self) -> None:
        """End the implementation."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Examination:
    """The file, and the inputs of the model, which are the same in every environment.

    Attributes:
        file: its contents.
        read: the arrays that the model predicts on; none where it is not run.
        inputs: the user's file of these arrays; None for random numbers.
        not_run: why the whole model is not run.
        finished: called with a result for each LSTM, and for the whole model.
    """

    file: Contents
    read: tuple[Array, ...]
    inputs: Path | None
    not_run: tuple[str, ...]
    finished: Callable[[Result], object]


def examine(
    path: Path,
    specs: Sequence[str],
    inputs: Path | None = None,
    *,
    make: Callable[[str], ModelAdapter] = EnvironmentAdapter,
    read_file: Callable[[Path], Contents] = read_in_subprocess,
    expect: Callable[[Mapping[str, int]], object] = lambda _: None,
    finished: Callable[[Result], object] = lambda _: None,
) -> ModelReport:
    """Read a model file, verify its LSTMs in each environment, and the whole model where it may be loaded.

    Args:
        path: of the file.
        specs: of one or two environments.
        inputs: a file of arrays to predict on; None for random numbers.
        make: makes the adapter of an environment.
        read_file: reads the file.
        expect: called with the number of results, by environment.
        finished: called with each result, whose group is the environment.

    Raises:
        ModelFileError: the file cannot be read, or has no LSTM; or the inputs do not fit.
        AdapterStartError: an environment cannot start.
    """
    file = read_file(path)
    if not file.lstms and not file.unclaimed:
        raise ModelFileError(f"{path} has no LSTM: there is nothing to verify; name a model that has one")
    read, cannot = _inputs(file, inputs) if not file.not_loadable else ((), "")
    not_run = tuple(filter(None, [*file.not_loadable, cannot]))
    examination = _Examination(file=file, read=read, inputs=inputs, not_run=not_run, finished=finished)
    labels = ("FROM", "TO") if len(specs) == 2 else ("IN",)
    expect(dict.fromkeys(labels, len(file.lstms) + (not not_run)))
    environments = tuple(_in_environment(label, spec, make(spec), examination) for label, spec in zip(labels, specs, strict=True))
    predictions = [each.prediction for each in environments if each.prediction is not None]
    compared, agreement = compare(*predictions) if len(predictions) == 2 else ("", Verdict.UNSUPPORTED)
    return ModelReport(
        file=file,
        not_loadable=not_run,
        environments=environments,
        compared=compared,
        agreement=agreement,
        read=_read(examination),
    )


def _inputs(file: Contents, user_file: Path | None) -> tuple[tuple[Array, ...], str]:
    """The arrays that the model predicts on and "", or none and why."""
    model_inputs = inputs_of(file.config)
    if user_file is not None:
        return read_inputs(user_file, model_inputs), ""
    try:
        return draw_inputs(model_inputs, file.config), ""
    except ModelFileError as error:
        return (), str(error)


def _in_environment(label: str, spec: str, adapter: ModelAdapter, examination: _Examination) -> EnvironmentResult:
    versions = adapter.start()
    try:
        verifications = tuple(
            _verified(label, number, adapter, versions, examination) for number in range(len(examination.file.lstms))
        )
        found = EnvironmentResult(label=label, spec=spec, versions=versions, verifications=verifications, loaded=False)
        if examination.not_run:
            return found
        whole = replace(found, **_whole_model(found, adapter, examination))
        verdict = Verdict.PASS if whole.is_expected else Verdict.FAIL
        examination.finished(Result(case_id="the whole model", group=label, verdict=verdict, reason=whole.raised))
        return whole
    finally:
        adapter.stop()


def _verified(
    label: str, number: int, adapter: ModelAdapter, versions: Mapping[str, str], examination: _Examination
) -> Verification:
    found = verify(examination.file.lstms[number], number, adapter, versions)
    seconds = sum(result.seconds for result in found.results)
    result = Result(case_id=found.path, group=label, verdict=found.verdict, seconds=seconds, reason=found.message)
    examination.finished(result)
    return found


def _whole_model(found: EnvironmentResult, adapter: ModelAdapter, examination: _Examination) -> dict[str, Any]:
    """The fields of the result with the prediction of the model, or why the environment does not load it, or cannot run it."""
    precision = precision_of([lstm.layer.policy for lstm in examination.file.lstms])
    arrays = {f"input.{number}": array for number, array in enumerate(examination.read)}
    try:
        answer = adapter.request("model", arrays, **question_of(str(examination.file.path.resolve()), precision))
        message = str(answer.fields.get("not_loaded", ""))
        if not message:
            return {"loaded": True, "prediction": prediction_of(answer, examination.file.lstms, adapter.conventions, precision)}
    except LSTMError as error:
        return _without_prediction(error, found, examination)
    except (KeyError, TypeError, ValueError) as error:
        reason = "its answer does not follow the protocol"
        return {"loaded": True, "failed": _UNANSWERED, "raised": exception_line(error), "reason": reason, "mend": _REPORT_IT}
    reason, mend = reason_and_remedy(message, examination.file, adapter.describe(), found.versions)
    return {"failed": _NOT_LOADED, "raised": exception_message(message), "reason": reason, "mend": mend}


def _without_prediction(error: LSTMError, found: EnvironmentResult, examination: _Examination) -> dict[str, Any]:
    """The fields of the result of an environment without a prediction: what it raised, the reason, and the next step."""
    message = exception_message(str(error))
    fields: dict[str, Any] = {"loaded": True, "failed": _NOT_PREDICTED, "raised": message}
    if isinstance(error, WorkerError):
        is_timeout = "no answer within" in str(error)
        mend = "give it more time with --time-limit SECONDS, or fewer and shorter rows with --inputs FILE.npz"
        return fields | {
            "loaded": False,
            "failed": _UNANSWERED,
            "reason": f"the file was to be loaded and asked for {REPLICAS + 2:,} predictions; how far it came is not known",
            "mend": mend if is_timeout else "run it again; if it ends in the same way, this environment cannot run the model",
        }
    if isinstance(error, UnsupportedQuestionError):
        return fields | {
            "reason": "it loads, and something that its call needs is not there",
            "mend": "install it in that environment",
        }
    if known := known_cause(message, found.verifications, found.versions):
        seen = f"seen in {known.package} {known.first} to {known.last} on {', '.join(known.backends)}"
        command = f"`lstm-conformance reproduce {known.id}` shows it with Keras alone; " if known in known_differences() else ""
        mend = f"{command}{seen}; see whether another version runs it, with --to SPEC"
        return fields | {"reason": f"a known difference, {known.id}: {known.summary}", "mend": mend}
    own = "whether another version does: name it with --to SPEC"
    mend = f"see {own if examination.inputs else 'whether it does on arrays of your own: give them with --inputs FILE.npz'}"
    return fields | {"reason": f"it loads, and its call raises on {_read(examination)}", "mend": mend}


def _read(examination: _Examination) -> str:
    """What is predicted on, in words."""
    return f"{' and '.join(str(array.shape) for array in examination.read)} of {examination.inputs or 'random numbers'}"
