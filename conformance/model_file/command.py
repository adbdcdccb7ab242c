"""From a path and one or two environments to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from conformance.adapters.base import Adapter
from conformance.environments.adapter import EnvironmentAdapter
from conformance.environments.process import UnsupportedQuestionError, WorkerError
from conformance.judging.verdict import Result, Verdict, exception_line
from conformance.known.known_differences import known_differences
from conformance.model_file.contents import Contents, read_apart
from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import draw_inputs, inputs_of, read_inputs
from conformance.model_file.loading import raised, reason_and_mend
from conformance.model_file.prediction import Answered, Prediction, compare, precision_of, prediction_of, question_of
from conformance.model_file.report import InEnvironment, ModelReport
from conformance.model_file.verification import Verification, known_cause, verify
from lstm_ref import LSTMError
from lstm_ref.arrays import Array
from lstm_ref.uncertainty.model import REPLICAS

_TELL = "report it with the file's configuration"
_NOT_LOADED, _NOT_PREDICTED, _UNANSWERED = "does not load", "does not predict", "gave no answer"


class ModelAdapter(Adapter, Protocol):
    """An implementation that also loads model files."""

    def ask(self, ask: str, arrays: Mapping[str, Array] | None = None, **question: Any) -> Answered:
        """A question of the protocol.

        Raises:
            LSTMError: it has no answer.
        """

    def describe(self) -> Mapping[str, Any]:
        """The LSTM's interface; its arguments among others."""

    def stop(self) -> None:
        """End it."""


class Watching(Protocol):
    """Who is told how far an examination is."""

    def expect(self, planned: Mapping[str, int]) -> None:
        """How many results there will be, by environment."""

    def finished(self, result: Result) -> None:
        """One of them."""


class _Unwatched:
    def expect(self, planned: Mapping[str, int]) -> None:
        """See Watching."""

    def finished(self, result: Result) -> None:
        """See Watching."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Subject:
    """What every environment is asked of: the file, and what the model reads.

    Attributes:
        file: what was read of it.
        read: by the model; none where it is not run.
        inputs: the user's file that they are from; None for random numbers.
        not_run: why it is not.
        watching: is told of each LSTM, and of the whole model.
    """

    file: Contents
    read: tuple[Array, ...]
    inputs: Path | None
    not_run: tuple[str, ...]
    watching: Watching


def examine(
    path: Path,
    specs: Sequence[str],
    inputs: Path | None = None,
    *,
    make: Callable[[str], ModelAdapter] = EnvironmentAdapter,
    read_file: Callable[[Path], Contents] = read_apart,
    watching: Watching | None = None,
) -> ModelReport:
    """Read a model file, verify its LSTMs in each environment, and the whole model where it may be loaded.

    Args:
        path: of the file.
        specs: of one or two environments.
        inputs: a file of arrays that the model is to predict on; random numbers without one.
        make: the adapter of an environment.
        read_file: how the file is read.
        watching: is told how far it is.

    Raises:
        ModelFileError: the file cannot be read, or has no LSTM; or the inputs do not fit.
        AdapterStartError: an environment cannot be had.
    """
    file = read_file(path)
    if not file.lstms and not file.unclaimed:
        raise ModelFileError(f"{path} has no LSTM: there is nothing to verify; name a model that has one")
    read, cannot = _inputs(file, inputs) if not file.not_loadable else ((), "")
    not_run = tuple(filter(None, [*file.not_loadable, cannot]))
    subject = _Subject(file=file, read=read, inputs=inputs, not_run=not_run, watching=watching or _Unwatched())
    labels = ("FROM", "TO") if len(specs) == 2 else ("IN",)
    subject.watching.expect(dict.fromkeys(labels, len(file.lstms) + (not not_run)))
    examined = [_in_environment(label, spec, make(spec), subject) for label, spec in zip(labels, specs, strict=True)]
    predictions = [prediction for _, prediction in examined if prediction is not None]
    compared, agreement = compare(*predictions) if len(predictions) == 2 else ("", Verdict.UNSUPPORTED)
    return ModelReport(
        path=str(path),
        keras_version=file.keras_version,
        lstms=file.lstms,
        unclaimed=file.unclaimed,
        assumed=file.assumed,
        not_loadable=subject.not_run,
        environments=tuple(each for each, _ in examined),
        compared=compared,
        agreement=agreement,
        read=_read(subject),
    )


def _inputs(file: Contents, own: Path | None) -> tuple[tuple[Array, ...], str]:
    """What the model is to predict on; or why there is nothing."""
    asked = inputs_of(file.config)
    if own is not None:
        return read_inputs(own, asked), ""
    try:
        return draw_inputs(asked, file.config), ""
    except ModelFileError as error:
        return (), str(error)


def _in_environment(label: str, spec: str, adapter: ModelAdapter, subject: _Subject) -> tuple[InEnvironment, Prediction | None]:
    versions = adapter.start()
    try:
        verifications = tuple(_verified(label, number, adapter, versions, subject) for number in range(len(subject.file.lstms)))
        found: dict[str, Any] = {"label": label, "spec": spec, "versions": versions, "verifications": verifications}
        if subject.not_run:
            return InEnvironment(**found, loaded=False), None
        whole, prediction = _whole_model(found, adapter, subject)
        verdict = Verdict.PASS if whole.is_expected else Verdict.FAIL
        subject.watching.finished(Result(case_id="the whole model", group=label, verdict=verdict, reason=whole.raised))
        return whole, prediction
    finally:
        adapter.stop()


def _verified(label: str, number: int, adapter: ModelAdapter, versions: Mapping[str, str], subject: _Subject) -> Verification:
    found = verify(subject.file.lstms[number], number, adapter, versions)
    seconds = sum(result.seconds for result in found.results)
    said = Result(case_id=found.path, group=label, verdict=found.verdict, seconds=seconds, reason=found.message)
    subject.watching.finished(said)
    return found


def _whole_model(found: Mapping[str, Any], adapter: ModelAdapter, subject: _Subject) -> tuple[InEnvironment, Prediction | None]:
    """What the model predicts; an environment that does not load it, or cannot run it, is a finding."""
    precision = precision_of([lstm.found.policy for lstm in subject.file.lstms])
    arrays = {f"input.{number}": array for number, array in enumerate(subject.read)}
    try:
        answer = adapter.ask("model", arrays, **question_of(str(subject.file.path.resolve()), precision))
        message = str(answer.said.get("not_loaded", ""))
        if not message:
            prediction = prediction_of(answer, subject.file.lstms, adapter.conventions, precision)
            found = {**found, "calls": prediction.calls, "called": prediction.called, "not_recorded": prediction.not_recorded}
            return InEnvironment(**found, loaded=True), prediction
    except LSTMError as error:
        return InEnvironment(**found, **_without_prediction(error, found, subject)), None
    except (KeyError, TypeError, ValueError) as error:
        reason = "its answer does not follow the protocol"
        return InEnvironment(
            **found, loaded=True, failed=_UNANSWERED, raised=exception_line(error), reason=reason, mend=_TELL
        ), None
    reason, mend = reason_and_mend(message, subject.file, adapter.describe(), found["versions"])
    return InEnvironment(**found, loaded=False, failed=_NOT_LOADED, raised=raised(message), reason=reason, mend=mend), None


def _without_prediction(error: LSTMError, found: Mapping[str, Any], subject: _Subject) -> dict[str, Any]:
    """What is said of an environment that was asked and gave no prediction: what happened, why, and the next step."""
    message = raised(str(error))
    said: dict[str, Any] = {"loaded": True, "failed": _NOT_PREDICTED, "raised": message}
    if isinstance(error, WorkerError):
        late = "no answer within" in str(error)
        mend = "give it more time with --time-limit SECONDS, or fewer and shorter rows with --inputs FILE.npz"
        return said | {
            "loaded": False,
            "failed": _UNANSWERED,
            "reason": f"the file was to be loaded and asked for {REPLICAS + 2:,} predictions; how far it came is not known",
            "mend": mend if late else "run it again; if it ends in the same way, this environment cannot run the model",
        }
    if isinstance(error, UnsupportedQuestionError):
        return said | {
            "reason": "it loads, and something that its call needs is not there",
            "mend": "install it in that environment",
        }
    if known := known_cause(message, found["verifications"], found["versions"]):
        seen = f"seen in {known.package} {known.first} to {known.last} on {', '.join(known.backends)}"
        shown = f"`lstm-conformance reproduce {known.id}` shows it with Keras alone; " if known in known_differences() else ""
        mend = f"{shown}{seen}; see whether another version runs it, with --to SPEC"
        return said | {"reason": f"a known difference, {known.id}: {known.summary}", "mend": mend}
    own = "whether another version does: name it with --to SPEC"
    mend = f"see {own if subject.inputs else 'whether it does on arrays of your own: give them with --inputs FILE.npz'}"
    return said | {"reason": f"it loads, and its call raises on {_read(subject)}", "mend": mend}


def _read(subject: _Subject) -> str:
    """What is predicted on, in words."""
    return f"{' and '.join(str(array.shape) for array in subject.read)} of {subject.inputs or 'random numbers'}"
