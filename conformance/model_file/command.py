"""From a path and one or two environments to a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from conformance.adapters.base import Adapter
from conformance.adapters.environment import EnvironmentAdapter
from conformance.model_file.contents import Contents, read_apart
from conformance.model_file.errors import ModelFileError
from conformance.model_file.inputs import draw_inputs, inputs_of, read_inputs
from conformance.model_file.loading import raised, reason_and_mend
from conformance.model_file.prediction import Answered, Prediction, compare, precision_of, prediction_of, question_of
from conformance.model_file.report import InEnvironment, ModelReport
from conformance.model_file.verification import verify
from conformance.verdict import Verdict, in_one_line
from lstm_ref import LSTMError
from lstm_ref.arrays import Array

_TELL = "report it with the file's configuration"


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


@dataclass(frozen=True, kw_only=True, eq=False)
class _Subject:
    """What every environment is asked of: the file, and what the model reads.

    Attributes:
        file: what was read of it.
        read: by the model; none where it is not run.
        not_run: why it is not.
    """

    file: Contents
    read: tuple[Array, ...]
    not_run: tuple[str, ...]


def examine(
    path: Path,
    specs: Sequence[str],
    inputs: Path | None = None,
    *,
    make: Callable[[str], ModelAdapter] = EnvironmentAdapter,
    read_file: Callable[[Path], Contents] = read_apart,
) -> ModelReport:
    """Read a model file, verify its LSTMs in each environment, and the whole model where it may be loaded.

    Args:
        path: of the file.
        specs: of one or two environments.
        inputs: a file of arrays that the model is to predict on; random numbers without one.
        make: the adapter of an environment.
        read_file: how the file is read.

    Raises:
        ModelFileError: the file cannot be read, or has no LSTM; or the inputs do not fit.
        AdapterStartError: an environment cannot be had.
    """
    file = read_file(path)
    if not file.lstms and not file.unclaimed:
        raise ModelFileError(f"{path} has no LSTM: there is nothing to verify")
    read, cannot = _inputs(file, inputs) if not file.not_loadable else ((), "")
    subject = _Subject(file=file, read=read, not_run=tuple(filter(None, [*file.not_loadable, cannot])))
    labels = ("FROM", "TO") if len(specs) == 2 else ("IN",)
    examined = [_in_environment(label, spec, make(spec), subject) for label, spec in zip(labels, specs, strict=True)]
    predictions = [prediction for _, prediction in examined if prediction is not None]
    compared, agreement = compare(*predictions) if len(predictions) == 2 else ("", Verdict.UNSUPPORTED)
    return ModelReport(
        path=str(path),
        keras_version=file.keras_version,
        lstms=file.lstms,
        unclaimed=file.unclaimed,
        not_loadable=subject.not_run,
        environments=tuple(each for each, _ in examined),
        compared=compared,
        agreement=agreement,
        read=f"{' and '.join(str(array.shape) for array in read)} of {inputs or 'random numbers'}",
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
        verifications = tuple(verify(lstm, number, adapter) for number, lstm in enumerate(subject.file.lstms))
        found: dict[str, Any] = {"label": label, "spec": spec, "versions": versions, "verifications": verifications}
        if subject.not_run:
            return InEnvironment(**found, loaded=False), None
        return _whole_model(found, adapter, subject)
    finally:
        adapter.stop()


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
        reason = "it loads, but its call raises on what it read"
        mend = "give it arrays of your own with --inputs FILE.npz; if they raise as well, this version cannot run the model"
        return InEnvironment(**found, loaded=True, raised=raised(str(error)), reason=reason, mend=mend), None
    except (KeyError, TypeError, ValueError) as error:
        return InEnvironment(
            **found, loaded=True, raised=in_one_line(error), reason="its answer does not follow the protocol", mend=_TELL
        ), None
    reason, mend = reason_and_mend(message, subject.file, adapter.describe())
    return InEnvironment(**found, loaded=False, raised=raised(message), reason=reason, mend=mend), None
