"""The report of a model file as a page: for the terminal, a Markdown file and the summary of a CI run."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from conformance.judging.verdict import Verdict, worst_verdict
from conformance.model_file.layers import ModelLSTM
from conformance.model_file.report import EnvironmentResult, ModelReport
from conformance.report.document import Block, Heading, Lines, Rows
from conformance.report.style import STYLE
from conformance.report.verbosity import Verbosity
from conformance.system.streams import printable
from lstm_ref.deviations import DEVIATIONS

# Names in an environment's versions that only a verbose report shows.
_HIDDEN = ("implementation", "environment", "conventions", "platform", "python", "numpy")


def summary(report: ModelReport) -> list[Block]:
    """The whole report below a heading that says whether it is as expected."""
    return [Heading(f"{report.path}: {'✅ as expected' if report.is_expected else '❌ not as expected'}"), *page(report)]


def page(report: ModelReport, verbosity: Verbosity = Verbosity.NORMAL) -> list[Block]:
    """Header, one row per LSTM, the differences with their causes, and the result of the whole model."""
    blocks: list[Block] = []
    if verbosity is not Verbosity.QUIET:
        blocks += [_lines(_head(report, verbosity)), _table(report)]
    blocks.append(_lines([*_differences(report), *_environment_lines(report, verbosity)]))
    if report.compared:
        blocks.append(Lines([f"predictions of both: {report.compared}"], str(STYLE[report.agreement])))
    return [*blocks, Lines([_verdict_line(report)], str(STYLE[Verdict.PASS if report.is_expected else Verdict.FAIL]))]


def _lines(lines: Iterable[str]) -> Lines:
    return Lines([printable(line) for line in lines])


def _head(report: ModelReport, verbosity: Verbosity) -> Iterator[str]:
    """The file, and the versions of each environment."""
    hidden = () if verbosity is Verbosity.VERBOSE else _HIDDEN
    parameters = sum(lstm.weights.count for lstm in report.lstms if lstm.weights is not None)
    lstms = _counted(len(report.lstms), "LSTM")
    yield f"{report.path}: written by Keras {report.keras_version or '(unknown)'}, {lstms}, {parameters:,} parameters"
    if report.assumed:
        yield report.assumed
    for environment in report.environments:
        versions = ", ".join(f"{name} {value}" for name, value in environment.versions.items() if name not in hidden)
        yield f"{environment.label} {environment.spec}: {versions}"


def _table(report: ModelReport) -> Rows:
    columns = ("LSTM", "input_dim → units", "parameters", "uses", *(environment.label for environment in report.environments))
    rows: list[Sequence[str | Text]] = []
    for number, lstm in enumerate(report.lstms):
        weights = lstm.weights
        sizes = ("–", "–") if weights is None else (f"{weights.input_dim} → {weights.units}", f"{weights.count:,}")
        cells = (_cell(lstm, number, environment) for environment in report.environments)
        rows.append((printable(lstm.path), *sizes, str(lstm.layer.place.uses), *cells))
    return Rows(columns, rows)


def _cell(lstm: ModelLSTM, number: int, environment: EnvironmentResult) -> Text:
    """Verdict and worst error of an LSTM in an environment, of its own cases and of its calls in the model."""
    verification = environment.verifications[number]
    # The calls of a stack have the path of the stack.
    checks = [call.check for call in environment.calls if call.path in (lstm.path, lstm.path.rpartition("/cell ")[0])]
    verdict = worst_verdict([verification.verdict, *(check.verdict for check in checks)])
    verdict = verification.verdict if verification.verdict is Verdict.UNSUPPORTED else verdict
    errors = [error for error in (verification.worst, *(check.worst for check in checks)) if error is not None]
    return Text(str(verdict) + (f" {max(errors):.3g} σ" if errors else ""), style=STYLE[verdict])


def _differences(report: ModelReport) -> Iterator[str]:
    """What is not as expected, LSTM by LSTM."""
    for number, lstm in enumerate(report.lstms):
        for fault in lstm.faults:
            yield f"{lstm.path}: {fault}"
        if lstm.layer.reason:
            yield f"{lstm.path} is not verified: {lstm.layer.reason}"
        for environment in report.environments if not lstm.faults and not lstm.layer.reason else ():
            verification = environment.verifications[number]
            if verification.message and verification.verdict is not Verdict.PASS:
                yield f"{environment.label}: {lstm.path}: {verification.message}"
            for name in verification.explained_by[:3]:
                known = DEVIATIONS.get(name)
                yield f"  explained: {name if known is None else f'it matches the reference if {known.summary} ({name})'}"


def _environment_lines(report: ModelReport, verbosity: Verbosity) -> Iterator[str]:
    """What was not verified, and the result of the whole model; in a quiet report, only where it is not as expected."""
    for place in report.unclaimed:
        yield f"not verified: {place}"
    for reason in report.not_loadable:
        yield f"the file was loaded nowhere, so the whole model was not run: {reason}"
    for environment in report.environments:
        if verbosity is Verbosity.QUIET and environment.is_expected:
            continue
        for line in _whole_model(environment, report):
            yield line if line.startswith(" ") else f"{environment.label}: {line}"


def _whole_model(environment: EnvironmentResult, report: ModelReport) -> Iterator[str]:
    if environment.raised:
        yield f"the model {environment.failed}: {environment.raised}"
        yield f"  reason: {environment.reason}"
        yield f"  mend: {environment.mend}"
    elif environment.reason:
        yield environment.reason
    if environment.loaded and not environment.raised:
        calls = environment.calls
        failures = [call for call in calls if not call.check.verdict.is_expected]
        passes = f"; {len(calls) - len(failures)} of {len(calls)} recorded LSTM calls pass" if calls else ""
        yield f"the model predicts on {report.read}{passes}"
        for call in failures:
            yield f"  {call.path}: {call.check.message}"
        if environment.called is not None and not environment.called.verdict.is_expected:
            yield f"  an eager call differs from what the model predicts: {environment.called.message}"
    if environment.not_recorded:
        yield f"  {environment.not_recorded}"


def _verdict_line(report: ModelReport) -> str:
    """The last line: the verdicts of all LSTMs in all environments, and whether the report is as expected."""
    counts = collections.Counter(one.verdict for environment in report.environments for one in environment.verifications)
    verdicts = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict]) or "nothing judged"
    where = f"{_counted(len(report.lstms), 'LSTM')} in {_counted(len(report.environments), 'environment')}"
    return f"{verdicts} of {where}: {'as expected' if report.is_expected else 'not as expected'}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
