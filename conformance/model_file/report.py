"""What is said of a model file: a table of its LSTMs in the terminal, and JSON."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.judging.verdict import CheckResult, Verdict, worst_verdict
from conformance.model_file.layers import ModelLSTM
from conformance.model_file.prediction import JudgedCall
from conformance.model_file.verification import Verification
from conformance.report.console import show_table
from conformance.report.documents import as_document, without_infinity
from conformance.report.style import STYLE
from conformance.report.verbosity import Verbosity
from conformance.system.streams import printable
from lstm_ref.deviations import DEVIATIONS


@dataclass(frozen=True, kw_only=True)
class InEnvironment:
    """How a model came out in one environment.

    Attributes:
        label: what tells it from the other: FROM, TO.
        spec: of the environment, as it was asked for.
        versions: that it says it has.
        verifications: one per LSTM, in the order of the model.
        loaded: whether the file was loaded.
        failed: what the model does not do, as it is asked: "does not load" …; "" where it predicts, or was not asked.
        reason: why it was not, or not predicted with.
        raised: what the environment raised then.
        mend: what to do.
        calls: of the LSTMs in one prediction.
        called: an eager call of the model against its prediction; None where it was not run.
        not_recorded: why some calls are missing.
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
    calls: tuple[JudgedCall, ...] = ()
    called: CheckResult | None = None
    not_recorded: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether every LSTM and every call passes, and the file loads where it may be loaded."""
        checks = [one.check for one in self.calls] + ([] if self.called is None else [self.called])
        passed = all(one.verdict.is_expected for one in self.verifications) and all(check.verdict.is_expected for check in checks)
        return passed and not self.raised


@dataclass(frozen=True, kw_only=True)
class ModelReport:
    """What was found of one file.

    Attributes:
        path: of the file.
        keras_version: that wrote it.
        lstms: in it.
        unclaimed: where weights with an LSTM's shapes lie that no LSTM of the configuration has, and why.
        assumed: what the file does not say, and how it is taken.
        not_loadable: why no environment was asked to load it.
        environments: one or two.
        compared: how the predictions of two environments lie, in words; "" where there are not two.
        agreement: whether that is within rounding.
        read: what was predicted on, in words.
    """

    path: str
    keras_version: str
    lstms: tuple[ModelLSTM, ...]
    unclaimed: tuple[str, ...]
    assumed: str
    not_loadable: tuple[str, ...]
    environments: tuple[InEnvironment, ...]
    compared: str = ""
    agreement: Verdict = Verdict.UNSUPPORTED
    read: str = ""

    @property
    def is_expected(self) -> bool:
        """Whether nothing differs, and something was judged."""
        judged = any(one.verdict is not Verdict.UNSUPPORTED for each in self.environments for one in each.verifications)
        return judged and self.agreement.is_expected and all(each.is_expected for each in self.environments)


def show(report: ModelReport, console: Console, verbosity: Verbosity = Verbosity.NORMAL) -> None:
    """Header, one row per LSTM, what differs and why, and how the whole model fares."""

    def say(line: str, style: str = "") -> None:
        console.print(printable(line), style=style, highlight=False, soft_wrap=True, markup=False)

    if verbosity is not Verbosity.QUIET:
        for line in head_lines(report, verbosity):
            say(line)
        show_table(_table(report), console)
    for line in (*details_of(report), *environment_lines(report, verbosity)):
        say(line)
    if report.compared:
        say(compared_line(report), str(STYLE[report.agreement]))
    say(_verdict_line(report), str(STYLE[Verdict.PASS if report.is_expected else Verdict.FAIL]))


def head_lines(report: ModelReport, verbosity: Verbosity = Verbosity.NORMAL) -> Iterator[str]:
    """What was read, and in which versions."""
    unsaid = () if verbosity is Verbosity.VERBOSE else _UNSAID
    count = sum(lstm.weights.count for lstm in report.lstms if lstm.weights is not None)
    lstms = _counted(len(report.lstms), "LSTM")
    yield f"{report.path}: written by Keras {report.keras_version or '(unknown)'}, {lstms}, {count:,} parameters"
    if report.assumed:
        yield report.assumed
    for each in report.environments:
        versions = ", ".join(f"{name} {value}" for name, value in each.versions.items() if name not in unsaid)
        yield f"{each.label} {each.spec}: {versions}"


def environment_lines(report: ModelReport, verbosity: Verbosity = Verbosity.NORMAL) -> Iterator[str]:
    """What was not verified, and how the whole model fares; quietly, only where that is not as expected."""
    for place in report.unclaimed:
        yield f"not verified: {place}"
    for reason in report.not_loadable:
        yield f"the file was loaded nowhere, so the whole model was not run: {reason}"
    for each in report.environments:
        if verbosity is Verbosity.QUIET and each.is_expected:
            continue
        for line in _of_environment(each, report):
            yield line if line.startswith(" ") else f"{each.label}: {line}"


def compared_line(report: ModelReport) -> str:
    """How the predictions of two environments lie."""
    return f"predictions of both: {report.compared}" if report.compared else ""


def _verdict_line(report: ModelReport) -> str:
    """The last line: verdicts of all LSTMs in all environments, and whether that is as it should be."""
    counts = collections.Counter(one.verdict for each in report.environments for one in each.verifications)
    counted = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict]) or "nothing judged"
    return f"{counted} of {_counted(len(report.lstms), 'LSTM')} in {_counted(len(report.environments), 'environment')}: " + (
        "as expected" if report.is_expected else "not as expected"
    )


_UNSAID = ("implementation", "environment", "conventions", "platform", "python", "numpy")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def _table(report: ModelReport) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("LSTM", no_wrap=True)
    for name in ("input_dim → units", "parameters", "uses"):
        table.add_column(name, justify="right")
    for each in report.environments:
        table.add_column(each.label)
    for number, lstm in enumerate(report.lstms):
        weights = lstm.weights
        sizes = "–" if weights is None else f"{weights.input_dim} → {weights.units}"
        row: list[Any] = [
            Text(printable(lstm.path)),
            sizes,
            "–" if weights is None else f"{weights.count:,}",
            str(lstm.found.place.uses),
        ]
        table.add_row(*row, *(cell_of(lstm, number, each) for each in report.environments))
    return table


def cell_of(lstm: ModelLSTM, number: int, each: InEnvironment) -> Text:
    """Verdict and worst error of an LSTM in an environment."""
    verification = each.verifications[number]
    verdict = worst_verdict([verification.verdict, *(one.check.verdict for one in _calls_of(lstm.path, each.calls))])
    verdict = verification.verdict if verification.verdict is Verdict.UNSUPPORTED else verdict
    worst = max(
        (value for value in (verification.worst, *_worst_of_calls(lstm.path, each.calls)) if value is not None), default=None
    )
    return Text(f"{verdict}" + ("" if worst is None else f" {worst:.3g} σ"), style=STYLE[verdict])


def _calls_of(path: str, calls: Sequence[JudgedCall]) -> list[JudgedCall]:
    """Of an LSTM, or of the stack that it is a cell of."""
    return [one for one in calls if one.path in (path, path.rpartition("/cell ")[0])]


def _worst_of_calls(path: str, calls: Sequence[JudgedCall]) -> Iterator[float | None]:
    yield from (one.check.worst for one in _calls_of(path, calls))


def details_of(report: ModelReport) -> Iterator[str]:
    """What is not as it should be, LSTM by LSTM."""
    for number, lstm in enumerate(report.lstms):
        for fault in lstm.faults:
            yield f"{lstm.path}: {fault}"
        if lstm.found.reason:
            yield f"{lstm.path} is not verified: {lstm.found.reason}"
        for each in report.environments if not lstm.faults and not lstm.found.reason else ():
            verification = each.verifications[number]
            if verification.message and verification.verdict is not Verdict.PASS:
                yield f"{each.label}: {lstm.path}: {verification.message}"
            for name in verification.explained_by[:3]:
                known = DEVIATIONS.get(name)
                yield f"  explained: {name if known is None else f'it matches the reference if {known.summary} ({name})'}"


def _of_environment(each: InEnvironment, report: ModelReport) -> Iterator[str]:
    if each.raised:
        yield f"the model {each.failed}: {each.raised}"
        yield f"  reason: {each.reason}"
        yield f"  mend: {each.mend}"
    elif each.reason:
        yield each.reason
    if each.loaded and not each.raised:
        failing = [one for one in each.calls if not one.check.verdict.is_expected]
        calls = f"; {len(each.calls) - len(failing)} of {len(each.calls)} recorded LSTM calls pass" if each.calls else ""
        yield f"the model predicts on {report.read}{calls}"
        for one in failing:
            yield f"  {one.path}: {one.check.message}"
        if each.called is not None and not each.called.verdict.is_expected:
            yield f"  an eager call differs from what the model predicts: {each.called.message}"
    if each.not_recorded:
        yield f"  {each.not_recorded}"


def as_dict(report: ModelReport) -> dict[str, Any]:
    """The whole report, for JSON: a document of the format `model`."""
    content = {
        "path": report.path,
        "keras_version": report.keras_version,
        "expected": report.is_expected,
        "lstms": [_lstm_as_dict(lstm) for lstm in report.lstms],
        "unclaimed": list(report.unclaimed),
        "assumed": report.assumed,
        "not_loadable": list(report.not_loadable),
        "environments": [_environment_as_dict(each) for each in report.environments],
        "predictions": {"read": report.read, "compared": report.compared, "verdict": str(report.agreement)},
    }
    return as_document("model", content)


def _lstm_as_dict(lstm: ModelLSTM) -> dict[str, Any]:
    weights, config = lstm.weights, lstm.found.config
    return {
        "path": lstm.path,
        "written_as": lstm.found.written_as,
        "uses": lstm.found.place.uses,
        "policy": lstm.found.policy,
        "config": None if config is None else vars(config),
        "input_dim": None if weights is None else weights.input_dim,
        "parameters": None if weights is None else weights.count,
        "faults": list(lstm.faults),
        "not_verified": lstm.found.reason,
    }


def _environment_as_dict(each: InEnvironment) -> dict[str, Any]:
    return {
        "label": each.label,
        "spec": each.spec,
        "versions": dict(each.versions),
        "loaded": each.loaded,
        "failed": each.failed,
        "reason": each.reason,
        "raised": each.raised,
        "mend": each.mend,
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
        "calls": [{"path": one.path, **_check_as_dict(one.check)} for one in each.calls],
        "called": None if each.called is None else _check_as_dict(each.called),
        "not_recorded": each.not_recorded,
    }


def _check_as_dict(check: CheckResult) -> dict[str, Any]:
    return {"verdict": str(check.verdict), "worst": check.worst, "message": check.message}
