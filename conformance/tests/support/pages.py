"""Reports for the tests of pages, as JSON holds them, and what a browser would make of a page's text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any

from conformance.cases.case import Case
from conformance.claims.model import Claim, ClaimResult, ClaimVerdict, Evidence, Finding
from conformance.claims.text import as_json, system_as_json
from conformance.claims.verification import SystemResult
from conformance.judging import checks
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.report.documents import as_document
from conformance.report.model import Plan, Report
from conformance.running.explanation import Explainer
from conformance.running.runner import run
from conformance.upgrade.baseline import judge
from conformance.upgrade.change import Change, FirstDifference, Kind
from conformance.upgrade.facts import FactChange
from conformance.upgrade.history import Cell, HistoryReport, Row
from conformance.upgrade.report import UpgradeReport

HOSTILE = "\"'><img src=x onerror=alert(1)></title></style><script>alert(1)</script> {{ 7 * 7 }} <!-- \ud800"
# What is no text but a choice of the suite's, which a report of another is refused for.
CHOICES = {"format", "case_ids", "verdict", "kind", "outcome", "side", "relation", "matrix"}

IDS = (
    "u3-d2-t5-b4-seq-s0",
    "u3-d2-t5-b4-seq-mask_left-s0",
    "u3-d2-t5-b4-s0",
    "u3-d2-t5-b4-seq-via_fit-s0",
    "u3-d2-t5-b4-seq-via_onnx-s0",
    "probe-glorot-uniform-name-s0",
)
ENVIRONMENT = {"implementation": "keras.layers.LSTM", "keras": "3.15.1", "backend": "jax", "python": "3.11.7"}


@cache
def failing() -> tuple[Result, ...]:
    """Two cases of an implementation whose gates are in another order, with pictures."""
    cases = [Case.from_id(case_id) for case_id in IDS[:2]]
    evidence: dict[str, checks.Evidence] = {}
    results = run(cases, ReferenceAdapter("kernel_gates_ifoc"), keep_evidence=lambda each: evidence.update({each.case.id: each}))
    explainer = Explainer(evidence=evidence)
    return tuple(explained for result in list(results) for explained in explainer.explain([result]))


@cache
def passing() -> Result:
    """One case of the reference."""
    (result,) = run([Case.from_id(IDS[2])], ReferenceAdapter())
    return result


def verify_report() -> Report:
    """A run in which cases come out in every way but FIXED."""
    others = (
        Result(case_id=IDS[3], group="via fit", verdict=Verdict.ERROR, reason="ValueError: [bad] <shape>"),
        Result(case_id=IDS[4], group="via onnx", verdict=Verdict.UNSUPPORTED, reason="no such route"),
        Result(case_id=IDS[5], group="probes", verdict=Verdict.KNOWN_DIFFERENCE, reason="known", known="no-such-entry"),
    )
    plan = Plan(
        matrix="level quick",
        selection=("u3-*",),
        seed=0,
        cases=len(IDS),
        cells=len(IDS),
        case_ids=IDS,
        checks=("outputs",),
        element_limit=8.0,
        rms_limit=2.0,
        surface=True,
    )
    return Report(environment=ENVIRONMENT, plan=plan, results=(*failing(), passing(), *others), seconds=12.3)


def upgrade_said() -> dict[str, Any]:
    """An upgrade that breaks one case, brings another of its kind with it, and leaves one alone."""
    first, second = failing()
    locus = FirstDifference(case_id=first.case_id, call=1, timestep=3, row=0, unit=1, gates="i or c", because="h follows from c")
    right = [Result(case_id=each.case_id, group=each.group, verdict=Verdict.PASS) for each in failing()]
    changes = (
        Change(
            kind=Kind.NOW_WRONG,
            before=right[0],
            after=first,
            apart={"outputs": 1e9},
            minimal=IDS[2],
            locus=locus,
            script="import keras\n",
        ),
        Change(kind=Kind.NOW_WRONG, before=right[1], after=second, like=first.case_id),
        Change(kind=Kind.SAME_BITS, before=passing(), after=passing()),
    )
    report = UpgradeReport(
        names=("keras==3.14.1", "keras==3.15.1"),
        environments=(ENVIRONMENT | {"keras": "3.14.1"}, ENVIRONMENT),
        level="quick",
        seed=0,
        planned=IDS[:3],
        changes=changes,
        facts=(FactChange(subject="argument use_cudnn", before="not there", after="auto"),),
        knows_facts=True,
        seconds=3.2,
    )
    return report.as_dict(judge(report, []).as_dict())


def history_said() -> dict[str, Any]:
    """Two versions that differ in one behaviour of two."""
    rows = (
        Row(name="plain", cells=(Cell(said="right"), Cell(said="right"))),
        Row(
            name="mask=left",
            cells=(Cell(said="right"), Cell(said="wrong (mask_inverted)", changed=True)),
            upstream=("https://x.test/1",),
        ),
    )
    report = HistoryReport(
        versions=("3.14.1", "3.15.1"), environments={}, behaviours=rows, facts=(), refused={"2.0": "no interpreter"}, seconds=1.5
    )
    return as_document("history", {"backends": {"tensorflow": report.as_dict()}})


def model_said() -> dict[str, Any]:
    """A file with one LSTM that passes and one that does not."""
    verdicts = {"lstm": "PASS", "lstm_1": "FAIL"}
    picture = verify_report().as_parsed_json()["results"][0]["picture"]
    lstms = [
        {
            "path": path,
            "verdict": verdict,
            "worst": 1.5,
            "message": "off" * (verdict == "FAIL"),
            "explained_by": ["two_biases", "words"],
        }
        | {"cases": {IDS[0]: verdict}, "picture": picture if verdict == "FAIL" else None}
        for path, verdict in verdicts.items()
    ]
    described = {
        "written_as": "LSTM",
        "uses": 1,
        "policy": "float32",
        "config": {"units": 3},
        "input_dim": 2,
        "units": 3,
        "parameters": 72,
    }
    environment = {
        "label": "IN",
        "spec": "installed",
        "versions": ENVIRONMENT,
        "loaded": False,
        "failed": "does not load",
        "reason": "why",
        "raised": "raised",
    }
    content = {
        "path": "model.keras",
        "keras_version": "3.15.1",
        "expected": False,
        "lstms": [{"path": path, "faults": [], "not_verified": "", **described} for path in verdicts],
        "unclaimed": ["layer/7"],
        "assumed": "assumed",
        "not_loadable": ["a Lambda"],
        "environments": [{**environment, "mend": "mend", "lstms": lstms, "calls": [], "called": None, "not_recorded": ""}],
        "predictions": {"read": "(2, 5, 3)", "compared": "", "verdict": "UNSUPPORTED"},
    }
    return as_document("model", content)


def _finding() -> Finding:
    evidence = (
        Evidence(label="size of the output", measured=(2, 3), relation="=", stated=(2, 3), agrees=True),
        Evidence(label="time", measured=0.25),
    )
    return Finding(verdict=ClaimVerdict.HOLDS, evidence=evidence)


def claims_said() -> dict[str, Any]:
    """One that holds, and one whose experiment raised."""
    claims = [
        Claim(id=name, documents=documents, statement=f"{name} is so", expected=ClaimVerdict.HOLDS, run=_finding)
        for name, documents in {"units": ("D0", "D2"), "states": ("D1",)}.items()
    ]
    settled = [
        ClaimResult(claim=claims[0], finding=_finding(), error="", seconds=0.5),
        ClaimResult(claim=claims[1], finding=None, error="ValueError: no", seconds=0.1),
    ]
    asked = SystemResult(environment="keras==2.2.4", described="hard_sigmoid", recorded="on a day", results=failing())
    said = {"claims": [as_json(each) for each in settled], "systems": [system_as_json(asked)], "docstrings": []}
    return as_document("claims", as_parsed_json(said))


def as_parsed_json(document: Any) -> Any:
    """As JSON gives it back."""
    return json.loads(json.dumps(document))


@dataclass
class Read(HTMLParser):
    """What is in a page: elements with their attributes, and the text of styles and scripts.

    Args:
        text: of the page.
    """

    text: str
    elements: list[tuple[str, Mapping[str, str]]] = field(default_factory=list, init=False)
    code: dict[str, list[str]] = field(default_factory=lambda: {"style": [], "script": []}, init=False)
    texts: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element, as a browser reads it."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Code, or what a reader sees."""
        last = self.lasttag if self.cdata_elem else ""
        (self.code.get(last, self.texts)).append(data)

    def all_of(self, attribute: str) -> list[str]:
        """The values of an attribute."""
        return [attributes[attribute] for _, attributes in self.elements if attribute in attributes]

    @property
    def words(self) -> str:
        """What a reader sees, in one line."""
        return " ".join(" ".join(self.texts).split())


def made_hostile(document: Any, key: str = "") -> Any:
    """The same with every free text replaced, and every name that a file gives."""
    if isinstance(document, dict):
        return {name: made_hostile(item, name) for name, item in document.items()}
    if isinstance(document, list):
        return [made_hostile(item, key) for item in document]
    return HOSTILE if isinstance(document, str) and key not in CHOICES and document not in Verdict.__members__ else document
