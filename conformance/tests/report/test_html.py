"""Pages for people hold what reports hold, load nothing, run nothing that is not theirs, and show any string as text."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from conformance import matrix
from conformance.cli import main
from conformance.commands.report import page_of
from conformance.judging.verdict import Verdict
from conformance.known.known_differences import known_differences
from conformance.report.files import write_json, write_text
from conformance.report.html.charts import drawing_of
from conformance.report.html.page import as_html, render
from conformance.report.html.results import MOST_SIMILAR
from conformance.report.model import Report
from conformance.report.style import SYMBOL
from conformance.tests.support import pages
from conformance.tests.support.reports import BIASED, GREEN, QUIET, UNEXPLAINED, UNRESOLVED, WORK, report, result
from lstm_ref import LSTMError

REPORTS: Mapping[str, Callable[[], Any]] = {
    "verify": lambda: [pages.as_parsed_json(pages.verify_report().as_parsed_json())],
    "two runs of verify": lambda: [pages.as_parsed_json(pages.verify_report().as_parsed_json())] * 2,
    "upgrade": lambda: [pages.as_parsed_json(pages.upgrade_said())],
    "history": lambda: [pages.as_parsed_json(pages.history_said())],
    "model": lambda: [pages.model_said()],
    "claims": lambda: [pages.claims_said()],
}
every_page = pytest.mark.parametrize("name", REPORTS)


def text_of(document: Any) -> str:
    """The page of what files hold."""
    return as_html(page_of(document))


# --- what every page is ---------------------------------------------------------------------------------------------------------


@every_page
def test_a_page_loads_nothing(name: str) -> None:
    """Addresses are there to be followed only; a policy forbids all else."""
    read = pages.Read(text_of(REPORTS[name]()))
    assert not {"src", "srcset", "action", "data", "poster", "xlink:href", "background", "ping"} & {
        attribute for _, attributes in read.elements for attribute in attributes
    }
    assert all(
        address.startswith("#")
        for tag, each in read.elements
        if (address := each.get("href", "#")) and tag != "link" and "https://" not in address
    )
    assert [each["href"] for tag, each in read.elements if tag == "link"] == ["data:,"]
    assert not re.search(
        r"@import|url\(|https?://|fetch\(|XMLHttpRequest|import\(", "".join(read.code["style"] + read.code["script"])
    )
    assert "default-src 'none'" in " ".join(read.all_of("content"))


@every_page
def test_a_page_runs_its_own_scripts_only(name: str) -> None:
    """The policy names each by its hash, so that nothing that is shown can be one."""
    read = pages.Read(text_of(REPORTS[name]()))
    (policy,) = [content for content in read.all_of("content") if "script-src" in content]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in read.code["script"]]
    assert len(hashes) == 2
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert "unsafe-inline" not in policy.partition("script-src")[2]


@every_page
def test_any_string_is_shown_as_text(name: str) -> None:
    """Of a file or an exception: no element, no attribute and no expression comes of it."""
    read, harmless = (pages.Read(text_of(document)) for document in (pages.made_hostile(REPORTS[name]()), REPORTS[name]()))
    assert {tag for tag, _ in read.elements} <= {tag for tag, _ in harmless.elements} | {"p", "a"}
    assert not [attribute for _, each in read.elements for attribute in each if attribute.startswith("on")]
    assert len(read.code["script"]) == 2
    assert "<img src=x onerror=alert(1)>" in read.words
    assert "{{ 7 * 7 }}" in read.words
    assert not [address for address in read.all_of("href") if not address.startswith(("#", "data:,"))]


@every_page
def test_links_lead_to_what_is_there(name: str) -> None:
    """Every id is there once, and can be written in an address."""
    read = pages.Read(text_of(REPORTS[name]()))
    ids = read.all_of("id")
    assert len(set(ids)) == len(ids)
    assert not [each for each in ids if re.search(r"\s", each)]
    targets = {address.removeprefix("#") for address in read.all_of("href") if address.startswith("#")}
    assert len(targets) > 1
    assert {re.sub("%([0-9A-F]{2})", lambda match: chr(int(match[1], 16)), each) for each in targets} <= set(ids)


@every_page
def test_a_page_reads_without_colour_and_without_sight(name: str) -> None:
    """A verdict is named beside its symbol, pictures and wide tables say what they are, every control has a label."""
    text = text_of(REPORTS[name]())
    read = pages.Read(text)
    assert not re.findall(r'class="verdict[^>]*><span[^>]*>[^<]*</span></span>', text)
    assert all(each.get("aria-label") for tag, each in read.elements if tag == "svg" or each.get("class") == "wide")
    assert text.count("<label") == sum(tag in ("input", "select") for tag, _ in read.elements)
    assert (read.elements[0], dict(read.elements)["html"]) == (("html", {"lang": "en"}), {"lang": "en"})


def test_every_verdict_has_a_symbol_of_its_own() -> None:
    """Which says it where there is no colour."""
    assert set(SYMBOL) == set(Verdict)
    assert len(set(SYMBOL.values())) == len(Verdict)


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With the system's reason."""
    with pytest.raises(LSTMError, match=r"could not be written: Is a directory"):
        write_text(render("base.html.jinja", title="empty"), tmp_path)


# --- verify ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verified() -> pages.Read:
    """The page of a run that has every verdict but FIXED."""
    return pages.Read(text_of(REPORTS["verify"]()))


@pytest.mark.parametrize(
    "expected",
    [
        "3 cases are not as expected",
        "1 PASS",
        "2 FAIL",
        "1 ERROR",
        "1 UNSUPPORTED",
        "1 KNOWN DIFFERENCE",
        "keras.layers.LSTM 3.15.1 jax",
        "6 of level quick, chosen by u3-*, seed 0",
        "8 σ per element, 2 σ root mean square",
        "matches the reference if the gates of kernel are ordered i, f, o, c (kernel_gates_ifoc)",
        "ValueError: [bad] <shape>",
        "known difference no-such-entry",
        "lstm-conformance verify --case u3-d2-t5-b4-seq-mask_left-s0 --backend jax",
        "as a script: lstm-conformance reproduce u3-d2-t5-b4-seq-mask_left-s0 --backend jax",
        "no such route",
    ],
)
def test_a_page_says_what_the_report_says(expected: str, verified: pages.Read) -> None:
    """What ran, the counts, and of each difference what, why and how to see it again."""
    assert expected in verified.words


KNOWN = known_differences()[0]


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (GREEN, "As expected: 4 cases, none differs but as known"),
        (replace(GREEN, pooled=(BIASED, QUIET)), "all cases together fail: bias of cell or recurrent_activation in float32"),
        (replace(GREEN, pooled=(BIASED, QUIET)), "not told apart by these cases: recurrent_activation, cell (in float32)"),
        (report(result(0, Verdict.KNOWN_DIFFERENCE, known=KNOWN.id), planned=1), f"known since {KNOWN.seen}"),
        (report(result(0), result(1, Verdict.FAIL), planned=2), "where cases pass, the worst element is 1.5 σ off, of 8 σ allowed"),
        (replace(GREEN, seconds=12.0, work=WORK), "2.5 cases a second on 2 workers: 60% in the implementation"),
        (report(result(0, Verdict.ERROR, reason="no kernel"), planned=1), "1 cases are not as expected"),
        (UNRESOLVED, "incomplete: 1 cases are UNRESOLVED, by a fault of the suite or the machine"),
        (
            report(result(0, Verdict.UNRESOLVED), result(1, Verdict.FAIL), planned=2),
            "incomplete: 1 cases are UNRESOLVED, by a fault of the suite or the machine; 1 cases are not as expected",
        ),
        (UNEXPLAINED, "no diagnosis: the suite itself failed: ValueError: [bad] shape (diagnosis.py:9)"),
        (replace(GREEN, stopped="the tests that pool failed"), "0 cases did not run: the tests that pool failed"),
    ],
    ids=[
        "green",
        "biased",
        "not told apart",
        "known",
        "margin",
        "timed",
        "nothing judged",
        "unresolved",
        "unresolved and red",
        "unexplained",
        "stopped",
    ],
)
def test_a_page_says_how_a_run_came_out(run: Report, expected: str) -> None:
    """Also where no check has a number."""
    assert expected in pages.Read(text_of([pages.as_parsed_json(run.as_parsed_json())])).words


@pytest.mark.parametrize(
    ("run", "heading"),
    [
        (GREEN, "Nothing differs"),
        (replace(GREEN, pooled=(BIASED,)), "Results"),
        (report(stopped="interrupted"), "Results"),
        (report(result(0, Verdict.ERROR, reason="no kernel"), planned=1), "What differs"),
    ],
    ids=["green", "biased", "nothing ran", "nothing judged"],
)
def test_a_page_says_that_nothing_differs_only_where_that_is_so(run: Report, heading: str) -> None:
    """Not of a run that is red as a whole, or of none."""
    assert page_of([pages.as_parsed_json(run.as_parsed_json())]).heading == heading


def test_verdicts_are_shown_by_size_where_no_surface_was_asked() -> None:
    """Of those that have a size, which a probe has not."""
    document = pages.as_parsed_json(pages.verify_report().as_parsed_json())
    assert "Verdicts by size" in pages.Read(text_of([document | {"plan": document["plan"] | {"surface": False}}])).words


def test_each_difference_opens(verified: pages.Read) -> None:
    """By its case's id; what is as expected is listed."""
    entries = [each for tag, each in verified.elements if tag == "details" and each.get("class") == "entry"]
    assert [(each["id"], each["data-kind"]) for each in entries] == [
        (pages.IDS[0], "FAIL"),
        (pages.IDS[1], "FAIL"),
        (pages.IDS[3], "ERROR"),
        (pages.IDS[5], "KNOWN_DIFFERENCE"),
    ]
    assert [each["id"] for tag, each in verified.elements if tag == "li" and "id" in each] == [pages.IDS[2], pages.IDS[4]]


def test_numbers_of_a_picture_are_those_of_the_report(verified: pages.Read) -> None:
    """In the table below it, and as many points as places."""
    picture = pages.failing()[0].picture
    assert picture is not None
    worst = next(line for line in picture.lines if line.name == picture.worst)
    row = f"{picture.places[-1]} {worst.expected[-1]:.9g} {worst.got[-1]:.9g} {worst.errors[-1]:.3g} σ"
    assert row in verified.words
    drawn = drawing_of(pages.as_parsed_json(pages.verify_report().as_parsed_json())["results"][0]["picture"])
    assert [len(chart.dots) for chart in (*drawn.charts, *drawn.gates)] == [len(picture.places)] * 7


PICTURE = {
    "of": "outputs",
    "across": "timestep",
    "places": [0, 1, 2],
    "lines": [{"name": "unit 0", "expected": [0.0, 1.0, 0.5], "got": [0.0, "nan", 0.5], "errors": [0.0, "nan", "inf"]}],
    "worst": "unit 0",
    "gates_of": "",
    "gates": [],
}


def test_a_line_is_broken_where_it_is_not_finite() -> None:
    """JSON holds what is not finite by its name."""
    drawn = drawing_of(PICTURE)
    (chart,) = drawn.charts
    assert chart.got == "M6 78M234 42"
    assert (chart.worst, chart.low, chart.high) == ("nan σ", "0", "1")
    assert drawn.heatmap.rows == [("unit 0", [(0, "0"), (4, "inf"), (4, "inf")])]


def test_environments_are_the_columns_of_a_grid() -> None:
    """Of two reports, each difference says of which it is."""
    page = page_of(REPORTS["two runs of verify"]())
    (grid,) = page.grids
    assert grid.columns == ["keras.layers.LSTM 3.15.1 jax (1)", "keras.layers.LSTM 3.15.1 jax (2)"]
    rows = dict(grid.rows)
    assert [mark and (mark.verdict, mark.text) for mark in rows["mask = left"]] == [("FAIL", "✗ 1")] * 2
    assert [mark and (mark.verdict, mark.text) for mark in rows["probes"]] == [("KNOWN_DIFFERENCE", "≈ 1")] * 2
    assert len({entry.id for entry in page.entries}) == len(page.entries) == 8


def test_page_of_several_runs_says_which_is_not_whole() -> None:
    """By the name that its column has."""
    page = page_of([pages.as_parsed_json(run.as_parsed_json()) for run in (GREEN, report(result(0), stopped="interrupted"))])
    assert page.outcome.text == "3 cases did not run: a layer 3.0 numpy (2): interrupted"


def test_thousands_of_results_make_a_small_page() -> None:
    """Those that pass are an id each, by family; each difference opens, and of those that are alike the first have scripts."""
    document = pages.as_parsed_json(pages.verify_report().as_parsed_json())
    cases = [case for _, case in zip(range(600), matrix.documents_matrix(), strict=False)]
    results = [
        document["results"][number % 2 * 2] | {"case_id": case.id, "group": case.group, "picture": None}
        for number, case in enumerate(cases)
    ]
    text = text_of([document | {"results": results, "plan": document["plan"] | {"surface": False}}])
    read = pages.Read(text)
    assert len([tag for tag, _ in read.elements if tag == "li"]) >= len(cases) // 2
    assert sum(each.get("class") == "entry" for _, each in read.elements) == len(cases) // 2
    assert text.count("as a script") == 2 * MOST_SIMILAR
    assert len(text) < 60_000 + 2_700 * len(cases) // 2


# --- the other commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("upgrade", ("From keras==3.14.1 to keras==3.15.1", "3 changes that the baseline does not expect", "2 changed: now wrong")),
        ("upgrade", ("first difference", "timestep 3, row 0, unit 1: gate i or c", "import keras", "argument use_cudnn")),
        (
            "history",
            ("not every version ran: 2.0 on tensorflow: no interpreter", "→ wrong (mask_inverted)", "1 right in all versions"),
        ),
        ("model", ("The LSTMs of model.keras", "two_biases", "the file was loaded nowhere", "outputs, row", "1 PASS", "1 FAIL")),
        (
            "claims",
            (
                "1 claims do not come out as expected: states; 1 systems are not as described: keras==2.2.4",
                "units is so",
                "ValueError: no",
                "= (2, 3) agrees",
            ),
        ),
    ],
)
def test_pages_of_other_commands_say_what_they_found(name: str, expected: tuple[str, ...]) -> None:
    """Each in the words of its own report."""
    words = pages.Read(text_of(REPORTS[name]())).words
    assert [each for each in expected if each not in words] == []


# --- the command ----------------------------------------------------------------------------------------------------------------


def ran(*arguments: object) -> tuple[int, str]:
    """Exit code and output of `report`."""
    outcome = CliRunner().invoke(main, ["report", *map(str, arguments)])
    return outcome.exit_code, outcome.output


def test_a_page_is_made_from_json_alone(tmp_path: Path) -> None:
    """The same as when the run ended."""
    report: Report = replace(pages.verify_report(), stopped="interrupted")
    write_json(report, tmp_path / "run.json")
    assert ran(tmp_path / "run.json", "--html", tmp_path / "page.html") == (0, "")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text_of([report.as_parsed_json()])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ("[" * 100_000, "is not a whole JSON file"),
        ("half a", "is not a whole JSON file"),
        ("{}", "is a document without a format; expected verify or upgrade"),
        ("[]", "is a document without a format"),
        ('{"format": "observations"}', "is a document of the format 'observations'; expected verify or upgrade"),
        ('{"format": "verify"}', "has no format_version"),
        (
            '{"format": "claims", "format_version": 1, "claims": [3], "systems": [], "docstrings": []}',
            "$.claims[0]: 3 is not of type 'object'",
        ),
    ],
    ids=range(8),
)
def test_what_is_no_report_is_refused(tmp_path: Path, content: str | None, message: str) -> None:
    """In one line, with the file's name; nothing is written."""
    file, page = tmp_path / "run.json", tmp_path / "page.html"
    if content is not None:
        file.write_text(content)
    code, stderr = ran(file, "--html", page)
    assert (code, page.exists()) == (2, False)
    assert stderr.startswith(f"error: {file}")
    assert message in stderr


@every_page
def test_page_is_made_of_what_commands_write(name: str, tmp_path: Path) -> None:
    """And of that only: `report` holds each file to its schema first."""
    files = [tmp_path / f"{number}.json" for number in range(len(REPORTS[name]()))]
    for file, document in zip(files, REPORTS[name](), strict=True):
        file.write_text(json.dumps(document), encoding="utf-8")
    code, stderr = ran(*files, "--html", tmp_path / "page.html")
    assert (code, stderr) == (0, "")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == text_of(REPORTS[name]())


def test_reports_of_several_commands_make_no_page(tmp_path: Path) -> None:
    """Only runs of `verify` stand side by side."""
    files = [tmp_path / name for name in ("verify", "upgrade")]
    for file, document in zip(files, (REPORTS["verify"](), REPORTS["upgrade"]()), strict=True):
        file.write_text(json.dumps(document[0]))
    code, stderr = ran(*files, "--html", tmp_path / "page.html")
    assert (code, "expected one report, or several of `verify`" in stderr) == (2, True)
