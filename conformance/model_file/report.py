"""The report of a model file, and its JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from conformance.judging.verdict import CheckResult, Verdict
from conformance.model_file.contents import Contents
from conformance.model_file.layers import ModelLSTM
from conformance.model_file.prediction import Prediction
from conformance.model_file.verification import Verification
from conformance.report.documents import as_document, without_infinity


@dataclass(frozen=True, kw_only=True)
class EnvironmentResult:
    """The result of a model in one environment.

    Attributes:
        label: FROM or TO of two environments, else IN.
        spec: of the environment.
        versions: that the environment reports.
        verifications: one per LSTM, in the order of the model.
        loaded: whether the file was loaded.
        failed: "does not load", "does not predict" …; "" where the model predicts, or was not run.
        reason: of the failure.
        raised: the message of the exception.
        mend: what to do.
        prediction: of the model; None where there is none.
    """

    label: str
    spec: str
    versions: Mapping[str, str]
    verifications: tuple[Verification, ...]
    loaded: bool
    failed: str = ""
    reason: str = ""
    raised: str = ""
    mend: str = ""
    prediction: Prediction | None = None

    @property
    def is_expected(self) -> bool:
        """Whether every LSTM and every call passes, and the model predicts where it may be loaded."""
        checks = [self.prediction.called, *(call.check for call in self.prediction.calls)] if self.prediction else []
        verdicts = [*(verification.verdict for verification in self.verifications), *(check.verdict for check in checks)]
        return all(verdict.is_expected for verdict in verdicts) and not self.raised


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """The report of a model file.

    Attributes:
        file: its contents.
        not_loadable: why no environment loaded the file.
        environments: one or two.
        compared: the difference of the predictions of two environments, in words; "" where there are not two.
        agreement: whether the difference is within rounding.
        read: the inputs of the predictions, in words.
    """

    file: Contents
    not_loadable: tuple[str, ...]
    environments: tuple[EnvironmentResult, ...]
    compared: str = ""
    agreement: Verdict = Verdict.UNSUPPORTED
    read: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether nothing differs, and at least one LSTM was judged."""
        verdicts = {verification.verdict for environment in self.environments for verification in environment.verifications}
        judged = bool(verdicts - {Verdict.UNSUPPORTED})
        return judged and self.agreement.is_expected and all(environment.is_expected for environment in self.environments)


def as_dict(report: ModelReport) -> dict[str, Any]:
    """The whole report, for JSON: a document of the format `model`."""
    file = report.file
    content = {
        "path": str(file.path),
        "keras_version": file.keras_version,
        "expected": report.is_expected,
        "lstms": [_lstm_as_dict(lstm) for lstm in file.lstms],
        "unclaimed": list(file.unclaimed),
        "assumed": file.assumed,
        "not_loadable": list(report.not_loadable),
        "environments": [_environment_as_dict(each) for each in report.environments],
        "predictions": {"read": report.read, "compared": report.compared, "verdict": str(report.agreement)},
    }
    return as_document("model", content)


def _lstm_as_dict(lstm: ModelLSTM) -> dict[str, Any]:
    weights, config = lstm.weights, lstm.layer.config
    return {
        "path": lstm.path,
        "written_as": lstm.layer.written_as,
        "uses": lstm.layer.place.uses,
        "policy": lstm.layer.policy,
        "config": None if config is None else vars(config),
        "input_dim": None if weights is None else weights.input_dim,
        "units": None if weights is None else weights.units,
        "parameters": None if weights is None else weights.count,
        "faults": list(lstm.faults),
        "not_verified": lstm.layer.reason,
    }


def _environment_as_dict(each: EnvironmentResult) -> dict[str, Any]:
    prediction = each.prediction
    names = ("label", "spec", "loaded", "failed", "reason", "raised", "mend")
    return {
        **{name: getattr(each, name) for name in names},
        "versions": dict(each.versions),
        "lstms": [
            {
                "path": one.path,
                "verdict": str(one.verdict),
                "worst": one.worst,
                "message": one.message,
                "explained_by": list(one.explained_by),
                "cases": {result.case_id: str(result.verdict) for result in one.results},
                "picture": next((without_infinity(asdict(result.picture)) for result in one.results if result.picture), None),
            }
            for one in each.verifications
        ],
        "calls": [{"path": one.path, **_check_as_dict(one.check)} for one in prediction.calls] if prediction else [],
        "called": _check_as_dict(prediction.called) if prediction else None,
        "not_recorded": prediction.not_recorded if prediction else "",
    }


def _check_as_dict(check: CheckResult) -> dict[str, Any]:
    return {"verdict": str(check.verdict), "worst": check.worst, "message": check.message}
