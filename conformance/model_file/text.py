"""The report of a model file as a page, made from its JSON: for the terminal, a Markdown file and the summary of a CI run.

The HTML page takes its sentences about the whole model from here.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from conformance.judging.verdict import Verdict, worst_verdict
from conformance.report.document import Block, Heading, Lines, Rows
from conformance.report.html.charts import in_sigma
from conformance.report.style import STYLE
from conformance.report.verbosity import Verbosity
from conformance.system.error_messages import counted
from conformance.system.streams import printable
from lstm_ref.deviations import DEVIATIONS

Report = Mapping[str, Any]
Environment = Mapping[str, Any]
LSTMResult = Mapping[str, Any]

# Names in an environment's versions that only a verbose report shows.
_HIDDEN = ("implementation", "environment", "conventions", "platform", "python", "numpy")


def summary(report: Report) -> list[Block]:
    """The whole report below a heading that says whether it is as expected."""
    return [Heading(f"{report['path']}: {'✅ as expected' if report['expected'] else '❌ not as expected'}"), *page(report)]


def page(report: Report, verbosity: Verbosity = Verbosity.NORMAL) -> list[Block]:
    """Header, one row per LSTM, the differences with their causes, and the result of the whole model."""
    blocks: list[Block] = []
    if verbosity is not Verbosity.QUIET:
        blocks += [_lines(_head(report, verbosity)), _table(report)]
    blocks.append(_lines([*_differences(report), *not_verified(report), *_whole_models(report, verbosity)]))
    predictions = report["predictions"]
    if predictions["compared"]:
        blocks.append(Lines([f"predictions of both: {predictions['compared']}"], STYLE[Verdict(predictions["verdict"])]))
    return [*blocks, Lines([_verdict_line(report)], STYLE[Verdict.PASS if report["expected"] else Verdict.FAIL])]


def _lines(lines: Iterable[str]) -> Lines:
    return Lines([printable(line) for line in lines])


def _head(report: Report, verbosity: Verbosity) -> Iterator[str]:
    """The file, and the versions of each environment."""
    parameters = sum(lstm["parameters"] or 0 for lstm in report["lstms"])
    lstms = f"{counted(len(report['lstms']), 'LSTM')}, {parameters:,} parameters"
    yield f"{report['path']}: written by Keras {report['keras_version'] or '(unknown)'}, {lstms}"
    if report["assumed"]:
        yield report["assumed"]
    hidden = () if verbosity is Verbosity.VERBOSE else _HIDDEN
    for each in report["environments"]:
        versions = ", ".join(f"{name} {value}" for name, value in each["versions"].items() if name not in hidden)
        yield f"{each['label']} {each['spec']}: {versions}"


def _table(report: Report) -> Rows:
    environments = report["environments"]
    columns = ("LSTM", "input_dim → units", "parameters", "uses", *(each["label"] for each in environments))
    rows: list[Sequence[str | Text]] = []
    for number, lstm in enumerate(report["lstms"]):
        has_weights = lstm["parameters"] is not None
        sizes = (f"{lstm['input_dim']} → {lstm['units']}", f"{lstm['parameters']:,}") if has_weights else ("–", "–")
        judged = [verdict_of(each["lstms"][number], each) for each in environments]
        cells = [Text(f"{verdict} {worst}".rstrip(), style=STYLE[verdict]) for verdict, worst in judged]
        rows.append((printable(lstm["path"]), *sizes, str(lstm["uses"]), *cells))
    return Rows(columns, rows)


def verdict_of(lstm: LSTMResult, each: Environment) -> tuple[Verdict, str]:
    """Verdict and worst error of an LSTM in an environment, of its own cases and of its calls in the model."""
    # The calls of a stack have the path of the stack.
    calls = [call for call in each["calls"] if call["path"] in (lstm["path"], lstm["path"].rpartition("/cell ")[0])]
    own = Verdict(lstm["verdict"])
    verdict = own if own is Verdict.UNSUPPORTED else worst_verdict([own, *(Verdict(call["verdict"]) for call in calls)])
    return verdict, in_sigma(max((float(one["worst"]) for one in (lstm, *calls) if one["worst"] is not None), default=None))


def _differences(report: Report) -> Iterator[str]:
    """What is not as expected, LSTM by LSTM."""
    for number, lstm in enumerate(report["lstms"]):
        for fault in lstm["faults"]:
            yield f"{lstm['path']}: {fault}"
        if lstm["not_verified"]:
            yield f"{lstm['path']} is not verified: {lstm['not_verified']}"
        for each in report["environments"] if not lstm["faults"] and not lstm["not_verified"] else ():
            result = each["lstms"][number]
            if result["message"] and result["verdict"] != Verdict.PASS:
                yield f"{each['label']}: {lstm['path']}: {result['message']}"
            yield from (f"  explained: {cause}" for cause in causes_of(result))


def causes_of(lstm: LSTMResult) -> list[str]:
    """The deviations or texts that explain a difference."""
    known = [(name, DEVIATIONS.get(name)) for name in lstm["explained_by"][:3]]
    return [f"it matches the reference if {one.summary} ({name})" if one else name for name, one in known]


def not_verified(report: Report) -> Iterator[str]:
    """The weights that are not verified, and why the whole model was not run."""
    for place in report["unclaimed"]:
        yield f"not verified: {place}"
    for reason in report["not_loadable"]:
        yield f"the file was loaded nowhere, so the whole model was not run: {reason}"


def _whole_models(report: Report, verbosity: Verbosity) -> Iterator[str]:
    """The result of the whole model in each environment; in a quiet report, only where it is not as expected."""
    for each in report["environments"]:
        if verbosity is not Verbosity.QUIET or any(unexpected_parts(each)):
            for line in whole_model(each, report):
                yield line if line.startswith(" ") else f"{each['label']}: {line}"


def whole_model(each: Environment, report: Report) -> Iterator[str]:
    """The result of the whole model in an environment: a line, and indented lines below it."""
    if each["raised"]:
        yield f"the model {each['failed']}: {each['raised']}"
        yield f"  reason: {each['reason']}"
        yield f"  mend: {each['mend']}"
    elif each["reason"]:
        yield each["reason"]
    if each["loaded"] and not each["raised"]:
        calls = each["calls"]
        failures = [call for call in calls if not Verdict(call["verdict"]).is_expected]
        passes = f"; {len(calls) - len(failures)} of {len(calls)} recorded LSTM calls pass" if calls else ""
        yield f"the model predicts on {report['predictions']['read']}{passes}"
        for call in failures:
            yield f"  {call['path']}: {call['message']}"
        if each["called"] and not Verdict(each["called"]["verdict"]).is_expected:
            yield f"  {EAGER_DIFFERS}: {each['called']['message']}"
    if each["not_recorded"]:
        yield f"  {each['not_recorded']}"


EAGER_DIFFERS = "an eager call differs from what the model predicts"


def unexpected_parts(each: Environment) -> Iterator[str]:
    """What is not as expected in an environment."""
    for what, judged in {"LSTMs differ": each["lstms"], "recorded calls differ": each["calls"]}.items():
        if count := sum(not Verdict(one["verdict"]).is_expected for one in judged):
            yield f"{count:,} of {len(judged):,} {what}"
    if each["raised"]:
        yield f"the model {each['failed']}"
    if each["called"] and not Verdict(each["called"]["verdict"]).is_expected:
        yield EAGER_DIFFERS


def _verdict_line(report: Report) -> str:
    """The last line: the verdicts of all LSTMs in all environments, and whether the report is as expected."""
    counts = collections.Counter(Verdict(one["verdict"]) for each in report["environments"] for one in each["lstms"])
    verdicts = ", ".join(f"{counts[verdict]:,} {verdict}" for verdict in Verdict if counts[verdict]) or "nothing judged"
    where = f"{counted(len(report['lstms']), 'LSTM')} in {counted(len(report['environments']), 'environment')}"
    return f"{verdicts} of {where}: {'as expected' if report['expected'] else 'not as expected'}"
