"""Markdown of a report shows what it says and nothing else, and fits the summary of a CI run."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt
from rich.console import Console

from conformance.claims.docstrings import DocstringCoverage
from conformance.claims.model import Claim, ClaimResult, ClaimVerdict, Evidence, Finding
from conformance.claims.text import blocks_of as claims_summary
from conformance.claims.verification import SystemResult
from conformance.cli import main
from conformance.commands.scripts import script_of
from conformance.judging.verdict import Verdict
from conformance.model_file.command import examine
from conformance.model_file.contents import contents_of
from conformance.model_file.report import as_dict
from conformance.model_file.text import summary as model_summary
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows, Script, show
from conformance.report.markdown import LIMIT, as_markdown
from conformance.report.model import Report
from conformance.report.summary import MOST_DETAILS, blocks_of
from conformance.tests.support.model_files import LoadsOneLSTM, one_lstm
from conformance.tests.support.reports import BIASED, EVERY, FAILED, GREEN, IDS, RED, UNEXPLAINED, UNRESOLVED, report, result


class _Reader(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element, with what it says of itself."""
        self.tags.append(tag + "".join(f" {name}" for name, _ in attrs))

    def handle_data(self, data: str) -> None:
        """What is shown."""
        self.text += data


def read(blocks: Sequence[Block]) -> _Reader:
    """What a browser makes of the Markdown."""
    reader = _Reader()
    reader.feed(MarkdownIt("commonmark").enable("table").render(as_markdown(blocks)))
    return reader


def run_page(run: Report, script: Script | None = None) -> list[Block]:
    """The summary of a run, where that script shows every case."""
    return blocks_of(run, lambda *_: script)


# --- escaping ------------------------------------------------------------------------------------------------------------------

HOSTILE = (
    "</details><script>alert(1)</script>",
    "a | b",
    "*a* _b_ `c` ~~d~~ $e$ [f](g) ![h](i) &lt;",
    "# not a heading",
    "- not a list",
    "1. not a list",
    "=== no heading",
    "```",
    "<!-- no comment",
    "\x1b[31m\x00\u202e\ud800 no colour",
    "back\\",
    "two\nlines",
)
TAGS = {"h2", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "pre", "code class"}


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_shown_as_it_stands(text: str) -> None:
    """In a heading, a line, a cell, a title and a script: no character of it is markup, and what cannot be shown is replaced."""
    printed = "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))
    page_read = read([Heading(text), Lines([text]), Rows((text, "other"), [(text, "other")]), Collapsible(text, [Lines([text])])])
    assert set(page_read.tags) <= TAGS
    assert page_read.text.count(printed) == 6
    assert page_read.tags.count("td") == 2


@pytest.mark.parametrize("text", ["```\n<script>alert(1)</script>\n```", "</code></pre></details>", "x = 1  # ````"])
def test_script_stays_a_script(text: str) -> None:
    """Whatever fences it holds; line by line."""
    page_read = read([Script(text, text), Lines(["after"])])
    assert set(page_read.tags) <= TAGS
    assert text in page_read.text
    assert page_read.tags[-1] == "p"


def test_endless_text_is_cut() -> None:
    """In a line, a title and a script."""
    text = "x" * 10**6
    assert len(as_markdown([Lines([text]), Collapsible(text, []), Script(text, text)])) < 25_000


# --- size ----------------------------------------------------------------------------------------------------------------------


def part(size: int) -> Collapsible:
    """Collapsible, of about that many bytes of UTF-8."""
    return Collapsible("part", [Lines(["é" * 490] * (size // 1000))])


@pytest.mark.parametrize(("parts", "left_out"), [(9, 0), (12, 2), (60, 50)])
def test_what_does_not_fit_is_left_out_and_said(parts: int, left_out: int) -> None:
    """The page stays below the limit; what stands open is kept before what is folded, wherever it comes."""
    text = as_markdown([Heading("head"), *[part(100_000)] * parts, Lines(["verdict"])])
    assert len(text.encode()) <= LIMIT
    assert "## head" in text
    assert "verdict" in text
    assert text.count("<details>") == parts - left_out
    assert ("Parts left out" in text) is bool(left_out)
    assert not left_out or f"Parts left out: {left_out}, of " in text


def test_open_parts_are_left_out_last() -> None:
    """Where even they are too long."""
    text = as_markdown([Lines(["x" * 900] * 3), Lines(["end"])], limit=1_000)
    assert len(text) <= 1_000
    assert "end" in text
    assert "Parts left out: 1, of " in text


# --- pages ---------------------------------------------------------------------------------------------------------------------


def test_green_run_says_what_ran_and_counts_it() -> None:
    """Versions, verdicts, sizes, checks; no difference."""
    text = as_markdown(run_page(GREEN))
    assert "## a layer: ✅ as expected" in text
    assert "keras 3.0, backend numpy" in text
    assert "| PASS | 4 |" in text
    assert "| units | 1 | 5 |\n| --- | --- | --- |\n| 1 | 2/2 1.5σ | – |" in text
    assert "| outputs | 4 | 4 | 120 | 1.5σ | 0.50σ |" in text
    assert "are not as expected" not in text


def test_red_run_shows_each_difference() -> None:
    """Its numbers, what explains it, the smallest case, a script; and what did not run."""
    differing = result(1, Verdict.FAIL, explained_by=("hard_sigmoid",), minimal="u1-d1-t1-b1-s0")
    run = report(result(0), differing, result(2, Verdict.ERROR, reason="ValueError: [bad] shape"), stopped="interrupted")
    page_read = read(run_page(run, Script("as a script", "import keras")))
    assert "a layer: ❌ not as expected" in page_read.text
    assert "1 cases did not run: interrupted" in page_read.text
    assert "2 results are not as expected" in page_read.text
    assert f"FAIL {IDS[1]}" in page_read.text
    assert "outputs: outputs[0, 1] is 1, expected 2" in page_read.text
    assert "matches the reference if" in page_read.text
    assert "smallest case that still differs: u1-d1-t1-b1-s0" in page_read.text
    assert "ValueError: [bad] shape" in page_read.text
    assert page_read.text.count("import keras") == 2


def test_unresolved_run_is_incomplete_and_says_so_first() -> None:
    """With its reason, and no script that would show nothing."""
    page_read = read(run_page(UNRESOLVED, Script("as a script", "import keras")))
    assert "a layer: ❔ incomplete" in page_read.text
    assert "❔ 1 cases are UNRESOLVED, by a fault of the suite or the machine: run the same command again" in page_read.text
    assert "the disk cannot be written: OSError: [Errno 28] No space left" in page_read.text
    assert "import keras" not in page_read.text


def test_what_could_not_be_explained_is_said() -> None:
    """Beside the numbers that differ."""
    assert "could not be explained: no diagnosis: the suite itself failed: " in read(run_page(UNEXPLAINED)).text


def test_run_of_the_surface_is_shown_by_feature() -> None:
    """Known differences and what is not there are counted."""
    run = replace(EVERY, plan=replace(EVERY.plan, surface=True))
    text = as_markdown(run_page(run))
    assert "| route call | 4 | 1 | · | · | · | 1 | 1 | 1 |" in text
    assert "<summary>known differences: 1 cases</summary>" in text
    assert "| 1 | no such size |" in text


def test_difference_of_all_cases_together_is_shown() -> None:
    """Though each case passes; and what the cases do not tell apart, whether they differ or not."""
    together = "not told apart by these cases: recurrent\\_activation, cell (in float32)"
    text = as_markdown(run_page(replace(GREEN, pooled=(BIASED,))))
    assert "| bias of cell or recurrent\\_activation | float32 | 1.5 ± 0.1 | 0.5 |" in text
    assert together in text
    assert together in as_markdown(run_page(replace(GREEN, pooled=(replace(BIASED, verdict=Verdict.PASS),))))


def test_run_in_which_nothing_ran_is_shown() -> None:
    """As a failure."""
    text = as_markdown(run_page(replace(report(), environment={})))
    assert "❌ not as expected" in text
    assert "4 cases did not run: no reason was given" in text


def test_many_differences_are_counted() -> None:
    """A hundred with their numbers, a thousand by their ids, the rest by their number."""
    ids = tuple(f"u1-d1-t6-b3-s{seed}" for seed in range(1_200))
    results = tuple(replace(result(0, Verdict.FAIL, checks=(FAILED,)), case_id=each) for each in ids)
    run = Report(environment=RED.environment, plan=replace(RED.plan, cases=len(ids), case_ids=ids), results=results, seconds=1.0)
    text = as_markdown(run_page(run))
    assert text.count("outputs: outputs") == MOST_DETAILS
    assert "<summary>1,100 more</summary>" in text
    assert "… and 100 more; --json FILE holds them all" in text
    assert len(text.encode()) < LIMIT


@pytest.mark.parametrize(
    ("case_id", "environment", "is_there"),
    [
        ("u2-d1-t6-b3-s0", {"keras": "3.15.1", "backend": "jax"}, True),
        ("u2-d1-t6-b3-s0", {"keras": "2.3.1", "backend": "tensorflow"}, False),
        ("u2-d1-t6-b3-s0", {"implementation": "lstm_ref"}, False),
        ("probe-nothing", {"keras": "3.15.1", "backend": "jax"}, False),
    ],
    ids=["Keras 3", "Keras 2", "the reference", "a probe"],
)
def test_script_is_there_where_keras_3_ran(case_id: str, environment: dict[str, str], *, is_there: bool) -> None:
    """And a case can be said in so few lines."""
    script = script_of(case_id, environment)
    assert (script is not None) is is_there
    assert script is None or "--backend jax" in script.title


@pytest.mark.parametrize(("deviation", "outcome"), [(None, "✅ as expected"), ("output_tanh_missing", "❌ not as expected")])
def test_model_is_shown(deviation: str | None, outcome: str, tmp_path: Path) -> None:
    """A row per LSTM with its verdict in each environment, and what differs."""
    known = {"right": LoadsOneLSTM(), "other": LoadsOneLSTM(deviation=deviation)}
    run = examine(one_lstm(tmp_path / "model.keras"), list(known), make=known.__getitem__, read_file=contents_of)
    text = as_markdown(model_summary(as_dict(run)))
    assert outcome in text
    assert "| LSTM | input\\_dim → units | parameters | uses | FROM | TO |" in text
    assert "predictions of both: " in text
    assert ("output\\_tanh\\_missing" in text) is bool(deviation)


FINDING = Finding(
    verdict=ClaimVerdict.FAILS, evidence=(Evidence(label="size", measured=3, relation="=", stated=4, agrees=False),), condition=""
)
CLAIM = Claim(id="one", documents=("D0",), statement="It is 4.", expected=ClaimVerdict.FAILS, run=lambda: FINDING)
VERIFIED = SystemResult(
    environment="keras==2.2.4", described="hard_sigmoid", recorded="", results=(result(0), result(1, Verdict.FAIL))
)


DOCSTRING = DocstringCoverage(document="Masking", claimed=2, silent=1, new=("It masks.",), gone=())


def test_claims_are_shown() -> None:
    """A row each with its evidence, the systems, and the sentences of docstrings that nothing tests."""
    settled = [
        ClaimResult(claim=CLAIM, finding=FINDING, error="", seconds=1.0),
        ClaimResult(claim=CLAIM, finding=None, error="ValueError: no", seconds=1.0),
    ]
    text = as_markdown(list(claims_summary(settled, [VERIFIED], [DOCSTRING])))
    assert "Claims: ❌ not as expected" in text
    assert "| one | It is 4. | fails |" in text
    assert "| one | It is 4. | ❌ error |" in text
    assert "size: 3  (stated: = 4)  disagrees".replace("  ", " ") in text
    assert "| keras==2.2.4 | hard\\_sigmoid | 2 | 1 |" in text
    assert "not tested: Masking: It masks." in text
    assert "✅ as expected" in as_markdown(list(claims_summary(settled[:1], [], [])))


def test_page_is_open_in_a_terminal() -> None:
    """What is folded below its title; a script by its title only."""
    console = Console(file=io.StringIO(), width=80)
    show(
        [Collapsible("title", [Lines(["within"], "red"), Rows(("a",), [("[b]",)]), Script("as a script", "import keras")])], console
    )
    assert isinstance(console.file, io.StringIO)
    outcome = [line.strip() for line in console.file.getvalue().splitlines() if line.strip(" ─")]
    assert outcome == ["title", "within", "a", "[b]", "as a script"]


def test_verify_writes_markdown(tmp_path: Path) -> None:
    """Of what differs, with its diagnosis."""
    arguments = ["verify", "--case", "u2-d1-t6-b3-s0", "--deviation", "all_gates_icfo", "--markdown", str(tmp_path / "run.md")]
    assert CliRunner().invoke(main, arguments, catch_exceptions=False).exit_code == 1
    text = (tmp_path / "run.md").read_text(encoding="utf-8")
    assert "<details><summary>FAIL u2-d1-t6-b3-s0</summary>" in text
    assert "are ordered i, c, f, o (all\\_gates\\_icfo)" in text
