"""A report says what was planned, what ran and what came of it, to people and machines, and cannot read as better than it is."""

from __future__ import annotations

import io
import json
import math
import os
import re
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
from rich.console import Console

from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.report import files, text
from conformance.report.console import stdout
from conformance.report.model import Report
from conformance.report.parts import causes_of, unexpected_by_group
from conformance.report.verbosity import Verbosity
from conformance.tests.support.reports import (
    BIASED,
    COUNTED,
    EVERY,
    GREEN,
    IDS,
    PASSED,
    QUIET,
    RED,
    UNEXPLAINED,
    UNRESOLVED,
    report,
    result,
)

# --- model ---------------------------------------------------------------------------------------------------------------------


def test_counts_name_every_verdict() -> None:
    """Also those that no case ended with, PASS among them."""
    assert RED.counts == {"PASS": 1, "FAIL": 1, "ERROR": 1, "UNRESOLVED": 0, "UNSUPPORTED": 0, "KNOWN_DIFFERENCE": 0, "FIXED": 0}
    assert report().counts == dict.fromkeys(("PASS", "FAIL", "ERROR", "UNRESOLVED", "UNSUPPORTED", "KNOWN_DIFFERENCE", "FIXED"), 0)


@pytest.mark.parametrize(
    ("run", "not_run", "as_expected"),
    [
        (GREEN, 0, True),
        (report(), 4, False),
        (report(planned=0), 0, False),
        (report(*map(result, range(3))), 1, False),
        (report(result(0, Verdict.UNSUPPORTED), result(1, Verdict.KNOWN_DIFFERENCE), planned=2), 0, True),
        (report(result(0), result(1, Verdict.FIXED), planned=2), 0, False),
        (report(result(0), result(1, Verdict.FAIL), planned=2), 0, False),
        (report(result(0), result(1, Verdict.ERROR), planned=2), 0, False),
        (report(result(0), result(1, Verdict.UNRESOLVED), planned=2), 0, False),
        (replace(GREEN, stopped="the tests that pool the cases failed"), 0, False),
    ],
    ids=[
        "all passed",
        "nothing ran",
        "nothing planned",
        "one missing",
        "expected",
        "fixed",
        "failed",
        "error",
        "unresolved",
        "stopped",
    ],
)
def test_run_is_as_expected_when_all_of_it_is(run: Report, not_run: int, *, as_expected: bool) -> None:
    """Nothing ran, something is missing, or a known difference is gone: each is red."""
    assert run.not_run == not_run
    assert run.as_expected is as_expected


@pytest.mark.parametrize(
    ("run", "is_unresolved"),
    [
        (UNRESOLVED, True),
        (report(result(0, Verdict.UNRESOLVED)), True),
        (GREEN, False),
        (report(), False),
        (report(result(0, Verdict.UNRESOLVED), result(1, Verdict.FAIL)), False),
        (report(result(0, Verdict.UNRESOLVED), result(1, Verdict.ERROR)), False),
        (report(result(0, Verdict.UNRESOLVED), result(1, Verdict.FIXED)), False),
        (replace(UNRESOLVED, pooled=(BIASED,)), False),
        (replace(UNRESOLVED, pooled=(QUIET,)), True),
    ],
)
def test_a_run_is_unresolved_where_nothing_that_was_judged_is_unexpected(run: Report, *, is_unresolved: bool) -> None:
    """A difference that was found is no matter of running again."""
    assert run.is_unresolved is is_unresolved


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.UNSUPPORTED, Verdict.UNRESOLVED])
def test_a_check_that_has_not_judged_is_not_counted(verdict: Verdict) -> None:
    """Neither as judged nor as passed."""
    unjudged = CheckResult(check="outputs", verdict=verdict, message="raised")
    counted, _ = report(result(0), result(1, verdict, checks=(unjudged,))).by_check()
    assert (counted.judged, counted.passed) == (1, 1)


def test_results_stand_in_the_plans_order() -> None:
    """In whichever order workers finished."""
    assert [run.case_id for run in report(result(3), result(1), result(0), result(2)).results] == list(IDS)


def test_unexpected_results_are_those_that_make_a_run_red() -> None:
    """FAIL, ERROR and FIXED."""
    assert [run.case_id for run in RED.unexpected] == [IDS[1], IDS[2]]
    assert [run.case_id for run in EVERY.unexpected] == [IDS[2]]


def test_checks_are_summed_up() -> None:
    """How many cases each judged, passed, how many numbers, and the worst of them."""
    outputs, count = RED.by_check()
    assert (outputs.judged, outputs.passed, outputs.numbers, outputs.worst, outputs.rms) == (2, 1, 60, 310.0, 20.5)
    assert (count.judged, count.passed, count.numbers, count.worst, count.rms) == (2, 2, 0, None, None)


def test_a_bias_of_all_cases_together_makes_a_run_red(tmp_path: Path) -> None:
    """Every case passes, and the run does not; people and JSON are told of what."""
    biased = replace(GREEN, pooled=(BIASED, QUIET))
    assert replace(GREEN, pooled=(QUIET,)).as_expected
    assert not biased.as_expected
    output = printed(biased)
    assert re.search(r"bias of cell +±0.50 +\+1.50 ± 0.10 \(p = 3e-09\) +·", output)
    assert re.search(r"mean square of outputs +0.50 +· +0.10 ± 0.10", output)
    assert "FAIL of all cases together: bias of cell or recurrent_activation in float32" in output
    assert "not told apart by these cases: recurrent_activation, cell (in float32)" in output
    files.write_json(biased, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [(test["of"], test["verdict"]) for test in read["summary"]["pooled"]] == [("cell", "FAIL"), ("outputs", "PASS")]
    assert read["summary"]["not_told_apart"] == [{"operations": ["recurrent_activation", "cell"], "precisions": ["float32"]}]
    assert "sample" not in read["results"][0]


def test_blind_numbers_are_shown_where_there_are_any() -> None:
    """In a column of their own, which is not there where nothing was blind."""
    checks = (replace(PASSED, blind=12), COUNTED)
    assert re.search(r"outputs +1 +1 +30 +1.5σ +0.50σ +12 *\n", printed(report(result(0, checks=checks), planned=1)))
    assert "blind" not in printed(GREEN)


# --- JSON ----------------------------------------------------------------------------------------------------------------------


def test_json_has_environment_plan_results_and_summary(tmp_path: Path) -> None:
    """These four, and what a machine asks first is in the summary."""
    files.write_json(RED, tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert list(read) == ["format", "format_version", "environment", "plan", "results", "summary"]
    assert read["environment"] == RED.environment
    assert read["plan"]["case_ids"] == list(IDS)
    assert (read["plan"]["element_limit"], read["plan"]["rms_limit"], read["plan"]["selection"]) == (8.0, 2.0, ["u*"])
    assert [run["case_id"] for run in read["results"]] == list(IDS[:3])
    assert read["results"][1]["checks"][0]["message"] == "outputs[0, 1] is 1, expected 2"
    assert read["results"][1]["explained_by"] == ["hard_sigmoid", "two_biases"]
    counts = {"PASS": 1, "FAIL": 1, "ERROR": 1, "UNRESOLVED": 0, "UNSUPPORTED": 0, "KNOWN_DIFFERENCE": 0, "FIXED": 0}
    rest = {
        "planned": 4,
        "not_run": 1,
        "caveats": [],
        "as_expected": False,
        "stopped": "",
        "seconds": 12.346,
        "speed": {},
        "pooled": [],
        "not_told_apart": [],
        "coverage": [],
    }
    assert {name: value for name, value in read["summary"].items() if name != "checks"} == counts | rest
    assert [check["check"] for check in read["summary"]["checks"]] == ["outputs", "parameter_count"]


@pytest.mark.parametrize(("value", "name"), [(math.inf, "inf"), (-math.inf, "-inf"), (math.nan, "nan")])
def test_what_is_not_finite_is_written_by_name(value: float, name: str, tmp_path: Path) -> None:
    """JSON has no infinity, and a reader that refuses it must not lose the report."""
    check = CheckResult(check="outputs", verdict=Verdict.FAIL, worst=value, rms=value, size=1)
    files.write_json(report(result(0, Verdict.FAIL, checks=(check,)), planned=1), tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert read["results"][0]["checks"][0]["worst"] == name
    assert read["summary"]["checks"][0]["rms"] == name


def test_json_stays_utf8_whatever_an_implementation_raises(tmp_path: Path) -> None:
    """Half a surrogate pair, as Python makes of a file name that is no UTF-8, is written as its escape."""
    files.write_json(report(result(0, Verdict.ERROR, reason="\x1b[1m \ud800 σ"), planned=1), tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert read["results"][0]["reason"] == "\x1b[1m \ud800 σ"


# --- files ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [files.write_json, files.write_junit])
def test_file_is_written_whole_into_new_folders(write: Any, tmp_path: Path) -> None:
    """Folders are made, an older report is replaced, nothing else is left."""
    path = tmp_path / "new" / "folder" / "report"
    write(GREEN, path)
    first = path.read_text(encoding="utf-8")
    write(RED, path)
    assert path.read_text(encoding="utf-8") != first
    assert list(path.parent.iterdir()) == [path]


def test_failing_to_write_keeps_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves neither half a report nor a temporary file."""
    path = tmp_path / "report.json"
    files.write_json(GREEN, path)
    before = path.read_text(encoding="utf-8")

    def half(_: object, file: IO[str], **_given: object) -> None:
        file.write(before[: len(before) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", half)
    with pytest.raises(files.FileWriteError, match="No space left on device; make room on that disk"):
        files.write_json(RED, path)
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


def test_pipe_is_written_into(tmp_path: Path) -> None:
    """As `--json /dev/stdout` asks: a file does not take its place, nor that of the link that leads there."""
    if sys.platform == "win32":
        pytest.skip("Windows has no pipes with a place among files")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDWR | os.O_NONBLOCK)
    try:
        files.write_text("by name", tmp_path / "pipe")
        files.write_text(", by link", tmp_path / "link")
        assert os.read(reader, 99) == b"by name, by link"
    finally:
        os.close(reader)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def test_file_that_cannot_be_written_keeps_no_other_from_it(tmp_path: Path) -> None:
    """And each that cannot is named; what was not asked for is not written."""
    (tmp_path / "taken").mkdir()
    asked = [(tmp_path / name, partial(files.write_text, name)) for name in ("taken", "taken", "free")]
    with pytest.raises(files.FileWriteError, match=r"taken could not be written: .*; .*taken could not be written: "):
        files.write_files(*asked, (None, partial(files.write_text, "nowhere")))
    assert (tmp_path / "free").read_text(encoding="utf-8") == "free"


# --- text ----------------------------------------------------------------------------------------------------------------------


def printed(run: Report, verbosity: Verbosity = Verbosity.NORMAL) -> str:
    """What a pipe gets."""
    console = Console(file=io.StringIO(), width=110)
    text.show(run, console, verbosity)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_green_report_names_what_ran_and_counts_it() -> None:
    """Environment, sizes, checks with their limits and margins, the count; nothing about differences."""
    output = printed(GREEN)
    assert output.startswith("a layer: keras 3.0, backend numpy\n")
    assert re.search(r"units +1 +5", output)
    assert re.search(r"^ +1 +2/2 1\.5σ +– *$", output, re.MULTILINE)
    assert re.search(r"^ +10 +– +1/1 1\.5σ *$", output, re.MULTILINE)
    assert "checks, with limits 8σ per element, 2σ root mean square" in output
    assert re.search(r"outputs +4 +4 +120 +1\.5σ +0\.50σ", output)
    assert output.endswith("4 PASS of 4 cases (4 cells of the documents' matrix, seed 0) in 12 s\n")
    assert "did not run" not in output


def test_verbose_report_says_all_of_what_ran() -> None:
    """The suite and the platform too, which a usual one leaves out."""
    run = replace(GREEN, environment={**GREEN.environment, "suite": "0.1.0"})
    assert "suite 0.1.0" in printed(run, Verbosity.VERBOSE)
    assert "suite 0.1.0" not in printed(run)


def test_quiet_report_has_what_differs_and_the_counts() -> None:
    """No tables, and what was not run is said as ever."""
    output = printed(RED, Verbosity.QUIET)
    assert printed(RED).endswith(output)
    assert output.startswith(f"FAIL {IDS[1]}\n")


def test_red_report_says_what_differs_why_and_what_next() -> None:
    """Verdict and id, the check's message, the explanation, how to look closer; what an exception said is not markup."""
    output = printed(RED)
    assert f"FAIL {IDS[1]}\n  outputs: outputs[0, 1] is 1, expected 2\n  matches the reference if the gates use Keras 3's" in output
    assert f"  look closer: lstm-conformance explain {IDS[1]} --backend numpy\n" in output
    assert f"ERROR {IDS[2]}\n  ValueError: [bad] shape\n" in output
    assert "1 of 2 cases match the reference if the gates use Keras 3's hard_sigmoid" in output
    assert "1 PASS, 1 FAIL, 1 ERROR of 4 cases" in output
    assert output.endswith("1 cases did not run: no reason was given\n")


@pytest.mark.parametrize("verbosity", list(Verbosity))
def test_an_unresolved_report_says_so_first(verbosity: Verbosity) -> None:
    """It prints the reason and the next step, and the counts begin with UNRESOLVED."""
    output = printed(UNRESOLVED, verbosity)
    assert (
        f"UNRESOLVED {IDS[1]}\n  the disk cannot be written: OSError: [Errno 28] No space left\n  the implementation was not judged"
        in output
    )
    assert "look closer" not in output
    assert "\nINCOMPLETE: 1 cases are UNRESOLVED, by a fault of the suite or the machine; run the same command again\n" in output
    assert "\n1 UNRESOLVED, 3 PASS of 4 cases" in output


def test_a_report_says_what_could_not_be_explained() -> None:
    """Beside the difference, and at the end: it changes no verdict, and is no secret."""
    output = printed(UNEXPLAINED)
    why = "no diagnosis: the suite itself failed: ValueError: [bad] shape (diagnosis.py:9)"
    assert f"  outputs: outputs[0, 1] is 1, expected 2\n  could not be explained: {why}\n" in output
    assert output.endswith(f"1 cases could not be explained, which changes no verdict: {IDS[1]}: {why}\n")
    assert "could not be explained" not in printed(RED)


def test_interrupted_report_says_how_much_is_missing() -> None:
    """And why."""
    assert printed(report(result(0), stopped="interrupted")).endswith("3 cases did not run: interrupted\n")


def test_report_of_nothing_says_zero_passed() -> None:
    """No table of nothing; the count of passes is there though it is zero."""
    output = printed(report(stopped="interrupted"))
    assert "checks, with limits" not in output
    assert "0 PASS of 4 cases" in output


ONE, OTHER = ("hard_sigmoid", "two_biases", "bias_dropped"), ("mask_ignored",)


def test_causes_are_the_fewest_deviations_that_explain_what_is_explained() -> None:
    """Deviations that a case cannot tell apart hide no other cause; a count is that of all cases that match."""
    explained = [result(number, Verdict.FAIL, explained_by=names) for number, names in enumerate((ONE, ONE[1:], ONE, OTHER))]
    assert causes_of([*explained, RED.results[2]]) == [("two_biases", 3), ("mask_ignored", 1)]
    assert causes_of(GREEN.results) == []


def test_details_start_with_the_simplest_case_of_each_group() -> None:
    """Then what has no group, as a probe; then the cases that are similar to an earlier one."""
    probe, one, other = Result(case_id="probe-x", group="probes", verdict=Verdict.FAIL), (1, 0, 2), 3
    results = [probe, *(result(number, Verdict.FAIL, explained_by=ONE) for number in one), result(other, Verdict.FAIL)]
    plan = replace(GREEN.plan, cases=5, case_ids=tuple(each.case_id for each in results))
    ordered = unexpected_by_group(replace(GREEN, plan=plan, results=tuple(results)))
    assert [each.case_id for each in ordered] == [IDS[0], IDS[3], "probe-x", IDS[1], IDS[2]]


def test_many_differences_are_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest are counted, and the file named that holds them."""
    monkeypatch.setattr(text, "MOST_DETAILS", 1)
    output = printed(RED)
    assert IDS[2] not in output
    assert "… and 1 more; --json FILE holds them all" in output


@pytest.mark.parametrize(("worst", "written"), [(999.9, "999.9σ"), (31000.0, "3e+04σ"), (math.inf, "infσ")])
def test_large_errors_are_short(worst: float, written: str) -> None:
    """A table cell has room for an order of magnitude."""
    check = CheckResult(check="outputs", verdict=Verdict.FAIL, message="off", worst=worst, rms=1.0, size=1)
    assert f"0/1 {written}" in printed(report(result(0, Verdict.FAIL, checks=(check,)), planned=1))


def test_a_console_without_a_terminal_has_a_fixed_width() -> None:
    """So that tables do not depend on where output goes to."""
    assert stdout(77).width == 77


def test_text_is_written_whatever_it_holds(tmp_path: Path) -> None:
    """Half a surrogate pair, as a hostile name may hold one, becomes its escape."""
    files.write_text("σ\ud800", tmp_path / "text")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "σ\\ud800"
