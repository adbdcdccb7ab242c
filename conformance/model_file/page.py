"""The HTML page of a model file, made from the report's JSON."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.model_file.text import (
    Environment,
    LSTMResult,
    Report,
    causes_of,
    not_verified,
    unexpected_parts,
    verdict_of,
    whole_model,
)
from conformance.report.html.charts import drawing_of, in_sigma
from conformance.report.html.contents import Count, Entry, Grid, Group, Mark, Page, Table
from conformance.report.html.results import mark


def page_of(report: Report) -> Page:
    """The page of one report."""
    environments = {f"{each['label']} {each['spec']}": each for each in report["environments"]}
    counts = collections.Counter(lstm["verdict"] for each in environments.values() for lstm in each["lstms"])
    parameters = sum(lstm["parameters"] or 0 for lstm in report["lstms"])
    return Page(
        title=f"The LSTMs of {report['path']}",
        outcome=_outcome(report),
        facts=[
            ("written by", f"Keras {report['keras_version'] or '(unknown)'}"),
            ("LSTMs", f"{len(report['lstms']):,}, {parameters:,} parameters"),
            *((each["label"], f"{each['spec']}: {_versions(each)}") for each in environments.values()),
        ],
        counts=[Count(**vars(mark(verdict)), number=count) for verdict, count in counts.items()],
        grids=[
            Grid(
                title="LSTMs by environment",
                corner="LSTM",
                columns=list(environments),
                rows=[
                    (lstm["path"], [_cell(each["lstms"][at], each) for each in environments.values()])
                    for at, lstm in enumerate(report["lstms"])
                ],
            )
        ],
        tables=[_lstms(report)],
        notes=list(_notes(report)),
        entries=[
            _entry(name, each, lstm, described)
            for name, each in environments.items()
            for lstm, described in zip(each["lstms"], report["lstms"], strict=True)
            if lstm["verdict"] != Verdict.PASS
        ],
        groups=[
            Group(
                kind=Verdict.PASS,
                mark=mark(Verdict.PASS),
                title=name,
                members=[(f"{lstm['path']} {each['label']}", f"worst {in_sigma(lstm['worst'])}") for lstm in passed],
            )
            for name, each in environments.items()
            if (passed := [lstm for lstm in each["lstms"] if lstm["verdict"] == Verdict.PASS])
        ],
    )


def _outcome(report: Report) -> Mark:
    environments = report["environments"]
    if report["expected"]:
        verdicts = [lstm["verdict"] for each in environments for lstm in each["lstms"]]
        which = "Every LSTM that can be verified" if Verdict.UNSUPPORTED in verdicts else "Every LSTM"
        return Mark(verdict=Verdict.PASS, text=f"{which} is one of Keras', with its own weights")
    wrong = [f"{each['label']}: {part}" for each in environments for part in unexpected_parts(each)]
    if not Verdict(report["predictions"]["verdict"]).is_expected:
        wrong.append("the predictions of both differ")
    return Mark(verdict=Verdict.FAIL, text="; ".join(wrong) or "nothing could be judged")


def _versions(each: Environment) -> str:
    hidden = ("implementation", "environment", "conventions", "platform")
    return ", ".join(f"{name} {value}" for name, value in each["versions"].items() if name not in hidden)


def _cell(lstm: LSTMResult, each: Environment) -> Mark:
    verdict, worst = verdict_of(lstm, each)
    return Mark(verdict=verdict, text=f"{mark(verdict).text} {worst}".strip())


def _lstms(report: Report) -> Table:
    names = ("path", "written_as", "uses", "policy", "input_dim", "units", "parameters")
    rows = [["–" if lstm[name] is None else str(lstm[name]) for name in names] for lstm in report["lstms"]]
    columns = ("LSTM", "written as", *names[2:])
    return Table(title="What is in the file", columns=columns, rows=rows, numeric=(2, 4, 5, 6))


def _notes(report: Report) -> Iterator[str]:
    if report["assumed"]:
        yield report["assumed"]
    yield from not_verified(report)
    for each in report["environments"]:
        if lines := [line.strip() for line in whole_model(each, report)]:
            yield f"{each['label']}: {'; '.join(lines)}"
    if report["predictions"]["compared"]:
        yield f"predictions of both on {report['predictions']['read']}: {report['predictions']['compared']}"


def _entry(name: str, each: Environment, lstm: LSTMResult, described: Mapping[str, Any]) -> Entry:
    return Entry(
        id=f"{lstm['path']} {each['label']}",
        kind=lstm["verdict"],
        mark=mark(lstm["verdict"]),
        title=f"{lstm['path']}, {name}",
        summary=lstm["message"] or described["not_verified"],
        lines=list(_lines(lstm, described)),
        tables=[Table(title="cases", columns=("case", "verdict"), rows=list(lstm["cases"].items()))] if lstm["cases"] else [],
        drawing=drawing_of(lstm["picture"]) if lstm["picture"] else None,
    )


def _lines(lstm: LSTMResult, described: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield from (("fault", fault) for fault in described["faults"])
    if described["not_verified"]:
        yield "not verified", described["not_verified"]
    if lstm["message"]:
        yield "difference", lstm["message"]
    yield from (("diagnosis", cause) for cause in causes_of(lstm))
    yield from ((name, str(value)) for name, value in (described["config"] or {}).items())
