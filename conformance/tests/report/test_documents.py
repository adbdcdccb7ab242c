"""What commands write for machines is as its schema says, and what is read back is held to it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from conformance.cases.case import Case
from conformance.claims.docstrings import DocstringCoverage
from conformance.claims.model import Claim, ClaimResult, ClaimVerdict, Evidence, Finding
from conformance.claims.text import as_json, coverage_as_json, system_as_json
from conformance.claims.verification import SystemResult
from conformance.cli import main
from conformance.judging.pooled import PooledTest
from conformance.judging.verdict import CheckResult, Verdict
from conformance.judging.verdict import Result as CaseResult
from conformance.matrix.coverage import Coverage
from conformance.model_file.command import examine
from conformance.model_file.contents import contents_of
from conformance.model_file.report import as_dict
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.documents import FORMATS, DocumentError, as_document, check, read, schema, version
from conformance.report.files import write_json
from conformance.report.model import Report
from conformance.report.speed import Work
from conformance.running.runner import run
from conformance.running.session import Session
from conformance.tests.support import pages
from conformance.tests.support.model_files import LoadsOneLSTM, one_lstm
from conformance.tests.support.reports import EVERY, RED, report
from conformance.upgrade.baseline import judge
from conformance.upgrade.change import Change, FirstDifference, Kind
from conformance.upgrade.facts import FactChange
from conformance.upgrade.history import Cell, HistoryReport, Row
from conformance.upgrade.report import UpgradeReport

HOSTILE = "</script><b>\x1b[31m\x00 \ud800 | `` \u202e"


def invoke(*arguments: object) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(main, [str(each) for each in arguments], catch_exceptions=False)


def objections(document: Any, name: str) -> list[str]:
    """Where a document, written and read as JSON, is not as the schema says."""
    content = json.loads(json.dumps(document, allow_nan=False))
    return [f"{each.json_path}: {each.message}" for each in Draft202012Validator(schema(name)).iter_errors(content)]


# --- schemas -------------------------------------------------------------------------------------------------------------------


def described(part: Any, where: str = "$") -> Iterator[tuple[str, str]]:
    """Every schema of a property, of items or a definition in a schema, with its description, its own or that it refers to."""
    for keyword in ("properties", "patternProperties", "$defs"):
        for name, each in part.get(keyword, {}).items():
            yield f"{where}.{name}", each.get("description", "") or each.get("$ref", "")
            yield from described(each, f"{where}.{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(part.get(keyword), dict):
            yield from described(part[keyword], f"{where}.{keyword}")


@pytest.mark.parametrize("name", FORMATS)
def test_schema_is_one_and_describes_every_field(name: str) -> None:
    """By JSON Schema 2020-12; its address says format and version."""
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:keras-lstm-conformance:{name}:{version(name)}"
    assert schema(name)["title"]
    assert schema(name)["description"]
    assert [where for where, description in described(schema(name)) if not description] == []


@pytest.mark.parametrize("name", FORMATS)
def test_schema_is_printed_so_that_it_stands_alone(name: str) -> None:
    """Whatever it refers to is in it: a validator that reaches no other file takes it."""
    printed = invoke("schema", name)
    assert (printed.exit_code, json.loads(printed.stdout)) == (0, schema(name))
    (objection,) = Draft202012Validator(json.loads(printed.stdout)).iter_errors([])
    assert objection.message == "[] is not of type 'object'"


def test_formats_are_listed() -> None:
    """With their versions, and the command that writes each."""
    lines = invoke("schema").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [[name, "version", str(version(name))] for name in FORMATS]
    assert lines[0].endswith("lstm-conformance verify --json FILE")


# --- what is written -----------------------------------------------------------------------------------------------------------


def reference_report(deviation: str | None, *patterns: str) -> Report:
    """A run of the reference, or of one with a mistake, in this process."""
    cases = [Case.from_id(case_id) for case_id in patterns]
    session = Session(planned=cases, level="quick", make_adapter=partial(ReferenceAdapter, deviation), workers=1)
    results = tuple(run(cases, ReferenceAdapter(deviation)))
    work = Work(cases=len(cases), workers=1, implementation=1.0, suite=0.5, loading=0.25)
    return Report(environment={"implementation": "lstm_ref"}, plan=session.plan, results=results, seconds=2.0, work=work)


def odd(number: float) -> Report:
    """A run that holds such a number wherever there is one, and texts that no format likes."""
    check = CheckResult(
        check="outputs", verdict=Verdict.FAIL, message=HOSTILE, worst=number, rms=number, size=1, squares=number, largest=number
    )
    result = CaseResult(case_id="u1-d1-t6-b3-s0", group="u1-d1", verdict=Verdict.FAIL, checks=(check,), reason=HOSTILE)
    return report(result, planned=1)


POOLED = PooledTest(
    of="cell",
    what="bias",
    precision="float32",
    families=36,
    estimate=math.nan,
    standard_error=math.inf,
    allowed=0.5,
    p=0.1,
    verdict=Verdict.FAIL,
)
COVERAGE = Coverage(strength=2, covered=3, possible=4, missing=((("mask", "left"), ("route", "fit")),))
BARE = report()
WHOLE = Report(
    environment=BARE.environment,
    plan=BARE.plan,
    results=(),
    seconds=1.0,
    pooled=(POOLED,),
    coverage=(COVERAGE,),
    stopped="interrupted",
)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(reference_report(None, "u2-d1-t6-b3-s0", "u2-d1-t6-b3-seq-stateful-s0"), id="right"),
        pytest.param(reference_report("all_gates_icfo", "u2-d1-t6-b3-s0"), id="wrong"),
        pytest.param(RED, id="a case is missing"),
        pytest.param(EVERY, id="every verdict"),
        pytest.param(BARE, id="nothing ran"),
        pytest.param(WHOLE, id="interrupted, pooled and covered"),
        pytest.param(report(planned=0), id="nothing planned"),
        pytest.param(odd(math.nan), id="NaN"),
        pytest.param(odd(-math.inf), id="infinite"),
    ],
)
def test_report_of_verify_is_as_its_schema_says(run: Report, tmp_path: Path) -> None:
    """However a run ended, and whatever it met."""
    write_json(run, tmp_path / "report.json")
    document = read(tmp_path / "report.json", "verify")
    assert document["plan"]["cases"] == run.plan.cases


NO_CHANGE = Change(
    kind=Kind.SAME_BITS,
    before=CaseResult(case_id="u3-d2-t5-b4-seq-s0", group="", verdict=Verdict.PASS),
    after=CaseResult(case_id="u3-d2-t5-b4-seq-s0", group="", verdict=Verdict.PASS),
)
CHANGE = replace(
    NO_CHANGE,
    kind=Kind.NOW_WRONG,
    apart={"0_outputs": math.inf},
    minimal="u1-d1-t1-b1-s0",
    locus=FirstDifference(case_id="u1-d1-t1-b1-s0", call=1, timestep=1, row=0, unit=0, gates="i", because=HOSTILE),
    script=HOSTILE,
    upstream=("https://github.com/keras-team/keras/pull/20374",),
)
FACT = FactChange(subject="argument use_cudnn", before="not there", after="'auto'")


@pytest.mark.parametrize(
    ("changes", "facts"),
    [((NO_CHANGE,), ()), ((), ()), ((NO_CHANGE, CHANGE), (FACT,))],
    ids=["nothing changed", "nothing ran", "all there is to say"],
)
def test_report_of_upgrade_is_as_its_schema_says(changes: tuple[Change, ...], facts: tuple[FactChange, ...]) -> None:
    """Judged without a baseline, and beside an empty one."""
    run = UpgradeReport(
        names=("reference", "reference:mask_ignored"),
        environments=({"implementation": "one"}, {}),
        level="quick",
        seed=0,
        planned=tuple(each.case_id for each in changes),
        changes=changes,
        facts=facts,
        knows_facts=True,
        seconds=1.0,
        stopped=HOSTILE,
    )
    judged = [run.as_dict(judge(run, baseline).as_dict()) for baseline in (None, ())]
    assert [objections(each, "upgrade") for each in judged] == [[], []]


@pytest.mark.parametrize("versions", [(), ("3.0.5", "3.1.1")], ids=["nothing ran", "two versions"])
def test_history_is_as_its_schema_says(versions: tuple[str, ...]) -> None:
    """Of versions that ran, and of one that did not."""
    row = Row(name="mask=left", cells=(Cell(said="right"), Cell(said="wrong", changed=True))[: len(versions)])
    run = HistoryReport(
        versions=versions,
        environments={name: {"implementation": "keras"} for name in versions[:1]},
        behaviours=(row,),
        facts=(row,),
        refused=dict.fromkeys(versions[1:], HOSTILE),
        seconds=1.0,
    )
    assert objections(as_document("history", {"backends": {"numpy": run.as_dict()}}), "history") == []


@pytest.mark.parametrize("deviation", [None, "output_tanh_missing"])
def test_report_of_a_model_is_as_its_schema_says(deviation: str | None, tmp_path: Path) -> None:
    """In one environment that is right, and in two of which one is not."""
    known = {"right": LoadsOneLSTM(), "other": LoadsOneLSTM(deviation=deviation)}
    specs = ["right"] if deviation is None else ["right", "other"]
    run = examine(one_lstm(tmp_path / "model.keras"), specs, make=known.__getitem__, read_file=contents_of)
    assert objections(as_dict(run), "model") == []


EVIDENCE = Evidence(label="numbers", measured={"a": (1, 2.5, math.nan), "b": HOSTILE}, relation="=", stated=True, agrees=False)
FINDING = Finding(verdict=ClaimVerdict.HOLDS_ONLY_WHEN, evidence=(EVIDENCE,), condition="never")
SYSTEM = SystemResult(environment="one", described=HOSTILE, recorded="", results=odd(math.nan).results)
CLAIM = Claim(id="one", documents=("D0",), statement=HOSTILE, expected=ClaimVerdict.FAILS, run=lambda: FINDING)


@pytest.mark.parametrize(("finding", "error"), [(FINDING, ""), (None, HOSTILE)], ids=["found", "raised"])
def test_claims_are_as_their_schema_says(finding: Finding | None, error: str) -> None:
    """Those that found something, and those that raised."""
    settled = ClaimResult(claim=CLAIM, finding=finding, error=error, seconds=1.0)
    docstring = coverage_as_json(DocstringCoverage(document="Masking", claimed=2, silent=1, new=("It masks.",), gone=()))
    parts = {"claims": [as_json(settled)], "systems": [system_as_json(SYSTEM)], "docstrings": [docstring]}
    assert objections(as_document("claims", parts), "claims") == []


# --- what is read --------------------------------------------------------------------------------------------------------------


def document() -> dict[str, Any]:
    """A small whole one."""
    return {"format": "observations", "format_version": 1, "environment": {"implementation": "keras"}}


def without(name: str) -> dict[str, Any]:
    """One that lacks a field."""
    return {key: value for key, value in document().items() if key != name}


TEXT = json.dumps(document())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "is not a whole JSON file", id="empty"),
        pytest.param(TEXT[:-9], "is not a whole JSON file", id="truncated"),
        pytest.param("\xff", "is not a whole JSON file", id="no text"),
        pytest.param("[" * 200_000, "is not a whole JSON file", id="nested without end"),
        pytest.param(f'{{"format": {"9" * 5000}}}', "is not a whole JSON file", id="endless number"),
        pytest.param(TEXT.replace('"keras"', "NaN"), "NaN is no JSON", id="NaN"),
        pytest.param(TEXT[:-1] + ', "format": "verify"}', "the key 'format' stands twice", id="a key twice"),
        pytest.param("[]", "is a document without a format; expected observations", id="no object"),
        pytest.param(without("format"), "is a document without a format", id="no format"),
        pytest.param({**document(), "format": "verify"}, "of the format 'verify'; expected observations", id="another format"),
        pytest.param({**document(), "format": HOSTILE}, "of the format '</script>", id="hostile format"),
        pytest.param(without("format_version"), "has no format_version; this suite reads 1", id="no version"),
        pytest.param({**document(), "format_version": 2}, "has format_version 2; this suite reads 1 of", id="later version"),
        pytest.param({**document(), "format_version": True}, "$.format_version: 1 was expected", id="version that only seems one"),
        pytest.param(without("environment"), "$: 'environment' is a required property", id="missing field"),
        pytest.param({**document(), "more": 1}, "$: Additional properties are not allowed ('more' was", id="unknown field"),
        pytest.param({**document(), "environment": "keras"}, "$.environment: 'keras' is not of type 'object'", id="wrong type"),
        pytest.param({**document(), "environment": {"implementation": ["x" * 10**6]}}, "$.environment.implem", id="long value"),
    ],
)
def test_bad_document_is_refused(content: Any, message: str, tmp_path: Path) -> None:
    """In one short printable line with what is wrong and what to do, exit code 2, no traceback."""
    path = tmp_path / "environment.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="latin-1")
    result = invoke("schema", "observations", "--check", path)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"error: {path}")
    assert message in line
    assert "lstm-conformance verify --keep FOLDER" in line
    assert line.isprintable()
    assert len(line) < len(str(path)) + 500


def verified() -> dict[str, Any]:
    """A report with a picture."""
    content: dict[str, Any] = json.loads(json.dumps(pages.verify_report().as_parsed_json()))
    return content


PICTURE, IN_PICTURE = ("results", 0, "picture"), "$.results[0].picture: expected lines as long as its places, one of them named"


@pytest.mark.parametrize(
    ("made", "place", "value", "message"),
    [
        pytest.param(verified, (*PICTURE, "places"), [], IN_PICTURE, id="places of a picture"),
        pytest.param(verified, (*PICTURE, "lines"), [], IN_PICTURE, id="lines of a picture"),
        pytest.param(verified, (*PICTURE, "lines", 0, "errors"), [], IN_PICTURE, id="a line of a picture"),
        pytest.param(verified, (*PICTURE, "worst"), "none", IN_PICTURE, id="worst line of a picture"),
        pytest.param(
            pages.history_said,
            ("backends", "tensorflow", "versions"),
            [],
            "$.backends.tensorflow.behaviours[0].cells: expected one for each of the versions",
            id="versions of a history",
        ),
        pytest.param(
            pages.model_said,
            ("lstms",),
            [],
            "$.environments[0].lstms: expected one for each LSTM of the file",
            id="LSTMs of a model",
        ),
    ],
)
def test_document_that_does_not_fit_together_is_refused(
    made: Callable[[], dict[str, Any]], place: tuple[str | int, ...], value: Any, message: str, tmp_path: Path
) -> None:
    """Where no schema can say so; as it was made, it is taken."""
    whole: Any = made()
    check(whole, tmp_path)
    *outer, last = place
    inner: Any = reduce(lambda part, key: part[key], outer, whole)
    inner[last] = value
    assert objections(whole, whole["format"]) == []
    with pytest.raises(DocumentError, match=re.escape(message)):
        check(whole, tmp_path)


def test_folder_in_the_place_of_a_document_is_refused(tmp_path: Path) -> None:
    """In the words of every file that cannot be read."""
    with pytest.raises(DocumentError, match=re.escape(f"{tmp_path} could not be read: Is a directory")):
        read(tmp_path, "verify")


def test_document_that_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    """Deeper than a schema can be asked of it."""
    flat: Any = []
    nested = reduce(lambda inner, _: [inner], range(10_000), flat)
    content = {"format": "verify", "format_version": version("verify"), "results": nested}
    with pytest.raises(DocumentError, match="it is nested too deep"):
        check(content, tmp_path)


def test_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """As one that cannot be read."""
    with pytest.raises(DocumentError, match="cannot be read: No such file"):
        read(tmp_path / "none.json", "verify")


@pytest.mark.parametrize("asked", [(), ("observations",)], ids=["of any format", "of this format"])
def test_document_that_is_whole_is_said_to_be(asked: tuple[str, ...], tmp_path: Path) -> None:
    """With its format, which it says itself, and the version of that."""
    (tmp_path / "environment.json").write_text(TEXT, encoding="utf-8")
    result = invoke("schema", *asked, "--check", tmp_path / "environment.json")
    assert (result.exit_code, result.stdout.split(" is ")[1]) == (
        0, "a whole document of the format observations, version 1\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        pytest.param(
            'format = "baseline"\nformat_version = 1\n', 0, "a whole document of the format baseline, version 1", id="whole"
        ),
        pytest.param('format = "baseline"\n[[change', 2, "is not a whole TOML file", id="truncated"),
        pytest.param("x = " + "[" * 200_000, 2, "is not a whole TOML file", id="nested without end"),
        pytest.param('format = "baseline"\nformat = "baseline"\n', 2, "is not a whole TOML file", id="a key twice"),
        pytest.param('format = "baseline"\nformat_version = 1\nx = nan\n', 2, "('x' was unexpected)", id="another field"),
    ],
)
def test_baseline_is_toml(content: str, code: int, message: str, tmp_path: Path) -> None:
    """It is checked as what it is."""
    (tmp_path / "lstm.toml").write_text(content, encoding="utf-8")
    result = invoke("schema", "baseline", "--check", tmp_path / "lstm.toml")
    assert (result.exit_code, message in result.output) == (code, True)


@pytest.mark.parametrize("content", [{"format": "odd"}, {"format": ["verify"]}, {}, "verify"])
def test_document_of_no_format_is_refused(content: Any, tmp_path: Path) -> None:
    """With the formats that there are."""
    (tmp_path / "report.json").write_text(json.dumps(content), encoding="utf-8")
    result = invoke("schema", "--check", tmp_path / "report.json")
    assert result.exit_code == 2
    assert f"expected {' or '.join(FORMATS)}, as made by: lstm-conformance verify --json {tmp_path}/report.json; " in result.stderr
    assert result.stderr.endswith("`lstm-conformance schema` lists the commands that make others\n")
