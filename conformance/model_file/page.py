"""The HTML page of a model file, made from the report's JSON."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.judging.verdict import Verdict, worst_verdict
from conformance.report.html.charts import drawing_of, in_sigma
from conformance.report.html.contents import Count, Entry, Grid, Group, Mark, Page, Table
from conformance.report.html.results import mark
from lstm_ref.deviations import DEVIATIONS

Environment = Mapping[str, Any]


def page_of(report: Mapping[str, Any]) -> Page:
    """The page of one report."""
    environments = report["environments"]
    verified = [(each, lstm) for each in environments for lstm in each["lstms"]]
    counts = collections.Counter(lstm["verdict"] for _, lstm in verified)
    parameters = sum(lstm["parameters"] or 0 for lstm in report["lstms"])
    return Page(
        title=f"The LSTMs of {report['path']}",
        outcome=_outcome(report),
        facts=[
            ("written by", f"Keras {report['keras_version'] or '(unknown)'}"),
            ("LSTMs", f"{len(report['lstms']):,}, {parameters:,} parameters"),
            *((each["label"], f"{each['spec']}: {_versions(each)}") for each in environments),
        ],
        counts=[Count(**vars(mark(verdict)), number=count) for verdict, count in counts.items()],
        grids=[
            Grid(
                title="LSTMs by environment",
                corner="LSTM",
                columns=[f"{each['label']} {each['spec']}" for each in environments],
                rows=[
                    (lstm["path"], [_cell(each["lstms"][at], each["calls"]) for each in environments])
                    for at, lstm in enumerate(report["lstms"])
                ],
            )
        ],
        tables=[_lstms(report)],
        notes=list(_notes(report)),
        entries=[
            _entry(each, lstm, report["lstms"][at])
            for each in environments
            for at, lstm in enumerate(each["lstms"])
            if lstm["verdict"] != Verdict.PASS
        ],
        groups=[
            Group(
                kind=Verdict.PASS,
                mark=mark(Verdict.PASS),
                title=f"{each['label']} {each['spec']}",
                members=[(f"{lstm['path']} {each['label']}", f"worst {in_sigma(lstm['worst'])}") for lstm in passed],
            )
            for each in environments
            if (passed := [lstm for lstm in each["lstms"] if lstm["verdict"] == Verdict.PASS])
        ],
    )


def _outcome(report: Mapping[str, Any]) -> Mark:
    if report["expected"]:
        verdicts = [lstm["verdict"] for each in report["environments"] for lstm in each["lstms"]]
        which = "Every LSTM that can be verified" if Verdict.UNSUPPORTED in verdicts else "Every LSTM"
        return Mark(verdict=Verdict.PASS, text=f"{which} is one of Keras', with its own weights")
    wrong = [*_wrong(report)]
    return Mark(verdict=Verdict.FAIL, text="; ".join(wrong) or "nothing could be judged")


def _wrong(report: Mapping[str, Any]) -> Iterator[str]:
    """What is not as expected, in each environment and between the two."""
    for each in report["environments"]:
        parts = {"LSTMs differ": each["lstms"], "recorded calls differ": each["calls"]}
        for what, judged in parts.items():
            if count := sum(not Verdict(one["verdict"]).is_expected for one in judged):
                yield f"{each['label']}: {count:,} of {len(judged):,} {what}"
        if each["raised"]:
            yield f"{each['label']}: the model {each['failed']}"
        if each["called"] and not Verdict(each["called"]["verdict"]).is_expected:
            yield f"{each['label']}: an eager call differs from what the model predicts"
    if not Verdict(report["predictions"]["verdict"]).is_expected:
        yield "the predictions of both differ"


def _versions(each: Environment) -> str:
    hidden = ("implementation", "environment", "conventions", "platform")
    return ", ".join(f"{name} {value}" for name, value in each["versions"].items() if name not in hidden)


def _cell(lstm: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> Mark:
    """Verdict and worst error of its own cases and of its calls in a prediction, as in the terminal."""
    judged = [lstm, *(call for call in calls if call["path"] in (lstm["path"], lstm["path"].rpartition("/cell ")[0]))]
    own = Verdict(lstm["verdict"])
    verdict = own if own is Verdict.UNSUPPORTED else worst_verdict([Verdict(one["verdict"]) for one in judged])
    worst = max((float(one["worst"]) for one in judged if one["worst"] is not None), default=None)
    return Mark(verdict=verdict, text=f"{mark(verdict).text} {in_sigma(worst)}".strip())


def _lstms(report: Mapping[str, Any]) -> Table:
    columns = ("LSTM", "written as", "uses", "policy", "input_dim", "units", "parameters")
    described = [(lstm["path"], {**lstm, "units": (lstm["config"] or {}).get("units")}) for lstm in report["lstms"]]
    names = [column.replace(" ", "_") for column in columns[1:]]
    rows = [[path, *("–" if known[name] is None else str(known[name]) for name in names)] for path, known in described]
    return Table(title="What is in the file", columns=columns, rows=rows, numeric=(2, 4, 5, 6))


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    if report["assumed"]:
        yield report["assumed"]
    for place in report["unclaimed"]:
        yield f"not verified: {place}"
    for reason in report["not_loadable"]:
        yield f"the file was loaded nowhere, so the whole model was not run: {reason}"
    for each in report["environments"]:
        parts = {"raised": each["raised"], "reason": each["reason"], "mend": each["mend"], "not recorded": each["not_recorded"]}
        if lines := [f"{name}: {value}" for name, value in parts.items() if value]:
            yield f"{each['label']}: {'; '.join(lines)}"
        for call in each["calls"]:
            if call["verdict"] != Verdict.PASS:
                yield f"{each['label']}: the call of {call['path']} in a prediction: {call['message']}"
        if each["called"] and each["called"]["verdict"] != Verdict.PASS:
            yield f"{each['label']}: an eager call differs from what the model predicts: {each['called']['message']}"
    if report["predictions"]["compared"]:
        yield f"predictions of both on {report['predictions']['read']}: {report['predictions']['compared']}"


def _entry(each: Environment, lstm: Mapping[str, Any], described: Mapping[str, Any]) -> Entry:
    return Entry(
        id=f"{lstm['path']} {each['label']}",
        kind=lstm["verdict"],
        mark=mark(lstm["verdict"]),
        title=f"{lstm['path']}, {each['label']} {each['spec']}",
        summary=lstm["message"] or described["not_verified"],
        lines=list(_lines(lstm, described)),
        tables=[Table(title="cases", columns=("case", "verdict"), rows=list(lstm["cases"].items()))] if lstm["cases"] else [],
        drawing=drawing_of(lstm["picture"]) if lstm["picture"] else None,
    )


def _lines(lstm: Mapping[str, Any], described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for fault in described["faults"]:
        yield "fault", fault
    if described["not_verified"]:
        yield "not verified", described["not_verified"]
    if lstm["message"]:
        yield "difference", lstm["message"]
    for name in lstm["explained_by"][:3]:
        known = DEVIATIONS.get(name)
        yield "diagnosis", name if known is None else f"it matches the reference if {known.summary} ({name})"
    for name, value in (described["config"] or {}).items():
        yield name, str(value)
